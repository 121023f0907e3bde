#include "base/init_link.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/container.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/fd_passing.h"
#include "base/landlock.h"
#include "base/landlock_apart.h"
#include "base/log.h"
#include "limit.h"

extern char **environ;

static bool is_open;
static int awaits = -1; /* a spare's: where its connection comes */

void init_link_describe(char variable[INIT_LINK_VARIABLE]) {
    struct stat st;
    bool is_file = fstat(2, &st) == 0 && S_ISREG(st.st_mode);
    snprintf(variable, INIT_LINK_VARIABLE, INIT_LINK_NAME "3%s%s.%ld",
             container_is_ours() ? "c" : "", is_file ? "f" : "", landlock_version());
}

/* Takes up what `bastion init` says. */
static void heed(const char *value) {
    const char *dot = strchr(value, '.');
    if (dot == NULL)
        return;
    container_heed(value[1] == 'c');
    landlock_heed_version(strtol(dot + 1, NULL, 10));
    log_target.standard_error = LOG_STDERR_LOG;
    log_target.is_file = dot[-1] == 'f';
}

/* Has both descriptors closed by execve(2), in one call where the kernel has it (Linux 5.11). */
static bool are_closed_on_exec(void) {
#ifdef SYS_close_range
    enum { CLOEXEC = 4 }; /* CLOSE_RANGE_CLOEXEC of linux/close_range.h */
    return syscall(SYS_close_range, INIT_LINK_FD, LANDLOCK_APART_FD, CLOEXEC) == 0;
#else
    return false;
#endif
}

/* What stands in its place is left to the program, but for that socket. */
static void begin_to_wait(char kind) {
    enum { BEHIND = LANDLOCK_APART_FD + 1 };
    if (kind == INIT_LINK_SPARE)
        awaits = INIT_LINK_FD;
    else if (kind == INIT_LINK_BEHIND_TLS && (awaits = fcntl(0, F_DUPFD_CLOEXEC, BEHIND)) != -1)
        fd_keep(awaits);
}

void init_link_open(char *const *environment, bool inherited) {
    static const char spares[] = {INIT_LINK_SPARE, INIT_LINK_BEHIND_TLS, '\0'};
    const char *value = env_get(environment, "BASTION_INIT");
    int family;
    socklen_t n = sizeof family;
    if (value == NULL || (value[0] != INIT_LINK_USUAL && strchr(spares, value[0]) == NULL)
        || getsockopt(INIT_LINK_FD, SOL_SOCKET, SO_DOMAIN, &family, &n) == -1 || family != AF_UNIX)
        return;
    bool done = !inherited && are_closed_on_exec();
    is_open = done || fcntl(INIT_LINK_FD, F_SETFD, inherited ? 0 : FD_CLOEXEC) == 0;
    if (!is_open)
        return;
    heed(value);
    fd_keep(landlock_apart_take(environment, inherited, done) ? LANDLOCK_APART_FD : INIT_LINK_FD);
    fd_know_standard();
    begin_to_wait(value[0]);
}

bool init_link_is_there(void) { return is_open; }

bool init_link_is_spare(void) { return awaits != -1; }

/* ---- the connection of a spare ---- */

bool init_link_give(int link, int fd, const char *text, size_t n) {
    char said;
    return recv(link, &said, 1, MSG_DONTWAIT) == 1 && said == INIT_LINK_SPARE
           && fd_send(link, text, n, &fd, 1);
}

/* From process 1. Returns whether the connection has come. */
static bool take_connection(struct init_link_connection *c) {
    return fd_receive(awaits, c->text, sizeof c->text, &c->fd, 1, 0) > 0 && c->fd != -1;
}

/* From `bastion tls`. */
static bool await_handshake(struct init_link_connection *c) {
    c->fd = awaits;
    c->is_tls = true;
    return recv(awaits, c->text, sizeof c->text, MSG_WAITALL) == sizeof c->text
           && recv(awaits, c->user, sizeof c->user, MSG_WAITALL) == sizeof c->user
           && fd_nonblock_socket(awaits) == 0;
}

bool init_link_await(struct init_link_connection *c, int companion) {
    static const char ready = INIT_LINK_SPARE;
    struct pollfd fds[] = {{.fd = awaits, .events = POLLIN}, {.fd = companion}};
    size_t count = 0;
    if (send(awaits, &ready, 1, MSG_NOSIGNAL) != 1 || poll(fds, 2, -1) == -1 || fds[1].revents != 0
        || !(awaits == INIT_LINK_FD ? take_connection : await_handshake)(c))
        return false;
    c->text[sizeof c->text - 1] = c->user[sizeof c->user - 1] = '\0';
    for (char *at = c->text; *at != '\0' && count < INIT_LINK_VARIABLES; at += strlen(at) + 1)
        c->variables[count++] = at;
    return true;
}

static void change_kind(char *const *environment, char kind) {
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, INIT_LINK_NAME, sizeof INIT_LINK_NAME - 1) == 0)
            (*environment)[sizeof INIT_LINK_NAME - 1] = kind;
}

void init_link_put_behind_tls(char *const *environment) {
    change_kind(environment, INIT_LINK_BEHIND_TLS);
}

static bool is_named(const char *name, size_t n) {
    (void)name;
    return n > 0;
}

bool init_link_await_in_place(void) {
    static struct init_link_connection c; /* the environment refers to it */
    static struct env e;
    if (!init_link_is_spare())
        return true;
    if (!init_link_await(&c, -1) || dup2(c.fd, 0) == -1 || dup2(c.fd, 1) == -1)
        return false;
    close(c.fd);
    env_start(&e);
    env_copy(&e, environ, is_named);
    for (char **variable = c.variables; *variable != NULL; variable++)
        env_replace(&e, *variable);
    change_kind(e.list, INIT_LINK_USUAL);
    environ = (char **)(uintptr_t)env_list(&e);
    awaits = -1;
    return environ != NULL;
}

void init_link_close(void) {
    if (is_open)
        close(INIT_LINK_FD);
    is_open = false;
}

enum init_link_answer init_link_ask(void) {
    char question = INIT_LINK_MAY_LOG, answer, late[16];
    struct pollfd pfd = {.fd = INIT_LINK_FD, .events = POLLIN};
    if (!is_open)
        return INIT_LINK_NOBODY;
    /* An answer that came too late for the last question is none to this one. */
    while (recv(INIT_LINK_FD, late, sizeof late, MSG_DONTWAIT) > 0) {
    }
    if (send(INIT_LINK_FD, &question, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1
        || poll(&pfd, 1, LIMIT_LINK_MS) != 1 || recv(INIT_LINK_FD, &answer, 1, MSG_DONTWAIT) != 1)
        return INIT_LINK_NOBODY;
    return answer == INIT_LINK_NO ? INIT_LINK_COUNTED : INIT_LINK_ALLOWED;
}

bool init_link_is_open(void) { return is_open; }

bool init_link_admits(const unsigned char address[INIT_LINK_ADDRESS]) {
    char question[1 + INIT_LINK_ADDRESS] = {INIT_LINK_CLIENT}, answer[INIT_LINK_ANSWER];
    struct pollfd pfd = {.fd = INIT_LINK_FD, .events = POLLIN};
    memcpy(question + 1, address, INIT_LINK_ADDRESS);
    for (;;) {
        uint32_t ms;
        if (!is_open
            || send(INIT_LINK_FD, question, sizeof question, MSG_DONTWAIT | MSG_NOSIGNAL)
                   != sizeof question
            || poll(&pfd, 1, LIMIT_LINK_MS) != 1
            || recv(INIT_LINK_FD, answer, sizeof answer, MSG_DONTWAIT) != sizeof answer)
            return true;
        if (answer[0] != INIT_LINK_WAIT)
            return answer[0] != INIT_LINK_NO;
        memcpy(&ms, answer + 1, sizeof ms);
        poll(NULL, 0, (int)(ms & INT32_MAX));
    }
}

static void say_once(char statement, bool *is_said) {
    if (is_open && !*is_said)
        send(INIT_LINK_FD, &statement, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    *is_said = true;
}

void init_link_known(void) {
    static bool is_said;
    say_once(INIT_LINK_KNOWN, &is_said);
}

void init_link_keeper(void) {
    static bool is_said;
    say_once(INIT_LINK_KEEPER, &is_said);
}
