#include "ssh/handoff.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc_stat.h"

/* ---- bastion ssh ---- */

int handoff_open(int link[2]) {
    if (message_pair(link) == -1)
        return -1;
    message_name_senders(link[0], true);
    return 0;
}

enum receipt handoff_take(int link, struct received *room, pid_t parent, uid_t uid, int *input) {
    struct proc_stat shell;
    enum receipt got = message_receive(link, room);
    *input = -1;
    if (got != RECEIPT_MESSAGE)
        return got;
    if (room->m.type == MESSAGE_HELLO && room->text_n == 0 && room->uid == uid
        && proc_stat_read(&shell, room->pid) && shell.parent == parent) {
        *input = room->fds[0];
        room->fds[0] = -1;
    } else {
        got = RECEIPT_INVALID;
    }
    message_drop_fds(room);
    message_name_senders(link, false);
    return got;
}

/* ---- the login shell ---- */

bool handoff_is_there(void) {
    int domain = 0, type = 0;
    socklen_t n = sizeof domain, m = sizeof type;
    if (getsockopt(HANDOFF_FD, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1 || domain != AF_UNIX
        || getsockopt(HANDOFF_FD, SOL_SOCKET, SO_TYPE, &type, &m) == -1 || type != SOCK_SEQPACKET
        || fcntl(HANDOFF_FD, F_SETFD, FD_CLOEXEC) == -1)
        return false;
    fd_keep(HANDOFF_FD);
    return true;
}

int handoff_hello(void) {
    static const int input = 0;
    const struct message m = {.type = MESSAGE_HELLO};
    return message_send(HANDOFF_FD, &m, NULL, 0, &input, isatty(0) ? 0 : 1);
}
