/* meter COUNT PROGRAM [ARG...]: runs a program so many times, one after another; a line for each:
 * its exit code, microseconds from start to end, and of the processor. Small itself, since to start
 * a child costs a large parent more. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

int main(int argc, char **argv) {
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    for (int i = 0; argc > 2 && i < atoi(argv[1]); i++) {
        struct rusage used;
        pid_t pid;
        int status;
        double start = now();
        if (posix_spawn(&pid, argv[2], &quiet, NULL, argv + 2, environ) != 0
            || wait4(pid, &status, 0, &used) != pid)
            return 1;
        printf("%d %.0f %.0f\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
               now() - start,
               (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6
                   + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    }
    return 0;
}
