#include "docker/memory.h"

#include "base/pages.h"

struct buf docker_memory(char **at, size_t cap) {
    if (*at == NULL)
        *at = pages_take(cap);
    return (struct buf){.at = *at, .cap = *at != NULL ? cap : 0};
}
