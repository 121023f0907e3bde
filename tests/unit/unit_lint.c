/* What bastion check says of rules, each example tried with the policy itself; and that nothing is
 * missing, by force. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"
#include "tool/explain.h"
#include "tool/lint.h"
#include "unit.h"
#include "wire/utf8.h"

static struct policy p;
static struct lint_finding found[LINT_KINDS];
static size_t count;

static void use(const char *text) {
    p.mode = POLICY_BROKER;
    rules_start(&p.rules);
    rules_add(&p.rules, "s", (struct slice){text, strlen(text)}, false);
    lint_start(&p.rules);
}

static bool has_example(enum lint_kind kind) {
    return kind != LINT_NOTHING && kind != LINT_CONTROL && kind != LINT_LOGGED;
}

/* Everything that is found has an example that the policy allows. */
static void look(size_t index, bool prefixed, bool logged) {
    static struct decision d;
    count = lint_rule(index, prefixed, logged, found);
    for (size_t i = 0; i < count; i++) {
        if (found[i].open || !has_example(found[i].kind))
            continue;
        policy_decide(&p,
                      (struct slice){unit_guarded(found[i].example.text, found[i].example.n),
                                     found[i].example.n},
                      &d);
        ck_assert_msg(d.allow, "%s: %.*s", p.rules.rule[index].text, (int)found[i].example.n,
                      found[i].example.text);
    }
}

static const struct lint_finding *get(enum lint_kind kind) {
    for (size_t i = 0; i < count; i++)
        if (found[i].kind == kind)
            return &found[i];
    return NULL;
}

/* ---- a rule by itself ---- */

static const struct {
    const char *rule;
    struct {
        enum lint_kind kind;
        const char *example;
    } wanted[4];
    size_t n;
} rows[] = {
    {"email list", {{0}}, 0},
    {"email (add|update) [^ -][^ ]*@[^ ]+ [^ -][^ ]*", {{0}}, 0},
    {"email .*", {{LINT_SPACE, "email a a"}, {LINT_EMPTY, "email "}, {LINT_OPTION, "email -"}}, 3},
    {"email .+", {{LINT_SPACE, "email a a"}, {LINT_OPTION, "email -"}}, 2},
    {"email x.{3}", {{LINT_SPACE, "email xa a"}, {LINT_OPTION, "email xa -"}}, 2},
    {"email x[^;] y", {{0}}, 0}, /* no more words than without that space */
    {"a[ _]b", {{LINT_SPACE, "a b"}}, 1},
    {"a[ ]b", {{0}}, 0},
    {"a[[:print:]]b", {{LINT_SPACE, "a b"}}, 1},
    {"a[^b]c", {{LINT_SPACE, "a c"}}, 1},
    {"show [^ ]*", {{LINT_EMPTY, "show "}, {LINT_OPTION, "show -"}}, 2},
    {"show [^ ]* now", {{LINT_EMPTY, "show  now"}, {LINT_OPTION, "show - now"}}, 2},
    {"show [a-z]?", {{LINT_EMPTY, "show "}}, 1},
    {"show [a-z]{0,3}", {{LINT_EMPTY, "show "}}, 1},
    {"show (all)?", {{LINT_EMPTY, "show "}}, 1},
    {"show( all)?", {{0}}, 0},
    {"(show|list)? all", {{LINT_EMPTY, " all"}}, 1},
    {"show  all", {{0}}, 0}, /* its own two spaces */
    {"show +all", {{0}}, 0},
    {"logs [^ ]+", {{LINT_OPTION, "logs -"}}, 1},
    {"logs [a-z-]+", {{LINT_OPTION, "logs -"}}, 1},
    {"logs [[:punct:]]", {{LINT_OPTION, "logs -"}}, 1},
    {"logs [!-/]", {{LINT_OPTION, "logs -"}}, 1},
    {"logs ([^ ]+)", {{LINT_OPTION, "logs -"}}, 1},
    {"logs (a|[^ ]+)", {{LINT_OPTION, "logs -"}}, 1},
    {"logs [a-z]+", {{0}}, 0},
    {"logs [^-]", {{0}}, 0}, /* the space there is no word */
    {"logs a[^ ]+", {{0}}, 0},
    {"logs (a|b[^ ]+)", {{0}}, 0},
    {"logs a|[^ ]+", {{LINT_OPTION, "-"}}, 1},
    {"logs (a)?[^ ]+", {{LINT_OPTION, "logs -"}}, 1},
    {"logs (a|b){0,3}[^ ]+", {{LINT_OPTION, "logs -"}}, 1},
    {"logs (a)[^ ]+", {{0}}, 0},
    {"logs a?[^ ]+", {{LINT_OPTION, "logs -"}}, 1},
    {"logs [^ ]+ web", {{LINT_OPTION, "logs - web"}}, 1},
    {"logs (--tail )?[^ ]+", {{LINT_OPTION, "logs -"}}, 1},
    {"logs -[a-z]", {{0}}, 0}, /* its own */
    {"logs (-f|--follow)", {{0}}, 0},
    {"logs -f a[^ ]+", {{0}}, 0},
    {"x[^ -\xed\x9f\xbf]", {{0}}, 0}, /* from U+E000 on: what is between is no character */
    {"logs (-f|[^ a]+)", {{LINT_OPTION, "logs -"}}, 1},
    {"logs [-][a-z]", {{0}}, 0},
    {"quota [0-9]*[KMGT]", {{0}}, 0},
    {"quota ([0-9]*)", {{LINT_EMPTY, "quota "}}, 1},
    {"ping example.com", {{LINT_SPACE, "ping example com"}, {LINT_DOT, "ping example-com"}}, 2},
    {"ping [a-z]+.com", {{LINT_SPACE, "ping a com"}, {LINT_DOT, "ping a-com"}}, 2},
    {"ping x.", {{LINT_DOT, "ping x-"}}, 1},
    {"ping x(.|[^ ])", {{0}}, 0},
    {"ping x[.]y\\.z", {{0}}, 0},
    {"ping example\\.com", {{0}}, 0},
    {"ping \\a[.] b", {{0}}, 0},
    {"a^b", {{LINT_NOTHING, NULL}}, 1},
    {"a$b|[[:cntrl:]]", {{LINT_NOTHING, NULL}}, 1},
    {"x{0}", {{LINT_NOTHING, NULL}}, 1},
    {" *", {{0}}, 0},
    {"a{255}{33}", {{LINT_NOTHING, NULL}}, 1}, /* longer than a request may be */
    {"a[[:cntrl:]]?b", {{LINT_CONTROL, NULL}}, 1},
    {"a[[:blank:]]b", {{LINT_CONTROL, NULL}}, 1},
    {"a[[:cntrl:]]b|a [^ ]{200}", {{LINT_OPTION, NULL}, {LINT_CONTROL, NULL}}, 2},
    {"\xc3\xa4 [^a-\xc3\xbf -,.-`]+", {{LINT_OPTION, "\xc3\xa4 -"}}, 1},
    {"\xc3\xa4 [\xc3\xbf-\xf0\x9f\x98\x80]*", {{LINT_EMPTY, "\xc3\xa4 "}}, 1},
    {"[", {{0}}, 0},
    {"[[:", {{0}}, 0},
    {"\\", {{0}}, 0},
};

START_TEST(one_rule) {
    char said[256] = "";
    use(rows[_i].rule);
    if (p.rules.count > 0)
        look(0, true, false);
    for (size_t i = 0; i < count; i++)
        snprintf(said + strlen(said), sizeof said - strlen(said), " %d %.40s", found[i].kind,
                 has_example(found[i].kind) ? found[i].example.text : "");
    ck_assert_msg(count == rows[_i].n, "%s:%s", rows[_i].rule, said);
    for (size_t i = 0; i < count; i++) {
        const char *example = rows[_i].wanted[i].example;
        ck_assert_msg(found[i].kind == rows[_i].wanted[i].kind && !found[i].open, "%s:%s",
                      rows[_i].rule, said);
        if (example != NULL)
            ck_assert_msg(found[i].example.n == strlen(example)
                              && memcmp(found[i].example.text, example, strlen(example)) == 0,
                          "%s:%s", rows[_i].rule, said);
    }
}
END_TEST

/* The first word is no argument where there is no prefix. */
START_TEST(first_word) {
    use("[^ ]+\n.+ x");
    look(0, false, false);
    ck_assert_ptr_null(get(LINT_OPTION));
    look(0, true, false);
    ck_assert_ptr_nonnull(get(LINT_OPTION));
    look(1, false, false);
    const struct lint_finding *f = get(LINT_OPTION);
    ck_assert_ptr_nonnull(f);
    ck_assert_msg(memcmp(f->example.text, "a - x", 5) == 0, "%.20s", f->example.text);
}
END_TEST

static const struct {
    const char *rule;
    bool free;
} logged[] = {
    {"email (add|update) [^ @]+@[^ ]+ [^ ]+", true},
    {"[^ ]+", true},
    {"a .*", true},
    {"a .{8,}", true},
    {"a [[:alnum:]]{8,}", true},
    {"a [A-Za-z0-9]+", true},
    {"a [^ -][^ ]*", true},
    {"a ([^ ]+)", true},
    {"a ([^ ])+", true},
    {"a [^ ]+|b", true},
    {"b|a [^ ]+", true},
    {"list", false},
    {"quota [0-9]+[KMGT]?", false},
    {"restart [a-z]+", false},
    {"del [^ @]+@[^ @]+", false},
    {"ping [^ ]+\\.com", false},
    {"a [^ ]", false},
    {"a [^ ]{1,8}", false},
    {"a [^ ]+ b", false},
    {"a [^ ]+ [ab]", false},
    {"[", false},
};

START_TEST(free_words) {
    use(logged[_i].rule);
    look(0, true, true);
    ck_assert_int_eq(get(LINT_LOGGED) != NULL, logged[_i].free);
    look(0, true, false);
    ck_assert_ptr_null(get(LINT_LOGGED));
}
END_TEST

/* ---- rules together ---- */

START_TEST(order) {
    static const struct {
        int kind; /* -1: neither */
        size_t n, by[2];
    } wanted[] = {{-1, 0, {0}},
                  {LINT_COVERED, 1, {0}},
                  {-1, 0, {0}},
                  {LINT_SAME, 1, {2}},
                  {-1, 0, {0}},
                  {LINT_COVERED, 1, {0}},
                  {-1, 0, {0}},
                  {-1, 0, {0}},
                  {-1, 0, {0}},
                  {LINT_COVERED, 2, {7, 8}},
                  {LINT_SAME, 1, {7}},
                  {-1, 0, {0}},
                  {LINT_COVERED, 1, {11}},
                  {-1, 0, {0}}};
    use("restart [^ ]+\nrestart web\nlist\nlist\nother\nrestart web|restart db\nrestart db|stop "
        "db\nkill [a-m]+\nkill [n-z]+\nkill (abc|xyz)\nkill [a-m]{1,}\n.*\nlast\na^b");
    for (size_t i = 0; i < COUNT(wanted); i++) {
        look(i, true, false);
        const struct lint_finding *f = get(LINT_SAME) != NULL ? get(LINT_SAME) : get(LINT_COVERED);
        ck_assert_msg((f == NULL ? -1 : (int)f->kind) == wanted[i].kind, "rule %zu", i);
        for (size_t k = 0; k < wanted[i].n; k++)
            ck_assert_uint_eq(f->by[k], wanted[i].by[k]);
        ck_assert(f == NULL || f->by_n == wanted[i].n);
    }
}
END_TEST

/* Longer than a request can be. */
START_TEST(long_rules) {
    static char text[3 * LIMIT_REQUEST];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "a+\n", 3);
    use(text);
    look(1, true, false);
    ck_assert_ptr_null(get(LINT_COVERED));
}
END_TEST

/* What is too much is said to be so, and soon. */
START_TEST(too_much) {
    static const char *const rules[] = {"(a|b)*a(a|b){14}c", "(([^ ]{1,255} ?){1,200})",
                                        "(.{1,200}x){1,200}", "a{255}{250}"};
    for (size_t i = 0; i < COUNT(rules); i++) {
        use(rules[i]);
        look(0, true, true);
        ck_assert_uint_gt(count, 0);
        ck_assert(found[count - 1].open);
    }
    /* A class with more gaps than characters are tried. */
    static char gaps[4096];
    struct buf b = BUF_ON(gaps);
    buf_text(&b, "x [");
    for (uint32_t code = 0x100; code < 0x100 + 2 * 600; code += 2)
        utf8_write(&b, code);
    buf_char(&b, ']');
    use(buf_string(&b));
    look(0, true, true);
    ck_assert(count == 1 && found[0].kind == LINT_NOTHING && found[0].open);
}
END_TEST

START_TEST(words_for_people) {
    static const struct {
        const char *rules, *text;
    } said[] = {
        {"a x|b\nb", "is never used: s:1 matches before it, as with \"b\""},
        {"b\nb", "is never used: s:1 says the same"},
        {"b\nc\nb|c", "is never used: s:1 and s:2 together match before it, as with \"b\""},
        {"b\na^b", "matches nothing: "},
        {"a1\na2\na3\na4\na5\na6\na7\na8\na9\na[1-9]",
         "not decided: whether rules before it match all of it; it has too many cases"},
        {"b\nx -?[^\\\"]", "lets a word start with -, \"x -\", which"},
    };
    for (size_t i = 0; i < COUNT(said); i++) {
        char line[1024];
        struct buf b = BUF_ON(line);
        use(said[i].rules);
        look(p.rules.count - 1, false, false);
        ck_assert_uint_gt(count, 0);
        lint_describe(&b, &found[0]);
        ck_assert_msg(strncmp(buf_string(&b), said[i].text, strlen(said[i].text)) == 0, "%s",
                      buf_string(&b));
    }
}
END_TEST

/* ---- what comes nearest ---- */

START_TEST(nearest) {
    static const size_t rules[] = {6, 1, 2, 3, 5};
    static const char odd[] = "restart \xc3";
    struct explain x[EXPLAIN_MOST];
    use("stop\nrestart [a-z]+\nrestart [a-z ]+\nrestart w[^A-Z]\nr.\nrestart\nrestart "
        ".+x\nrest\n(");
    ck_assert_uint_eq(
        explain_request(&p.rules, (struct slice){unit_guarded("restart web1", 12), 12}, x),
        EXPLAIN_MOST);
    for (size_t i = 0; i < EXPLAIN_MOST; i++)
        ck_assert_uint_eq(x[i].rule, rules[i]);
    ck_assert(x[0].ended && x[0].bytes == 12 && !x[1].ended && x[1].characters == 11
              && x[3].bytes == 10 && x[4].bytes == 7);
    ck_assert_uint_eq(
        explain_request(&p.rules, (struct slice){unit_guarded(odd, sizeof odd - 1), sizeof odd - 1},
                        x),
        EXPLAIN_MOST);
    ck_assert(x[0].bytes == 8 && !x[0].ended);
    ck_assert_uint_eq(explain_request(&p.rules, (struct slice){"x", 1}, x), 0);
}
END_TEST

/* ---- by force: every request of up to five characters ---- */

enum { LONGEST = 5, TEXTS = 3905 };
static const char letters[] = "ab -.";

static char all[TEXTS + 1][LONGEST + 1];

static void list_texts(void) {
    size_t n = 1, from = 0;
    for (size_t length = 1; length <= LONGEST; length++)
        for (size_t end = n; from < end; from++)
            for (size_t i = 0; i < 5; i++)
                snprintf(all[n++], sizeof all[0], "%s%c", all[from], letters[i]);
}

static bool is_request(const char *text) {
    return policy_malformed((struct slice){text, strlen(text)}) == NULL;
}

/* Whether the first `rules` rules match it. */
static bool is_matched(size_t rules, const char *text) {
    static struct rules_verdict v;
    rules_match(&p.rules, (struct slice){text, strlen(text)}, &v);
    return v.match != -1 && (size_t)v.match < rules;
}

static bool splits(const char *text) {
    for (const char *at = text; *at != '\0'; at++)
        if (at > text && *at == ' ' && at[-1] != ' ' && at[1] != ' ' && at[1] != '\0')
            return true;
    return false;
}

static bool has_option(const char *text) { return text[0] == '-' || strstr(text, " -") != NULL; }

/* Whether a word of the text may be left out. */
static bool leaves_out(const char *text) {
    for (size_t from = 0; text[from] != '\0'; from++) {
        size_t end = from + strcspn(text + from, " ");
        char rest[LONGEST + 1];
        if (end == from || (from > 0 && text[from - 1] != ' '))
            continue;
        snprintf(rest, sizeof rest, "%.*s%s", (int)from, text, text + end);
        if (is_request(rest) && is_matched(1, rest))
            return true;
    }
    return false;
}

static unsigned random_state;
static unsigned pick(unsigned n) {
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % n;
}

/* A rule: without a - or a space of its own, or else without a class that has a space. */
static void make_rule(char *to, bool own_spaces) {
    static const char *const one[2][8] = {{"a", "b", ".", "[^a]", "[ab-]", "[^b ]", "[ b]", "[.a]"},
                                          {"a", "b", " ", " ", "[ab-]", "[^ ]", "[^b ]", "[.a]"}};
    static const char *const repeat[] = {"", "", "", "", "*", "+", "?", "{0,2}", "{2}"};
    unsigned open = 0, n = 2 + pick(6);
    *to = '\0';
    for (unsigned i = 0; i < n; i++) {
        if (pick(4) == 0) {
            strcat(to, "(");
            open++;
        }
        strcat(strcat(to, one[own_spaces][pick(8)]), repeat[pick(COUNT(repeat))]);
        if (open > 0 && pick(3) == 0) {
            strcat(strcat(to, ")"), repeat[pick(COUNT(repeat))]);
            open--;
        }
        if (i + 1 < n && pick(6) == 0)
            strcat(to, "|");
    }
    for (; open > 0; open--)
        strcat(to, ")");
}

/* What there is is found, and with no longer an example. */
static void compare(enum lint_kind kind, const char *text) {
    const struct lint_finding *f = get(kind);
    ck_assert_msg(f != NULL && (f->open || !has_example(kind) || f->example.n <= strlen(text)),
                  "%s: kind %d: %s", p.rules.rule[0].text, kind, text);
}

START_TEST(nothing_is_missing) {
    char rule[256];
    size_t kinds[LINT_KINDS] = {0};
    list_texts();
    for (random_state = 1; random_state != 0 && kinds[LINT_KINDS - 1] < 250;
         kinds[LINT_KINDS - 1]++) {
        bool own = pick(2) == 1;
        make_rule(rule, own);
        use(rule);
        if (p.rules.count != 1)
            continue;
        look(0, true, false);
        for (size_t i = 0; i < count; i++)
            kinds[found[i].kind]++;
        for (size_t i = 1; i <= TEXTS; i++) {
            if (!is_request(all[i]) || !is_matched(1, all[i]))
                continue;
            ck_assert_msg(get(LINT_NOTHING) == NULL, "%s: %s", rule, all[i]);
            if (!own && splits(all[i]))
                compare(LINT_SPACE, all[i]);
            if (has_option(all[i]))
                compare(LINT_OPTION, all[i]);
            if (own && leaves_out(all[i]))
                ck_assert_msg(get(LINT_EMPTY) != NULL, "%s: %s", rule, all[i]);
        }
    }
    ck_assert(kinds[LINT_SPACE] > 10 && kinds[LINT_OPTION] > 10 && kinds[LINT_EMPTY] > 10);
}
END_TEST

/* What is never used never decides; and where it is said of no rule, most often a short request
 * shows it. */
START_TEST(order_by_force) {
    char rules[1024], rule[256];
    size_t covered = 0, same = 0, shown = 0, used = 0;
    list_texts();
    random_state = 7;
    for (int round = 0; round < 40; round++) {
        rules[0] = '\0';
        for (int i = 0; i < 4; i++) {
            make_rule(rule, false);
            strcat(strcat(rules, rule), "\n");
        }
        use(rules);
        for (size_t i = 1; i < p.rules.count; i++) {
            look(i, true, false);
            const struct lint_finding *f =
                get(LINT_COVERED) != NULL ? get(LINT_COVERED) : get(LINT_SAME);
            bool decides = false;
            for (size_t k = 1; k <= TEXTS && !decides; k++)
                decides = is_request(all[k]) && is_matched(i + 1, all[k]) && !is_matched(i, all[k]);
            covered += f != NULL;
            same += get(LINT_SAME) != NULL;
            used += f == NULL && get(LINT_NOTHING) == NULL;
            shown += decides;
            ck_assert_msg(!(decides && f != NULL && !f->open)
                              && !(decides && get(LINT_NOTHING) != NULL),
                          "%s%zu", rules, i);
        }
    }
    ck_assert_msg(covered > 5 && shown * 10 > used * 9,
                  "%zu covered, %zu the same, %zu used, %zu of them shown", covered, same, used,
                  shown);
}
END_TEST

Suite *unit_lint(void) {
    Suite *made = suite_create("lint");
    TCase *tc = tcase_create("lint");
    tcase_set_timeout(tc, 300);
    const TTest *tests[] = {first_word,       order,   long_rules,         too_much,
                            words_for_people, nearest, nothing_is_missing, order_by_force};
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(tc, tests[i]);
    tcase_add_loop_test(tc, one_rule, 0, (int)COUNT(rows));
    tcase_add_loop_test(tc, free_words, 0, (int)COUNT(logged));
    suite_add_tcase(made, tc);
    return made;
}
