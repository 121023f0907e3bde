/* What `bastion check` makes of a value's look and of a script's words. */
#include <string.h>

#include "tool/check_parts.h"
#include "unit.h"
#include "wire/shell_words.h"

/* The programs that are found, with a / between them; "?" at the end where reading ended before the
 * script did. */
static const struct {
    const char *script, *programs;
} scripts[] = {
    {"", ""},
    {" \t\n;", ""},
    {"id", "id"},
    {"id -u; date|cat&ls\nps", "id/date/cat/ls/ps"},
    {"a && b || c", "a/b/c"},
    {"cd /x && make", "make"},
    {"if a; then b; elif c; then d; else e; fi", "a/b/c/d/e"},
    {"while a; do b; done", "a/b"},
    {"! a", "a"},
    {"exec a b", "a"},
    {"{ a; }; (b)", "a/b"},
    {"X=1 Y=2 a", "a"},
    {"X=1", ""},
    {"X='a b' c", "c"},
    {"X=$Y Z=\"a;b\" c", "c"},
    {"X=`a` b", "?"},
    {"'X=1' a", "X=1"},
    {"(X=1); a", "a"},
    {"X=$(a) b", "?"},
    {"PATH=/x a", "?"},
    {"'a b' c", "a b"},
    {"\"a\" b", "a"},
    {"a\\ b c", "a b"},
    {"'if' a", "if"},
    {"a 'b; c' \"d; e\" f\\;g; h", "a/h"},
    {"a \"\\\"; b\"; c", "a/c"},
    {"a # b; c\nd", "a/d"},
    {"a b#c; d", "a/d"},
    {"# a\nb", "b"},
    {"a >x 2>&1 <y; b", "a/b"},
    {"a>|x; b", "a/b"},
    {">x a", "?"},
    {"a <<E\nb\nE", "a?"},
    {"a $(b); c", "a?"},
    {"a `b`; c", "a?"},
    {"a \"$(b)\"; c", "a?"},
    {"a $b ${c}; d", "a/d"},
    {"$a b", "?"},
    {"~/a", "?"},
    {"a*", "?"},
    {"[ -e x ] && a", "a"},
    {"[[ x ]] && a", "?"},
    {"f() { a; }; f", "?"},
    {"for i in a; do b; done", "?"},
    {"case a in b) c;; esac", "?"},
    {". ./a; b", "?"},
    {"eval a", "?"},
    {"a 'b", "a?"},
    {"a \"b", "a?"},
    {"'a", "?"},
    {"a\\", "?"},
    {"a b\\", "a"},
    {"true; a", "a"},
};

START_TEST(words) {
    char found[512] = "", word[SHELL_WORD];
    struct shell_words w;
    size_t n = strlen(scripts[_i].script) + 1;
    shell_words_start(&w, unit_guarded(scripts[_i].script, n));
    while (shell_words_next(&w, word)) {
        if (found[0] != '\0')
            strcat(found, "/");
        strcat(found, word);
    }
    if (w.unclear)
        strcat(found, "?");
    ck_assert_str_eq(found, scripts[_i].programs);
    ck_assert(!shell_words_next(&w, word));
}
END_TEST

static const struct {
    const char *value;
    size_t n;
    const char *word; /* what is said holds it; NULL: there is nothing to say */
} looks[] = {
    {BYTES(""), NULL},
    {BYTES("x"), NULL},
    {BYTES("\""), NULL},
    {BYTES("'a' 'b'"), NULL},
    {BYTES("a\"b\""), NULL},
    {BYTES("\"a'"), NULL},
    {BYTES("\xef\xbb"), NULL},
    {BYTES("\"\""), "quotes"},
    {BYTES("'a b'"), "quotes"},
    {BYTES(" x"), "blanks"},
    {BYTES("x\t"), "blanks"},
    {BYTES("x\r"), "carriage return"},
    {BYTES("x\r\ny"), "carriage return"},
    {BYTES("x\n"), "empty line"},
    {BYTES("\xef\xbb\xbfx"), "byte order mark"},
    {BYTES("\xff\xfex"), "UTF-16"},
};

START_TEST(oddities) {
    const char *said = check_oddity(unit_guarded(looks[_i].value, looks[_i].n), looks[_i].n);
    ck_assert_int_eq(said != NULL, looks[_i].word != NULL);
    if (said != NULL)
        ck_assert_ptr_nonnull(strstr(said, looks[_i].word));
}
END_TEST

Suite *unit_check(void) {
    Suite *s = suite_create("check");
    TCase *tc = tcase_create("check");
    tcase_add_loop_test(tc, words, 0, (int)COUNT(scripts));
    tcase_add_loop_test(tc, oddities, 0, (int)COUNT(looks));
    suite_add_tcase(s, tc);
    return s;
}
