#include "docker/table.h"

#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "docker/command.h"
#include "docker/memory.h"
#include "docker/show.h"

struct buf docker_table_buffer(void) {
    static char *at;
    return docker_memory(&at, LIMIT_DOCKER_RESPONSE);
}

bool docker_table_fits(const struct buf *b) {
    if (b->full)
        docker_error("docker: " DOCKER_TOO_MUCH);
    return !b->full;
}

/* The bytes of the cell at `at`, up to its tab or newline or the end. */
static size_t cell_length(const char *at, const char *end) {
    size_t n = 0;
    while (at + n < end && at[n] != '\t' && at[n] != '\n')
        n++;
    return n;
}

int docker_table_print(const struct buf *b, size_t least, size_t padding) {
    size_t columns[LIMIT_DOCKER_COLUMNS], column = 0;
    const char *end = b->at + b->len;
    if (!docker_table_fits(b))
        return 1;
    for (size_t i = 0; i < LIMIT_DOCKER_COLUMNS; i++)
        columns[i] = least;
    for (const char *at = b->at; at < end; at++) {
        size_t n = cell_length(at, end), wanted = docker_width(at, n) + padding;
        at += n;
        bool counts = at < end && *at == '\t' && column < LIMIT_DOCKER_COLUMNS;
        if (counts && wanted > columns[column])
            columns[column] = wanted;
        column = at < end && *at == '\t' ? column + 1 : 0;
    }
    column = 0;
    for (const char *at = b->at; at < end; at++) {
        size_t n = cell_length(at, end);
        docker_show(1, at, n, "");
        size_t used = docker_width(at, n);
        at += n;
        if (at < end && *at == '\t') {
            size_t wanted = column < LIMIT_DOCKER_COLUMNS ? columns[column] : used + padding;
            printf("%*s", (int)(wanted - used), "");
            column++;
        } else {
            putchar('\n');
            column = 0;
        }
    }
    return 0;
}
