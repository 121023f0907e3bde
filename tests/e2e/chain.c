/* chain N FILE: N processes, each the child of the one before, that hear no SIGTERM. The last one
 * makes FILE.
 *
 * Each is executed anew: a process that has only been forked shares its memory with all before it,
 * of which the kernel keeps a list for each of them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int n = argc == 3 ? atoi(argv[1]) : 0;
    char less[16];
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (n == 1)
        close(open(argv[2], O_WRONLY | O_CREAT, 0666));
    if (n > 1 && fork() == 0) {
        snprintf(less, sizeof less, "%d", n - 1);
        execl("/proc/self/exe", "chain", less, argv[2], (char *)NULL);
        return 1;
    }
    for (;;)
        pause();
}
