/* terminal.h: the terminal that bastion docker is used from. */
#ifndef DOCKER_TERMINAL_H
#define DOCKER_TERMINAL_H

#include <signal.h>
#include <stdbool.h>

/* Makes the terminal `fd` pass every byte on as it is (cfmakeraw in termios(3)). It gets back what
 * it had when docker_terminal_restore is called or a signal ends the process. Returns 0, or -1 with
 * errno. */
int docker_terminal_raw(int fd);
void docker_terminal_restore(void);

/* From now on a change of the terminal's size interrupts waits with docker_terminal_mask, and
 * nothing else. */
void docker_terminal_watch_size(void);
const sigset_t *docker_terminal_mask(void);
/* Whether the size changed since the last call. */
bool docker_terminal_resized(void);

/* Rows and columns; false where `fd` has none. */
bool docker_terminal_size(int fd, unsigned *rows, unsigned *columns);

#endif
