/* utf8.h: RFC 3629. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { UTF8_LONGEST = 4 }; /* bytes of a character */

/* Reads one character from n > 0 bytes: its length in bytes (1 to 4) with *code set, or 0 where the
 * bytes are not UTF-8 (overlong forms, surrogates and what lies above U+10FFFF are not). */
size_t utf8_read(const char *in, size_t n, uint32_t *code);

/* The same for text that may hold anything: a byte that begins no character counts as one, U+FFFD.
 * Returns at least 1. */
size_t utf8_read_any(const char *in, size_t n, uint32_t *code);

/* Adds one character. */
void utf8_write(struct buf *b, uint32_t code);

/* Whether all n bytes are UTF-8. */
bool utf8_is_valid(const char *in, size_t n);

/* A control character: C0, DEL or C1, which could steer a terminal. */
bool utf8_is_control(uint32_t code);

/* Whether all n bytes are UTF-8 without control characters, and there are some. */
bool utf8_is_plain(const char *in, size_t n);

#endif
