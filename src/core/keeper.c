#include "core/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fork_single.h"
#include "base/init_link.h"
#include "core/run.h"
#include "limit.h"

/* Those that have not been waited for: 0 is a free place. */
static pid_t keepers[LIMIT_CONNECTION_KEEPERS];

/* Returns whether there are any left. */
static bool reap(void) {
    bool any = false;
    for (size_t i = 0; i < LIMIT_CONNECTION_KEEPERS; i++) {
        if (keepers[i] != 0 && waitpid(keepers[i], NULL, WNOHANG) != 0)
            keepers[i] = 0;
        any = any || keepers[i] != 0;
    }
    return any;
}

static pid_t *free_place(void) {
    reap();
    for (size_t i = 0; i < LIMIT_CONNECTION_KEEPERS; i++)
        if (keepers[i] == 0)
            return &keepers[i];
    errno = EAGAIN;
    return NULL;
}

static void tell_all(int signal) {
    for (size_t i = 0; i < LIMIT_CONNECTION_KEEPERS; i++)
        if (keepers[i] != 0)
            kill(keepers[i], signal);
}

/* This process is told to end between two requests. Whoever told it takes its end for that of the
 * keepers, which end soon. */
static void take_signal(int signal) {
    tell_all(signal);
    for (size_t i = 0; i < LIMIT_CONNECTION_KEEPERS; i++)
        if (keepers[i] != 0)
            waitpid(keepers[i], NULL, 0);
    _exit(0);
}

static void heed_signals(void (*handler)(int)) {
    const struct sigaction action = {.sa_handler = handler};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

enum keeper_side keeper_fork(struct record *record, struct front_link *front,
                             struct front_link *link) {
    int ends[2];
    pid_t *place = free_place();
    if (place == NULL || message_pair(ends) == -1)
        return KEEPER_NONE;
    init_link_keeper();
    if (!init_link_is_there())
        heed_signals(take_signal);
    pid_t pid = fork_single();
    if (pid == -1) {
        close(ends[0]);
        close(ends[1]);
        return KEEPER_NONE;
    }
    if (pid == 0) {
        close(ends[0]);
        heed_signals(SIG_DFL);
        memset(keepers, 0, sizeof keepers);
        front_link_close(front);
        init_link_close();
        link->fd = ends[1];
        return KEEPER_SELF;
    }
    *place = pid;
    close(ends[1]);
    record_leave(record);
    link->fd = ends[0];
    return KEEPER_MONITOR;
}

void keeper_await_all(void) {
    if (init_link_is_there())
        return;
    while (run_watch_signals() && reap()) {
        struct pollfd pfd = {.fd = run_signals(), .events = POLLIN};
        if (run_told() != 0)
            tell_all(run_told());
        if (poll(&pfd, 1, -1) == 1)
            run_take_signals();
    }
}
