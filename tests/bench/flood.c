/* flood PATH RATE SECONDS: offers so many messages a second to the datagram socket PATH for so many
 * seconds, a hundred at a time, and waits for whom it has to, as syslog(3) does. With - in the
 * place of PATH, to a socket of its own that it empties itself: what such a program costs by
 * itself. Prints how many it has sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { AT_A_TIME = 100 };

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_socket(const char *path, int pair[2]) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strcmp(path, "-") == 0)
        return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    pair[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    return connect(pair[0], (struct sockaddr *)&to, sizeof to);
}

int main(int argc, char **argv) {
    static const char line[] =
        "<14>flood: this is one of very many lines that nobody has asked for";
    char taken[256];
    int pair[2] = {-1, -1};
    if (argc != 4 || open_socket(argv[1], pair) == -1)
        return perror("flood"), 1;
    double rate = atof(argv[2]), begin = now(), end = begin + atof(argv[3]);
    long sent = 0;
    for (double t = begin; t < end; t = now()) {
        double due = begin + (double)sent / rate;
        if (due > t) {
            struct timespec pause = {.tv_nsec = (long)((due - t) * 1e9)};
            nanosleep(&pause, NULL);
        }
        for (int i = 0; i < AT_A_TIME; i++) {
            if (send(pair[0], line, sizeof line - 1, 0) == -1)
                return perror("flood"), 1;
            sent++;
            if (pair[1] != -1)
                recv(pair[1], taken, sizeof taken, 0);
        }
    }
    printf("%ld\n", sent);
    return 0;
}
