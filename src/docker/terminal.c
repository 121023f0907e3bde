#include "docker/terminal.h"

#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>

static int terminal_raw_fd = -1;
static struct termios terminal_before;
static volatile sig_atomic_t terminal_resized;
static bool terminal_watching;
static sigset_t terminal_wait_mask;

void docker_terminal_restore(void) {
    if (terminal_raw_fd != -1)
        tcsetattr(terminal_raw_fd, TCSANOW, &terminal_before);
    terminal_raw_fd = -1;
}

/* tcsetattr(3) is safe here (signal-safety(7)). The signal then does what it would have done. */
static void on_deadly_signal(int sig) {
    docker_terminal_restore();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void on_resize(int sig) {
    (void)sig;
    terminal_resized = 1;
}

int docker_terminal_raw(int fd) {
    static const int ends[] = {SIGHUP,    SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGABRT,
                               SIGSEGV,   SIGBUS,  SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGSYS,
                               SIGVTALRM, SIGPROF, SIGIO,   SIGFPE,  SIGILL,  SIGTRAP};
    struct termios raw;
    if (tcgetattr(fd, &terminal_before) == -1)
        return -1;
    raw = terminal_before;
    cfmakeraw(&raw);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction old, act = {.sa_handler = on_deadly_signal};
        /* What is ignored, as under nohup(1), stays so. */
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &act, NULL);
    }
    terminal_raw_fd = fd;
    if (tcsetattr(fd, TCSANOW, &raw) == 0)
        return 0;
    terminal_raw_fd = -1;
    return -1;
}

void docker_terminal_watch_size(void) {
    struct sigaction act = {.sa_handler = on_resize};
    sigset_t winch;
    sigemptyset(&winch);
    sigaddset(&winch, SIGWINCH);
    sigprocmask(SIG_BLOCK, &winch, &terminal_wait_mask);
    sigdelset(&terminal_wait_mask, SIGWINCH);
    terminal_watching = sigaction(SIGWINCH, &act, NULL) == 0;
}

const sigset_t *docker_terminal_mask(void) {
    return terminal_watching ? &terminal_wait_mask : NULL;
}

bool docker_terminal_resized(void) {
    bool was = terminal_resized != 0;
    terminal_resized = 0;
    return was;
}

bool docker_terminal_size(int fd, unsigned *rows, unsigned *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == -1)
        return false;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return size.ws_row > 0 && size.ws_col > 0;
}
