/* form_push.h: one field of application/x-www-form-urlencoded text (WHATWG URL, section 5.1) that
 * comes in pieces. */
#ifndef WIRE_FORM_PUSH_H
#define WIRE_FORM_PUSH_H

#include <stdbool.h>
#include <stddef.h>

/* The caller fills in the first three; all else is zero at the start. */
struct form_push {
    const char *name; /* of the wanted field */
    /* is given its value as it comes, decoded */
    void (*put)(void *context, const char *bytes, size_t n);
    void *context;
    const char *error; /* what is wrong with the text, a constant; or NULL */
    bool found;        /* the field has begun: a second one is an error */
    bool in_value, differs;
    size_t matched;  /* bytes of the name at hand that are those of the wanted one */
    unsigned digits; /* of an escape, that are to come */
    unsigned code;
};

/* Takes the next n bytes. False when the text is wrong, of which no more is looked at then. */
bool form_push_bytes(struct form_push *f, const char *bytes, size_t n);

/* The text has ended. Returns whether it was right and had the field. */
bool form_push_end(struct form_push *f);

#endif
