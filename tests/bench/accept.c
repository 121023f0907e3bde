/* The floor under a listener: accepts, forks, and executes argv[2]... with the connection as its
 * standard input and output. No limit, no variable, no log; the kernel reaps. */
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_port = htons((unsigned short)atoi(argc > 2 ? argv[1] : "0"));
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(l, (struct sockaddr *)&a, sizeof a) == -1 || listen(l, 4096) == -1)
        return 1;
    signal(SIGCHLD, SIG_IGN);
    for (int fd; (fd = accept(l, NULL, NULL)) != -1; close(fd))
        if (fork() == 0) {
            signal(SIGCHLD, SIG_DFL);
            dup2(fd, 0);
            dup2(fd, 1);
            close(fd);
            execv(argv[2], argv + 2);
            _exit(127);
        }
    return 1;
}
