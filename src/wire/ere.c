#include "wire/ere.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/ere_piece.h"
#include "wire/utf8.h"

struct reader {
    struct slice text;
    size_t at, set; /* set: where the [ stands that was read last */
    bool backwards;
    struct ere_maker m;
    struct ere_group *group; /* the innermost that is open */
    struct ere_fault *fault;
};

/* ---- faults ---- */

static bool fault_at(struct reader *r, size_t at, const char *text) {
    struct buf b = BUF_ON(r->fault->text);
    buf_text(&b, text);
    buf_string(&b);
    r->fault->column = 1;
    for (size_t i = 0; i < at; i++)
        r->fault->column += ((unsigned char)r->text.at[i] & 0xc0) != 0x80;
    return false;
}

/* False where there are too many positions. */
static bool has_room(struct reader *r) {
    char text[sizeof r->fault->text];
    struct buf b = BUF_ON(text);
    if (r->m.positions == 0)
        return true;
    buf_format(&b, "so far it stands for %llu characters, copies included, and %d are the most",
               (unsigned long long)r->m.positions, LIMIT_ERE_POSITIONS);
    return fault_at(r, r->at, buf_string(&b));
}

/* The byte there, which is never 0: that is the end. */
static char look(const struct reader *r, size_t ahead) {
    return r->at + ahead < r->text.n ? r->text.at[r->at + ahead] : '\0';
}

static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }
static bool repeats(char c) { return c == '*' || c == '+' || c == '?' || c == '{'; }

static bool read_character(struct reader *r, uint32_t *code) {
    size_t length = utf8_read(r->text.at + r->at, r->text.n - r->at, code);
    if (length == 0 || *code == 0)
        return fault_at(r, r->at, length == 0 ? "this is not UTF-8" : "a NUL, which no text has");
    r->at += length;
    return true;
}

/* ---- sets ---- */

/* What of a class there may be beyond ASCII. */
static const struct ere_range letters[] = {{0x80, 0x10ffff}},
                              controls[] = {{0x80, 0x9f}, {0x2028, 0x2029}, {0xfff9, 0xfffb}},
                              spaces[] = {{0x85, 0x85},     {0x1680, 0x1680}, {0x2000, 0x200b},
                                          {0x2028, 0x2029}, {0x205f, 0x205f}, {0x3000, 0x3000}};

static const struct class {
    const char *name;
    uint64_t ascii[2];
    const struct ere_range *beyond;
    uint32_t n;
} classes[] = {
    {"alpha", {0, 0x07fffffe07fffffe}, letters, 1},
    {"digit", {0x03ff000000000000, 0}, NULL, 0},
    {"alnum", {0x03ff000000000000, 0x07fffffe07fffffe}, letters, 1},
    {"upper", {0, 0x0000000007fffffe}, letters, 1},
    {"lower", {0, 0x07fffffe00000000}, letters, 1},
    {"space", {0x0000000100003e00, 0}, spaces, 6},
    {"blank", {0x0000000100000200, 0}, spaces, 6},
    {"punct", {0xfc00fffe00000000, 0x78000001f8000001}, letters, 1},
    {"print", {0xffffffff00000000, 0x7fffffffffffffff}, letters, 1},
    {"graph", {0xfffffffe00000000, 0x7fffffffffffffff}, letters, 1},
    {"cntrl", {0x00000000ffffffff, 0x8000000000000000}, controls, 3},
    {"xdigit", {0x03ff000000000000, 0x0000007e0000007e}, NULL, 0},
};

/* The set in the making lies at the end of the memory in use. Its ranges follow it, each 8 bytes,
 * taken two by two. */
static struct ere_set *start_set(struct reader *r, bool negated) {
    struct ere_set *s = ere_take(&r->m, sizeof *s);
    if (s != NULL)
        *s = (struct ere_set){.beyond = negated};
    return s;
}

static void add_range(struct reader *r, struct ere_set *s, uint32_t from, uint32_t to) {
    for (; from <= to && from < 0x80; from++)
        s->ascii[from / 64] |= UINT64_C(1) << from % 64;
    if (from > to || (s->n % 2 == 0 && ere_take(&r->m, 2 * sizeof *s->range) == NULL))
        return;
    s->range[s->n++] = (struct ere_range){from, to};
}

static void add_class(struct reader *r, struct ere_set *s, const struct class *c) {
    s->ascii[0] |= c->ascii[0];
    s->ascii[1] |= c->ascii[1];
    for (uint32_t i = 0; i < c->n && s->beyond; i++)
        add_range(r, s, c->beyond[i].from, c->beyond[i].to);
}

static int by_beginning(const void *a, const void *b) {
    uint32_t x = ((const struct ere_range *)a)->from, y = ((const struct ere_range *)b)->from;
    return (x > y) - (x < y);
}

/* The set's ranges in order, no two of which touch; of a negated one what is in it, in ASCII. As a
 * letter. */
static uint32_t finish_set(struct reader *r, struct ere_set *s) {
    uint32_t n = 0;
    qsort(s->range, s->n, sizeof *s->range, by_beginning);
    for (uint32_t i = 0; i < s->n; i++) {
        if (n > 0 && s->range[i].from <= s->range[n - 1].to + 1)
            s->range[n - 1].to =
                s->range[i].to > s->range[n - 1].to ? s->range[i].to : s->range[n - 1].to;
        else
            s->range[n++] = s->range[i];
    }
    s->n = n;
    for (int i = 0; i < 2 && s->beyond; i++)
        s->ascii[i] = ~s->ascii[i];
    return ERE_SET | (uint32_t)(((char *)s - r->m.memory) / 16);
}

/* [: and what follows it, to the :] */
static bool read_class(struct reader *r, struct ere_set *s) {
    const char *name = r->text.at + r->at + 2, *end = memmem(name, r->text.n - r->at - 2, ":]", 2);
    if (end == NULL)
        return fault_at(r, r->at, "[: has no :]");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (slice_is((struct slice){name, (size_t)(end - name)}, classes[i].name)) {
            add_class(r, s, &classes[i]);
            r->at = (size_t)(end + 2 - r->text.at);
            return true;
        }
    return fault_at(r, r->at,
                    "there is no such class: alpha digit alnum upper lower space blank punct print "
                    "graph cntrl xdigit are");
}

/* A character of a set, which [. and its like don't begin. */
static bool read_member(struct reader *r, uint32_t *code) {
    if (r->at == r->text.n)
        return fault_at(r, r->set, "[ has no ]: write \\[ for the character");
    if (look(r, 0) == '[' && is_one_of(look(r, 1), ".=:"))
        return fault_at(
            r, r->at,
            "[. [= and the end of a range by [: are not known here: write the character itself");
    return read_character(r, code);
}

/* One member: a class, a character, or two with a - between them. */
static bool read_members(struct reader *r, struct ere_set *s, bool first) {
    size_t begin = r->at;
    uint32_t from, to;
    if (look(r, 0) == '[' && look(r, 1) == ':') {
        if (!read_class(r, s))
            return false;
        if (look(r, 0) == '-' && look(r, 1) != ']')
            return fault_at(r, r->at, "a class begins no range: put the - first or last");
        return true;
    }
    if (look(r, 0) == '-' && !first && look(r, 1) != ']' && r->at + 1 < r->text.n)
        return fault_at(r, begin, "a - in the middle: put it first or last in [ ]");
    if (!read_member(r, &from))
        return false;
    to = from;
    if (look(r, 0) == '-' && look(r, 1) != ']' && look(r, 1) != '\0') {
        r->at++;
        if (!read_member(r, &to))
            return false;
    }
    if (to < from)
        return fault_at(r, begin, "a range that ends before it begins");
    add_range(r, s, from, to);
    return true;
}

static bool read_set(struct reader *r, uint32_t *letter) {
    r->set = r->at++;
    bool negated = look(r, 0) == '^';
    struct ere_set *s = start_set(r, negated);
    size_t inside = r->at += negated;
    while (!r->m.full && (look(r, 0) != ']' || r->at == inside))
        if (!read_members(r, s, r->at == inside))
            return false;
    r->at++;
    if (r->m.full)
        return true;
    if (r->text.at[inside] == ':' && r->at - inside > 3 && r->text.at[r->at - 2] == ':')
        return fault_at(r, r->set, "a class stands in [ ] of its own: write [[:alpha:]]");
    *letter = finish_set(r, s);
    return true;
}

/* ---- characters ---- */

/* \w \W \s \S: what is a word's, and what is space. */
static uint32_t short_set(struct reader *r, char c) {
    struct ere_set *s = start_set(r, c == 'W' || c == 'S');
    if (s == NULL)
        return 0;
    add_class(r, s, &classes[c == 's' || c == 'S' ? 5 : 2]);
    if (c == 'w' || c == 'W')
        add_range(r, s, '_', '_');
    return finish_set(r, s);
}

static bool read_escape(struct reader *r, uint32_t *letter) {
    size_t begin = r->at++;
    char c = look(r, 0);
    if (r->at == r->text.n)
        return fault_at(r, begin, "a \\ at the end: write \\\\ for the character");
    if (is_one_of(c, "123456789"))
        return fault_at(r, begin, "there are no back-references");
    if (is_one_of(c, "dD"))
        return fault_at(r, begin, "\\d means different things to different programs: write [0-9]");
    if (is_one_of(c, "<>bB`'"))
        return fault_at(r, begin,
                        "there are no boundaries of words or texts: the whole is matched");
    if (is_one_of(c, "aefnrtx"))
        return fault_at(r, begin,
                        "a \\ before this letter means different things to different programs: "
                        "write the letter, or \\\\ for a \\");
    if (!is_one_of(c, "wWsS"))
        return read_character(r, letter);
    *letter = short_set(r, c);
    r->at++;
    return true;
}

/* What stands for one character, or ^ or $. */
static bool read_atom(struct reader *r, struct ere_piece *atom) {
    enum { AT_BEGINNING = 2 | 8, AT_END = 4 | 8 };
    uint32_t letter = ERE_ANY;
    char c = look(r, 0);
    bool good = true;
    if (repeats(c))
        return fault_at(r, r->at, "this repeats nothing: put a \\ before it for the character");
    if (c == '^' || c == '$') {
        if (repeats(look(r, 1)))
            return fault_at(r, r->at + 1,
                            "this repeats ^ or $: put a \\ before that for the character");
        r->at++;
        *atom = ere_piece_nothing(&r->m, (c == '^') != r->backwards ? AT_BEGINNING : AT_END);
        return true;
    }
    if (c == '[')
        good = read_set(r, &letter);
    else if (c == '\\')
        good = read_escape(r, &letter);
    else if (c == '.')
        r->at++;
    else
        good = read_character(r, &letter);
    if (good)
        *atom = ere_piece_letter(&r->m, letter);
    return good;
}

/* ---- repetitions ---- */

static bool read_number(struct reader *r, unsigned *number) {
    size_t begin = r->at;
    for (*number = 0; is_one_of(look(r, 0), "0123456789"); r->at++)
        if (*number <= LIMIT_ERE_REPEAT)
            *number = *number * 10 + (unsigned)(look(r, 0) - '0');
    return r->at > begin;
}

static bool read_braces(struct reader *r, unsigned *least, unsigned *most) {
    size_t begin = r->at++;
    if (!read_number(r, least))
        return fault_at(r, begin,
                        look(r, 0) == ',' ? "{ without its first number: write {0,...}"
                                          : "{ without a number: write \\{ for the character");
    *most = *least;
    if (look(r, 0) == ',') {
        r->at++;
        if (!read_number(r, most))
            *most = ERE_UNBOUNDED;
    }
    if (look(r, 0) != '}')
        return fault_at(r, begin, "{ is not {n}, {n,} or {n,m}: write \\{ for the character");
    r->at++;
    if (*least > LIMIT_ERE_REPEAT || (*most > LIMIT_ERE_REPEAT && r->text.at[r->at - 2] != ','))
        return fault_at(r, begin,
                        "more than 255 repetitions: two of them, as in (a{255}){2}, multiply");
    if (*most < *least)
        return fault_at(r, begin, "the second number is smaller than the first");
    return true;
}

/* Any number of signs that repeat; what is repeated no times is as if it had never been there. */
static bool read_repetitions(struct reader *r, struct ere_piece *atom, size_t used, size_t blocks) {
    while (repeats(look(r, 0))) {
        char c = look(r, 0);
        unsigned least = c == '+', most = c == '?' ? 1 : ERE_UNBOUNDED;
        if (c != '{')
            r->at++;
        else if (!read_braces(r, &least, &most))
            return false;
        if (most > 0) {
            ere_piece_repeat(&r->m, atom, least, most);
        } else {
            r->m.pending = atom->base;
            r->m.used = used;
            r->m.blocks = blocks;
            *atom = ere_piece_nothing(&r->m, 15);
        }
    }
    return true;
}

/* ---- groups ---- */

static void open_group(struct reader *r) {
    *r->group = (struct ere_group){.branch = ere_piece_nothing(&r->m, 15),
                                   .at = r->at,
                                   .used = r->m.used,
                                   .blocks = r->m.blocks};
}

static void end_branch(struct reader *r) {
    struct ere_group *g = r->group;
    if (g->has_others)
        ere_piece_either(&r->m, &g->others, &g->branch);
    else
        g->others = g->branch;
    g->has_others = true;
    g->branch = ere_piece_nothing(&r->m, 15);
}

/* An atom with its repetitions, or the end of a group, which is one. */
static bool read_part(struct reader *r) {
    struct ere_piece atom;
    size_t used = r->m.used, blocks = r->m.blocks;
    if (look(r, 0) == ')' && r->group > r->m.work->group) {
        end_branch(r);
        atom = r->group->others;
        used = r->group->used;
        blocks = r->group->blocks;
        r->group--;
        r->at++;
    } else if (!read_atom(r, &atom)) {
        return false;
    }
    if (!r->m.full && !read_repetitions(r, &atom, used, blocks))
        return false;
    if (r->m.positions == 0)
        ere_piece_both(&r->m, &r->group->branch, &atom, r->backwards);
    return has_room(r);
}

/* What most rules are mostly made of: a character of ASCII that stands for itself, with no
 * repetition. */
static bool read_plain(struct reader *r) {
    static const uint64_t plain[2] = {0x7fffb0effffffffe,
                                      0xe7ffffffa7ffffff}; /* all but \ ^ $ . [ | ( ) * + ? { */
    unsigned char c = (unsigned char)look(r, 0);
    struct ere_piece *branch = &r->group->branch;
    if (c >= 0x80 || (plain[c / 64] >> c % 64 & 1) == 0 || repeats(look(r, 1)) || branch->n == 64
        || branch->positions == LIMIT_ERE_POSITIONS || r->backwards)
        return false;
    ere_piece_append(&r->m, branch, c);
    r->at++;
    return true;
}

static bool read_expression(struct reader *r) {
    open_group(r);
    while (r->at < r->text.n && !r->m.full) {
        char c = look(r, 0);
        if (read_plain(r))
            continue;
        if (c == '(' && r->group == r->m.work->group + LIMIT_ERE_DEPTH) {
            return fault_at(r, r->at, "more than 255 groups in one another");
        } else if (c == '(') {
            r->group++;
            open_group(r);
            r->at++;
        } else if (c == '|') {
            end_branch(r);
            r->at++;
        } else if (!read_part(r)) {
            return false;
        }
    }
    if (!r->m.full && r->group > r->m.work->group)
        return fault_at(r, r->group->at, "( has no ): write \\( for the character");
    if (!r->m.full)
        end_branch(r);
    return has_room(r);
}

enum ere_result ere_compile(struct ere *e, struct slice text, bool backwards, void *memory,
                            size_t size, struct ere_work *w, struct ere_fault *fault) {
    struct reader r = {.text = text, .backwards = backwards, .group = w->group, .fault = fault};
    r.m = (struct ere_maker){.work = w, .memory = memory, .size = size};
    if (!read_expression(&r))
        return ERE_FAULT;
    if (!r.m.full)
        ere_piece_finish(&r.m, &w->group->others, e);
    return r.m.full ? ERE_FULL : ERE_GOOD;
}
