/* form.h: a form's one field, application/x-www-form-urlencoded (WHATWG URL, section 5). */
#ifndef WIRE_FORM_H
#define WIRE_FORM_H

#include "wire/slice.h"

/* Decodes a body that is `name`, an equals sign and a value, and no other field: NAME is compared
 * as it stands. Puts the value at `out`, as many bytes as `cap` at most: a longer one is seen to be
 * longer than cap - 1. Returns the count of bytes, or -1: the body is something else. */
ptrdiff_t form_value(struct slice body, const char *name, char *out, size_t cap);

/* Whether the value of a field Content-Type says that a body is such a form. */
bool form_is_type(struct slice content_type);

#endif
