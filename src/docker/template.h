/* template.h: what --format takes: Go's text/template over JSON values, but for its templates in
 * templates (define, template, block), the functions html, js, urlquery and call, and complex
 * numbers.
 *
 * Go's values have types that JSON does not tell: a field that the engine leaves out, or sends as
 * null, is what Go's type makes of it where docker_zero_of knows that, else it is missing. An
 * object prints as Go's map, where Go has a struct without names. */
#ifndef DOCKER_TEMPLATE_H
#define DOCKER_TEMPLATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/slice.h"

struct docker_template {
    const char *text;
    const char *name; /* in messages; empty where Go's template has none */
    const char *type; /* what messages call the type of the value, or NULL for a map */
    bool row;         /* the value is a row (docker/rows.h) */
    bool header;      /* the value holds titles, which functions leave as they are */
};

/* Whether the text is such a template; else `error` has the reason. */
bool docker_template_check(const struct docker_template *t, char error[LIMIT_DOCKER_MESSAGE]);

/* Adds what the template makes of a valid JSON value. False: it can't be done, and `error` has the
 * reason. */
bool docker_template_fill(struct buf *b, const struct docker_template *t, struct slice value,
                          char error[LIMIT_DOCKER_MESSAGE]);

/* Adds a JSON value as Go prints it: a string without quotes, [a b], map[a:b c:d]. */
void docker_template_print(struct buf *b, struct slice value);

#endif
