/* quote.h: untrusted bytes as printable ASCII, so that no line of the log can be forged or steer a
 * terminal. */
#ifndef WIRE_QUOTE_H
#define WIRE_QUOTE_H

#include <stddef.h>

#include "base/buf.h"

/* Both put the text between double quotes and shorten it to `cap` bytes of quoted text (then "..."
 * stands before the closing quote). quote_text: \" \\ \n \r \t, and \xHH for every other byte that
 * is not printable ASCII. quote_json: a JSON string (RFC 8259, section 7); what is valid UTF-8
 * becomes \uXXXX; a byte that is not becomes the four characters \xHH (their backslash doubled, as
 * JSON wants). */
void quote_text(struct buf *b, const char *text, size_t n, size_t cap);
void quote_json(struct buf *b, const char *text, size_t n, size_t cap);

#endif
