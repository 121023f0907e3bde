/* base64.h: RFC 4648, section 4. */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include <stddef.h>
#include <sys/types.h>

/* Decodes n characters into `out` of `cap` bytes. Strict: padding is required, nothing else may
 * stand in the text, and the unused bits of the last character are zero, so that no two texts mean
 * the same bytes. Returns the count of bytes (which may hold NULs), or -1. */
ssize_t base64_decode(unsigned char *out, size_t cap, const char *in, size_t n);

/* Encodes n bytes, with padding. `out` has room for BASE64_SIZE(n) characters; returns their
 * count. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)
size_t base64_encode(char *out, const void *bytes, size_t n);

#endif
