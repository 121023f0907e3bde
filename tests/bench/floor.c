/* The floor that bastion is measured against: reads a request, runs sh -c COMMAND, copies its
 * output. No check of anything, no lock, no log. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static char buffer[65536];
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    int p[2];
    if (argc != 2 || read(0, buffer, sizeof buffer) <= 0 || pipe(p) == -1)
        return 1;
    if (fork() == 0) {
        dup2(p[1], 1);
        close(p[0]);
        close(p[1]);
        execl("/bin/sh", "sh", "-c", argv[1], (char *)NULL);
        _exit(127);
    }
    close(p[1]);
    if (write(1, head, sizeof head - 1) == -1)
        return 1;
    for (ssize_t n; (n = read(p[0], buffer, sizeof buffer)) > 0;)
        if (write(1, buffer, (size_t)n) != n)
            return 1;
    return wait(NULL) == -1;
}
