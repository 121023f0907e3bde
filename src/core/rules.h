/* rules.h: the allowlist: extended regular expressions (regex(7)), one a line, against a whole request. */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/slice.h"

struct rules {
    size_t count;
    struct buf store, faults; /* on `text`; what of it is no rule, a line each: SOURCE:LINE: reason */
    struct rule {
        const char *source; /* for people: ALLOWED_COMMANDS, or the file's name */
        size_t line;
        const char *text;   /* in `store` */
    } rule[LIMIT_RULES];
    char text[LIMIT_RULES_TEXT];
    char fault_text[LIMIT_RULE_FAULTS];
};

/* Starts an empty table. */
void rules_start(struct rules *r);

/* Adds the rules of a text: a line each, without the white space around it, a CR included; empty lines and those that start
 * with # are none, nor is a byte order mark a part of one. `source` must live as long as the table. With `terminated`, a last
 * line that has no newline is no rule but a fault: it may be the beginning of one, and match more than the whole. */
void rules_add(struct rules *r, const char *source, struct slice text, bool terminated);

/* Adds the rules of a file, as one that may be written to meanwhile. Of one that is missing there are none; one that can't
 * be read, is not the administrator's (settings_not_trusted), or changes while it is read is a fault. */
void rules_add_file(struct rules *r, const char *source, const char *path);

struct rules_verdict {
    int match; /* the index of the first rule that matches, or -1 */
    int stuck; /* the index of the rule on which the effort allowed was spent, or -1: then nothing matches */
    struct buf faults; /* rules that don't compile, a line each: SOURCE:LINE: the library's reason; they match nothing */
    char fault_text[LIMIT_RULE_FAULTS];
};

/* Matches the request, which has no NUL (one over LIMIT_REQUEST matches nothing), against the table: the first rule that spans
 * the whole of it. With a request that is absent it compiles every rule and no more. A rule is compiled by itself, with nothing
 * put around it, so that none of its parentheses or bars can change what has to be spanned. All of it happens in a child that
 * has LIMIT_MATCH_MS of the processor's time and LIMIT_MATCH_MEMORY. Returns 0, or -1 with errno when there is no such child. */
int rules_match(const struct rules *r, struct slice request, struct rules_verdict *v);

/* The same in this process, with no limit: for tests. */
void rules_match_here(const struct rules *r, struct slice request, struct rules_verdict *v);

#endif
