/* json_token.h: the parts of JSON text, for json.c and json_write.c. */
#ifndef WIRE_JSON_TOKEN_H
#define WIRE_JSON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/slice.h"

/* White space (RFC 8259, section 2). */
bool json_token_is_space(char c);

/* The bytes of the string, number or word that the text starts with; 0 when it starts with none. */
size_t json_token_length(struct slice text);

/* Reads one character of a valid string's content, of which n > 0 bytes are left: an escape or
 * UTF-8; what is neither is U+FFFD. Returns the bytes used. */
size_t json_token_character(const char *at, size_t n, uint32_t *code);

#endif
