#include "docker/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "docker/memory.h"
#include "docker/table.h"
#include "docker/template_run.h"
#include "wire/json.h"

/* ---- failures ---- */

static _Noreturn void abandon(struct template_run *r) { longjmp(r->failed, 1); }

/* "template: NAME:LINE", as Go begins all its messages, for what stands at `at`. */
static int write_position(struct template_run *r, const char *at) {
    int line = 1;
    for (const char *c = r->t->text; c < at; c++)
        line += *c == '\n';
    return snprintf(r->error, LIMIT_DOCKER_MESSAGE, "template: %s:%d", r->t->name, line);
}

void template_bad(struct template_run *r, const char *format, ...) {
    va_list ap;
    int n = write_position(r, r->at);
    n += snprintf(r->error + n, LIMIT_DOCKER_MESSAGE - (size_t)n, ": ");
    va_start(ap, format);
    vsnprintf(r->error + n, LIMIT_DOCKER_MESSAGE - (size_t)n, format, ap);
    va_end(ap);
    abandon(r);
}

void template_fail(struct template_run *r, const char *at, const char *from, const char *to,
                   const char *format, ...) {
    enum { NODE_SHOWN = 20 }; /* bytes of a node in a message, as Go cuts it */
    va_list ap;
    const char *line = at;
    while (line > r->t->text && line[-1] != '\n')
        line--;
    int shown = to - from > NODE_SHOWN ? NODE_SHOWN : (int)(to - from);
    int n = write_position(r, at);
    n += snprintf(r->error + n, LIMIT_DOCKER_MESSAGE - (size_t)n,
                  ":%d: executing \"%s\" at <%.*s%s>: ", (int)(at - line), r->t->name, shown, from,
                  to - from > NODE_SHOWN ? "..." : "");
    va_start(ap, format);
    vsnprintf(r->error + n, LIMIT_DOCKER_MESSAGE - (size_t)n, format, ap);
    va_end(ap);
    abandon(r);
}

/* ---- a whole run ---- */

static struct buf arena(void) {
    static char *at;
    return docker_memory(&at, LIMIT_DOCKER_RESPONSE);
}

static bool run_template(const struct docker_template *t, struct buf *b, struct slice value,
                         char *error) {
    static struct template_run r;
    r.t = t;
    r.at = t->text;
    r.end = t->text + strlen(t->text);
    r.live = b != NULL;
    r.whole = value;
    r.out = b;
    r.arena = arena();
    r.n_variables = 0;
    r.depth = 0;
    r.steps = LIMIT_DOCKER_TEMPLATE_STEPS;
    r.error = error;
    template_walk_reset();
    if (setjmp(r.failed) != 0)
        return false;
    enum template_end end = template_list(&r, value, false);
    if (end == TEMPLATE_END_END || end == TEMPLATE_END_ELSE)
        template_bad(&r, "unexpected {{%s}}", end == TEMPLATE_END_END ? "end" : "else");
    if (r.arena.full)
        template_bad(&r, DOCKER_TOO_MUCH);
    return true;
}

bool docker_template_check(const struct docker_template *t, char error[LIMIT_DOCKER_MESSAGE]) {
    return run_template(t, NULL, template_none, error);
}

bool docker_template_fill(struct buf *b, const struct docker_template *t, struct slice value,
                          char error[LIMIT_DOCKER_MESSAGE]) {
    return run_template(t, b, value, error);
}
