/* directory.h: the names in a directory, without the C library's room on the heap. */
#ifndef BASE_DIRECTORY_H
#define BASE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

struct directory {
    int fd;      /* of the directory, or -1 */
    bool failed; /* it could not be read to its end */
    size_t at, end;
    _Alignas(8) char bytes[2048];
};

/* Returns 0, or -1 with errno. */
int directory_open(struct directory *d, const char *path);

/* The same for one that is open; it becomes the reader's, to be closed by directory_close. */
void directory_take(struct directory *d, int fd);

/* The next name but . and .., good until the next call; NULL at the end, or where d->failed.
 * `*type`, unless that is NULL, is as readdir(3) has it in d_type. */
const char *directory_next(struct directory *d, unsigned char *type);

void directory_close(struct directory *d);

#endif
