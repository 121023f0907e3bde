/* oracle SECONDS PAIRS SEED [print]: random expressions and texts, until there were so many seconds
 * or pairs: does wire/ere say what the expression means? Here that is the set of places which each
 * part of it leads to, from where one stands: no automaton, and no line in common with the one that
 * is asked. With `print`, the pairs are written instead: expression, text and 0 or 1, with tabs
 * between. Fails, and prints the pair, at the first difference. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/ere.h"

enum { NODES = 400, TEXT = 320, SPELLING = 20000 };

/* ---- chance ---- */

static uint64_t state;

static unsigned below(unsigned n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

static bool chance(unsigned percent) { return below(100) < percent; }

/* ---- expressions ---- */

static const char *const alphabet[] = {
    "a", "b", "c", " ", "-", "0", "9", "_", "Z", "]", "^", "é", "ß", "€", "\xf0\x9f\x98\x80", "."};
enum { CHARACTERS = sizeof alphabet / sizeof *alphabet };

/* What each spelling stands for: a string of the characters above, or with ! all but these. */
static const struct {
    const char *spelling, *members;
} spelled[] = {
    {".", "!"},
    {"[ab]", "ab"},
    {"[^a]", "!a"},
    {"[b-c]", "bc"},
    {"[a-c]", "abc"},
    {"[é]", "é"},
    {"[^é]", "!é"},
    {"[ß-é]", "ßé"},
    {"[0-9]", "09"},
    {"[^ ]", "! "},
    {"[^ -]", "! -"},
    {"[]a]", "]a"},
    {"[^]a]", "!]a"},
    {"[a-]", "a-"},
    {"[-a]", "-a"},
    {"[a^]", "a^"},
    {"[[:alpha:]]", "abcZ"},
    {"[[:digit:]]", "09"},
    {"[[:alnum:]_]", "abcZ09_"},
    {"\\w", "abcZ09_"},
    {"\\W", " -]^."},
    {"\\s", " "},
    {"\\S", "! "},
    {"[^[:space:]]", "! "},
    {"[^[:alpha:]]", " -09_]^."},
    {"[[:upper:]]", "Z"},
    {"[[:punct:]]", "-_]^."},
    {"[^[:digit:]]", "!09"},
    {"[[:lower:]é]", "abcé"},
    {"[€-\xf0\x9f\x98\x80]", "€\xf0\x9f\x98\x80"},
    {"[^€a]", "!€a"},
    {"[[:blank:]]", " "},
    {"\\.", "."},
    {"\\^", "^"},
    {"\\-", "-"},
    {"]", "]"},
    {"[.]", "."},
    {"[[:xdigit:]]", "abc09"},
    {"[+--]", "-"},
    {"[[:print:]€]", "!éß\xf0\x9f\x98\x80"},
};
enum { SPELLED = sizeof spelled / sizeof *spelled };

struct tree {
    enum { CHARACTER, BEGIN, END, EMPTY, BOTH, EITHER, REPEATED, GROUP } kind;
    uint32_t members; /* of CHARACTER: bits of the alphabet */
    char spelling[16];
    struct tree *a, *b;
    unsigned least, most; /* most = 0xffff: without end */
    double positions;     /* that it takes */
    double leaves;        /* the same, with what stands for no character */
};

static struct tree pool[NODES];
static size_t used;

static uint32_t members_of(const char *list) {
    uint32_t found = 0;
    bool all_but = *list == '!' && list++;
    for (unsigned i = 0; i < CHARACTERS; i++)
        found |= strstr(list, alphabet[i]) != NULL ? 1u << i : 0;
    return all_but ? ~found : found;
}

static void make_character(struct tree *t) {
    t->kind = CHARACTER;
    t->positions = 1;
    if (chance(55)) {
        unsigned i = chance(70) ? below(3) : below(CHARACTERS);
        bool sign = *alphabet[i] == '^' || *alphabet[i] == '.';
        snprintf(t->spelling, sizeof t->spelling, "%s%s", sign ? "\\" : "", alphabet[i]);
        t->members = 1u << i;
    } else {
        unsigned i = below(SPELLED);
        snprintf(t->spelling, sizeof t->spelling, "%s", spelled[i].spelling);
        t->members = members_of(spelled[i].members);
    }
}

static void make_count(struct tree *t) {
    static const struct {
        const char *spelling;
        unsigned least, most;
    } counts[] = {{"*", 0, 0xffff},    {"+", 1, 0xffff},    {"?", 0, 1},        {"{0}", 0, 0},
                  {"{1}", 1, 1},       {"{2}", 2, 2},       {"{0,1}", 0, 1},    {"{1,2}", 1, 2},
                  {"{0,2}", 0, 2},     {"{1,3}", 1, 3},     {"{2,4}", 2, 4},    {"{0,}", 0, 0xffff},
                  {"{1,}", 1, 0xffff}, {"{2,}", 2, 0xffff}, {"{3,}", 3, 0xffff}};
    unsigned i = below(18), least = below(30), more = chance(20) ? 255 - least : below(70);
    if (i < sizeof counts / sizeof *counts) {
        memcpy(t->spelling, counts[i].spelling, strlen(counts[i].spelling) + 1);
        t->least = counts[i].least;
        t->most = counts[i].most;
    } else {
        t->least = least;
        t->most = chance(20) ? 0xffff : least + more;
        snprintf(t->spelling, sizeof t->spelling, t->most == 0xffff ? "{%u,}" : "{%u,%u}", t->least,
                 t->most);
    }
    unsigned copies = t->most == 0xffff ? (t->least > 1 ? t->least : 1) : t->most;
    t->positions = t->a->positions * copies;
    t->leaves = t->a->leaves * (copies > 1 ? copies : 1);
}

static struct tree *make(unsigned depth) {
    struct tree *t = &pool[used++];
    unsigned kind = below(100);
    *t = (struct tree){.kind = EMPTY, .leaves = 1};
    if (used > NODES - 40 || depth == 0 || kind < 22) {
        make_character(t);
    } else if (kind < 27) {
        t->kind = chance(50) ? BEGIN : END;
    } else if (kind < 29) {
        t->kind = EMPTY;
    } else if (kind < 75) {
        t->kind = kind < 55 ? BOTH : EITHER;
        t->a = make(depth - 1);
        t->b = make(depth - 1);
        t->positions = t->a->positions + t->b->positions;
        t->leaves = t->a->leaves + t->b->leaves;
    } else if (kind < 78) {
        t->kind = GROUP;
        t->least = chance(10) ? 200 : 1 + below(4); /* so many parentheses */
        t->a = make(depth - 1);
        t->positions = t->a->positions;
        t->leaves = t->a->leaves;
    } else {
        t->kind = REPEATED;
        t->a = make(depth - 1);
        make_count(t);
    }
    return t;
}

static char spelling[SPELLING];
static size_t spelling_n;

static void put(const char *text) {
    size_t n = strlen(text);
    if (spelling_n + n < sizeof spelling)
        memcpy(spelling + spelling_n, text, n);
    spelling_n += n;
}

/* With parentheses around it where it stands in something that binds tighter; a repetition of a
 * repetition needs none. */
static void spell(const struct tree *t, int within) {
    bool wrap = (within == REPEATED && (t->kind == BOTH || t->kind == BEGIN || t->kind == END))
                || (within != EITHER && t->kind == EITHER);
    if (wrap)
        put("(");
    if (t->kind == BEGIN || t->kind == END || t->kind == EMPTY)
        put(t->kind == BEGIN ? "^" : t->kind == END ? "$" : "()");
    for (unsigned i = 0; t->kind == GROUP && i < t->least; i++)
        put("(");
    if (t->a != NULL)
        spell(t->a, t->kind == GROUP ? EITHER : (int)t->kind);
    if (t->kind == EITHER)
        put("|");
    if (t->b != NULL)
        spell(t->b, (int)t->kind);
    for (unsigned i = 0; t->kind == GROUP && i < t->least; i++)
        put(")");
    if (t->kind == CHARACTER || t->kind == REPEATED)
        put(t->spelling);
    if (wrap)
        put(")");
}

/* ---- texts, as numbers of characters ---- */

static unsigned char text[TEXT];
static size_t text_n;

static void add_some(const struct tree *t) {
    unsigned times = 1, i = below(CHARACTERS);
    if (text_n >= TEXT)
        return;
    if (t->kind == REPEATED)
        times = t->most == 0xffff ? t->least + below(3) : t->least + below(t->most - t->least + 1);
    if (t->kind == CHARACTER) {
        while ((t->members >> i & 1) == 0)
            i = (i + 1) % CHARACTERS;
        text[text_n++] = (unsigned char)i;
    } else if (t->kind == EITHER) {
        add_some(chance(50) ? t->a : t->b);
    } else if (t->a != NULL) {
        for (; times > 0; times--)
            add_some(t->a);
        if (t->b != NULL)
            add_some(t->b);
    }
}

/* Half of the texts are likely to be matched, or nearly. */
static void make_text(const struct tree *t) {
    text_n = 0;
    if (chance(65)) {
        add_some(t);
        if (text_n > 0 && chance(40))
            text[below((unsigned)text_n)] = (unsigned char)below(CHARACTERS);
        if (chance(10) && text_n < TEXT)
            text[text_n++] = (unsigned char)below(3);
        else if (text_n > 0 && chance(10))
            text_n--;
    } else {
        for (size_t n = below(12); text_n < n; text_n++)
            text[text_n] = (unsigned char)(chance(80) ? below(3) : below(CHARACTERS));
    }
}

/* ---- meaning ---- */

struct places {
    bool at[TEXT + 1];
    size_t low, high; /* none are outside */
};

static uint64_t effort;

static bool add_places(struct places *to, const struct places *from) {
    bool more = false;
    for (size_t i = from->low; i <= from->high && i <= text_n; i++) {
        more |= from->at[i] && !to->at[i];
        to->at[i] |= from->at[i];
    }
    to->low = from->low < to->low ? from->low : to->low;
    to->high = from->high > to->high ? from->high : to->high;
    return more;
}

static void clear_places(struct places *p) {
    memset(p->at, 0, text_n + 1);
    p->low = text_n;
    p->high = 0;
}

static void reach(const struct tree *t, const struct places *from, struct places *to);

static void reach_again(const struct tree *t, const struct places *from, struct places *to) {
    struct places now = *from, next;
    bool more = true;
    for (unsigned i = 0; i < t->least; i++) {
        reach(t->a, &now, &next);
        now = next;
    }
    add_places(to, &now);
    for (unsigned i = t->least; i < t->most && more; i++) {
        reach(t->a, &now, &next);
        now = next;
        more = add_places(to, &now);
    }
}

static void reach(const struct tree *t, const struct places *from, struct places *to) {
    struct places between;
    effort++;
    clear_places(to);
    switch (t->kind) {
    case CHARACTER:
        for (size_t i = from->low; i <= from->high && i < text_n; i++)
            if (from->at[i] && (t->members >> text[i] & 1) != 0) {
                to->at[i + 1] = true;
                to->low = i + 1 < to->low ? i + 1 : to->low;
                to->high = i + 1;
            }
        break;
    case BEGIN:
        to->at[0] = from->at[0];
        to->low = 0;
        break;
    case END:
        to->at[text_n] = from->at[text_n];
        to->high = text_n;
        break;
    case EMPTY: add_places(to, from); break;
    case GROUP: reach(t->a, from, to); break;
    case BOTH:
        reach(t->a, from, &between);
        reach(t->b, &between, to);
        break;
    case EITHER:
        reach(t->a, from, to);
        reach(t->b, from, &between);
        add_places(to, &between);
        break;
    case REPEATED: reach_again(t, from, to); break;
    }
}

static bool means(const struct tree *t) {
    struct places from, to;
    memset(&from, 0, sizeof from);
    from.at[0] = true;
    reach(t, &from, &to);
    return to.at[text_n];
}

/* ---- asking ---- */

static _Alignas(16) char memory[ERE_MEMORY], more_memory[ERE_MEMORY];
static struct ere_work work;
static struct ere_run run;

static void fail(const char *why, const char *written, uint64_t seed) {
    printf("oracle: FAILED: %s: expression %s, text %s (seed %llu)\n", why, spelling, written,
           (unsigned long long)seed);
    exit(1);
}

/* The longest match from each place on, and where there is one, which is found from the end. */
static void ask_parts(const struct tree *t, const struct ere *e, const struct ere *backwards,
                      struct slice bytes, uint64_t seed) {
    static unsigned char starts[TEXT];
    struct places from, to;
    size_t place = 0;
    ere_mark_starts(backwards, bytes, &run, starts);
    for (size_t at = 0; at < bytes.n; place++, at += strlen(alphabet[text[place - 1]])) {
        size_t longest = 0, n = 0;
        memset(&from, 0, sizeof from);
        from.at[place] = true;
        from.low = from.high = place;
        reach(t, &from, &to);
        for (size_t i = place; i < text_n; i++) {
            n += strlen(alphabet[text[i]]);
            longest = to.at[i + 1] ? n : longest;
        }
        if (ere_longest(e, bytes, at, &run) != longest)
            fail("has another longest match", bytes.at + at, seed);
        if ((starts[at / 8] >> at % 8 & 1) != (longest > 0))
            fail("is said to begin elsewhere", bytes.at + at, seed);
    }
}

static void ask(const struct tree *t, struct ere *e, const struct ere *backwards,
                enum ere_result result, uint64_t seed, bool print) {
    char written[4 * TEXT + 1] = "";
    struct slice bytes = {written, 0};
    make_text(t);
    for (size_t i = 0; i < text_n; i++) {
        size_t n = strlen(alphabet[text[i]]);
        memcpy(written + bytes.n, alphabet[text[i]], n + 1);
        bytes.n += n;
    }
    bool meant = means(t);
    if (print)
        printf("%s\t%s\t%d\n", spelling, written, meant);
    else if (result == ERE_GOOD && ere_match(e, bytes, &run) != meant)
        fail(meant ? "is not matched" : "is matched", written, seed);
    if (!print && result == ERE_GOOD && text_n < 20 && chance(20))
        ask_parts(t, e, backwards, bytes, seed);
}

int main(int argc, char **argv) {
    uint64_t pairs = 0, expressions = 0;
    if (argc < 4)
        return 64;
    double end = (double)time(NULL) + atof(argv[1]);
    uint64_t most = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10);
    state = seed * 2654435761u + 88172645463325252u;
    while (pairs < most && (expressions % 64 != 0 || (double)time(NULL) < end)) {
        struct ere e, backwards;
        struct ere_fault error;
        used = spelling_n = 0;
        struct tree *t = make(1 + below(7));
        spell(t, EITHER);
        /* Others take their time over what is large. */
        if (spelling_n >= sizeof spelling || (argc > 4 && (t->leaves > 40 || spelling_n > 60)))
            continue;
        spelling[spelling_n] = '\0';
        expressions++;
        enum ere_result result = ere_compile(&e, (struct slice){spelling, spelling_n}, false,
                                             memory, sizeof memory, &work, &error);
        if (result == ERE_FULL || (result == ERE_GOOD && t->positions > LIMIT_ERE_POSITIONS))
            fail("is no fault", "-", seed);
        if (result == ERE_FAULT && strstr(error.text, "are the most") == NULL
            && strstr(error.text, "in one another") == NULL)
            fail(error.text, "-", seed);
        if (ere_compile(&backwards, (struct slice){spelling, spelling_n}, true, more_memory,
                        sizeof memory, &work, &error)
            != result)
            fail("is something else backwards", "-", seed);
        effort = 0;
        for (int i = 0; i < 24 && effort < 100000; i++, pairs++)
            ask(t, &e, &backwards, result, seed, argc > 4);
    }
    if (argc == 4)
        printf("fuzz oracle: %llu runs, ok\n", (unsigned long long)pairs);
    return 0;
}
