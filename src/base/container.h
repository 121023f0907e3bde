/* container.h: whether this is bastion's own image. */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

#include <stdbool.h>

/* The accounts' files are links into the directory where `bastion init` writes them. */
#define CONTAINER_DIRECTORY "/run/bastion"
bool container_is_ours(void);

#endif
