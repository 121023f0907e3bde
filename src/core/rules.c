#include "core/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pages.h"
#include "base/small_file.h"
#include "core/matcher.h"
#include "core/protect.h"
#include "wire/utf8.h"

/* ---- the table ---- */

void rules_start(struct rules *r) {
    r->count = 0;
    r->store = BUF_ON(r->text);
    r->errors = BUF_ON(r->error_text);
}

static const char *add_rule(struct rules *r, const char *source, size_t line, struct slice text,
                            size_t before) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return "has a control character, which no request has";
    if (!utf8_is_valid(text.at, text.n))
        return "is not UTF-8";
    const char *at = r->store.at + r->store.len;
    buf_bytes(&r->store, text.at, text.n);
    buf_char(&r->store, '\0');
    if (r->count == LIMIT_RULES)
        r->store.full = true;
    if (r->store.full)
        return "more rules than there is room for: this one and those behind it are left out";
    r->rule[r->count++] = (struct rule){source, line, before, at};
    return NULL;
}

static const char white_space[] = " \t\r";

void rules_add(struct rules *r, const char *source, struct slice text, bool terminated) {
    struct slice rest = slice_without_mark(text);
    for (size_t number = 1; rest.n > 0; number++) {
        const char *wrong = NULL;
        struct slice line = slice_take_line(&rest);
        struct slice rule = slice_trim_end(slice_trim_front(line, white_space), white_space);
        bool is_cut = rest.at == line.at + line.n; /* no newline was taken */
        bool counts = rule.n > 0 && rule.at[0] != '#';
        if (counts && is_cut && terminated)
            wrong =
                "the last line has no newline: perhaps it is half of a rule, so it counts for none";
        else if (counts)
            wrong = add_rule(r, source, number, rule, (size_t)(rule.at - line.at));
        if (wrong != NULL)
            buf_error_line(&r->errors, source, number, wrong);
        if (r->store.full)
            return;
    }
}

void rules_add_file(struct rules *r, const char *source, const char *path) {
    static char text[LIMIT_VALUE + 1];
    char refusal[LIMIT_ERROR];
    struct stat st;
    size_t n = 0;
    int fd = small_file_open(AT_FDCWD, path);
    if (fd == -1 && small_file_is_missing(AT_FDCWD, path))
        return;
    const char *wrong =
        fd == -1 ? strerror(errno) : protect_refuses(path, PROTECT_SETTING, refusal);
    if (wrong == NULL)
        wrong = small_file_read_settled(fd, text, sizeof text, &n, &st);
    fd_close(&fd);
    if (wrong != NULL)
        buf_error_line(&r->errors, source, 0, wrong);
    else
        rules_add(r, source, (struct slice){text, n}, true);
}

/* ---- the match ---- */

/* What the rules of the last table were compiled to: good as long as their text is the same. Only
 * from the second time on, since most connections bring one request, and fresh memory for all of it
 * would cost more than compiling does. */
static struct {
    bool again;
    char text[LIMIT_RULES_TEXT];
    size_t text_n, used;
    struct ere rule[LIMIT_RULES];
    bool compiled[LIMIT_RULES], passed_over[LIMIT_RULES];
    _Alignas(16) char memory[LIMIT_RULES_MEMORY];
} kept;

static void keep_compiled(const struct rules *r) {
    kept.again = kept.text_n == r->store.len && memcmp(kept.text, r->store.at, r->store.len) == 0;
    if (kept.again)
        return;
    kept.text_n = r->store.len;
    kept.used = 0;
    memcpy(kept.text, r->store.at, r->store.len);
    memset(kept.compiled, 0, r->count * sizeof *kept.compiled);
}

/* The rule with that index as an expression, or NULL, which is named then. One for which there is
 * no room left is compiled every time. */
static const struct ere *compile_rule(const struct rules *r, size_t i, struct rules_verdict *v) {
    static char *spare;
    static struct ere once;
    const struct rule *rule = &r->rule[i];
    struct slice text = {rule->text, strlen(rule->text)};
    struct ere_fault wrong;
    enum ere_result result = ERE_FULL;
    if (kept.compiled[i])
        return &kept.rule[i];
    if (kept.again)
        result = ere_compile(&kept.rule[i], text, false, kept.memory + kept.used,
                             sizeof kept.memory - kept.used, matcher_work(), &wrong);
    if (result == ERE_GOOD) {
        kept.used += kept.rule[i].used;
        kept.compiled[i] = true;
        return &kept.rule[i];
    }
    if (spare == NULL)
        spare = pages_take(ERE_MEMORY);
    if (result == ERE_FULL && spare != NULL)
        result = ere_compile(&once, text, false, spare, ERE_MEMORY, matcher_work(), &wrong);
    if (result == ERE_GOOD)
        return &once;
    char reason[sizeof wrong.text + 32];
    struct buf b = BUF_ON(reason);
    matcher_describe(&b, &wrong, rule->before);
    buf_error_line(&v->errors, rule->source, rule->line,
                   result == ERE_FAULT ? buf_string(&b) : "is too large");
    return NULL;
}

/* Whether the request begins as all do that the rule matches: of most rules that is all there is to
 * know, and takes a tenth of the time. */
static bool may_match(const struct rule *rule, struct slice request) {
    struct slice begin = ere_prefix((struct slice){rule->text, strlen(rule->text)});
    return begin.n == 0 || (begin.n <= request.n && memcmp(request.at, begin.at, begin.n) == 0);
}

/* Compiles those rules that were passed over, so that all that are none are named. */
static void name_others(const struct rules *r, struct rules_verdict *v) {
    for (size_t i = 0; i < r->count; i++)
        if (kept.passed_over[i])
            compile_rule(r, i, v);
}

void rules_match(const struct rules *r, struct slice request, struct rules_verdict *v) {
    v->match = -1;
    v->errors = BUF_ON(v->error_text);
    if (request.n > LIMIT_REQUEST)
        return;
    keep_compiled(r);
    for (size_t i = 0; i < r->count && v->match == -1; i++) {
        kept.passed_over[i] = request.at != NULL && !may_match(&r->rule[i], request);
        const struct ere *e = kept.passed_over[i] ? NULL : compile_rule(r, i, v);
        if (e != NULL && request.at != NULL && ere_match(e, request, matcher_run()))
            v->match = (int)i;
    }
    if (v->match == -1)
        name_others(r, v);
}
