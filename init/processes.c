#include "processes.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/proc_stat.h"
#include "limit.h"

static struct process { pid_t pid, parent, session; } all[LIMIT_PROCESSES];
static size_t count;

static bool read_process(struct process *p, pid_t pid) {
    struct proc_stat stat;
    if (!proc_stat_read(&stat, pid))
        return false;
    *p = (struct process){pid, stat.parent, stat.session};
    return !stat.has_ended;
}

bool processes_look(void) {
    DIR *dir = opendir("/proc");
    uint64_t pid;
    count = 0;
    if (dir == NULL)
        return false;
    for (struct dirent *e; count < LIMIT_PROCESSES && (e = readdir(dir)) != NULL;)
        if (num_decimal(e->d_name, strlen(e->d_name), INT32_MAX, &pid)
            && read_process(&all[count], (pid_t)pid))
            count++;
    closedir(dir);
    return count > 0 && count < LIMIT_PROCESSES;
}

static const struct process *find(pid_t pid) {
    for (size_t i = 0; i < count; i++)
        if (all[i].pid == pid)
            return &all[i];
    return NULL;
}

/* Processes come and go while they are looked at: no chain of parents is longer than there are
 * processes. */
static bool is_below(const struct process *p, pid_t pid) {
    for (size_t i = 0; p != NULL && i < count; i++) {
        if (p->parent == pid)
            return true;
        p = find(p->parent);
    }
    return false;
}

bool processes_is_alone(pid_t spare) {
    for (size_t i = 0; i < count; i++)
        if (all[i].pid != spare && is_below(&all[i], getpid()))
            return false;
    return true;
}

bool processes_is_busy(pid_t pid) {
    for (size_t i = 0; i < count; i++)
        if (all[i].session != pid && is_below(&all[i], pid))
            return true;
    return false;
}

void processes_signal_commands(int signal, pid_t spare, bool (*is_connection)(pid_t leader)) {
    processes_look();
    for (size_t i = 0; i < count; i++)
        if (all[i].pid != spare && !is_connection(all[i].session) && is_below(&all[i], getpid()))
            kill(all[i].pid, signal);
}

void processes_signal(int signal, pid_t spare) {
    if (!processes_look() && getpid() == 1)
        kill(-1, signal);
    for (size_t i = 0; i < count; i++)
        if (all[i].pid != spare && is_below(&all[i], getpid()))
            kill(all[i].pid, signal);
}
