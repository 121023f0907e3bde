/* Broker mode: tests/broker.table through policy_decide, and the reader of the rules. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/policy.h"
#include "unit.h"

/* ---- the table: its head says what it is ---- */

enum { FIELDS = 40 };

struct line {
    size_t n;
    char *field[FIELDS]; /* [0] is the kind */
};

static bool read_line(FILE *table, struct line *l) {
    static char text[4096];
    if (fgets(text, sizeof text, table) == NULL)
        return false;
    text[strcspn(text, "\n")] = '\0';
    l->n = 0;
    for (char *at = text; at != NULL && l->n < FIELDS; l->n++) {
        l->field[l->n] = strsep(&at, "\t");
    }
    return true;
}

/* Puts bytes in the place of their %HH; returns how many it has then. */
static size_t plain(char *text) {
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        unsigned byte;
        bool coded = *at == '%' && sscanf(at + 1, "%2x", &byte) == 1;
        *to++ = coded ? (char)byte : *at;
        at += coded ? 2 : 0;
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* What was asked last, for the line behind it. */
struct asked {
    size_t row;
    bool right;
    char said[LIMIT_PATH + 512];
};

static void ask(struct policy *p, struct line *l, struct asked *a) {
    static struct decision d;
    bool allow = strcmp(l->field[0], "allow") == 0;
    char *text = l->field[2], rule[64];
    size_t n = plain(text), words = 0;
    policy_decide(p, (struct slice){unit_guarded(text, n), n}, &d);
    snprintf(a->said, sizeof a->said, "%.100s %.400s", d.allow ? d.rule : d.reason, text);
    snprintf(rule, sizeof rule, "table:%s", l->field[1]);
    a->right = d.allow == allow
               && (allow ? strcmp(d.rule, rule) == 0 : strstr(d.reason, l->field[1]) != NULL);
    for (; a->right && allow && words < l->n - 3; words++) {
        plain(l->field[3 + words]);
        a->right = d.argv[words] != NULL && strcmp(d.argv[words], l->field[3 + words]) == 0;
    }
    a->right = a->right && (!allow || d.argv[words] == NULL);
}

static void judge(const struct asked *a) {
    if (a->row > 0)
        ck_assert_msg(a->right, "broker.table:%zu: %s", a->row, a->said);
}

START_TEST(table) {
    static struct policy p;
    static char prefix[256], rule[256];
    struct line l;
    struct asked a = {0};
    size_t asked = 0, rules = 0;
    FILE *file = fopen("tests/broker.table", "r");
    ck_assert_msg(file != NULL, "run this where tests/broker.table is");
    p.mode = POLICY_BROKER;
    for (size_t row = 1; read_line(file, &l); row++) {
        const char *kind = l.field[0];
        if (strcmp(kind, "set") == 0) {
            rules_start(&p.rules);
            p.prefix = NULL;
            rules = 0;
        } else if (strcmp(kind, "prefix") == 0) {
            snprintf(prefix, sizeof prefix, "%s", l.field[1]);
            p.prefix = prefix;
        } else if (strcmp(kind, "rule") == 0) {
            /* Each by itself, as the n-th line of a text. */
            size_t n = plain(l.field[1]);
            memset(rule, '\n', ++rules);
            memcpy(rule + rules - 1, l.field[1], n);
            rules_add(&p.rules, "table", (struct slice){rule, rules - 1 + n}, false);
        } else if (strcmp(kind, "allow") == 0 || strcmp(kind, "deny") == 0) {
            judge(&a);
            a = (struct asked){.row = row};
            ask(&p, &l, &a);
            asked++;
        }
    }
    judge(&a);
    fclose(file);
    ck_assert_uint_ge(asked, 150);
}
END_TEST

/* ---- the reader ---- */

static struct rules r;

static const struct {
    const char *text;
    size_t n;
    bool terminated;
    size_t rules;
    const char *last;   /* the last rule */
    const char *errors; /* what is in the errors, or NULL for none */
} texts[] = {
    {BYTES(""), true, 0, NULL, NULL},
    {BYTES("\n\n \t\r\n"), true, 0, NULL, NULL},
    {BYTES("a\n"), true, 1, "a", NULL},
    {BYTES("a"), false, 1, "a", NULL},
    {BYTES("a"), true, 0, NULL, "s:1: the last line has no newline"},
    {BYTES("a\nb"), true, 1, "a", "s:2: the last line has no newline"},
    {BYTES("a\n#b"), true, 1, "a", NULL},
    {BYTES("a\n  "), true, 1, "a", NULL},
    {BYTES(" \ta b\t \r\n"), true, 1, "a b", NULL},
    {BYTES("a\r\nb\r\n"), true, 2, "b", NULL},
    {BYTES("a\rb\n"), true, 0, NULL, "s:1: has a control character"},
    {BYTES("a\tb\n"), true, 0, NULL, "s:1: has a control character"},
    {BYTES("a\0b\nc\n"), true, 1, "c", "s:1: has a control character"},
    {BYTES("#\0\nc\n"), true, 1, "c", NULL},
    {BYTES("\xc3\xa4\n"), true, 1, "\xc3\xa4", NULL},
    {BYTES("\xe4\n"), true, 0, NULL, "s:1: is not UTF-8"},
    {BYTES("#\xe4\nb\n"), true, 1, "b", NULL},
    {BYTES("\xef\xbb\xbf"), true, 0, NULL, NULL},
    {BYTES("\xef\xbb\xbf# x\na\n"), true, 1, "a", NULL},
    {BYTES("\xef\xbb\xbf"
           "a\n"),
     true, 1, "a", NULL},
    {BYTES(" # a\n#\n"), true, 0, NULL, NULL},
};

START_TEST(reader) {
    rules_start(&r);
    rules_add(&r, "s", (struct slice){unit_guarded(texts[_i].text, texts[_i].n), texts[_i].n},
              texts[_i].terminated);
    ck_assert_uint_eq(r.count, texts[_i].rules);
    if (texts[_i].last != NULL)
        ck_assert_str_eq(r.rule[r.count - 1].text, texts[_i].last);
    ck_assert_int_eq(r.errors.len > 0, texts[_i].errors != NULL);
    if (texts[_i].errors != NULL)
        ck_assert_ptr_nonnull(strstr(buf_string(&r.errors), texts[_i].errors));
}
END_TEST

START_TEST(too_many_rules) {
    static char text[2 * (LIMIT_RULES + 3)];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? 'a' : '\n';
    rules_start(&r);
    rules_add(&r, "s", (struct slice){text, 2 * LIMIT_RULES}, true);
    ck_assert(r.count == LIMIT_RULES && r.errors.len == 0);
    rules_start(&r);
    rules_add(&r, "s", (struct slice){text, sizeof text}, true);
    ck_assert_uint_eq(r.count, LIMIT_RULES);
    /* Named once. */
    ck_assert_str_eq(
        buf_string(&r.errors),
        "s:2049: more rules than there is room for: this one and those behind it are left out\n");
}
END_TEST

static void one_rule(const char *text) {
    rules_start(&r);
    rules_add(&r, "s", (struct slice){text, strlen(text)}, false);
}

START_TEST(effort) {
    static struct rules_verdict v;
    one_rule("((((a{1,99}){1,99}){1,99}){1,99})\na");
    rules_match(&r, (struct slice){"a", 1}, &v);
    ck_assert_int_eq(v.match, 1);
    ck_assert_str_eq(buf_string(&v.errors),
                     "s:1: column 26: so far it stands for 970299 characters, copies included, and "
                     "65536 are the most\n");
    one_rule("a\n((((a{1,99}){1,99}){1,99}){1,99})");
    rules_match(&r, (struct slice){"a", 1}, &v);
    ck_assert(v.match == 0 && v.errors.len == 0);
}
END_TEST

/* Matching starts no process, and leaves the way in which children end alone. */
START_TEST(no_child) {
    static struct rules_verdict v;
    one_rule("a");
    signal(SIGCHLD, SIG_IGN);
    rules_match(&r, (struct slice){"a", 1}, &v);
    ck_assert_int_eq(v.match, 0);
    ck_assert(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* What was compiled counts for the text that it was compiled from, and for no other. */
START_TEST(kept) {
    static const struct {
        const char *text;
        int a, b;
    } tables[] = {{"a\nb", 0, 1},    {"a\nb", 0, 1},    {"b\na", 1, 0},
                  {"b\na\na", 1, 0}, {"(\nb", -1, 1},   {"(\nb", -1, 1},
                  {"", -1, -1},      {"[ab]\nb", 0, 0}, {"x\ny", -1, -1}};
    static struct rules_verdict v;
    for (size_t i = 0; i < COUNT(tables); i++) {
        one_rule(tables[i].text);
        for (int again = 0; again < 2; again++) {
            rules_match(&r, (struct slice){"a", 1}, &v);
            ck_assert_msg(v.match == tables[i].a, "%s: %d", tables[i].text, v.match);
            ck_assert_int_eq(v.errors.len > 0, tables[i].text[0] == '(');
            rules_match(&r, (struct slice){"b", 1}, &v);
            ck_assert_msg(v.match == tables[i].b, "%s: %d", tables[i].text, v.match);
        }
    }
}
END_TEST

/* More than there is room for in what is kept: those rules are compiled when they are asked. */
START_TEST(more_than_is_kept) {
    static char text[60 * 4000];
    static struct rules_verdict v;
    size_t n = 0;
    for (int i = 0; i < 50; i++)
        n += (size_t)sprintf(text + n, "((a?b?c?){255}x?){40}%d\n", i);
    one_rule(text);
    for (int again = 0; again < 2; again++)
        for (int i = 0; i < 50; i += 7) {
            char request[32];
            sprintf(request, "abcx%d", i);
            rules_match(&r, (struct slice){request, strlen(request)}, &v);
            ck_assert_int_eq(v.match, i);
        }
}
END_TEST

START_TEST(long_requests) {
    static struct rules_verdict v;
    static char text[2 * LIMIT_REQUEST];
    memset(text, 'a', sizeof text);
    one_rule("a*");
    rules_match(&r, (struct slice){unit_guarded(text, LIMIT_REQUEST), LIMIT_REQUEST}, &v);
    ck_assert_int_eq(v.match, 0);
    rules_match(&r, (struct slice){text, LIMIT_REQUEST + 1}, &v);
    ck_assert_int_eq(v.match, -1);
    rules_match(&r, (struct slice){text, sizeof text}, &v);
    ck_assert_int_eq(v.match, -1);
}
END_TEST

Suite *unit_broker(void) {
    Suite *made = suite_create("broker");
    TCase *tc = tcase_create("broker");
    tcase_set_timeout(tc, 120);
    const TTest *tests[] = {table, too_many_rules,    effort,       no_child,
                            kept,  more_than_is_kept, long_requests};
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(tc, tests[i]);
    tcase_add_loop_test(tc, reader, 0, (int)COUNT(texts));
    suite_add_tcase(made, tc);
    return made;
}
