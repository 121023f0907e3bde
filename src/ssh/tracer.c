#include "ssh/tracer.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

bool tracer_watch(pid_t pid) {
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK
                   | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    return ptrace(PTRACE_SEIZE, pid, 0, options) == 0;
}

/* Lets a stopped process go on as if nobody were watching (ptrace(2), "Stopped states"): what
 * stopped it was an event of the watching itself, a stopping signal, or a signal on its way to
 * it. */
static void go_on(pid_t pid, int status) {
    int event = status >> 16, signal = WSTOPSIG(status);
    bool stopping =
        signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
    if (event == PTRACE_EVENT_STOP && stopping)
        ptrace(PTRACE_LISTEN, pid, 0, 0);
    else
        ptrace(PTRACE_CONT, pid, 0, event != 0 ? 0 : signal);
}

enum tracer_event tracer_next(pid_t root, pid_t *pid) {
    for (;;) {
        int status;
        *pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (*pid == -1 && errno == EINTR)
            continue;
        if (*pid <= 0)
            return TRACER_NOTHING;
        if (!WIFSTOPPED(status))
            return TRACER_ENDED;
        if (status >> 16 == PTRACE_EVENT_EXEC && *pid != root)
            return TRACER_EXEC;
        go_on(*pid, status);
    }
}

void tracer_release(pid_t pid) { ptrace(PTRACE_DETACH, pid, 0, 0); }
