/* Any messages of a monitor to its front, through a real socket, between the bytes of a command's
 * pipes and those of a client: what core/front.c and core/relay.c make of them. The client is made
 * here: it takes and gives as much as the input says, and goes when that says so.
 *
 * The input is a list of packets. Each begins with three bytes: how much of a message's fixed part
 * is given, how many descriptors come with it and which, and the length of the text. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "core/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct client {
    struct frontend frontend;
    const uint8_t *plan;
    size_t left, looks, ended, given;
    char room[64];
};

static struct client *client_of(struct frontend *f) { return (struct client *)(void *)f; }

static uint8_t next(struct client *c) { return c->left > 0 ? c->left--, *c->plan++ : 255; }

static void take_start(struct frontend *f, const char *run) {
    assert(strnlen(run, MESSAGE_RUN_ID) <= MESSAGE_RUN_ID && client_of(f)->ended == 0);
}
static size_t give_room(struct frontend *f, int stream, char **at) {
    assert(stream == RUN_OUT || stream == RUN_ERR);
    *at = client_of(f)->room;
    return client_of(f)->looks % 3 == 0 ? 0 : sizeof client_of(f)->room;
}
static void take_output(struct frontend *f, int stream, size_t n) {
    assert(n > 0 && n <= sizeof client_of(f)->room);
    (void)stream;
}
static int64_t tell_unsent(struct frontend *f) { return (int64_t)(client_of(f)->looks * 7); }
static size_t give_input(struct frontend *f, const char **at) {
    *at = client_of(f)->room;
    return client_of(f)->given < 256 && client_of(f)->looks % 2 == 0 ? 16 : 0;
}
static void take_taken(struct frontend *f, size_t n) { client_of(f)->given += n; }
static bool is_input_over(const struct frontend *f) {
    return ((const struct client *)(const void *)f)->given >= 256;
}
static int64_t watch(struct frontend *f, struct pollfd fds[FRONTEND_FDS], int64_t now) {
    (void)f;
    for (int i = 0; i < FRONTEND_FDS; i++)
        fds[i] = (struct pollfd){.fd = -1};
    return now; /* nothing else would wake it */
}
static void look(struct frontend *f, const struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct client *c = client_of(f);
    (void)fds;
    (void)now;
    c->looks++;
    if (next(c) == 7 || c->looks > 64)
        f->gone = true;
}
static void take_end(struct frontend *f, const struct outcome *o) {
    if (o->run != NULL)
        assert(strnlen(o->run, MESSAGE_RUN_ID) <= MESSAGE_RUN_ID);
    if (o->busy != NULL)
        assert(strlen(o->busy) <= LIMIT_MESSAGE_TEXT);
    client_of(f)->ended++;
}

static const struct frontend_ops ops = {take_start, give_room,  take_output,   tell_unsent,
                                        give_input, take_taken, is_input_over, watch,
                                        look,       take_end};

/* Returns how many bytes of the input it took. */
static size_t send_packet(int link, const uint8_t *at, size_t n) {
    static char packet[sizeof(struct message) + LIMIT_MESSAGE_TEXT + 64];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    size_t fixed = at[0] % (sizeof(struct message) + 1), count = at[1] >> 4, used = 3;
    size_t text = at[2] < 192 ? at[2] : (size_t)(at[2] - 192) * (LIMIT_MESSAGE_TEXT + 64) / 63;
    int fds[16], ends[2] = {-1, -1};
    memset(packet, 0, sizeof packet);
    size_t given = n - used < fixed ? n - used : fixed;
    memcpy(packet, at + used, given);
    used += given;
    given = n - used < text ? n - used : text;
    memcpy(packet + sizeof(struct message), at + used, given);
    used += given;
    struct iovec part = {packet, (at[1] & 8) != 0 ? fixed : sizeof(struct message) + text};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        assert(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 && write(ends[1], packet, 100) == 100);
        for (size_t i = 0; i < count; i++)
            fds[i] = ends[i + 1 == count && (at[1] & 1) != 0];
        control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = control.head.cmsg_len;
    }
    sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct front f; /* large */
    static char *const variables[] = {"TERM=xterm", NULL};
    int link[2];
    if (size < 32)
        return 0;
    int first = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    struct client c = {.frontend = {.ops = &ops}, .plan = data + 1, .left = 20};
    struct message terms;
    assert(message_pair(link) == 0);
    memset(&f, 0, sizeof f);
    f.link = link[1];
    for (size_t at = 21; at + 3 <= size;)
        at += send_packet(link[0], data + at, size - at);
    shutdown(link[0], SHUT_WR);
    if ((data[0] & 1) != 0) {
        front_wait_ready(&f);
        assert(memchr(f.ready_text, '\0', sizeof f.ready_text) != NULL);
    }
    if ((data[0] & 2) != 0)
        front_login(&f, (struct slice){(const char *)data, size / 2}, (data[0] & 32) != 0,
                    (struct slice){(const char *)data + size / 2, size - size / 2}, &terms);
    if ((data[0] & 4) != 0)
        front_note_refusal(&f, 400, "because");
    const struct front_request request = {.form =
                                              (data[0] & 8) != 0 ? RUN_STREAMS : RUN_MERGED_INPUT,
                                          .requested = {(const char *)data, size},
                                          .variables = (data[0] & 16) != 0 ? variables : NULL};
    front_run(&f, &request, &c.frontend);
    assert(c.ended == 1);
    /* A front ends with its connection, and closes nothing that a monitor sends it for no reason.
     */
    close_range((unsigned)first, ~0U, 0);
    return 0;
}
