/* root_paths.h: whether nobody but root could have written what stands at a path, answered with one
 * look at each of many files of one directory. */
#ifndef CORE_ROOT_PATHS_H
#define CORE_ROOT_PATHS_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether it is so for sure: false is no answer. */
bool root_paths_has(const char *path);

/* The same of what has been opened there, without a link being followed at the path's end
 * (O_NOFOLLOW): `st` is what fstat(2) says of it. */
bool root_paths_has_open(const char *path, const struct stat *st);

/* What is known of directories counts no more. */
void root_paths_forget(void);

/* The same, unless it was found out a moment ago (LIMIT_JUDGED_MS). */
void root_paths_renew(void);

#endif
