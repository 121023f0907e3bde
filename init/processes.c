#include "processes.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/proc_stat.h"
#include "process_tree.h"

/* As of the last look. No page of it is touched before there is one. */
static struct process_tree tree;

static void add_process(pid_t pid) {
    struct proc_stat stat;
    if (!proc_stat_read(&stat, pid) || stat.has_ended)
        return;
    tree.pid[tree.count] = pid;
    tree.parent[tree.count] = stat.parent;
    tree.session[tree.count] = stat.session;
    tree.count++;
}

bool processes_look(void) {
    DIR *dir = opendir("/proc");
    uint64_t pid;
    tree.count = 0;
    for (struct dirent *e;
         dir != NULL && tree.count < LIMIT_PROCESSES && (e = readdir(dir)) != NULL;)
        if (num_decimal(e->d_name, strlen(e->d_name), INT32_MAX, &pid))
            add_process((pid_t)pid);
    if (dir != NULL)
        closedir(dir);
    process_tree_arrange(&tree, getpid());
    return tree.count > 0 && tree.count < LIMIT_PROCESSES;
}

bool processes_is_alone(pid_t spare) {
    for (size_t i = 0; i < tree.count; i++)
        if (tree.pid[i] != spare && tree.branch[i] != PROCESS_NONE)
            return false;
    return true;
}

bool processes_is_busy(pid_t pid) {
    uint32_t first = process_tree_find(&tree, pid);
    return first != PROCESS_NONE && tree.has_session[first];
}

void processes_signal_commands(int signal, pid_t spare, bool (*is_connection)(pid_t leader)) {
    processes_look();
    for (size_t i = 0; i < tree.count; i++)
        if (tree.pid[i] != spare && tree.branch[i] != PROCESS_NONE
            && !is_connection(tree.session[i]))
            kill(tree.pid[i], signal);
}

void processes_signal_branches(int signal, bool (*is_chosen)(pid_t first)) {
    for (size_t i = 0; i < tree.count; i++)
        if (tree.branch[i] != PROCESS_NONE && is_chosen(tree.pid[tree.branch[i]]))
            kill(tree.pid[i], signal);
}

void processes_signal(int signal, pid_t spare) {
    if (!processes_look() && getpid() == 1)
        kill(-1, signal);
    for (size_t i = 0; i < tree.count; i++)
        if (tree.pid[i] != spare && tree.branch[i] != PROCESS_NONE)
            kill(tree.pid[i], signal);
}
