#include "wire/from.h"

#include "base/cidr.h"

/* Takes the first entry off *list; `more` says whether there was one. */
static struct slice take_entry(struct slice *list, bool *more) {
    const char *comma = memchr(list->at, ',', list->n);
    struct slice entry = {list->at, comma != NULL ? (size_t)(comma - list->at) : list->n};
    *more = comma != NULL;
    list->at += entry.n + *more;
    list->n -= entry.n + *more;
    return entry;
}

static bool take_sign(struct slice *entry) {
    bool negated = entry->n > 0 && entry->at[0] == '!';
    entry->at += negated;
    entry->n -= negated;
    return negated;
}

static bool is_pattern(struct slice entry) {
    return memchr(entry.at, '*', entry.n) != NULL || memchr(entry.at, '?', entry.n) != NULL;
}

static size_t count_leading(struct slice s, const char *set) {
    size_t n = 0;
    while (n < s.n && s.at[n] != '\0' && strchr(set, s.at[n]) != NULL)
        n++;
    return n;
}

/* Whether a pattern is made of what addresses have. Letters without a colon are a name's, such as
 * *.de. */
static bool is_pattern_of_address(struct slice entry) {
    bool six = memchr(entry.at, ':', entry.n) != NULL;
    return count_leading(entry, six ? "0123456789abcdefABCDEF:.*?" : "0123456789.*?") == entry.n;
}

static const char *wrong_entry(struct slice entry, enum from_kind kind, bool *positive) {
    static const char *const faults[] = {
        [CIDR_GOOD] = NULL,
        [CIDR_NO_ADDRESS] = "from= has an entry that is no address and no network",
        [CIDR_NO_BITS] = "from= has a slash without the number of a network's bits behind it",
        [CIDR_HOST_BITS] = "from= has an address with bits beyond those of its network",
    };
    struct cidr network;
    bool negated = kind == FROM_PATTERNS && take_sign(&entry);
    *positive = *positive || !negated;
    if (entry.n == 0)
        return "from= has an empty entry";
    if (kind == FROM_PATTERNS && is_pattern(entry))
        return is_pattern_of_address(entry) ? NULL : "from= has a pattern that no address matches";
    return faults[cidr_read(&network, entry.at, entry.n)];
}

const char *from_wrong(struct slice list, enum from_kind kind) {
    bool more = true, positive = false;
    while (more) {
        const char *wrong = wrong_entry(take_entry(&list, &more), kind, &positive);
        if (wrong != NULL)
            return wrong;
    }
    return positive ? NULL : "from= keeps some out and lets nobody in";
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* A text against a pattern with * and ?. After a mismatch the last * takes one character more. */
static bool matches_pattern(struct slice pattern, const char *text) {
    size_t at = 0, star = pattern.n, taken = 0, i = 0;
    while (text[i] != '\0') {
        if (at < pattern.n && pattern.at[at] == '*') {
            star = at++;
            taken = i;
        } else if (at < pattern.n
                   && (pattern.at[at] == '?' || lower(pattern.at[at]) == lower(text[i]))) {
            at++;
            i++;
        } else if (star < pattern.n) {
            at = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    while (at < pattern.n && pattern.at[at] == '*')
        at++;
    return at == pattern.n;
}

bool from_has(struct slice list, enum from_kind kind, const char *peer) {
    struct ip ip;
    bool more = true, found = false;
    if (!ip_read(&ip, peer))
        return false;
    while (more) {
        struct slice entry = take_entry(&list, &more);
        struct cidr network;
        bool negated = kind == FROM_PATTERNS && take_sign(&entry);
        bool matches =
            kind == FROM_PATTERNS && is_pattern(entry)
                ? matches_pattern(entry, peer)
                : cidr_read(&network, entry.at, entry.n) == CIDR_GOOD && cidr_has(&network, &ip);
        if (matches && negated)
            return false;
        found = found || matches;
    }
    return found;
}
