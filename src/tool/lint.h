/* lint.h: what in the rules of the allowlist is likely not meant, proved: each finding has a
 * shortest request that shows it, which the rule really matches, and where there is none, there is
 * no such request. */
#ifndef TOOL_LINT_H
#define TOOL_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "core/rules.h"
#include "tool/lint_search.h"

enum lint_kind {
    LINT_NOTHING, /* it matches no request; nothing else is said then */
    LINT_SAME,    /* it says what an earlier rule says */
    LINT_COVERED, /* earlier rules match whatever it matches */
    LINT_SPACE,   /* a . or a class reads a space, so that a word becomes two */
    LINT_EMPTY,   /* a word may be empty */
    LINT_OPTION,  /* an argument may begin with - */
    LINT_DOT,     /* a dot that stands for itself only by chance */
    LINT_CONTROL, /* a class that no character of a request is in */
    LINT_LOGGED,  /* it ends with a word that may be anything: what a password would be */
    LINT_KINDS
};

struct lint_finding {
    enum lint_kind kind;
    bool open;                   /* not decided: it would take too long */
    struct lint_request example; /* but for LINT_NOTHING, _CONTROL and _LOGGED */
    size_t by[LINT_SIDES], by_n; /* the rules of LINT_SAME and LINT_COVERED */
};

/* Takes up the rules, which must stay as they are. False when there is no memory for that. */
bool lint_start(const struct rules *r);

/* Finds out about the rule with that index. `prefixed`: the first word of a request is an argument,
 * since there is a COMMAND_PREFIX. `logged`: whole requests are in the log. Returns the count of
 * findings, each kind once, in the order above; none for a rule that does not compile. */
size_t lint_rule(size_t index, bool prefixed, bool logged, struct lint_finding found[LINT_KINDS]);

/* The finding for people, on one line. */
void lint_describe(struct buf *b, const struct lint_finding *f);

#endif
