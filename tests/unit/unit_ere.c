/* Extended regular expressions: what they mean, what is none, and how large they may be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "wire/ere.h"

static _Alignas(16) char memory[ERE_MEMORY], more_memory[ERE_MEMORY];
static struct ere_work work;
static struct ere_run run;
static struct ere_fault fault;

static struct slice guarded(const char *text, size_t n) {
    return (struct slice){unit_guarded(text, n), n};
}

static void compile(struct ere *e, const char *rule) {
    ck_assert_msg(
        ere_compile(e, guarded(rule, strlen(rule)), false, memory, sizeof memory, &work, &fault)
            == ERE_GOOD,
        "%.200s: %s", rule, fault.text);
}

/* Whether each beginning of the text is matched, as ere_match would say, but in one pass. */
static void match_beginnings(const struct ere *e, const char *text, size_t n, bool *matched) {
    ere_start(e, &run);
    matched[0] = e->empty;
    for (size_t i = 0; i < n; i++) {
        ere_step(e, &run, (unsigned char)text[i], i == 0 ? ERE_BEGINNING : ERE_INSIDE);
        matched[i + 1] = ere_accepts(e, &run, true);
    }
}

/* ---- meaning ---- */

/* Texts with | between them: those that are matched, NULL where none is, and those that are not. */
static const struct {
    const char *rule, *good, *bad;
} meanings[] = {
    {"a", "a", "|b|aa|A|ab|ba"},
    {"AZ az09", "AZ az09", "AZ az0|AZaz09"},
    {"abc", "abc", "ab|abcd|bbc|abb"},
    {"", "", "a| "},
    {"a|b", "a|b", "|ab|c"},
    {"a|ab|abc", "a|ab|abc", "b|abcc"},
    {"a|", "a|", "aa|b"},
    {"|a", "|a", "b"},
    {"||", "", "a"},
    {"(a|)(|b)", "|a|b|ab", "ba|aa"},
    {"()", "", "a"},
    {"(){3}a(^|){2}", "a", "aa"},
    {"x()y", "xy", "x|y"},
    {"((((a))))", "a", "(a)|"},
    {"a*", "|a|aaaa", "b|ab"},
    {"a+", "a|aaaa", "|b|ab"},
    {"a?", "|a", "aa|b"},
    {"ab*c", "ac|abc|abbbc", "ab|bc|abcc"},
    {"a*b*", "|a|b|aabb", "aba|ba"},
    {"(ab)*", "|ab|abab", "a|aba|ba"},
    {"(ab)+c?", "ab|ababc", "c|abcc|abc ab"},
    {"(a|b)*c", "c|abbac", "ab|cc|abcd"},
    {"(a*)*", "|aaa", "b"},
    {"(a*)+b", "b|aab", "a|ba"},
    {"(a|ab)(c|bcd)(d*)", "ac|acd|abc|abcd|abbcd|abcdd", "ab|abbc"},
    {"a**", "|aaa", "b"},
    {"a+*", "|aaa", "b"},
    {"a+?", "|aaa", "b"},
    {"a{2}{3}", "aaaaaa", "aaaaa|aaaaaaa|aa|aaa"},
    {"a{2}*", "|aa|aaaa", "a|aaa"},
    {"(ab){2}?", "|abab", "ab|ababab"},
    {"a{0}", "", "a|aa"},
    {"xa{0}y", "xy", "xay|x|y"},
    {"x(a|[bc]{70}){0}y", "xy", "xay"},
    {"a{1}", "a", "|aa"},
    {"a{3}", "aaa", "aa|aaaa|"},
    {"a{03}", "aaa", "aa|aaaa"},
    {"a{0,2}", "|a|aa", "aaa|b"},
    {"a{1,3}", "a|aa|aaa", "|aaaa"},
    {"a{2,2}", "aa", "a|aaa"},
    {"a{0,}", "|a|aaa", "b"},
    {"a{1,}", "a|aaa", "|b"},
    {"a{2,}b", "aab|aaaaaab", "ab|b|aa"},
    {"(ab|c){2,3}", "abc|cc|ababab|cabc", "ab|c|cccc|aba"},
    {"(a|){3}", "|a|aa|aaa", "aaaa"},
    {"(a*b*){2,3}", "|ab|abab|bab|ababab", "abababab"},
    {"([a-z]{2,3}-){0,2}zz", "zz|ab-zz|ab-cde-zz", "a-zz|ab-cd-ef-zz"},
    {"(^a){2}", NULL, "aa|a|"},
    {"(^a|b){2}", "ab|bb", "aa|ba|a"},
    {"(a$|b){2}", "ba|bb", "aa|ab"},
    {"(^|a){2}b", "b|ab|aab", "aaab"},
    {"b(a|$){2}", "b|ba|baa", "baaa"},
    {"^a$", "a", "^a$|aa"},
    {"(^|x)a($|y)", "a|xa|ay|xay", "xxa|ayy|x"},
    {"a^b|c$d", NULL, "ab|a^b|cd|c$d"},
    {"^^a$$", "a", "aa"},
    {"$a|b^", NULL, "a|b|"},
    {"^", "", "a|^"},
    {"$", "", "a|$"},
    {"^$", "", "a"},
    {"$^", "", "a"},
    {"(^)*a($)?", "a", "aa"},
    {"(^a)*", "|a", "aa"},
    {"(a$)*", "|a", "aa"},
    {".", "a|.|é|€|\xf0\x9f\x98\x80", "|ab|éé|\xff|\xc3"},
    {"..", "ab|éé", "é|a|abc"},
    {"a.c", "abc|a c|aéc", "ac|abbc"},
    {"é+", "é|ééé", "\xc3|éa|\xa9"},
    {"(a|b|c|d|e|á|\xf0\x9f\x98\x80)+", "aáaá\xf0\x9f\x98\x80",
     "aâ|\xf0\x9f\x98\x81"}, /* 'á' % 128 is 'a' */
    {"[abc]", "a|b|c", "d||ab|[abc]"},
    {"[^abc]", "d|é| |^", "a|b|c|"},
    {"[a]", "a", "b"},
    {"[a-c]x", "ax|cx", "dx|-x|`x"},
    {"[a-cx-z]", "a|c|x|z", "d|w"},
    {"[]a]", "]|a", "b|]]"},
    {"[^]a]", "b|[", "]|a"},
    {"[a^]", "a|^", "b"},
    {"[^^]", "a", "^"},
    {"[a-]", "a|-", "b"},
    {"[-a]", "a|-", "b"},
    {"[^-a]", "b", "a|-"},
    {"[--/]", "-|.|/", ",|0"},
    {"[%--]", "%|-|+", ".|$"},
    {"[!--0-9]", "!|-|0|9", ".|:"},
    {"[]-a]", "]|^|_|`|a", "\\|b"},
    {"[a\\-z]", "a|\\|]|x|z", "-|["},
    {"[\\n]", "\\|n", "x"},
    {"[*.$(]", "*|.|$|(", "a|)"},
    {"[[]", "[", "]"},
    {"[[a]", "[|a", "]"},
    {"[+-[]", "+|[|Z", "]|*"},
    {"[.a.]", ".|a", "b"},
    {"[=a=]", "=|a", "b"},
    {"[:a]", ":|a", "b"},
    {"[a:]", ":|a", "b"},
    {"[::]", ":", "a"},
    {"[:]", ":", "a"},
    {"[:a:b]", ":|a|b", "c"},
    {"[äöü]", "ä|ö|ü", "a|ß|\xc3"},
    {"[^ä]", "a|ö", "ä"},
    {"[à-é]", "à|é|ä|ç", "ê|a|ß"},
    {"[é-êà-äá-ãb]", "é|ê|à|â|ä|b", "å|è|ë|a"},
    {"[á-éà-â]", "à|á|é|ç", "ß|ê"},
    {"[à-éá-â]", "à|á|ç|é", "ß|ê"},
    {"[\x7f-\xc2\x81]", "\x7f|\xc2\x80|\xc2\x81", "~|\xc2\x82"},
    {"[[:alpha:]]", "a|z|A|Z", "0|_|é|@|[|`|{"},
    {"[[:digit:]]", "0|9", "/|:|a|٣"},
    {"[[:alnum:]]", "a|Z|0", "_|é"},
    {"[[:upper:]]", "A|Z", "a|@|[|É"},
    {"[[:lower:]]", "a|z", "A|`|{|é"},
    {"[[:space:]]", " |\t|\r|\v", "a|\xc2\xa0|\x08"},
    {"[[:blank:]]", " |\t", "\r|a"},
    {"[[:punct:]]", "!|/|:|@|[|`|{|~|_", "a|0| |\x7f|€"},
    {"[[:print:]]", " |~|a", "\x1f|\x7f|é"},
    {"[[:graph:]]", "!|~|a", " |\x7f|é"},
    {"[[:cntrl:]]", "\x01|\x1f|\x7f", " |~|\xc2\x80"},
    {"[[:xdigit:]]", "0|9|a|f|A|F", "g|G|/|`"},
    {"[^[:alpha:]]", "0| |_", "a|Z|é|€"},
    {"[^[:space:]]", "a|é|\xc2\xa0|€|\xe2\x80\xa7",
     " |\t|\xe2\x80\x83|\xe3\x80\x80|\xe1\x9a\x80|\xc2\x85|\xe2\x80\xa8|\xe2\x81\x9f"},
    {"[^[:cntrl:]]", "a|é|\xc2\xa0", "\x01|\xc2\x80|\xc2\x9f|\xe2\x80\xa9|\xef\xbf\xb9"},
    {"[^[:digit:]x]", "a|é|٣", "0|x"},
    {"[[:digit:][:upper:]_-]", "0|A|_|-", "a"},
    {"[[:alpha:]-]", "a|-", "0"},
    {"\\w", "a|Z|0|_", "-|é| "},
    {"\\W", "-| ", "a|_|é"},
    {"\\s", " |\t", "a"},
    {"\\S", "a|é|-", " |\t|\xe3\x80\x80"},
    {"\\w+\\s\\S+", "a b|_0 é", "a  b|a"},
    {"\\.\\*\\+\\?\\(\\)\\[\\{\\^\\$\\\\", ".*+?()[{^$\\", ".*+?()[{^$"},
    {"a\\|b", NULL, "a|b"},
    {"\\-\\/\\@\\é\\0\\c", "-/@é0c", "-/@é0"},
    {"]}", "]}", "]"},
    {"a}{2}", "a}}", "a}|a}{2}"},
    {"a)", "a)", "a|)"},
    {"(a))", "a)", "a"},
    {"#a", "#a", "a"},
    {"a,b", "a,b", "ab"},
    {"(.{1,2}){0,1}a", "a|xa|xya", "xyza|x"},
    {"((b{2,}){0,1}c)+", "c|bbc|bbcc|cbbbc", "b|bc|bcb"},
    {"((f{2})*g){3}h", "gggh|gffgffffgh", "gggfh|fgggh"},
    {"([0-9]{1,3}\\.){3}[0-9]{1,3}", "10.0.0.1|192.168.100.200",
     "10.0.0|10.0.0.1.2|1000.0.0.1|10a0.0.1"},
};

/* What is matched begins with what all of it begins with. */
static bool has_prefix(const char *rule, const char *at, size_t n) {
    struct slice prefix = ere_prefix((struct slice){rule, strlen(rule)});
    return prefix.n <= n && memcmp(at, prefix.at, prefix.n) == 0;
}

/* Asks for each of the texts; says whether the empty one is among them. */
static bool ask_each(const struct ere *e, const char *rule, const char *texts, bool good) {
    bool empty = false;
    for (const char *at = texts; at != NULL;) {
        size_t n = strcspn(at, "|");
        ck_assert_msg(ere_match(e, guarded(at, n), &run) == good, "%s: %.*s", rule, (int)n, at);
        ck_assert_msg(!good || has_prefix(rule, at, n), "%s: %.*s", rule, (int)n, at);
        empty = empty || n == 0;
        at = at[n] == '|' ? at + n + 1 : NULL;
    }
    return empty;
}

START_TEST(meaning) {
    struct ere e;
    for (size_t i = 0; i < COUNT(meanings); i++) {
        const char *rule = meanings[i].rule;
        compile(&e, rule);
        bool empty = ask_each(&e, rule, meanings[i].good, true);
        ask_each(&e, rule, meanings[i].bad, false);
        ck_assert_msg(ere_match(&e, guarded("", 0), &run) == empty, "%s and the empty text", rule);
    }
}
END_TEST

static const struct {
    const char *rule, *prefix;
} prefixes[] = {
    {"", ""},
    {"a", "a"},
    {"email add [^ ]+@[^ ]+", "email add "},
    {"s1 (on|off) [^ -][^ ]*", "s1 "},
    {"^start now$", "start now"},
    {"^", ""},
    {"^^a", ""},
    {"ab*c", "a"},
    {"ab?", "a"},
    {"ab+", "a"},
    {"ab{0,2}", "a"},
    {"a]}-,b", "a]}-,b"},
    {"a.b", "a"},
    {"a\\.b", "a"},
    {"ä", ""},
    {"aä", "a"},
    {"(a|b)c", ""},
    {"a|b", ""},
    {"^a|b", ""},
    {"a(b|c)|d", ""},
    {"a|", ""},
    {"a)|b", ""},
    {"ab)c", "ab"},
    {"a\\(b|c", ""},
    {"a\\(b\\|c", "a"},
    {"a[(]|b", ""},
    {"a[|]", "a"},
    {"a[]|]", "a"},
    {"a[]]|b", ""},
    {"a[^]|]", "a"},
    {"a[^]]|b", ""},
    {"a[\\]|b", ""},
    {"a[[:alpha:]|]", "a"},
    {"a[[:alpha:](]|b", ""},
    {"a[[]|b", ""},
    {"a[a-]|b", ""},
};

START_TEST(prefix) {
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i].rule);
        struct ere e;
        struct slice found = ere_prefix(guarded(prefixes[i].rule, n));
        ck_assert_msg(found.n == strlen(prefixes[i].prefix)
                          && memcmp(found.at, prefixes[i].prefix, found.n) == 0,
                      "%s: %.*s", prefixes[i].rule, (int)found.n, found.at);
        compile(&e, prefixes[i].rule); /* it is none that is a fault */
    }
    ere_prefix(guarded("a[|b", 4)); /* a fault: anything, and nothing behind its end is read */
}
END_TEST

/* A | in the text, which the table can't have. */
START_TEST(bars) {
    struct ere e;
    compile(&e, "a\\|b|[|]{2}");
    ck_assert(ere_match(&e, guarded("a|b", 3), &run) && ere_match(&e, guarded("||", 2), &run));
    ck_assert(!ere_match(&e, guarded("a", 1), &run) && !ere_match(&e, guarded("|", 1), &run));
}
END_TEST

START_TEST(every_character) {
    struct ere e;
    compile(&e, "[^a]");
    for (uint32_t c = 0; c < 0x80; c++)
        ck_assert(ere_match(&e, guarded((char[]){(char)c}, 1), &run) == (c != 'a'));
    compile(&e, "\xf4\x8f\xbf\xbf|\xef\xbf\xbd|[\xf0\x90\x80\x80-\xf4\x8f\xbf\xbf]b");
    ck_assert(ere_match(&e, guarded(BYTES("\xf4\x8f\xbf\xbf")), &run)
              && ere_match(&e,
                           guarded(BYTES("\xf4\x8f\xbf\xbf"
                                         "b")),
                           &run));
    ck_assert(!ere_match(&e, guarded(BYTES("\xf4\x90\x80\x80")), &run)
              && !ere_match(&e,
                            guarded(BYTES("\xef\xbf\xbf"
                                          "b")),
                            &run));
    compile(&e, "a.*");
    ck_assert(!ere_match(&e, guarded(BYTES("ab\xc3")), &run)
              && !ere_match(&e, guarded(BYTES("ab\xed\xa0\x80")), &run));
}
END_TEST

/* ---- faults ---- */

static const struct {
    const char *rule;
    size_t column;
    const char *text; /* what stands in the fault */
} faults[] = {
    {"*a", 1, "repeats nothing"},
    {"+", 1, "repeats nothing"},
    {"?a", 1, "repeats nothing"},
    {"a|*b", 3, "repeats nothing"},
    {"(*a)", 2, "repeats nothing"},
    {"é(+a)", 3, "repeats nothing"},
    {"{1}", 1, "repeats nothing"},
    {"({2}a)", 2, "repeats nothing"},
    {"|?", 2, "repeats nothing"},
    {"^*a", 2, "repeats ^ or $"},
    {"a$+", 3, "repeats ^ or $"},
    {"a|^?", 4, "repeats ^ or $"},
    {"${2}", 2, "repeats ^ or $"},
    {"f{", 2, "without a number"},
    {"a{x}", 2, "without a number"},
    {"a{}", 2, "without a number"},
    {"a{-1}", 2, "without a number"},
    {"a{ 1}", 2, "without a number"},
    {"a{,3}", 2, "write {0,"},
    {"a{,", 2, "write {0,"},
    {"a{1", 2, "is not {n}"},
    {"a{1,", 2, "is not {n}"},
    {"a{1,2", 2, "is not {n}"},
    {"a{1,2,3}", 2, "is not {n}"},
    {"a{1x}", 2, "is not {n}"},
    {"a{1 }", 2, "is not {n}"},
    {"a{2,1}", 2, "smaller"},
    {"a{256}", 2, "more than 255"},
    {"a{1,256}", 2, "more than 255"},
    {"a{256,}", 2, "more than 255"},
    {"a{99999999999999999999}", 2, "more than 255"},
    {"a{1,4294967297}", 2, "more than 255"},
    {"a{0256}", 2, "more than 255"},
    {"(", 1, "( has no )"},
    {"a(b", 2, "( has no )"},
    {"(a)(b|(c)", 4, "( has no )"},
    {"x)|(y", 4, "( has no )"},
    {"((a)", 1, "( has no )"},
    {"\\", 1, "at the end"},
    {"ab\\", 3, "at the end"},
    {"(a)\\1", 4, "back-references"},
    {"\\9", 1, "back-references"},
    {"\\d", 1, "[0-9]"},
    {"a\\D", 2, "[0-9]"},
    {"\\ba", 1, "boundaries"},
    {"\\B", 1, "boundaries"},
    {"\\<a", 1, "boundaries"},
    {"a\\>", 2, "boundaries"},
    {"\\`a", 1, "boundaries"},
    {"a\\'", 2, "boundaries"},
    {"\\t", 1, "different things"},
    {"\\n", 1, "different things"},
    {"\\x41", 1, "different things"},
    {"\\a", 1, "different things"},
    {"\\e", 1, "different things"},
    {"\\f", 1, "different things"},
    {"\\r", 1, "different things"},
    {"[", 1, "[ has no ]"},
    {"[]", 1, "[ has no ]"},
    {"[^]", 1, "[ has no ]"},
    {"a[b", 2, "[ has no ]"},
    {"[a-", 1, "[ has no ]"},
    {"[^", 1, "[ has no ]"},
    {"[a-z", 1, "[ has no ]"},
    {"[[:alpha:]", 1, "[ has no ]"},
    {"[[:alpha]", 2, "[: has no :]"},
    {"[[:", 2, "[: has no :]"},
    {"[[:foo:]]", 2, "no such class"},
    {"[[::]]", 2, "no such class"},
    {"[[:ALPHA:]]", 2, "no such class"},
    {"[[:alph:]]", 2, "no such class"},
    {"[[.a.]]", 2, "not known here"},
    {"[[=a=]]", 2, "not known here"},
    {"[a[.-.]]", 3, "not known here"},
    {"[a-[.z.]]", 4, "not known here"},
    {"[a-[:alpha:]]", 4, "not known here"},
    {"[+-[:]", 4, "not known here"},
    {"[b-a]", 2, "ends before"},
    {"[ab-a]", 3, "ends before"},
    {"[é-a]", 2, "ends before"},
    {"[a-c-e]", 5, "in the middle"},
    {"[a-z--@]", 5, "in the middle"},
    {"[a--]", 2, "ends before"},
    {"[[:alpha:]-z]", 11, "begins no range"},
    {"[:alpha:]", 1, "[[:alpha:]]"},
    {"a[^:a:]", 2, "[[:alpha:]]"},
    {"(a{255}){255}(b{255}){3}", 25, "65790"},
    {"((a{255}){255}){2}", 19, "130050"},
    {"((a{255}){255}){3}", 19, "195075"},
    {"(a{255}){255}((b{255}){255}){3}", 32, "195075"},
    {"(a{255}){255}(b{255}){2}bb", 27, "65536 are the most"},
    {"\xff", 1, "not UTF-8"},
    {"a[\xc3]", 3, "not UTF-8"},
    {"ab\303", 3, "not UTF-8"},
    {"\200", 1, "not UTF-8"},
    {"a{2550}", 2, "more than 255"},
    {"aé\\\xff", 4, "not UTF-8"},
    {"[a-\xff]", 4, "not UTF-8"},
};

START_TEST(a_fault) {
    struct ere e;
    for (size_t i = 0; i < 2 * COUNT(faults); i++) {
        const char *rule = faults[i / 2].rule;
        memset(&fault, 0, sizeof fault);
        ck_assert_msg(ere_compile(&e, guarded(rule, strlen(rule)), i % 2 != 0, memory,
                                  sizeof memory, &work, &fault)
                          == ERE_FAULT,
                      "%s", rule);
        ck_assert_msg(fault.column == faults[i / 2].column
                          && strstr(fault.text, faults[i / 2].text) != NULL,
                      "%s: %zu %s", rule, fault.column, fault.text);
    }
}
END_TEST

START_TEST(a_nul) {
    struct ere e;
    ck_assert_int_eq(
        ere_compile(&e, guarded(BYTES("a\0b")), false, memory, sizeof memory, &work, &fault),
        ERE_FAULT);
    ck_assert(fault.column == 2 && strstr(fault.text, "NUL") != NULL);
    ck_assert_int_eq(
        ere_compile(&e, guarded(BYTES("a\\\0")), false, memory, sizeof memory, &work, &fault),
        ERE_FAULT);
}
END_TEST

/* ---- how large ---- */

static char *repeated(const char *piece, size_t times, const char *last) {
    static char text[1 << 20];
    size_t n = strlen(piece);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * n, piece, n);
    strcpy(text + times * n, last);
    return text;
}

/* Any number of letters around that of a block and its multiples: none is lost, none is too many.
 */
START_TEST(lengths) {
    static const size_t around[] = {1,   31,  32,  33,  62,  63,   64,   65,   66,   126,
                                    127, 128, 129, 255, 256, 2111, 2112, 2113, 4096, 4097};
    static char text[5000];
    static bool matched[sizeof text + 1];
    struct ere e;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < COUNT(around); i++) {
        size_t n = around[i];
        const char *const pieces[] = {"a", "[a]", "(a)", "(a|b)"};
        for (size_t k = 0; k < COUNT(pieces); k++) {
            compile(&e, repeated(pieces[k], n, "()"));
            match_beginnings(&e, text, n + 1, matched);
            for (size_t length = 0; length <= n + 1; length++)
                if (matched[length] != (length == n)) /* ck_assert takes its time */
                    ck_abort_msg("%zu times %s, and %zu", n, pieces[k], length);
        }
        compile(&e, repeated("a?", n, ""));
        ck_assert(ere_match(&e, guarded(text, n), &run) && ere_match(&e, guarded(text, n / 2), &run)
                  && !ere_match(&e, guarded(text, n + 1), &run));
        compile(&e, repeated("b|", n, "a"));
        ck_assert(ere_match(&e, guarded("a", 1), &run) && ere_match(&e, guarded("b", 1), &run)
                  && !ere_match(&e, guarded("aa", 2), &run));
    }
}
END_TEST

/* Every count of every body. */
START_TEST(counts) {
    static char rule[64], text[1100];
    static bool matched[sizeof text + 1];
    static const char *const bodies[] = {"a", "ab", "a{17}", "a{32}", "a{33}", "a{64}", "a{65}"};
    static const unsigned least[] = {0, 1, 2, 3, 5, 16, 31}, more[] = {0, 1, 2, 15, 33};
    struct ere e;
    for (size_t i = 0; i < COUNT(bodies); i++)
        for (size_t l = 0; l < COUNT(least); l++)
            for (size_t m = 0; m <= COUNT(more); m++) {
                unsigned size = i == 1 ? 2 : i == 0 ? 1 : (unsigned)atoi(bodies[i] + 2);
                bool endless = m == COUNT(more);
                unsigned most = endless ? 1000 : least[l] + more[m];
                snprintf(rule, sizeof rule, endless ? "(%s){%u,}" : "(%s){%u,%u}", bodies[i],
                         least[l], most);
                compile(&e, rule);
                for (size_t n = 0; n < sizeof text; n++)
                    text[n] = i == 1 && n % 2 == 1 ? 'b' : 'a';
                size_t length =
                    (least[l] + 36) * size < sizeof text ? (least[l] + 36) * size : sizeof text;
                match_beginnings(&e, text, length, matched);
                for (size_t n = 0; n <= length; n++)
                    if (matched[n]
                        != (n % size == 0 && n / size >= least[l]
                            && n / size <= most)) /* ck_assert takes its time */
                        ck_abort_msg("%s and %zu", rule, n);
            }
}
END_TEST

START_TEST(alternatives) {
    static char rule[20000], text[9000];
    struct ere e;
    size_t n = 0;
    n += (size_t)sprintf(rule + n, "x(");
    for (unsigned i = 0; i < 2000; i++)
        n += (size_t)sprintf(rule + n, "%suser%04u", i > 0 ? "|" : "", i);
    sprintf(rule + n, ")+");
    compile(&e, rule);
    for (unsigned i = 0; i < 2000; i += 37) {
        sprintf(text, "xuser%04u", i);
        ck_assert(ere_match(&e, guarded(text, 9), &run));
        sprintf(text, "xuser%04uuser%04u", i, 1999 - i);
        ck_assert(ere_match(&e, guarded(text, 17), &run)
                  && !ere_match(&e, guarded(text, 16), &run));
    }
    ck_assert(!ere_match(&e, guarded("xuser2000", 9), &run)
              && !ere_match(&e, guarded("x", 1), &run));
    /* The longest that a request can be. */
    text[0] = 'x';
    for (unsigned i = 0; i < 1023; i++)
        memcpy(text + 1 + 8 * i, "user1999", 8);
    ck_assert(ere_match(&e, guarded(text, 8185), &run)
              && !ere_match(&e, guarded(text, 8184), &run));
}
END_TEST

static size_t positions_of(const struct ere *e) {
    size_t n = 0;
    for (uint32_t i = 0; i < e->nodes; i++)
        n += e->node[i].block->n - (size_t)__builtin_popcountll(e->node[i].block->blocks);
    return n;
}

START_TEST(positions) {
    static char text[LIMIT_ERE_POSITIONS + 1];
    struct ere e;
    memset(text, 'a', sizeof text);
    compile(&e, "(a{255}){255}(a{255}){2}a");
    ck_assert_uint_le(e.nodes, ERE_NODES);
    ere_start(&e, &run);
    for (size_t n = 1; n <= LIMIT_ERE_POSITIONS; n++) {
        bool alive = ere_step(&e, &run, 'a', n == 1 ? ERE_BEGINNING : ERE_INSIDE);
        if (!alive || n % 255 == 0 || n >= LIMIT_ERE_POSITIONS - 1)
            ck_assert(alive && ere_accepts(&e, &run, true) == (n == LIMIT_ERE_POSITIONS));
    }
    ck_assert(!ere_step(&e, &run, 'a', ERE_INSIDE));
    compile(&e, "(a?b?){255}");
    compile(&e, repeated("a?", LIMIT_ERE_POSITIONS, ""));
    ck_assert(e.nodes <= ERE_NODES && e.used <= ERE_MEMORY);
    ck_assert(ere_match(&e, (struct slice){text, 99}, &run));
    compile(&e, repeated("a?b?", LIMIT_ERE_POSITIONS / 2, ""));
    compile(&e, repeated("a", LIMIT_ERE_POSITIONS, ""));
    ck_assert(positions_of(&e) == LIMIT_ERE_POSITIONS
              && !ere_match(&e, (struct slice){text, 999}, &run));
    compile(&e, "((a{1,60}){1,60})");
    ck_assert(ere_match(&e, (struct slice){text, 3600}, &run)
              && !ere_match(&e, (struct slice){text, 3601}, &run));
    char *rule = repeated("a", LIMIT_ERE_POSITIONS + 1, "");
    ck_assert_int_eq(ere_compile(&e, (struct slice){rule, strlen(rule)}, false, memory,
                                 sizeof memory, &work, &fault),
                     ERE_FAULT);
    ck_assert_ptr_nonnull(strstr(fault.text, "65537"));
    rule = repeated("a|", LIMIT_ERE_POSITIONS, "a");
    ck_assert_int_eq(ere_compile(&e, (struct slice){rule, strlen(rule)}, false, memory,
                                 sizeof memory, &work, &fault),
                     ERE_FAULT);
    ck_assert_ptr_nonnull(strstr(fault.text, "65537"));
    /* Sets take memory too. */
    rule = repeated("[^a]", LIMIT_VALUE / 4, "");
    compile(&e, rule);
    rule = repeated("é", LIMIT_VALUE / 2 - 1, "");
    memmove(rule + 1, rule, strlen(rule) + 1);
    *rule = '[';
    compile(&e, strcat(rule, "]"));
}
END_TEST

/* No more of it than the header says. */
START_TEST(memory_in_use) {
    struct ere e;
    compile(&e, "(abc+d)*");
    ck_assert(e.nodes == 1 && e.node[0].block->fours == 1);
    compile(&e, "abc+d");
    ck_assert_uint_eq(e.node[0].block->fours, 0);
    compile(&e, "(a{64})*");
    ck_assert_uint_eq(e.nodes, 1);
    compile(&e, "(a{32}){3}");
    for (uint32_t i = 1; i < e.nodes; i++)
        ck_assert_uint_ge(e.node[i].block->n, 33);
    compile(&e, "(a{40}){255}"); /* one block for all copies */
    ck_assert_uint_lt(e.used, 12000);
    compile(&e, "()");
    size_t least = e.used;
    compile(&e, "(a{40}b{40}){0}"); /* what is not there takes nothing */
    ck_assert_uint_eq(e.used, least);
    compile(&e, "((a{128}){128}){4}");
    ck_assert_uint_eq(positions_of(&e), LIMIT_ERE_POSITIONS);
}
END_TEST

/* Of what is too large no copy is made, for which there might be no room before the groups. */
START_TEST(too_many_copies_in_depth) {
    static char rule[193 * LIMIT_ERE_DEPTH + 100];
    struct ere e;
    size_t n = 0;
    for (size_t i = 0; i < LIMIT_ERE_DEPTH - 4; i++) {
        n += (size_t)sprintf(rule + n, "(");
        for (size_t k = 0; k < 64; k++)
            n += (size_t)sprintf(rule + n, "b|");
        memset(rule + n, 'a', 64);
        n += 64;
    }
    n += (size_t)sprintf(rule + n, "((a{255}){255}b{16}){255}");
    ck_assert_int_eq(ere_compile(&e, guarded(rule, n), false, memory, sizeof memory, &work, &fault),
                     ERE_FAULT);
    ck_assert(fault.column == n + 1 && work.group[1].at == 0 && work.group[2].at == 193);
}
END_TEST

START_TEST(depth) {
    static char rule[3 * LIMIT_ERE_DEPTH + 300];
    struct ere e;
    for (size_t n = LIMIT_ERE_DEPTH - 1; n <= LIMIT_ERE_DEPTH + 1; n++) {
        memset(rule, '(', n);
        rule[n] = 'a';
        memset(rule + n + 1, ')', n);
        enum ere_result result =
            ere_compile(&e, guarded(rule, 2 * n + 1), false, memory, sizeof memory, &work, &fault);
        ck_assert_int_eq(result, n <= LIMIT_ERE_DEPTH ? ERE_GOOD : ERE_FAULT);
        ck_assert(
            n > LIMIT_ERE_DEPTH
            || (ere_match(&e, guarded("a", 1), &run) && !ere_match(&e, guarded("aa", 2), &run)));
        ck_assert(
            n <= LIMIT_ERE_DEPTH
            || (fault.column == LIMIT_ERE_DEPTH + 1 && strstr(fault.text, "255 groups") != NULL));
    }
    /* As much as can be open at once: 64 letters of one alternative, and 64 of those before it. */
    static char deep[400 * LIMIT_ERE_DEPTH];
    size_t n = 0;
    for (size_t i = 0; i < LIMIT_ERE_DEPTH; i++) {
        n += (size_t)sprintf(deep + n, "(");
        for (size_t k = 0; k < 64; k++)
            n += (size_t)sprintf(deep + n, "b|");
        for (size_t k = 0; k < 64; k++)
            deep[n++] = 'a';
    }
    memset(deep + n, ')', LIMIT_ERE_DEPTH);
    ck_assert_int_eq(ere_compile(&e, guarded(deep, n + LIMIT_ERE_DEPTH), false, memory,
                                 sizeof memory, &work, &fault),
                     ERE_GOOD);
    memset(rule, 'a', 128);
    rule[128] = 'b';
    ck_assert(ere_match(&e, guarded(rule, 129), &run) && ere_match(&e, guarded("b", 1), &run)
              && !ere_match(&e, guarded(rule, 64), &run));
}
END_TEST

/* Whatever there is too little of, it is said, and the memory's end is kept. */
START_TEST(too_little_memory) {
    struct ere e, other;
    static const char *const rules[] = {
        "(a[^bé-ö\\S]|b*c{70}){2}([[:alpha:]]+d?){40}$|\\w[^[:space:]]", "(a{40}){2}|b{200}",
        "a{64}b|c{64}d{64}"};
    for (size_t i = 0; i < COUNT(rules); i++) {
        compile(&e, rules[i]);
        for (size_t size = 0; size <= e.used; size += 16) {
            char *at = unit_guarded(memory, size > 0 ? size : 16);
            enum ere_result result = ere_compile(&other, guarded(rules[i], strlen(rules[i])), false,
                                                 at, size, &work, &fault);
            ck_assert_int_eq(result, size < e.used ? ERE_FULL : ERE_GOOD);
        }
    }
}
END_TEST

/* ---- parts of texts ---- */

/* Where each longest match from each place on ends: 0 for none. */
static const struct {
    const char *rule, *text, *longest;
} parts[] = {
    {"a", "aba", "101"},
    {"a+", "aaba", "2101"},
    {"^a", "aaa", "100"},
    {"a$", "aaa", "001"},
    {"^a+$", "aaa", "300"},
    {"a|a.*b", "aacb", "4300"},
    {"x*", "axxa", "0210"},
    {"", "ab", "00"},
    {"^", "ab", "00"},
    {".{2}$", "abcd", "0020"},
    {"a|ab|abc", "abcab", "30020"},
    {"(ab)+", "ababa", "40200"},
    {"[^ ]+", "ab c", "2101"},
    {"^ab|b", "abb", "211"},
    {"(a|b$)+", "aab", "321"},
    {"b^|$b", "bb", "00"},
};

START_TEST(part) {
    struct ere e, backwards;
    unsigned char starts[2];
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct slice text = guarded(parts[i].text, strlen(parts[i].text)),
                     rule = guarded(parts[i].rule, strlen(parts[i].rule));
        compile(&e, parts[i].rule);
        ck_assert_int_eq(
            ere_compile(&backwards, rule, true, more_memory, sizeof more_memory, &work, &fault),
            ERE_GOOD);
        ere_mark_starts(&backwards, text, &run, starts);
        for (size_t at = 0; at < text.n; at++) {
            size_t longest = (size_t)(parts[i].longest[at] - '0');
            ck_assert_msg(ere_longest(&e, text, at, &run) == longest, "%s in %s from %zu",
                          parts[i].rule, parts[i].text, at);
            ck_assert_msg((starts[at / 8] >> at % 8 & 1) == (longest > 0), "%s in %s from %zu",
                          parts[i].rule, parts[i].text, at);
        }
    }
}
END_TEST

START_TEST(parts_of_long_texts) {
    static char text[1000];
    unsigned char starts[sizeof text / 8];
    struct ere e, backwards;
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, i % 10 == 4 ? "é" : "ab", 2);
    compile(&e, "é.{0,70}b");
    ck_assert_int_eq(ere_compile(&backwards, (struct slice){BYTES("é.{0,70}b")}, true, more_memory,
                                 sizeof more_memory, &work, &fault),
                     ERE_GOOD);
    struct slice t = guarded(text, sizeof text);
    ere_mark_starts(&backwards, t, &run, starts);
    for (size_t at = 0; at < t.n; at++)
        ck_assert_msg((starts[at / 8] >> at % 8 & 1) == (at % 10 == 4), "%zu", at);
    ck_assert_uint_eq(ere_longest(&e, t, 4, &run), 80);
    ck_assert_uint_eq(ere_longest(&e, t, 994, &run), 6);
    ck_assert_uint_eq(ere_longest(&e, guarded(BYTES("éab\377b")), 0, &run), 4);
    ere_mark_starts(&backwards, guarded(BYTES("éb\377éb")), &run, starts);
    ck_assert_uint_eq(starts[0], 1 << 4);
    /* Half a character at the end or the beginning, be it a whole one with what lies beyond. */
    compile(&e, "[^ ]+");
    ck_assert_uint_eq(ere_longest(&e, guarded(BYTES("ab\303")), 0, &run), 2);
    ere_mark_starts(&e, (struct slice){&"\303\251"[1], 1}, &run, starts);
    ck_assert_uint_eq(starts[0], 0);
    ere_mark_starts(&e, guarded(BYTES("b\303")), &run, starts);
    ck_assert_uint_eq(starts[0], 0);
}
END_TEST

/* ---- steps and classes ---- */

START_TEST(steps) {
    struct ere e;
    compile(&e, "a(b|cd)*$");
    ere_start(&e, &run);
    ck_assert(!ere_accepts(&e, &run, true));
    ck_assert(ere_step(&e, &run, 'a', ERE_BEGINNING) && ere_accepts(&e, &run, true)
              && !ere_accepts(&e, &run, false));
    ck_assert(ere_step(&e, &run, 'c', ERE_INSIDE) && !ere_accepts(&e, &run, true));
    uint64_t saved = run.now[0];
    ck_assert(!ere_step(&e, &run, 'b', ERE_INSIDE));
    run.now[0] = saved;
    ck_assert(ere_step(&e, &run, 'd', ERE_INSIDE) && ere_accepts(&e, &run, true));
    ck_assert(ere_step(&e, &run, 'a', ERE_ANYWHERE) && ere_accepts(&e, &run, true));
    ck_assert(!ere_step(&e, &run, 'z', ERE_INSIDE));
}
END_TEST

START_TEST(character_classes) {
    static const uint32_t edges[] = {'-',  '-' + 1, '0',    '9' + 1, 'a',     'a' + 1,
                                     0xe0, 0xea,    0x20ac, 0x20ad,  0x110000};
    struct ere e;
    compile(&e, "(a|[0-9à-é]|.|€|-{70}){2}");
    uint32_t code = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        code = ere_next_class(&e, code);
        ck_assert_uint_eq(code, edges[i]);
        ck_assert_uint_eq(ere_next_class(&e, code), code);
        code++;
    }
    compile(&e, ".");
    ck_assert_uint_eq(ere_next_class(&e, 0), 0x110000);
    compile(&e, "[^a-b]\xf4\x8f\xbf\xbf");
    ck_assert(ere_next_class(&e, 0) == 'a' && ere_next_class(&e, 'b') == 'c'
              && ere_next_class(&e, 'd') == 0x10ffff);
    compile(&e, "[^\x7f]|[à-éä-êó]");
    ck_assert(ere_next_class(&e, 0) == 0x7f && ere_next_class(&e, 0x80) == 0x80
              && ere_next_class(&e, 0x81) == 0xe0 && ere_next_class(&e, 0xe1) == 0xeb
              && ere_next_class(&e, 0xec) == 0xf3);
    compile(&e, "[[:cntrl:]]"); /* which has NUL */
    ck_assert(ere_next_class(&e, 0) == ' ');
    compile(&e, "ba{64}"); /* a block of its own */
    ck_assert(ere_next_class(&e, 0) == 'a');
    compile(&e, "[à-áâ-ãê-ëë-ì]"); /* ranges that touch, or have a character in common */
    ck_assert(ere_next_class(&e, 0xe1) == 0xe4 && ere_next_class(&e, 0xeb) == 0xed);
}
END_TEST

Suite *unit_ere(void) {
    Suite *made = suite_create("ere");
    TCase *tc = tcase_create("ere");
    tcase_set_timeout(tc, 120);
    /* What takes longest comes last: tests/mutate runs the suite some hundred times, to the first
     * failure. */
    const TTest *tests[] = {meaning,
                            prefix,
                            bars,
                            every_character,
                            a_fault,
                            a_nul,
                            part,
                            parts_of_long_texts,
                            steps,
                            character_classes,
                            too_little_memory,
                            memory_in_use,
                            too_many_copies_in_depth,
                            depth,
                            alternatives,
                            lengths,
                            counts,
                            positions};
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(made, tc);
    return made;
}
