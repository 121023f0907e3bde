#include "core/shared_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"

/* One of the last runs; run n stands in place n % LIMIT_SHARED_RUNS. Numbers are this machine's: no
 * file outlives a start of it. Whoever reads may do so while a record is written, and see a part of
 * it: that record is then of a run that begins only after this moment, and it does not matter
 * whether it counts as begun before. */
struct record {
    uint64_t number; /* 0: nothing stands here */
    unsigned char key[SHA256_SIZE];
    char run[SHARED_RUN_NAME];
    uint8_t state;
};
enum { BEGUN = 1, STARTED = 2 };

struct table {
    struct record of[LIMIT_SHARED_RUNS];
};

static void read_table(const struct shared_run *s, struct table *t) {
    memset(t, 0, sizeof *t);
    fd_read_file(s->fd, t, sizeof *t); /* what can't be read has not begun */
}

/* The last run of this kind, in `state` at least, with a number above `after`; NULL: there is
 * none. */
static const struct record *find_last(const struct shared_run *s, const struct table *t, int state,
                                      uint64_t after) {
    const struct record *last = NULL;
    for (size_t i = 0; i < LIMIT_SHARED_RUNS; i++) {
        const struct record *r = &t->of[i];
        if (r->number > after && r->number % LIMIT_SHARED_RUNS == i && r->state >= state
            && memcmp(r->key, s->key, SHA256_SIZE) == 0
            && (last == NULL || r->number > last->number))
            last = r;
    }
    return last;
}

int shared_run_open(struct shared_run *s, int directory, const char *role,
                    const unsigned char key[SHA256_SIZE], bool joins) {
    char name[SHARED_RUN_FILE];
    struct table table;
    *s = (struct shared_run){.fd = -1};
    memcpy(s->key, key, SHA256_SIZE);
    snprintf(name, sizeof name, "shared%s%s", role != NULL ? "." : "", role != NULL ? role : "");
    s->fd = openat(directory, name,
                   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (s->fd == -1)
        return -1;
    read_table(s, &table);
    const struct record *last = find_last(s, &table, joins ? STARTED : BEGUN, 0);
    s->seen = last != NULL ? last->number : 0;
    return 0;
}

static bool name_run(const struct record *r, char run[SHARED_RUN_NAME]) {
    if (r != NULL)
        snprintf(run, SHARED_RUN_NAME, "%.16s", r->run);
    return r != NULL;
}

static bool find_covering(const struct shared_run *s, char run[SHARED_RUN_NAME]) {
    struct table table;
    read_table(s, &table);
    return name_run(find_last(s, &table, STARTED, s->seen), run);
}

bool shared_run_last(const struct shared_run *s, char run[SHARED_RUN_NAME]) {
    struct table table;
    read_table(s, &table);
    return name_run(find_last(s, &table, STARTED, 0), run);
}

/* ---- the place ---- */

static int lock_place(const struct shared_run *s, int operation, short type) {
    uint32_t kind;
    memcpy(&kind, s->key, sizeof kind);
    struct flock lock = {.l_type = type,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)(kind & INT32_MAX) << 31 | (off_t)(s->seen & INT32_MAX),
                         .l_len = 1};
    return fcntl(s->fd, operation, &lock);
}

static void give_place_up(struct shared_run *s) {
    lock_place(s, F_OFD_SETLK, F_UNLCK);
    s->has_place = false;
}

enum shared_run_turn shared_run_take(struct shared_run *s, char run[SHARED_RUN_NAME]) {
    s->has_place = s->has_place || lock_place(s, F_OFD_SETLK, F_WRLCK) == 0;
    if (!s->has_place && errno != EAGAIN && errno != EACCES && errno != EINTR)
        return SHARED_RUN_ERROR;
    if (find_covering(s, run)) { /* looked for last: who had the place before has told it */
        if (s->has_place)
            give_place_up(s);
        return SHARED_RUN_COVERED;
    }
    return s->has_place ? SHARED_RUN_MINE : SHARED_RUN_OTHERS;
}

/* The place belongs to the open file, and so to the parent too. Where the run has begun meanwhile
 * the child passes it on at once: there may be many who wait for it behind this one. */
pid_t shared_run_queue(struct shared_run *s) {
    pid_t parent = getpid(), child = fork();
    if (child != 0)
        return child;
    /* Without the process that serves the connection nobody would use the place. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    char run[SHARED_RUN_NAME];
    int got;
    do
        got = lock_place(s, F_OFD_SETLKW, F_WRLCK);
    while (got == -1 && errno == EINTR);
    if (got == 0 && find_covering(s, run))
        give_place_up(s);
    _exit(got == 0 ? 0 : 1);
}

/* ---- a run ---- */

static bool write_record(const struct shared_run *s, const struct record *r) {
    const off_t at = (off_t)(s->number % LIMIT_SHARED_RUNS * sizeof *r);
    return pwrite(s->fd, r, sizeof *r, at) == (ssize_t)sizeof *r;
}

/* The lock sees to it that nobody else numbers a run now. */
void shared_run_begin(struct shared_run *s, const char *run) {
    struct table table;
    struct record record = {.number = 1, .state = BEGUN};
    read_table(s, &table);
    for (size_t i = 0; i < LIMIT_SHARED_RUNS; i++)
        if (table.of[i].number % LIMIT_SHARED_RUNS == i && table.of[i].number >= record.number)
            record.number = table.of[i].number + 1;
    memcpy(record.key, s->key, SHA256_SIZE);
    snprintf(record.run, sizeof record.run, "%s", run);
    s->number = record.number;
    if (!write_record(s, &record))
        s->number = 0; /* RUN_DIR is full, say: the others have runs of their own, one by one */
}

static void tell_started(const struct shared_run *s) {
    struct record record;
    const off_t at = (off_t)(s->number % LIMIT_SHARED_RUNS * sizeof record);
    if (pread(s->fd, &record, sizeof record, at) != (ssize_t)sizeof record
        || record.number != s->number || memcmp(record.key, s->key, SHA256_SIZE) != 0)
        return; /* the lock file was removed, and others have numbered theirs at the same time */
    record.state = STARTED;
    write_record(s, &record);
}

void shared_run_leave(struct shared_run *s, bool started) {
    if (s->fd == -1)
        return;
    if (started && s->number != 0)
        tell_started(s);
    if (s->has_place) /* before the file is closed, which a child may have open for a moment more */
        give_place_up(s);
    fd_close(&s->fd);
}
