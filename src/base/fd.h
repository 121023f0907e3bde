/* fd.h: descriptors. Everything that bastion opens is close-on-exec from birth. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes sure that 0, 1 and 2 are open: /dev/null, for reading alone, where they were not. Returns
 * 0, or -1 with errno. */
int fd_open_standard(void);

/* The same, and closes every other descriptor: what the superserver forgot must not reach the
 * command. */
int fd_only_standard(void);

/* Closes all descriptors from `first` on. */
void fd_close_from(int first);

/* From now on fd_only_standard leaves the descriptors from 3 to `fd` open too. */
void fd_keep(int fd);

/* Nor need fd_only_standard look whether 0, 1 and 2 are open: they are. */
void fd_know_standard(void);

/* Sets O_NONBLOCK (fcntl(2)). Returns 0, or -1 with errno. */
int fd_nonblock(int fd);

/* The same for a socket, in one call. */
int fd_nonblock_socket(int fd);

/* Whether both are the same open file, device and inode alike. */
bool fd_same(int a, int b);

/* Whether `fd` is a socket, and one of the Internet families. */
bool fd_is_inet_socket(int fd);

/* Writes all n bytes, waiting up to `ms` milliseconds altogether where the descriptor would block.
 * Returns 0, or -1 with errno (ETIMEDOUT after the time). */
int fd_write_all(int fd, const void *bytes, size_t n, int64_t ms);

/* Reads up to n bytes at offset 0 of a regular file, over EINTR. Returns the count, or -1 with
 * errno. */
ssize_t fd_read_file(int fd, void *bytes, size_t n);

/* Makes the file `name` of the open directory hold these bytes, complete at any moment and whatever
 * happens: written beside it, flushed to the disk, then renamed, so that a reader sees the old
 * content or the new. With `keep`, a file of that name that is there already stays, and the call
 * fails with EEXIST. Returns 0, or -1 with errno; then nothing has changed. */
int fd_put_file(int directory, const char *name, const void *bytes, size_t n, mode_t mode,
                bool keep);

/* The same for a file that replaces one of another owner's, and becomes his; -1 for one of the two
 * leaves this process's own. */
int fd_put_file_of(int directory, const char *name, const void *bytes, size_t n, mode_t mode,
                   uid_t uid, gid_t gid);

/* open(2), close-on-exec, of a file that is there already. */
int fd_open(const char *path, int flags);

/* /dev/null for reading: one descriptor, opened when it is first asked for, which stays open. -1
 * with errno where it can't be. */
int fd_null(void);

/* Puts it in the place of these descriptors too, one of which fd_null gives from then on: the
 * programs that this process starts have it. */
void fd_put_null(int first, int last);

/* Closes *fd unless it is -1, and sets it to -1. */
void fd_close(int *fd);

#endif
