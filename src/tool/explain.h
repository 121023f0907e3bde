/* explain.h: how far each rule comes with a request that none of them matches. */
#ifndef TOOL_EXPLAIN_H
#define TOOL_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rules.h"

enum { EXPLAIN_MOST = 5 };

struct explain {
    size_t rule;       /* its index */
    size_t bytes;      /* that it could have read; the next character is what it can't go on with */
    size_t characters; /* as many */
    bool ended;        /* all of the request: it wants more */
};

/* The rules that come nearest, those first that read most of the request and then those that stand
 * first; none that can't even begin with it. Returns how many. */
size_t explain_request(const struct rules *r, struct slice request,
                       struct explain found[EXPLAIN_MOST]);

#endif
