/* container.h: whether this is bastion's own image. */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

#include <stdbool.h>

/* There the accounts' files are links into RUN_DIRECTORY (run_directory.h), where `bastion init`
 * writes them. */
bool container_is_ours(void);

/* Somebody has looked already. */
void container_heed(bool is_ours);

#endif
