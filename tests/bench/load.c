/* load PORT TOKEN requests CLIENTS COUNT: COUNT requests, CLIENTS at a time, a connection each; prints requests a
 *     second, and the median and the 99th percentile of their times in microseconds.
 * load PORT TOKEN first COUNT: the median time to the answer's first byte, microseconds.
 * load PORT TOKEN bulk VERSION: one request of HTTP/1.VERSION; prints MB/s of what came.
 * An answer whose status is not 200 ends the program with 1. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in server = {.sin_family = AF_INET};
static char request[1024];
static char buffer[1 << 20];

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* One request; the count of bytes that came. *first is when the first of them did. */
static double ask(double *first) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    double got = 0;
    if (fd == -1 || connect(fd, (struct sockaddr *)&server, sizeof server) == -1 ||
        write(fd, request, strlen(request)) != (ssize_t)strlen(request))
        exit(1);
    size_t head = 0; /* bytes of the status line so far: some servers send it in pieces */
    for (ssize_t n; (n = read(fd, buffer + head, sizeof buffer - head)) != 0; got += (double)n) {
        if (n < 0)
            exit(1);
        if (got == 0)
            *first = now();
        if (head < 12 && (head += (size_t)n) >= 12) {
            if (memcmp(buffer + 8, " 200", 4) != 0)
                exit(1);
            head = 12;
        }
    }
    close(fd);
    if (head < 12)
        exit(1);
    return got;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void requests(int clients, int count, int to_first) {
    double *times = mmap(NULL, sizeof(double) * (size_t)count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double start = now();
    for (int c = 0; c < clients; c++)
        if (fork() == 0) {
            for (int i = c; i < count; i += clients) {
                double t = now(), first = t;
                ask(&first);
                times[i] = (to_first ? first : now()) - t;
            }
            _exit(0);
        }
    for (int status; wait(&status) > 0;)
        if (status != 0)
            exit(1);
    double all = now() - start;
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("%.0f %.0f %.0f\n", count / all * 1e6, times[count / 2], times[count * 99 / 100]);
}

int main(int argc, char **argv) {
    if (argc < 5)
        return 64;
    int old = strcmp(argv[3], "bulk") == 0 && strcmp(argv[4], "0") == 0;
    server.sin_port = htons((unsigned short)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(request, sizeof request, "GET /cgi-bin/run HTTP/1.%d\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n", !old, argv[2]);
    if (strcmp(argv[3], "requests") == 0 && argc == 6) {
        requests(atoi(argv[4]), atoi(argv[5]), 0);
    } else if (strcmp(argv[3], "first") == 0) {
        requests(1, atoi(argv[4]), 1);
    } else {
        double first, t = now(), n = ask(&first);
        printf("%.0f\n", n / (now() - t));
    }
    return 0;
}
