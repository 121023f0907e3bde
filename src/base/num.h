/* num.h: numbers in text. A number is its whole text: no sign, no space, nothing behind it. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The decimal number that all n bytes of `text` are, if it is at most `max`. False leaves *value
 * alone. */
bool num_decimal(const char *text, size_t n, uint64_t max, uint64_t *value);

/* Writes n bytes as 2n hexadecimal digits, and a NUL. */
void num_put_hex(char *out, const unsigned char *bytes, size_t n);

/* The value of a hexadecimal digit, or -1. */
int num_hex_digit(unsigned char c);

#endif
