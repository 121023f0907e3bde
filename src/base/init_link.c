#include "base/init_link.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fd.h"
#include "base/landlock_apart.h"
#include "limit.h"

static bool is_open;

void init_link_open(char *const *environment, bool inherited) {
    const char *value = env_get(environment, "BASTION_INIT");
    int family;
    socklen_t n = sizeof family;
    is_open = value != NULL && strcmp(value, "3") == 0
              && getsockopt(INIT_LINK_FD, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0
              && family == AF_UNIX && fcntl(INIT_LINK_FD, F_SETFD, inherited ? 0 : FD_CLOEXEC) == 0;
    if (is_open)
        fd_keep(landlock_apart_take(environment, inherited) ? LANDLOCK_APART_FD : INIT_LINK_FD);
}

bool init_link_is_there(void) { return is_open; }

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
