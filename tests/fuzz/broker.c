/* Any bytes as an allowlist and a request: what the reader takes for a rule is one, the first rule
 * that matches is what each of them says alone, and the words that would be executed are those of
 * prefix and request, in their order and whole. The text of the rules ends at the first NUL. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES = 8, REQUEST = 1000 };

static bool is_text(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return true;
}

static void check_rules(const struct rules *r, struct slice text) {
    size_t last = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct slice rule = {r->rule[i].text, strlen(r->rule[i].text)};
        assert(rule.n > 0 && is_text(rule) && rule.at[0] != '#' && rule.at[0] != ' '
               && rule.at[rule.n - 1] != ' ');
        assert(memmem(text.at, text.n, rule.at, rule.n) != NULL && r->rule[i].line > last);
        last = r->rule[i].line;
    }
    const struct buf *f = &r->errors;
    assert(!f->full && (f->len == 0 || f->at[f->len - 1] == '\n'));
}

static void check_match(const struct rules *r, struct slice request) {
    static struct rules one;
    static char text[LIMIT_RULES_TEXT + 2];
    static struct rules_verdict v, alone;
    rules_match(r, request, &v);
    assert(v.match < (int)r->count);
    for (int i = 0; i < (int)r->count && (v.match == -1 || i <= v.match); i++) {
        rules_start(&one);
        /* On a second line: at the beginning of a text a byte order mark would be none of the
         * rule's. */
        snprintf(text, sizeof text, "\n%s", r->rule[i].text);
        rules_add(&one, "s", (struct slice){text, strlen(text)}, false);
        rules_match(&one, request, &alone);
        assert((alone.match == 0) == (i == v.match));
    }
}

/* Takes the words off the front of a text, in their order. */
static void take_words(const char *const **word, struct slice text) {
    while (text.n > 0) {
        const char *space = memchr(text.at, ' ', text.n);
        size_t n = space != NULL ? (size_t)(space - text.at) : text.n;
        if (n > 0) {
            assert(**word != NULL && strlen(**word) == n && memcmp(**word, text.at, n) == 0);
            (*word)++;
        }
        n += space != NULL;
        text = (struct slice){text.at + n, text.n - n};
    }
}

static void check_words(const char *prefix, struct slice request) {
    static struct policy p = {.mode = POLICY_BROKER};
    static struct decision d;
    rules_start(&p.rules);
    rules_add(&p.rules, "s", (struct slice){".*", 2}, false);
    p.prefix = prefix;
    policy_decide(&p, request, &d);
    assert(d.allow == (d.reason == NULL) && d.allow == (d.argc > 0));
    if (!d.allow)
        return;
    const char *const *word = d.argv;
    assert(is_text(request) && request.n <= LIMIT_REQUEST);
    if (prefix != NULL)
        take_words(&word, (struct slice){prefix, strlen(prefix)});
    take_words(&word, request);
    assert(*word == NULL && word > d.argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const prefixes[] = {NULL, "", " ", "docker exec -i", "  a  b  "};
    static struct rules r;
    const char *in = (const char *)data, *nul = size > 0 ? memchr(in, '\0', size) : NULL;
    struct slice text = {in, nul != NULL ? (size_t)(nul - in) : size};
    struct slice request = {in + size - (size - text.n - (nul != NULL)),
                            size - text.n - (nul != NULL)};
    rules_start(&r);
    rules_add(&r, "s", text, size % 2 == 0);
    check_rules(&r, text);
    check_words(prefixes[size % (sizeof prefixes / sizeof *prefixes)], request);
    if (r.count <= RULES && request.n > 0 && request.n <= REQUEST)
        check_match(&r, request);
    return 0;
}
