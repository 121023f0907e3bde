#include "tool/advice.h"

#include <stdbool.h>
#include <string.h>

#include "core/matcher.h"

enum { DEPTH = 32 }; /* of groups that are told apart */

/* One piece of an expression: what matches one character, or else a sign. */
struct atom {
    enum { LITERAL, ANY, CLASS, SIGN } kind;
    char c;           /* of LITERAL and SIGN */
    bool admits_dash; /* of CLASS and ANY */
    size_t n;         /* its bytes in the rule */
};

static bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

static bool named_class_has_dash(const char *name, size_t n) {
    static const char *const with[] = {"punct", "graph", "print"};
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        if (n == strlen(with[i]) && memcmp(name, with[i], n) == 0)
            return true;
    return false;
}

/* A bracket expression (regex(7)): a ] that comes first is one of its characters, as is a - that comes first or last. */
static struct atom read_class(const char *at) {
    size_t i = 1;
    bool negated = at[i] == '^', dash = false;
    i += negated;
    for (size_t first = i; at[i] != '\0' && (at[i] != ']' || i == first); i++) {
        if (at[i] == '[' && (at[i + 1] == ':' || at[i + 1] == '.' || at[i + 1] == '=')) {
            const char ends[] = {at[i + 1], ']', '\0'};
            const char *end = strstr(at + i + 2, ends);
            if (end == NULL)
                break;
            dash = dash || (at[i + 1] == ':' && named_class_has_dash(at + i + 2, (size_t)(end - at) - i - 2)) || at[i + 2] == '-';
            i = (size_t)(end - at) + 1;
        } else if (at[i + 1] == '-' && at[i + 2] != ']' && at[i + 2] != '\0') {
            dash = dash || (at[i] <= '-' && at[i + 2] >= '-');
            i += 2;
        } else {
            dash = dash || at[i] == '-';
        }
    }
    return (struct atom){.kind = CLASS, .admits_dash = dash != negated, .n = at[i] == ']' ? i + 1 : i};
}

static struct atom read_atom(const char *at) {
    if (*at == '[')
        return read_class(at);
    if (*at == '.')
        return (struct atom){.kind = ANY, .admits_dash = true, .n = 1};
    if (*at == '\\' && at[1] != '\0')
        return (struct atom){.kind = LITERAL, .c = at[1], .n = 2};
    return (struct atom){.kind = strchr("^$()|*+?{}", *at) != NULL ? SIGN : LITERAL, .c = *at, .n = 1};
}

/* Whether what stands before may be left out. */
static bool is_optional(const char *repeat) {
    return *repeat == '*' || *repeat == '?' || strncmp(repeat, "{0", 2) == 0 || strncmp(repeat, "{,", 2) == 0;
}

/* What is behind a sign that repeats. */
static const char *skip_repeat(const char *repeat) {
    if (*repeat == '{')
        repeat += strcspn(repeat, "}");
    return repeat + (*repeat != '\0');
}

/* Whether a word, or what stands for it, is at its end there. */
static bool ends_word(const char *at) { return *at == '\0' || strchr(" )|", *at) != NULL; }

static void say(const char *texts[ADVICE_MAX], size_t *count, const char *text) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(texts[i], text) == 0)
            return;
    if (*count < ADVICE_MAX)
        texts[(*count)++] = text;
}

size_t advice_on(const char *rule, const char *texts[ADVICE_MAX]) {
    size_t count = 0, depth = 0;
    bool word_begins = true;           /* what follows is a word's first character */
    bool group_begins[DEPTH] = {true}; /* the same at the start of each open group, where its alternatives start too */
    char before = '\0';                /* the literal right before, or NUL */
    for (const char *at = rule; *at != '\0';) {
        struct atom a = read_atom(at);
        const char *behind = at + a.n;
        bool many = a.kind == CLASS || a.kind == ANY;
        if (a.kind == ANY && (*behind == '*' || *behind == '+' || *behind == '{'))
            say(texts, &count, "repeats . which admits anything, spaces and so more words included; [^ ] ends with the word");
        else if (a.kind == ANY && (is_alnum(before) || is_alnum(*behind)))
            say(texts, &count, "has a . beside a letter or digit: it stands for any character; \\. is the dot of a name");
        if (many && word_begins && is_optional(behind) && ends_word(skip_repeat(behind)))
            say(texts, &count, "has a word that may be empty (* or ?); with + it has at least one character");
        if (many && word_begins && a.admits_dash)
            say(texts, &count, "lets a word start with -, which the program may take for an option; [^ -][^ ]* does not");
        before = a.kind == LITERAL ? a.c : '\0';
        if (a.kind != SIGN)
            word_begins = (a.kind == LITERAL && a.c == ' ') || (word_begins && is_optional(behind));
        else if (a.c == '(' && depth < DEPTH - 1)
            group_begins[++depth] = word_begins;
        else if (a.c == '|')
            word_begins = group_begins[depth];
        else if (a.c == ')' && depth > 0) {
            word_begins = word_begins || (is_optional(behind) && group_begins[depth]);
            depth--;
        }
        at = a.kind == SIGN && a.c == '{' ? skip_repeat(at) : behind;
    }
    return count;
}

/* Whether one of n bytes of a rule admits both letters and digits, as what is to hold a password does. */
static bool is_wide(const char *at, size_t n) {
    static _Alignas(16) char memory[65536];
    struct ere e;
    struct ere_fault fault;
    enum ere_result result = ere_compile(&e, (struct slice){at, n}, false, memory, sizeof memory, matcher_work(), &fault);
    if (result != ERE_GOOD)
        return result == ERE_FULL;
    return ere_match(&e, (struct slice){"x", 1}, matcher_run()) && ere_match(&e, (struct slice){"7", 1}, matcher_run());
}

static bool repeats_without_end(const char *repeat) {
    size_t n = strcspn(repeat, "}");
    return *repeat == '*' || *repeat == '+' || (*repeat == '{' && n > 1 && repeat[n] == '}' && repeat[n - 1] == ',');
}

const char *advice_on_log(const char *rule) {
    size_t depth = 0;
    bool free_so_far = true, endless = false; /* of the word at hand: nothing of it is fixed; it may be of any length */
    for (const char *at = rule; *at != '\0';) {
        struct atom a = read_atom(at);
        const char *behind = at + a.n;
        bool sign = a.kind == SIGN, alternative = sign && a.c == '|' && depth == 0;
        if (alternative && free_so_far && endless)
            break;
        if (alternative || (a.kind == LITERAL && a.c == ' ')) {
            free_so_far = true;
            endless = false;
        } else if (a.kind == LITERAL || (!sign && !is_wide(at, a.n))) {
            free_so_far = false;
        } else if (!sign) {
            endless = endless || repeats_without_end(behind);
        } else if (a.c == '(') {
            depth++;
        } else if (a.c == ')' && depth > 0) {
            depth--;
        }
        at = sign && a.c == '{' ? skip_repeat(at) : behind;
    }
    return free_so_far && endless ? "ends with a word that may be anything, and requests are logged in full: if it can be a password, "
                                    "AUDIT_REQUEST=masked or AUDIT_MASK keeps it out of the log"
                                  : NULL;
}

int advice_on_order(const struct rules *r, size_t index) {
    static struct rules_verdict verdict;
    const char *text = r->rule[index].text;
    bool plain = text[strcspn(text, "\\^$.[]()*+?{}")] == '\0';
    int earliest = -1;
    for (size_t i = 0; i < index; i++) {
        const char *earlier = r->rule[i].text;
        if (strcmp(earlier, text) == 0 || strcmp(earlier, ".*") == 0 || strcmp(earlier, ".+") == 0)
            return (int)i;
    }
    for (; plain; text++) {
        size_t n = strcspn(text, "|");
        rules_match(r, (struct slice){text, n}, &verdict);
        if (verdict.match == -1 || verdict.match >= (int)index)
            return -1;
        earliest = earliest == -1 ? verdict.match : earliest;
        text += n;
        if (*text == '\0')
            break;
    }
    return earliest;
}
