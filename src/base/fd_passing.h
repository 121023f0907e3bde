/* fd_passing.h: descriptors that are sent to another process (unix(7), SCM_RIGHTS). */
#ifndef BASE_FD_PASSING_H
#define BASE_FD_PASSING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FD_PASSING = 3 }; /* in one message, at most */

/* Sends n bytes, at least one, and with them `count` descriptors, which stay open here. Does not
 * wait. Returns whether all of it was sent. */
bool fd_send(int link, const void *bytes, size_t n, const int *fds, size_t count);

/* Takes up to n bytes, and up to `count` descriptors that came with them, close-on-exec: those that
 * did not come are -1, and those beyond are closed. `flags` and what it returns are recvmsg(2)'s.
 */
ssize_t fd_receive(int link, void *bytes, size_t n, int *fds, size_t count, int flags);

#endif
