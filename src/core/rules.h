/* rules.h: the allowlist: extended regular expressions (wire/ere.h), one a line, against a whole
 * request. */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/slice.h"

struct rules {
    size_t count;
    /* on `text`; what of it is no rule, a line each: SOURCE:LINE: reason */
    struct buf store, errors;
    struct rule {
        const char *source;  /* for people: ALLOWED_COMMANDS, or the file's name */
        size_t line, before; /* before: bytes of white space before it, in that line */
        const char *text;    /* in `store` */
    } rule[LIMIT_RULES];
    char text[LIMIT_RULES_TEXT];
    char error_text[LIMIT_RULE_ERRORS];
};

/* Starts an empty table. */
void rules_start(struct rules *r);

/* Adds the rules of a text: a line each, without the white space around it, a CR included; empty
 * lines and those that start with # are none, nor is a byte order mark a part of one. `source` must
 * live as long as the table. With `terminated`, a last line that has no newline is no rule but an
 * error: it may be the beginning of one, and match more than the whole. */
void rules_add(struct rules *r, const char *source, struct slice text, bool terminated);

/* Adds the rules of a file, as one that may be written to meanwhile. Of one that is missing there
 * are none; one that can't be read, a command could have written (core/protect.h), or changes while
 * it is read is an error. */
void rules_add_file(struct rules *r, const char *source, const char *path);

struct rules_verdict {
    int match; /* the index of the first rule that matches, or -1 */
    /* rules that are none, a line each: SOURCE:LINE: column N: reason; they match nothing */
    struct buf errors;
    char error_text[LIMIT_RULE_ERRORS];
};

/* Matches the request (one over LIMIT_REQUEST matches nothing) against the table: the first rule
 * that matches the whole of it, from its first character to its last. With a request that is absent
 * it compiles every rule and no more. Where a rule matches, of those before it that can't match by
 * their first characters none is compiled, and so none is named. What the rules are compiled to is
 * kept for the next call, and counts as long as the text of the rules stays the same. */
void rules_match(const struct rules *r, struct slice request, struct rules_verdict *v);

#endif
