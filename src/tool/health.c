#include "tool/health.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ip.h"
#include "base/num.h"
#include "core/settings.h"

extern char **environ;

/* What is sent to a listener, and how its answer must begin. */
static const struct question {
    const char *channel;
    const char *ask;
    size_t ask_n;
    const char *answer;
    size_t answer_n;
} questions[] = {
#define BYTES(text) text, sizeof text - 1
#define HEALTHZ BYTES("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    {"http", HEALTHZ, BYTES("HTTP/1.1 200 ")},
    {"mux", HEALTHZ, BYTES("HTTP/1.1 200 ")}, /* as from this machine itself it may */
    {"ssh", BYTES(""), BYTES("SSH-2.0-")},
    /* A ClientHello of TLS 1.2 (RFC 5246, section 7.4.1.2), with the suites ECDHE-ECDSA and
     * ECDHE-RSA with AES-128-GCM and ChaCha20-Poly1305, the curves P-256 and x25519, and the
     * signatures that go with them. A handshake record comes back when key and certificate can be
     * used. */
    {"https",
     BYTES("\x16\x03\x01\x00\x59\x01\x00\x00\x55\x03\x03"
           "bastion health: this is random. "
           "\x00\x00\x08\xc0\x2b\xc0\x2f\xcc\xa9\xcc\xa8\x01\x00\x00\x24"
           "\x00\x0a\x00\x06\x00\x04\x00\x17\x00\x1d"
           "\x00\x0b\x00\x02\x01\x00"
           "\x00\x0d\x00\x10\x00\x0e\x04\x03\x05\x03\x06\x03\x04\x01\x05\x01\x06\x01\x02\x01"),
     BYTES("\x16\x03\x03")},
#undef HEALTHZ
#undef BYTES
};

static bool wait_for_socket(int fd, short what, int64_t deadline) {
    struct pollfd pfd = {.fd = fd, .events = what};
    int64_t left = deadline - clock_now();
    return left > 0 && poll(&pfd, 1, (int)left) == 1;
}

static int connect_to(const char *address, unsigned port, int64_t deadline) {
    struct sockaddr_storage to;
    struct ip ip;
    if (!ip_read(&ip, address))
        return -1;
    socklen_t size = ip_to_socket(&to, &ip, port);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
    if (fd == -1)
        return -1;
    int result = connect(fd, (struct sockaddr *)&to, size);
    bool connected =
        result == 0
        || (errno == EINPROGRESS && wait_for_socket(fd, POLLOUT, deadline)
            && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error}) == 0
            && error == 0);
    if (!connected)
        fd_close(&fd);
    return fd;
}

/* Whether the listener answers as it should. */
static bool answers(const struct question *q, const char *address, unsigned port, bool has_header,
                    int64_t deadline) {
    static const char header[] = "PROXY UNKNOWN\r\n"; /* on behalf of nobody */
    char got[64], rest[4096];
    size_t n = 0;
    int fd = connect_to(address, port, deadline);
    if (fd == -1)
        return false;
    bool asked =
        !has_header || send(fd, header, sizeof header - 1, MSG_NOSIGNAL) == sizeof header - 1;
    asked =
        asked && (q->ask_n == 0 || send(fd, q->ask, q->ask_n, MSG_NOSIGNAL) == (ssize_t)q->ask_n);
    while (asked && n < q->answer_n && wait_for_socket(fd, POLLIN, deadline)) {
        ssize_t more = read(fd, got + n, sizeof got - n);
        if (more <= 0)
            break;
        n += (size_t)more;
    }
    /* The other side is to see a client that has gone, and not a connection that broke: that would
     * leave a line in the log. */
    if (shutdown(fd, SHUT_WR) == 0)
        while (wait_for_socket(fd, POLLIN, deadline) && read(fd, rest, sizeof rest) > 0) {
        }
    close(fd);
    return n >= q->answer_n && memcmp(got, q->answer, q->answer_n) == 0;
}

/* One line of the file that init has written: channel, address, port, and perhaps a word. */
static bool check_line(char *line, int64_t deadline) {
    char *address = strchr(line, ' '), *number = address != NULL ? strchr(address + 1, ' ') : NULL;
    uint64_t port;
    char *header = number != NULL ? strchr(number + 1, ' ') : NULL;
    if (header != NULL)
        *header = '\0';
    if (number == NULL || !num_decimal(number + 1, strlen(number + 1), 65535, &port))
        return false;
    *address++ = *number = '\0';
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        if (strcmp(line, questions[i].channel) == 0
            && answers(&questions[i], address, (unsigned)port, header != NULL, deadline)) {
            printf("%s on port %u answers; ", line, (unsigned)port);
            return true;
        }
    printf("%s on port %u: no answer\n", line, (unsigned)port);
    return false;
}

static int check_listeners(char *text, int64_t deadline) {
    if (*text == '\0')
        return puts("nothing is served"), 1;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (!check_line(line, deadline))
            return 1;
    }
    puts("ok");
    return 0;
}

int health_main(int argc, char **argv) {
    static struct settings s;
    static char text[1024];
    struct settings_places places = {environ, settings_directories};
    (void)argv;
    if (argc > 1) {
        fputs("bastion health: takes no arguments\n", stderr);
        return 64;
    }
    if (settings_read(&s, &places, NEED_RUN_DIR) == -1)
        return puts(s.error), 1;
    int directory = open(settings_text(&s, SETTING_RUN_DIR), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd =
        directory == -1 ? -1 : openat(directory, "listeners", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd == -1 ? -1 : fd_read_file(fd, text, sizeof text - 1);
    if (n < 0)
        return printf("%s/listeners: %s: bastion init is not at work here\n",
                      settings_text(&s, SETTING_RUN_DIR), strerror(errno)),
               1;
    return check_listeners(text, clock_after(clock_now(), LIMIT_HEALTH_MS));
}
