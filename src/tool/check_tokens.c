#include <string.h>
#include <time.h>

#include "core/tokens.h"
#include "tool/check_parts.h"
#include "tool/report.h"
#include "wire/date.h"
#include "wire/quote.h"

/* Shows a token by all but its digest, and warns of one that is of no use any more. */
static void show_token(const struct token *k, int64_t now) {
    char name[4 * LIMIT_USER + 16], date[DATE_TEXT];
    struct buf b = BUF_ON(name);
    quote_text(&b, k->name, strlen(k->name), LIMIT_USER);
    if (k->expires != DATE_NEVER)
        date_print(date, k->expires);
    report_line("token: %s%s%s%s%s  (%s/%s" TOKENS_END ":%zu)", buf_string(&b),
                k->expires != DATE_NEVER ? " until " : "", k->expires != DATE_NEVER ? date : "",
                k->from[0] != '\0' ? " from " : "", k->from, k->directory, k->name, k->line);
    if (now > k->expires)
        report_remark("it has expired");
    if (k->shared)
        report_remark("another identity has the same secret: it counts for nobody");
}

void check_tokens(const struct subject *x) {
    static struct tokens t;
    tokens_start(&t);
    tokens_add(&t, settings_text(x->settings, SETTING_TOKENS_DIR));
    for (size_t i = 0; i < t.count; i++)
        show_token(&t.token[i], time(NULL));
    report_error_lines(&t.errors);
}
