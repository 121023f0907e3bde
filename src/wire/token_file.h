/* token_file.h: a line of a file of tokens (bastion-settings(5), TOKENS): the SHA-256 of a secret,
 * and where and until when it counts. Pure: bytes in, values out. */
#ifndef WIRE_TOKEN_FILE_H
#define WIRE_TOKEN_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/sha256.h"
#include "wire/slice.h"

struct token_line {
    /* nothing: an empty line or a comment */
    enum { TOKEN_LINE_NOTHING, TOKEN_LINE_SECRET, TOKEN_LINE_UNUSABLE } kind;
    unsigned char digest[SHA256_SIZE];
    int64_t expires;    /* the last second at which it counts (wire/date.h), or DATE_NEVER */
    struct slice from;  /* addresses and networks (wire/from.h); empty: everywhere */
    const char *reason; /* why it is unusable */
};

/* Reads a line without its newline: sha256:HEX [expires=DATE] [from=CIDR[,CIDR...]], with white
 * space between the words; a carriage return at its end does not count. A word that is not known
 * makes the line unusable: to drop a limit would grant more than was meant. */
void token_line_read(struct token_line *l, struct slice line);

#endif
