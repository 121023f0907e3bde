/* small_file.h: files that are read whole, and that stand where others may put something else. */
#ifndef BASE_SMALL_FILE_H
#define BASE_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Opens `path`, from the open directory (or AT_FDCWD) on, for reading. A FIFO or a terminal in its
 * place neither holds this process up nor becomes its terminal. Returns the descriptor, or -1 with
 * errno. */
int small_file_open(int directory, const char *path);

/* The same, but a symbolic link is followed only where it leads to `..data/NAME` beside it, as
 * Kubernetes has the files of a volume: else errno is EXDEV. */
int small_file_open_inside(int directory, const char *path);

/* The same, or with `inside` false as small_file_open; and *link says whether a link was followed
 * at the path's end. */
int small_file_open_direct(int directory, const char *path, bool inside, bool *link);

/* Whether what is at `path` is no symbolic link, or such a one. True also where nothing is. */
bool small_file_is_inside(int directory, const char *path);

/* What errno says of a file that could not be opened. */
const char *small_file_error(int error);

/* After small_file_open has failed: whether there is nothing of that name. A link that leads
 * nowhere is something: it was put there for a purpose. Leaves errno alone. */
bool small_file_is_missing(int directory, const char *path);

/* Reads the file, which has to be a regular one of fewer than `cap` bytes, and puts their count at
 * *n and what fstat(2) says at *st. `fd` may be what small_file_open has just returned, -1 too; it
 * stays open. Returns NULL, or what is wrong: then *n is 0, and *st is all zero where it could not
 * be had. */
const char *small_file_read(int fd, void *bytes, size_t cap, size_t *n, struct stat *st);

/* The same of a file whose beginning alone would mean something else: one that somebody writes to
 * is read again, a few times. One that has been at rest for a second is read once. */
const char *small_file_read_settled(int fd, void *bytes, size_t cap, size_t *n, struct stat *st);

#endif
