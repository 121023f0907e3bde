/* load PORT TOKEN requests CLIENTS COUNT BODY: COUNT requests, CLIENTS at a time, a connection
 * each; prints requests a second, and the median and the 99th percentile of their times in
 * microseconds. BODY is what must come, less a newline. load PORT TOKEN first COUNT BODY: the
 * median time to the answer's first byte, microseconds. load PORT TOKEN kept COUNT BODY: the median
 * time of a connection's second request. load PORT TOKEN bulk VERSION BYTES: one
 * request of HTTP/1.VERSION, whose body must be BYTES long; prints MB/s. Any other answer, or one
 * that is cut, ends the program with 1 and a line that says why. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in server = {.sin_family = AF_INET};
static char request[1024];
static char buffer[1 << 20];

/* An answer as far as it has come. A chunk is: its size in hexadecimal, CRLF, its bytes, CRLF; the
 * one of size 0 is the last, and trailers are not asked for. */
struct answer {
    enum { HEAD, PLAIN, SIZED, SIZE, BYTES, BEHIND, LAST, END } state;
    char head[4096];
    size_t head_n;
    char body[64]; /* its beginning */
    size_t body_n;
    size_t left;  /* of this chunk */
    double first; /* when the first byte came */
};

static void fail(const char *why) {
    fprintf(stderr, "load: %s\n", why);
    exit(1);
}

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Takes bytes into the head until it is whole; returns how many of them it took. CGI servers may
 * end lines with LF. */
static size_t take_head(struct answer *a, const char *at, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (a->head_n == sizeof a->head - 1)
            fail("the head is too long");
        if (at[i] != '\r')
            a->head[a->head_n++] = at[i];
        if (a->head_n < 2 || memcmp(a->head + a->head_n - 2, "\n\n", 2) != 0)
            continue;
        if (strncmp(a->head, "HTTP/1.", 7) != 0 || strncmp(a->head + 8, " 200", 4) != 0)
            fail(a->head);
        const char *length = strcasestr(a->head, "\nContent-Length: ");
        if (length != NULL)
            a->left = strtoull(length + strlen("\nContent-Length: "), NULL, 10);
        a->state = strcasestr(a->head, "\nTransfer-Encoding: chunked\n") != NULL ? SIZE
                   : length == NULL                                              ? PLAIN
                   : a->left > 0                                                 ? SIZED
                                                                                 : END;
        return i + 1;
    }
    return n;
}

static void take_body(struct answer *a, const char *at, size_t n) {
    if (a->body_n < sizeof a->body) {
        size_t room = sizeof a->body - a->body_n;
        memcpy(a->body + a->body_n, at, n < room ? n : room);
    }
    a->body_n += n;
}

static void take_size(struct answer *a, char c) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *digit = c == '\0' ? NULL : strchr(digits, c);
    if (digit != NULL)
        a->left = a->left * 16 + (size_t)(digit - digits) % 16;
    else if (c == '\n')
        a->state = a->left == 0 ? LAST : BYTES;
    else if (c != '\r')
        fail("the chunks are broken");
}

static void take(struct answer *a, const char *at, size_t n) {
    for (size_t i = 0, m; i < n; i += m) {
        m = 1;
        switch (a->state) {
        case HEAD: m = take_head(a, at + i, n - i); break;
        case PLAIN:
            m = n - i;
            take_body(a, at + i, m);
            break;
        case SIZE: take_size(a, at[i]); break;
        case SIZED:
        case BYTES:
            m = n - i < a->left ? n - i : a->left;
            take_body(a, at + i, m);
            a->left -= m;
            if (a->left == 0)
                a->state = a->state == BYTES ? BEHIND : END;
            break;
        case BEHIND:
        case LAST:
            if (at[i] != '\r' && at[i] != '\n')
                fail("the chunks are broken");
            if (at[i] == '\n')
                a->state = a->state == BEHIND ? SIZE : END;
            break;
        case END: fail("there is more than the answer");
        }
    }
}

static int open_connection(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *)&server, sizeof server) == -1)
        fail("cannot connect");
    return fd;
}

/* Sends a request, and reads until `to` is reached, or the connection's end. */
static void exchange(int fd, const char *text, int to, struct answer *a) {
    memset(a, 0, sizeof *a);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail("cannot write");
    for (ssize_t n; (int)a->state != to && (n = read(fd, buffer, sizeof buffer)) != 0;) {
        if (n < 0)
            fail("cannot read the answer");
        if (a->first == 0)
            a->first = now();
        take(a, buffer, (size_t)n);
    }
    if (a->state != PLAIN && a->state != END)
        fail("the answer is cut");
}

static void ask(struct answer *a) {
    int fd = open_connection();
    exchange(fd, request, -1, a);
    close(fd);
}

static void check_body(const struct answer *a, const char *body) {
    size_t length = strlen(body);
    if (a->body_n != length + 1 || memcmp(a->body, body, length) != 0)
        fail("another body came");
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void requests(int clients, int count, const char *body, int to_first) {
    size_t size = sizeof(double) * (size_t)count;
    double *times = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (times == MAP_FAILED || strlen(body) >= sizeof((struct answer *)0)->body)
        fail("no memory");
    double start = now();
    for (int c = 0; c < clients; c++) {
        pid_t pid = fork();
        if (pid == -1)
            fail("cannot fork");
        if (pid != 0)
            continue;
        for (int i = c; i < count; i += clients) {
            struct answer a;
            double t = now();
            ask(&a);
            times[i] = (to_first ? a.first : now()) - t;
            check_body(&a, body);
        }
        _exit(0);
    }
    int failed = 0;
    for (int status; wait(&status) > 0;)
        failed |= status;
    double all = now() - start;
    if (failed != 0)
        exit(1);
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("%.0f %.0f %.0f\n", count / all * 1e6, times[count / 2], times[count * 99 / 100]);
}

/* The second request of each of `count` connections, once the first has been answered. */
static void kept(int count, const char *token, const char *body) {
    char first[sizeof request];
    double times[count];
    snprintf(first, sizeof first,
             "GET /cgi-bin/run HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
             token);
    for (int i = 0; i < count; i++) {
        struct answer a;
        int fd = open_connection();
        exchange(fd, first, END, &a);
        check_body(&a, body);
        double t = now();
        exchange(fd, request, END, &a);
        times[i] = now() - t;
        check_body(&a, body);
        close(fd);
    }
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("%.0f\n", times[count / 2]);
}

int main(int argc, char **argv) {
    const char *what = argc > 3 ? argv[3] : "";
    int many = strcmp(what, "requests") == 0 && argc == 7,
        first = strcmp(what, "first") == 0 && argc == 6,
        second = strcmp(what, "kept") == 0 && argc == 6;
    int bulk = strcmp(what, "bulk") == 0 && argc == 6;
    if (!many && !first && !second && !bulk)
        return 64;
    server.sin_port = htons((unsigned short)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(request, sizeof request,
             "GET /cgi-bin/run HTTP/1.%c\r\nHost: localhost\r\nConnection: close\r\nAuthorization: "
             "Bearer %s\r\n\r\n",
             bulk ? *argv[4] : '1', argv[2]);
    if (many) {
        requests(atoi(argv[4]), atoi(argv[5]), argv[6], 0);
    } else if (first) {
        requests(1, atoi(argv[4]), argv[5], 1);
    } else if (second) {
        kept(atoi(argv[4]), argv[2], argv[5]);
    } else {
        struct answer a;
        double t = now();
        ask(&a);
        t = now() - t;
        if (a.body_n != strtoull(argv[5], NULL, 10))
            fail("the body has another length");
        printf("%.0f\n", (double)a.body_n / t);
    }
    return 0;
}
