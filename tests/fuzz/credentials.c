/* Any bytes as lines of a file of tokens, and of one of keys: what is taken for a limit is within
 * the line, reads the same once it is written anew, and is judged for any client. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wire/authorized.h"
#include "wire/date.h"
#include "wire/from.h"
#include "wire/token_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice whole, struct slice part) {
    assert(part.n == 0 || (part.at >= whole.at && part.at + part.n <= whole.at + whole.n));
}

static void check_judged(struct slice from, enum from_kind kind) {
    static const char *const peers[] = {"local", "127.0.0.1", "::ffff:192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; from.n > 0 && i < sizeof peers / sizeof *peers; i++)
        from_has(from, kind, peers[i]);
}

/* The line as it would be written: it says the same. */
static void check_again(const struct token_line *l) {
    char text[4096], date[DATE_TEXT];
    struct token_line again;
    size_t n = (size_t)sprintf(text, "sha256:");
    if (l->from.n > sizeof text / 2)
        return;
    for (size_t i = 0; i < sizeof l->digest; i++)
        n += (size_t)sprintf(text + n, "%02x", l->digest[i]);
    if (l->expires != DATE_NEVER) {
        date_print(date, l->expires);
        n += (size_t)sprintf(text + n, " expires=%s", date);
    }
    if (l->from.n > 0)
        n += (size_t)sprintf(text + n, " from=%.*s", (int)l->from.n, l->from.at);
    token_line_read(&again, (struct slice){text, n});
    assert(again.kind == TOKEN_LINE_SECRET && again.expires == l->expires
           && again.from.n == l->from.n && memcmp(again.digest, l->digest, SHA256_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice rest = {(const char *)data, size};
    while (rest.n > 0) {
        struct slice line = slice_take_line(&rest);
        struct token_line l;
        struct authorized a;
        token_line_read(&l, line);
        if (l.kind == TOKEN_LINE_SECRET) {
            check_within(line, l.from);
            check_judged(l.from, FROM_NETWORKS);
            check_again(&l);
        }
        authorized_read(&a, line);
        if (a.kind == AUTHORIZED_KEY) {
            check_within(line, a.from);
            check_within(line, a.key);
            check_judged(a.from, FROM_PATTERNS);
        }
    }
    return 0;
}
