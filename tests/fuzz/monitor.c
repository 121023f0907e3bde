/* Any messages of a front to its monitor, through a real socket: what it believes, in which order,
 * and that every run which starts gets the line of its end. No command runs, and no time passes:
 * core/run.h and base/clock.h are made here.
 *
 * The input is a list of packets. Each begins with three bytes: how much of a message's fixed part
 * is given, which (two bits) and how many descriptors come with it, and which kind of text. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/keeper.h"
#include "core/monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the clock: a second at each look ---- */

static int64_t now;

int64_t clock_now(void) { return now += 1000; }
int64_t clock_earlier(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t clock_after(int64_t from, int64_t ms) {
    return from > CLOCK_NEVER - ms ? CLOCK_NEVER : from + ms;
}
struct timespec *clock_left(int64_t deadline, int64_t from, struct timespec *ts) {
    (void)deadline;
    (void)from;
    *ts = (struct timespec){0, 0};
    return ts;
}
void clock_stamp(char out[CLOCK_STAMP]) { strcpy(out, "2026-11-24T12:00:00.123Z"); }
void clock_http_date(char out[CLOCK_HTTP_DATE]) { strcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT"); }

/* ---- the log: lines, of which each is one ---- */

struct log log_target;
static size_t starts, ends, faults;

int log_line(const char *line, size_t n) {
    assert(n > 0 && n <= LIMIT_LOG_LINE && line[n - 1] == '\n');
    for (size_t i = 0; i + 1 < n; i++)
        assert(line[i] >= 0x20 && line[i] < 0x7f);
    /* Behind the time; what a front says is quoted, and further on. */
    const char *event = strchr(line, ' ') + 1;
    starts += strncmp(event, "bastion event=start ", 20) == 0;
    ends += strncmp(event, "bastion event=end ", 18) == 0;
    faults += strncmp(event, "bastion event=fault ", 20) == 0;
    return 0;
}
enum log_stderr log_look(void) { return LOG_STDERR_LOG; }
void log_heed(char *const *environment) { (void)environment; }

/* ---- the command: some output, and an end after some looks ---- */

static const uint8_t *plan; /* how each run goes: a byte */
static size_t plan_n, running;

bool run_watch_signals(void) { return true; }
int run_signals(void) { return -1; }
void run_take_signals(void) {}
int run_told(void) { return 0; }

int run_start(struct run *r, const struct run_command *command) {
    int ends_of[2];
    *r = (struct run){.in = -1, .out = {-1, -1}, .next_signal = CLOCK_NEVER, .started = now};
    assert(command->form != RUN_TERMINAL || isatty(command->terminal));
    assert(command->argv[0] != NULL && running == 0);
    running = plan_n > 0 ? plan[0] % 16u + 1 : 1;
    if (plan_n > 0)
        plan++, plan_n--;
    for (int i = 0; i < (command->form == RUN_STREAMS ? 2 : 1) && command->form != RUN_TERMINAL;
         i++) {
        assert(pipe2(ends_of, O_CLOEXEC | O_NONBLOCK) == 0);
        assert(write(ends_of[1], "output", 6) == 6);
        close(ends_of[1]);
        r->out[i] = ends_of[0];
    }
    return running == 16 ? running = 0, run_close_pipes(r), 2 : 0;
}
void run_close_pipes(struct run *r) {
    fd_close(&r->in);
    for (int i = 0; i < RUN_PIPES; i++)
        fd_close(&r->out[i]);
}
void run_end(struct run *r, bool hangup, int64_t at) {
    (void)hangup;
    (void)at;
    r->signal_count = 1;
    running = 1;
}
void run_tick(struct run *r, int64_t at) {
    (void)r;
    (void)at;
}
bool run_is_over(struct run *r) {
    if (running > 0)
        running--;
    r->reaped = r->over = running == 0;
    return r->over;
}
int run_exit_code(const struct run *r, int *signal) {
    *signal = r->signal_count > 0 ? 15 : 0;
    return *signal > 0 ? 128 + *signal : 0;
}

/* ---- runs that are kept: in a folder of this process's, by no process of their own ---- */

#define KEPT "0123456789abcdef"
static char run_dir[] = "RUN_DIR=/tmp/bastion-fuzz-XXXXXX";

enum keeper_side keeper_fork(struct record *record, struct front_link *front,
                             struct front_link *link) {
    (void)record;
    (void)front;
    (void)link;
    return KEEPER_NONE;
}
void keeper_await_all(void) {}

static void remove_run_dir(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", strchr(run_dir, '=') + 1);
    if (system(command) != 0)
        perror(command);
}

/* One that has ended is there from the start. */
static void keep_one(void) {
    static struct record record;
    char *path = strchr(run_dir, '=') + 1;
    assert(mkdtemp(path) != NULL && chmod(path, 0755) == 0);
    atexit(remove_run_dir);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(record_create(&record, directory, NULL, KEPT, "http", "somebody", 1024) == 0
           && record_list(&record, 4) == 0);
    record_running(&record);
    for (int i = 0; i < 200; i++)
        record_add(&record, "some output\n", 12);
    record_end(&record, &(struct outcome){.kind = OUTCOME_ENDED, .code = 3}, 5);
    close(directory);
}

/* ---- the monitor ---- */

static const char *judge(struct monitor *m, struct slice credential) {
    const char *reason = slice_is(credential, "right") ? NULL : "wrong";
    snprintf(m->user, sizeof m->user, "%s", reason == NULL ? "somebody" : "");
    return reason;
}

static void note(struct monitor *m, int status, const char *reason, bool failed_login) {
    struct audit a = audit_denial(m->channel, m->peer, reason);
    a.event = failed_login ? "login" : a.event;
    a.status = status;
    audit_write(&a);
}

static struct session *session_with(bool broker) {
    static struct session both[2];
    static struct settings settings[2];
    static char *environment[2][9] = {
        {run_dir, "FORCE_COMMAND=true", "COMMAND_LOCK=off", "HTTP_TOKEN=x", "SSH_USER=nobody",
         "HOOK_WHEN=.a = b", "HOOK_PASS=A = .b .*"},
        {run_dir, "ALLOWED_COMMANDS=echo [a-z]*", "COMMAND_PREFIX=busybox", "COMMAND_LOCK=off",
         "HTTP_TOKEN=x", "SSH_USER=nobody", "HTTP_STDIN=body", "ON_DISCONNECT=hangup"}};
    static const char *const nowhere[] = {NULL};
    if (strchr(run_dir, 'X') != NULL)
        keep_one();
    if (both[broker].settings == NULL) {
        struct settings_places places = {environment[broker], nowhere};
        const char *error = settings_start(&settings[broker], &places,
                                           NEED_RUN | NEED_HTTP | NEED_ACCOUNT | NEED_RUN_DIR);
        if (error != NULL
            || session_open(&both[broker], &settings[broker], environment[broker]) == -1) {
            fprintf(stderr, "%s\n", error != NULL ? error : both[broker].error);
            abort();
        }
    }
    return &both[broker];
}

static void choose(struct monitor *m, const char *role) {
    (void)m;
    assert(strlen(role) <= LIMIT_ROLE_NAME);
}

/* Webhooks, whose secret is the letter x, and a delivery of that. */
static struct hook hook;
static struct hook_claim claim = {.has_token = 1, .event = "push"};

static void make_hook(void) {
    static struct settings s;
    static char secret[] = "HOOK_SECRET=x", *environment[] = {secret, NULL};
    static const char *const nowhere[] = {NULL};
    const struct settings_places places = {environment, nowhere};
    assert(settings_read(&s, &places, NEED_HTTP) == 0);
    hook_start(&hook);
    hook_secrets_load(&hook.secrets, &s);
    sha256(claim.token, "x", 1);
}

/* ---- the front ---- */

static int terminal = -1;

/* Returns how many bytes of the input it took. */
static size_t send_packet(int link, const uint8_t *at, size_t n) {
    static const char *const texts[] = {"right", "wrong", "echo a", "TERM=xterm"};
    static char packet[sizeof(struct message) + LIMIT_MESSAGE_TEXT + 64];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    size_t fixed = at[0] % (sizeof(struct message) + 1), count = at[1] >> 4, used = 3;
    const int fd = (at[1] & 3) == 0 ? terminal : (at[1] & 3) == 1 ? link : STDERR_FILENO;
    int fds[16];
    size_t text = 0;
    memset(packet, 0, sizeof(struct message));
    size_t given = n - used < fixed ? n - used : fixed;
    memcpy(packet, at + used, given);
    used += given;
    if (at[2] < 64) { /* the input's own, of that length */
        text = n - used < at[2] ? n - used : at[2];
        memcpy(packet + sizeof(struct message), at + used, text);
        used += text;
    } else if (at[2] < 128) { /* a long one */
        text = (size_t)(at[2] - 64) * (LIMIT_MESSAGE_TEXT + 64) / 63;
        memset(packet + sizeof(struct message), 'x', text);
    } else if (at[2] >= 232 && at[2] < 240) {
        text = sizeof KEPT - 1;
        memcpy(packet + sizeof(struct message), KEPT, text);
    } else if (at[2] >= 240) {
        text = sizeof claim;
        memcpy(packet + sizeof(struct message), &claim, text);
    } else {
        const char *word = texts[at[2] % 4];
        text = strlen(word) + at[2] / 128 % 2 * (at[2] % 4 == 3);
        memcpy(packet + sizeof(struct message), word, text);
    }
    /* A message is whole, unless it says that it is not. */
    struct iovec part = {packet, fixed < sizeof(struct message) && (at[1] & 8) != 0
                                     ? fixed
                                     : sizeof(struct message) + text};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    for (size_t i = 0; i < count; i++)
        fds[i] = fd;
    if (count > 0) {
        control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = control.head.cmsg_len;
    }
    sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* what does not fit is not sent */
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct monitor m; /* large */
    int link[2];
    if (terminal == -1)
        terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (size < 8)
        return 0;
    struct session *session = session_with((data[0] & 1) != 0);
    lock_leave(&session->lock); /* as each run does, which takes no lock here */
    int free_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    close(free_before);
    now = 1000000;
    starts = ends = faults = running = 0;
    plan = data + 1;
    plan_n = 4;
    memset(&m, 0, sizeof m);
    m.session = session;
    m.channel = "http";
    m.peer = "192.0.2.1";
    m.login = (data[0] & 2) != 0 ? judge : NULL;
    m.refused = m.login != NULL ? note : NULL;
    if (hook.secrets.count == 0)
        make_hook();
    m.hook = m.login != NULL ? &hook : NULL;
    m.hook_role = choose;
    m.no_terminal = (data[0] & 4) != 0;
    m.ready.ready.usable = (data[0] & 24) != 0;
    assert(message_pair(link) == 0);
    for (size_t at = 5; at + 3 <= size;)
        at += send_packet(link[0], data + at, size - at);
    if ((data[0] & 32) != 0)
        shutdown(link[0], SHUT_WR);
    else
        fd_close(&link[0]); /* it is gone already */
    m.front.fd = link[1];
    monitor_serve(&m);
    hook_leave(&hook);
    assert(m.front.fd == -1 && running == 0);
    assert(starts == ends);
    assert(faults <= 1);
    fd_close(&link[0]);
    int free_after = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    close(free_after);
    assert(free_after == free_before);
    return 0;
}
