#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/ere.h"

static bool is_at(struct slice text, size_t at, char c) { return at < text.n && text.at[at] == c; }

/* All of ASCII but NUL \ ^ $ . [ | ( ) * + ? { */
static bool is_plain(unsigned char c) {
    static const uint64_t plain[2] = {0x7fffb0effffffffe, 0xe7ffffffa7ffffff};
    return c < 0x80 && (plain[c / 64] >> c % 64 & 1) != 0;
}

static bool repeats(struct slice text, size_t at) {
    char c = at < text.n ? text.at[at] : '\0';
    return c == '*' || c == '+' || c == '?' || c == '{';
}

/* Where the set ends that begins there, as ere_read_set (ere_set.c) reads it. */
static size_t skip_set(struct slice text, size_t at) {
    at++;
    at += is_at(text, at, '^');
    for (bool first = true; at < text.n && (first || text.at[at] != ']'); first = false) {
        const char *end = NULL;
        if (text.at[at] == '[' && is_at(text, at + 1, ':'))
            end = memmem(text.at + at + 2, text.n - at - 2, ":]", 2);
        at = end != NULL ? (size_t)(end + 2 - text.at) : at + 1;
    }
    return at + 1;
}

/* Whether the whole is one of several: a | that is in no group. */
static bool has_branches(struct slice text) {
    size_t depth = 0;
    for (size_t at = 0; at < text.n;) {
        char c = text.at[at];
        if (c == '|' && depth == 0)
            return true;
        depth += c == '(';
        depth -= c == ')' && depth > 0;
        at = c == '[' ? skip_set(text, at) : at + 1 + (c == '\\');
    }
    return false;
}

struct slice ere_prefix(struct slice text) {
    size_t begin = is_at(text, 0, '^'), n = 0;
    struct slice rest = {text.at + begin, text.n - begin};
    while (n < rest.n && is_plain((unsigned char)rest.at[n]) && !repeats(rest, n + 1))
        n++;
    bool is_of_all = n == rest.n || memchr(rest.at, '|', rest.n) == NULL || !has_branches(text);
    return (struct slice){rest.at, is_of_all ? n : 0};
}
