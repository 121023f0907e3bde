/* ps.h: docker ps. */
#ifndef DOCKER_PS_H
#define DOCKER_PS_H

#include "base/buf.h"
#include "docker/command.h"
#include "wire/slice.h"

extern const struct docker_flag docker_ps_flags[];

/* Puts the row of one container together in `row`, which is empty: its id and texts short, or as
 * they are where `whole`. */
struct slice docker_ps_row(struct buf *row, struct slice container, bool whole);

/* No arguments: returns the exit status. */
int docker_ps(int argc, char **argv);

#endif
