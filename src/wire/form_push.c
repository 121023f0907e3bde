#include "wire/form_push.h"

#include "base/num.h"

/* A name has ended, with or without a value behind it. */
static const char *end_name(struct form_push *f) {
    f->differs = f->differs || f->name[f->matched] != '\0';
    f->in_value = true;
    if (f->differs)
        return NULL;
    if (f->found)
        return "the field that counts stands twice in the form";
    f->found = true;
    return NULL;
}

/* A byte of a name or value, decoded. */
static void take_decoded(struct form_push *f, char c) {
    if (f->in_value && !f->differs)
        f->put(f->context, &c, 1);
    if (f->in_value || f->differs)
        return;
    if (c != '\0' && f->name[f->matched] == c)
        f->matched++;
    else
        f->differs = true;
}

static const char *take_byte(struct form_push *f, char c) {
    const char *error = NULL;
    if (f->digits > 0) {
        int digit = num_hex_digit((unsigned char)c);
        if (digit < 0)
            return "an escape of the form without its two digits";
        f->code = f->code << 4 | (unsigned)digit;
        if (--f->digits == 0)
            take_decoded(f, (char)f->code);
    } else if (c == '%') {
        f->digits = 2;
        f->code = 0;
    } else if (c == '&') {
        error = f->in_value ? NULL : end_name(f);
        f->in_value = f->differs = false;
        f->matched = 0;
    } else if (c == '=' && !f->in_value) {
        error = end_name(f);
    } else {
        take_decoded(f, c == '+' ? ' ' : c);
    }
    return error;
}

bool form_push_bytes(struct form_push *f, const char *bytes, size_t n) {
    for (size_t i = 0; i < n && f->error == NULL; i++)
        f->error = take_byte(f, bytes[i]);
    return f->error == NULL;
}

bool form_push_end(struct form_push *f) {
    if (f->error == NULL && f->digits > 0)
        f->error = "an escape of the form without its two digits";
    if (f->error == NULL && !f->in_value)
        f->error = end_name(f);
    if (f->error == NULL && !f->found)
        f->error = "the field that counts is not in the form";
    return f->error == NULL;
}
