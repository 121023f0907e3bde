#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http/auth.h"
#include "tool/check_parts.h"
#include "tool/report.h"
#include "wire/date.h"
#include "wire/quote.h"

/* Shows a token by all but its digest, and warns of one that is of no use any more. */
static void show_token(const struct token *k, int64_t now) {
    char name[4 * LIMIT_USER + 16], date[DATE_TEXT], line[32] = "";
    struct buf b = BUF_ON(name);
    quote_text(&b, k->name, strlen(k->name), LIMIT_USER);
    if (k->expires != DATE_NEVER)
        date_print(date, k->expires);
    if (k->line > 0)
        snprintf(line, sizeof line, ":%zu", k->line);
    report_line("token: %s%s%s%s%s%s%s  (%s%s)", buf_string(&b),
                k->role[0] != '\0' ? " of the role " : "", k->role,
                k->expires != DATE_NEVER ? " until " : "", k->expires != DATE_NEVER ? date : "",
                k->from[0] != '\0' ? " from " : "", k->from, k->place, line);
    if (now > k->expires)
        report_remark("it has expired");
    if (k->shared)
        report_remark("another identity has the same secret: it counts for nobody");
}

/* What a setting outside of roles says is shown among the settings. */
static bool is_shown(const struct subject *x, const struct token *k) {
    if (x->role != NULL)
        return strcmp(k->role, x->role) == 0;
    return k->kind == TOKEN_FILE || k->role[0] != '\0';
}

void check_tokens(const struct subject *x) {
    static struct tokens t; /* these two are large */
    static struct roles roles;
    struct auth a;
    auth_look(&a, x->settings);
    auth_gather(&a, &t, &roles);
    for (size_t i = 0; i < t.count; i++)
        if (is_shown(x, &t.token[i]))
            show_token(&t.token[i], time(NULL));
    report_error_lines(&t.errors);
}
