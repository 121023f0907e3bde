#include "wire/ere.h"

#include <string.h>

#include "base/buf.h"
#include "wire/ere_parts.h"
#include "wire/utf8.h"

/* ---- faults ---- */

bool ere_fault_at(struct ere_reader *r, size_t at, const char *text) {
    struct buf b = BUF_ON(r->fault->text);
    buf_text(&b, text);
    buf_string(&b);
    r->fault->column = 1;
    for (size_t i = 0; i < at; i++)
        r->fault->column += ((unsigned char)r->text.at[i] & 0xc0) != 0x80;
    return false;
}

/* False where there are too many positions. */
static bool has_room(struct ere_reader *r) {
    char text[sizeof r->fault->text];
    struct buf b = BUF_ON(text);
    if (r->m.positions == 0)
        return true;
    buf_format(&b, "so far it stands for %llu characters, copies included, and %d are the most",
               (unsigned long long)r->m.positions, LIMIT_ERE_POSITIONS);
    return ere_fault_at(r, r->at, buf_string(&b));
}

char ere_look(const struct ere_reader *r, size_t ahead) {
    return r->at + ahead < r->text.n ? r->text.at[r->at + ahead] : '\0';
}

bool ere_is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

static bool repeats(char c) { return c == '*' || c == '+' || c == '?' || c == '{'; }

bool ere_read_character(struct ere_reader *r, uint32_t *code) {
    size_t length = utf8_read(r->text.at + r->at, r->text.n - r->at, code);
    if (length == 0 || *code == 0)
        return ere_fault_at(r, r->at,
                            length == 0 ? "this is not UTF-8" : "a NUL, which no text has");
    r->at += length;
    return true;
}

/* ---- characters ---- */

static bool read_escape(struct ere_reader *r, uint32_t *letter) {
    size_t begin = r->at++;
    char c = ere_look(r, 0);
    if (r->at == r->text.n)
        return ere_fault_at(r, begin, "a \\ at the end: write \\\\ for the character");
    if (ere_is_one_of(c, "123456789"))
        return ere_fault_at(r, begin, "there are no back-references");
    if (ere_is_one_of(c, "dD"))
        return ere_fault_at(r, begin,
                            "\\d means different things to different programs: write [0-9]");
    if (ere_is_one_of(c, "<>bB`'"))
        return ere_fault_at(r, begin,
                            "there are no boundaries of words or texts: the whole is matched");
    if (ere_is_one_of(c, "aefnrtx"))
        return ere_fault_at(r, begin,
                            "a \\ before this letter means different things to different programs: "
                            "write the letter, or \\\\ for a \\");
    if (!ere_is_one_of(c, "wWsS"))
        return ere_read_character(r, letter);
    *letter = ere_short_set(r, c);
    r->at++;
    return true;
}

/* What stands for one character, or ^ or $. */
static bool read_atom(struct ere_reader *r, struct ere_piece *atom) {
    enum { AT_BEGINNING = 2 | 8, AT_END = 4 | 8 };
    uint32_t letter = ERE_ANY;
    char c = ere_look(r, 0);
    bool good = true;
    if (repeats(c))
        return ere_fault_at(r, r->at, "this repeats nothing: put a \\ before it for the character");
    if (c == '^' || c == '$') {
        if (repeats(ere_look(r, 1)))
            return ere_fault_at(r, r->at + 1,
                                "this repeats ^ or $: put a \\ before that for the character");
        r->at++;
        *atom = ere_piece_nothing(&r->m, (c == '^') != r->backwards ? AT_BEGINNING : AT_END);
        return true;
    }
    if (c == '[')
        good = ere_read_set(r, &letter);
    else if (c == '\\')
        good = read_escape(r, &letter);
    else if (c == '.')
        r->at++;
    else
        good = ere_read_character(r, &letter);
    if (good)
        *atom = ere_piece_letter(&r->m, letter);
    return good;
}

/* ---- repetitions ---- */

static bool read_number(struct ere_reader *r, unsigned *number) {
    size_t begin = r->at;
    for (*number = 0; ere_is_one_of(ere_look(r, 0), "0123456789"); r->at++)
        if (*number <= LIMIT_ERE_REPEAT)
            *number = *number * 10 + (unsigned)(ere_look(r, 0) - '0');
    return r->at > begin;
}

static bool read_braces(struct ere_reader *r, unsigned *least, unsigned *most) {
    size_t begin = r->at++;
    if (!read_number(r, least))
        return ere_fault_at(r, begin,
                            ere_look(r, 0) == ','
                                ? "{ without its first number: write {0,...}"
                                : "{ without a number: write \\{ for the character");
    *most = *least;
    if (ere_look(r, 0) == ',') {
        r->at++;
        if (!read_number(r, most))
            *most = ERE_UNBOUNDED;
    }
    if (ere_look(r, 0) != '}')
        return ere_fault_at(r, begin, "{ is not {n}, {n,} or {n,m}: write \\{ for the character");
    r->at++;
    if (*least > LIMIT_ERE_REPEAT || (*most > LIMIT_ERE_REPEAT && r->text.at[r->at - 2] != ','))
        return ere_fault_at(r, begin,
                            "more than 255 repetitions: two of them, as in (a{255}){2}, multiply");
    if (*most < *least)
        return ere_fault_at(r, begin, "the second number is smaller than the first");
    return true;
}

/* Any number of signs that repeat; what is repeated no times is as if it had never been there. */
static bool read_repetitions(struct ere_reader *r, struct ere_piece *atom, size_t used,
                             size_t blocks) {
    while (repeats(ere_look(r, 0))) {
        char c = ere_look(r, 0);
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

static void open_group(struct ere_reader *r) {
    *r->group = (struct ere_group){.branch = ere_piece_nothing(&r->m, 15),
                                   .at = r->at,
                                   .used = r->m.used,
                                   .blocks = r->m.blocks};
}

static void end_branch(struct ere_reader *r) {
    struct ere_group *g = r->group;
    if (g->has_others)
        ere_piece_either(&r->m, &g->others, &g->branch);
    else
        g->others = g->branch;
    g->has_others = true;
    g->branch = ere_piece_nothing(&r->m, 15);
}

/* An atom with its repetitions, or the end of a group, which is one. */
static bool read_part(struct ere_reader *r) {
    struct ere_piece atom;
    size_t used = r->m.used, blocks = r->m.blocks;
    if (ere_look(r, 0) == ')' && r->group > r->m.work->group) {
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
static bool read_plain(struct ere_reader *r) {
    static const uint64_t plain[2] = {0x7fffb0effffffffe,
                                      0xe7ffffffa7ffffff}; /* all but \ ^ $ . [ | ( ) * + ? { */
    unsigned char c = (unsigned char)ere_look(r, 0);
    struct ere_piece *branch = &r->group->branch;
    if (c >= 0x80 || (plain[c / 64] >> c % 64 & 1) == 0 || repeats(ere_look(r, 1))
        || branch->n == 64 || branch->positions == LIMIT_ERE_POSITIONS || r->backwards)
        return false;
    ere_piece_append(&r->m, branch, c);
    r->at++;
    return true;
}

static bool read_expression(struct ere_reader *r) {
    open_group(r);
    while (r->at < r->text.n && !r->m.full) {
        char c = ere_look(r, 0);
        if (read_plain(r))
            continue;
        if (c == '(' && r->group == r->m.work->group + LIMIT_ERE_DEPTH) {
            return ere_fault_at(r, r->at, "more than 255 groups in one another");
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
        return ere_fault_at(r, r->group->at, "( has no ): write \\( for the character");
    if (!r->m.full)
        end_branch(r);
    return has_room(r);
}

enum ere_result ere_compile(struct ere *e, struct slice text, bool backwards, void *memory,
                            size_t size, struct ere_work *w, struct ere_fault *fault) {
    struct ere_reader r = {.text = text, .backwards = backwards, .group = w->group, .fault = fault};
    r.m = (struct ere_maker){.work = w, .memory = memory, .size = size};
    if (!read_expression(&r))
        return ERE_FAULT;
    if (!r.m.full)
        ere_piece_finish(&r.m, &w->group->others, e);
    return r.m.full ? ERE_FULL : ERE_GOOD;
}
