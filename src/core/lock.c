#include "core/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/run_directory.h"
#include "limit.h"
#include "wire/quote.h"

/* The line in the lock file, its record, is always as long: "RUN STATE SECONDS COMMAND USER\n",
 * where STATE is r (the run goes on) or e (it has ended), and USER is in double quotes with spaces
 * behind them. Where each part begins, and how long they are. */
enum {
    RECORD_RUN = 0,
    RECORD_STATE = 17,
    RECORD_SECONDS = 19,
    SECONDS_WIDTH = 12,
    RECORD_COMMAND = 32,
    RECORD_USER = 49,
    USER_WIDTH = LOCK_USER - 1,
    RECORD_LENGTH = RECORD_USER + USER_WIDTH + 1
};

static int open_lock_file(const struct lock *l) {
    return openat(l->directory, l->file,
                  O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
}

static int fail_preparing(struct lock *l, int error) {
    l->error = error;
    fd_close(&l->directory);
    return -1;
}

static int prepare_lock(struct lock *l, const char *run_dir, const char *role, gid_t group) {
    struct stat st;
    *l = (struct lock){
        .directory = fd_open(run_dir, O_RDONLY | O_DIRECTORY), .fd = -1, .record = -1};
    snprintf(l->file, sizeof l->file, "lock%s%s", role != NULL ? "." : "",
             role != NULL ? role : "");
    if (l->directory == -1 || fstat(l->directory, &st) == -1)
        return fail_preparing(l, errno);
    if (run_directory_judge(&st) != RUN_DIRECTORY_FIT)
        return fail_preparing(l, EPERM);
    l->fd = open_lock_file(l);
    if (l->fd == -1 || fstat(l->fd, &st) == -1)
        return fail_preparing(l, errno);
    if (account_is_root() && (st.st_uid != 0 || st.st_gid != group || (st.st_mode & 07777) != 0640)
        && (fchown(l->fd, 0, group) == -1 || fchmod(l->fd, 0640) == -1))
        return fail_preparing(l, errno);
    l->record =
        openat(l->directory, l->file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    return 0;
}

void lock_prepare(struct lock *l, const char *run_dir, const char *role, gid_t group) {
    if (prepare_lock(l, run_dir, role, group) == -1)
        fd_close(&l->fd);
}

bool lock_is_in_place(const struct lock *l) {
    struct stat file, directory;
    return l->fd != -1 && fstat(l->fd, &file) == 0 && file.st_nlink == 1
           && fstat(l->directory, &directory) == 0 && directory.st_nlink > 0
           && run_directory_judge(&directory) == RUN_DIRECTORY_FIT;
}

void lock_close(struct lock *l) {
    fd_close(&l->fd);
    fd_close(&l->record);
    fd_close(&l->directory);
}

int lock_take(struct lock *l) {
    if (l->directory == -1) {
        errno = l->error;
        return -1;
    }
    if (l->fd == -1 && (l->fd = open_lock_file(l)) == -1)
        return -1;
    if (flock(l->fd, LOCK_EX | LOCK_NB) == 0)
        return 1;
    return errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

/* ---- who else wants it ---- */

/* Whoever waits in line has a lock of another kind on the file meanwhile: one for reading, of the
 * open file, of which there can be any number (fcntl(2), F_OFD_SETLK). The kernel takes it away
 * with the process, and it costs nobody a look until somebody asks. Where there is no such lock
 * those who wait are not seen. */
static int lock_bytes(int fd, int operation, short type, struct flock *lock) {
    *lock = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
    return fcntl(fd, operation, lock);
}

static void show_waiting(struct lock *l, bool waits) {
    struct flock lock;
    lock_bytes(l->fd, F_OFD_SETLK, waits ? F_RDLCK : F_UNLCK, &lock);
    l->waits = waits;
}

/* Who does not wait leaves the time at which he came: that of the file's last change. */
void lock_want(struct lock *l) {
    if (l->record != -1)
        futimens(l->record, NULL);
}

bool lock_is_wanted(const struct lock *l, int64_t ms) {
    struct flock lock;
    struct stat st;
    struct timespec now;
    if (lock_bytes(l->fd, F_OFD_GETLK, F_WRLCK, &lock) == 0 && lock.l_type != F_UNLCK)
        return true;
    if (fstat(l->fd, &st) == -1 || clock_gettime(CLOCK_REALTIME, &now) == -1)
        return false;
    int64_t past = ((int64_t)now.tv_sec - st.st_mtim.tv_sec) * 1000
                   + (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
    return past >= 0 && past < ms;
}

pid_t lock_queue(struct lock *l) {
    show_waiting(l, true);
    pid_t parent = getpid(), child = fork();
    if (child != 0)
        return child;
    /* Without the process that serves the connection nobody would use the lock. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int got;
    do
        got = flock(l->fd, LOCK_EX);
    while (got == -1 && errno == EINTR);
    _exit(got == 0 ? 0 : 1);
}

/* ---- whose it is ---- */

void lock_record(struct lock *l, const char *run, const char *command, const char *user) {
    char line[RECORD_LENGTH + 1], quoted[LOCK_USER];
    struct buf b = BUF_ON(quoted);
    quote_text(&b, user, strlen(user), LIMIT_LOCK_USER);
    int n = snprintf(line, sizeof line, "%.16s r %0*lld %.16s %-*.*s\n", run, SECONDS_WIDTH,
                     (long long)time(NULL), command, USER_WIDTH, (int)b.len, b.at);
    if (l->waits)
        show_waiting(l, false);
    l->recorded = l->record != -1 && n == RECORD_LENGTH
                  && pwrite(l->record, line, RECORD_LENGTH, 0) == RECORD_LENGTH;
}

/* As long as this process has the descriptor, nobody else has the lock and writes there. */
void lock_leave(struct lock *l) {
    if (l->recorded && l->fd != -1 && pwrite(l->record, "e", 1, RECORD_STATE) == -1)
        l->recorded = true; /* nothing can be done about it: the next one writes anew */
    l->recorded = l->waits = false;
    fd_close(&l->fd);
}

static bool is_lock_name(const char *at) {
    for (int i = 0; i < LOCK_NAME - 1; i++)
        if (strchr("0123456789abcdef", at[i]) == NULL)
            return false;
    return true;
}

/* Takes a name in quotes as quote_text makes them, with nothing but spaces behind it. */
static bool read_user(const char *at, char out[LOCK_USER]) {
    int n = 1;
    for (; n < USER_WIDTH && at[n] != '"'; n++) {
        n += at[n] == '\\';
        if (n == USER_WIDTH || at[n] < ' ' || at[n] > '~')
            return false;
    }
    if (at[0] != '"' || n == USER_WIDTH || strspn(at + n + 1, " ") != (size_t)(USER_WIDTH - n - 1))
        return false;
    snprintf(out, LOCK_USER, "%.*s", n + 1, at);
    return true;
}

static bool read_record(int fd, struct lock_holder *h) {
    char line[RECORD_LENGTH + 1] = "";
    uint64_t seconds;
    if (fd_read_file(fd, line, RECORD_LENGTH) != RECORD_LENGTH || !is_lock_name(line + RECORD_RUN)
        || !is_lock_name(line + RECORD_COMMAND) || !read_user(line + RECORD_USER, h->user))
        return false;
    h->ended = line[RECORD_STATE] == 'e';
    if ((line[RECORD_STATE] != 'r' && !h->ended)
        || !num_decimal(line + RECORD_SECONDS, SECONDS_WIDTH, 99999999999, &seconds))
        return false;
    h->since = (int64_t)seconds;
    snprintf(h->run, sizeof h->run, "%.16s", line + RECORD_RUN);
    snprintf(h->command, sizeof h->command, "%.16s", line + RECORD_COMMAND);
    return true;
}

/* Whether the open file behind descriptor `name` of a process holds a lock (proc(5), fdinfo). */
static bool has_flock(int process, const char *name) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "fdinfo/%.20s", name);
    int fd = openat(process, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
    fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, "FLOCK") != NULL;
}

/* Whether a process (a directory of /proc) has the file open with the lock on it. Those of others
 * can't be looked into, nor bastion's own, which are not dumpable: what is found is what a command
 * has left. */
static bool process_has_lock(int process, const struct stat *file, int64_t deadline) {
    int fds = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fds == -1 ? NULL : fdopendir(fds);
    bool found = false;
    if (dir == NULL)
        fd_close(&fds);
    for (struct dirent *e;
         dir != NULL && !found && (e = readdir(dir)) != NULL && clock_now() < deadline;) {
        struct stat st;
        found = e->d_name[0] != '.' && fstatat(dirfd(dir), e->d_name, &st, 0) == 0
                && st.st_ino == file->st_ino && st.st_dev == file->st_dev
                && has_flock(process, e->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static void read_process_name(int process, char out[32]) {
    int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? 0 : read(fd, out, 31);
    fd_close(&fd);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static void find_holding_process(const struct lock *l, struct lock_holder *h) {
    struct stat file;
    int64_t deadline = clock_after(clock_now(), LIMIT_LOCK_LOOK_MS);
    DIR *dir = fstat(l->fd, &file) == -1 ? NULL : opendir("/proc");
    uint64_t pid;
    for (struct dirent *e;
         dir != NULL && h->pid == 0 && (e = readdir(dir)) != NULL && clock_now() < deadline;) {
        if (!num_decimal(e->d_name, strlen(e->d_name), INT32_MAX, &pid) || (pid_t)pid == getpid())
            continue;
        int process = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process != -1 && process_has_lock(process, &file, deadline)) {
            h->pid = (pid_t)pid;
            read_process_name(process, h->name);
        }
        fd_close(&process);
    }
    if (dir != NULL)
        closedir(dir);
}

void lock_look(const struct lock *l, struct lock_holder *h) {
    memset(h, 0, sizeof *h);
    bool known = read_record(l->fd, h);
    if (known && h->ended) { /* or the one who has the lock now has not written yet */
        poll(NULL, 0, LIMIT_LOCK_RECORD_MS);
        known = read_record(l->fd, h);
    }
    if (!known)
        memset(h, 0, sizeof *h);
    if (!known || h->ended)
        find_holding_process(l, h);
}
