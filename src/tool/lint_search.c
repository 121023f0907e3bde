#include "tool/lint_search.h"

#include <string.h>

#include "base/pages.h"

enum {
    CLASSES = 1024,
    SLOTS = 2 * LIMIT_LINT_STATES,
    WORDS = LIMIT_LINT_MEMORY / 8,
    SILENT = ERE_ANY
};

/* What is known of a state beside the sets: one of the question's steps, and: */
enum {
    STEP = 7,
    SEEN = 8,  /* something else than a space has been read */
    FRESH = 16 /* the first expression has read nothing */
};

/* The steps. */
/* of LINT_ASK_OPTION: inside of a word, where an argument begins */
enum { INSIDE, AT_WORD, FOUND };
enum { BLANK, WORD, SPLIT, SPLIT_FOUND }; /* of LINT_ASK_SPACE: what was read last */
/* of LINT_ASK_EMPTY: the first expression waits while the second reads the word */
enum { BEFORE, BEFORE_WORD, LEFT_OUT, BEHIND };

struct state {
    /* what was read to come here: SILENT where it is not a part of the request */
    uint32_t parent, code;
    uint32_t at; /* of its sets, in `words` */
    uint32_t bytes, characters;
    uint8_t tag;
};

static struct search {
    enum lint_question question;
    const struct ere *side[LINT_SIDES];
    size_t sides, width; /* width: words of a state's sets */
    size_t offset[LINT_SIDES];
    bool first_counts, open;
    uint64_t *work;
    size_t states, used;
    /* States that are to be looked at, by the length of the request: those of this length, and of
     * the next. */
    size_t now_n, next_n;
    uint32_t queue[2][LIMIT_LINT_STATES], *now, *next;
    struct state state[LIMIT_LINT_STATES];
    uint32_t slot[SLOTS]; /* a state's number + 1, by its sets and tag */
    uint64_t words[WORDS], made[WORDS];
    struct ere_run run[LINT_SIDES];
    /* One character of each class. */
    size_t codes;
    uint32_t code[CLASSES];
} * s;

/* ---- the characters ---- */

static struct {
    bool full;
    size_t n;
    uint32_t beyond[CLASSES]; /* above 0x7f, in order */
    bool ascii[0x81];
} edges;

static void add_edge(uint32_t code) {
    size_t i = edges.n;
    if (code <= 0x80) {
        edges.ascii[code] = true;
        return;
    }
    while (i > 0 && edges.beyond[i - 1] >= code)
        i--;
    if (i < edges.n && edges.beyond[i] == code)
        return;
    if (edges.n == CLASSES) {
        edges.full = true;
        return;
    }
    memmove(edges.beyond + i + 1, edges.beyond + i, (edges.n - i) * sizeof *edges.beyond);
    edges.beyond[i] = code;
    edges.n++;
}

/* What people like to read comes first. */
static int rank(uint32_t code) {
    if (code == '-' && s->question == LINT_ASK_OTHER)
        return -1;
    if (code >= 'a' && code <= 'z')
        return 0;
    if (code >= '0' && code <= '9')
        return 1;
    if (code >= 'A' && code <= 'Z')
        return 2;
    return code == ' ' ? 5 : code < 0x80 ? 3 : 4;
}

/* The nicest of an interval of ASCII. */
static uint32_t nicest(uint32_t from, uint32_t end) {
    uint32_t best = from;
    for (uint32_t code = from; code < end; code++)
        if (rank(code) < rank(best))
            best = code;
    return best;
}

static void add_code(uint32_t code) {
    if (s->codes == CLASSES)
        s->open = true;
    else
        s->code[s->codes++] = code;
}

static void order_codes(void) {
    for (size_t i = 1; i < s->codes; i++) {
        uint32_t code = s->code[i];
        size_t k = i;
        for (; k > 0 && rank(s->code[k - 1]) > rank(code); k--)
            s->code[k] = s->code[k - 1];
        s->code[k] = code;
    }
}

/* No control character, and no half of a pair, is in any request. */
static void find_codes(void) {
    static const uint32_t ours[] = {' ', ' ' + 1, '-', '-' + 1, 'x', 'x' + 1, '7', '7' + 1};
    size_t told = s->question == LINT_ASK_FREE                                      ? 8
                  : s->question == LINT_ASK_OPTION || s->question == LINT_ASK_OTHER ? 4
                                                                                    : 2;
    memset(&edges, 0, sizeof edges);
    for (size_t i = 0; i < s->sides; i++)
        for (uint32_t code = ere_next_class(s->side[i], 0); code < ERE_ANY;
             code = ere_next_class(s->side[i], code + 1))
            add_edge(code);
    for (size_t i = 0; i < told; i++)
        add_edge(ours[i]);
    s->codes = 0;
    s->open = s->open || edges.full;
    for (uint32_t from = ' ', end; from < 0x7f; from = end) {
        for (end = from + 1; end < 0x7f && !edges.ascii[end];)
            end++;
        add_code(nicest(from, end));
    }
    for (size_t i = 0; i <= edges.n; i++) {
        uint32_t from = i == 0 ? 0x80 : edges.beyond[i - 1],
                 end = i < edges.n ? edges.beyond[i] : ERE_ANY;
        if (from < 0xa1 && end > 0xa1) /* before it there is nothing to see */
            from = 0xa1;
        if (from >= 0xd800 && from < 0xe000)
            from = 0xe000;
        if (from < end)
            add_code(from);
    }
    order_codes();
}

/* ---- the states ---- */

static uint32_t hash(const uint64_t *sets, uint8_t tag) {
    uint64_t h = tag;
    for (size_t i = 0; i < s->width; i++)
        h = (h ^ sets[i]) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 29;
    return (uint32_t)(h % SLOTS);
}

static unsigned length_of(uint32_t code) {
    return code == SILENT ? 0 : code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* A state that is known was reached by a request that is as short. */
static void add_state(uint32_t parent, uint32_t code, const uint64_t *sets, uint8_t tag) {
    const struct state *from = &s->state[parent];
    bool root = s->states == 0;
    uint32_t bytes = root ? 0 : from->bytes + length_of(code),
             characters = root ? 0 : from->characters + (code != SILENT), i;
    if (bytes > LIMIT_REQUEST) { /* another request of as many characters might have fewer bytes */
        s->open = s->open || characters <= LIMIT_REQUEST;
        return;
    }
    for (i = hash(sets, tag); s->slot[i] != 0; i = (i + 1) % SLOTS) {
        const struct state *known = &s->state[s->slot[i] - 1];
        if (known->tag == tag && memcmp(s->words + known->at, sets, s->width * sizeof *sets) == 0)
            return;
    }
    if (s->states == LIMIT_LINT_STATES || WORDS - s->used < s->width) {
        s->open = true;
        return;
    }
    memcpy(s->words + s->used, sets, s->width * sizeof *sets);
    s->state[s->states] = (struct state){parent, code, (uint32_t)s->used, bytes, characters, tag};
    s->slot[i] = (uint32_t)++s->states;
    s->used += s->width;
    if (root || code == SILENT)
        s->now[s->now_n++] = (uint32_t)s->states - 1;
    else
        s->next[s->next_n++] = (uint32_t)s->states - 1;
}

/* ---- the expressions ---- */

static void spend(size_t k) {
    uint64_t cost = s->side[k]->nodes + 4;
    *s->work -= cost < *s->work ? cost : *s->work;
    s->open = s->open || *s->work == 0;
}

/* Whether side k can go on after that character; what it may have read then comes to `to`. */
static bool advance(size_t k, const uint64_t *from, uint32_t code, bool fresh, uint64_t *to) {
    const struct ere *e = s->side[k];
    spend(k);
    memcpy(s->run[k].now, from, e->nodes * sizeof *from);
    bool alive = ere_step(e, &s->run[k], code, fresh ? ERE_BEGINNING : ERE_INSIDE);
    memcpy(to, s->run[k].now, e->nodes * sizeof *to);
    return alive;
}

static bool accepts(size_t k, const uint64_t *from) {
    spend(k);
    memcpy(s->run[k].now, from, s->side[k]->nodes * sizeof *from);
    return ere_accepts(s->side[k], &s->run[k], true);
}

static const struct ere_set *set_of(const struct ere *e, uint32_t letter) {
    return (const struct ere_set *)(const void *)(e->memory + (size_t)(letter & ~ERE_SET) * 16);
}

bool lint_letter_is(const struct ere *e, uint32_t letter, uint32_t code) {
    if ((letter & ERE_SET) == 0 || (letter & ERE_BLOCK) != 0)
        return letter == code;
    const struct ere_set *set = set_of(e, letter);
    uint64_t low = set->ascii[0] & ~UINT64_C(0xffffffff),
             high = set->ascii[1] & ~(UINT64_C(1) << 63);
    uint64_t one = UINT64_C(1) << code % 64;
    return set->n == 0 && !set->beyond && low == (code < 64 ? one : 0)
           && high == (code < 64 ? 0 : one);
}

/* Keeps of side k the letters that stand for that character alone, or the others. Whether some are
 * left. */
static bool keep(size_t k, uint64_t *sets, uint32_t code, bool alone) {
    const struct ere *e = s->side[k];
    bool left = false;
    for (uint32_t i = 0; i < e->nodes; i++) {
        for (uint64_t rest = sets[i]; rest != 0; rest &= rest - 1) {
            unsigned letter = (unsigned)__builtin_ctzll(rest);
            if (lint_letter_is(e, e->node[i].block->letter[letter], code) != alone)
                sets[i] &= ~(UINT64_C(1) << letter);
        }
        left = left || sets[i] != 0;
    }
    return left;
}

/* ---- the questions ---- */

static uint8_t next_step(uint8_t tag, uint32_t code) {
    unsigned step = tag & STEP;
    bool space = code == ' ';
    switch (s->question) {
    case LINT_ASK_OPTION:
        return step == FOUND                                     ? FOUND
               : space && (s->first_counts || (tag & SEEN) != 0) ? AT_WORD
                                                                 : INSIDE;
    case LINT_ASK_SPACE:
        return step == SPLIT_FOUND || step == SPLIT ? SPLIT_FOUND : space ? BLANK : WORD;
    case LINT_ASK_FREE: return space ? AT_WORD : INSIDE;
    default: return 0;
    }
}

/* One character further, for all questions but that for an empty word. */
static void expand(uint32_t number) {
    const struct state *from = &s->state[number];
    const uint64_t *sets = s->words + from->at;
    uint8_t step = from->tag & STEP;
    for (size_t i = 0; i < s->codes && !s->open; i++) {
        uint32_t code = s->code[i];
        uint8_t seen = (from->tag & SEEN) | (code != ' ' ? SEEN : 0);
        if (s->question == LINT_ASK_SPACE && step == SPLIT && code == ' ')
            continue;
        if (!advance(0, sets, code, (from->tag & FRESH) != 0, s->made))
            continue;
        for (size_t k = 1; k < s->sides; k++)
            advance(k, sets + s->offset[k], code, (from->tag & FRESH) != 0, s->made + s->offset[k]);
        add_state(number, code, s->made, seen | next_step(from->tag, code));
        if (s->question == LINT_ASK_OPTION && step == AT_WORD && code == '-'
            && keep(0, s->made, code, false))
            add_state(number, code, s->made, seen | FOUND);
        if (s->question == LINT_ASK_SPACE && step == WORD && code == ' '
            && keep(0, s->made, code, false))
            add_state(number, code, s->made, seen | SPLIT);
    }
}

/* Both sides are the same expression. It reads what is before the word; then the second reads the
 * word, while the first waits; then both read what is behind. Only its own spaces count: what else
 * can read one is another question. */
static void expand_empty(uint32_t number) {
    const struct state *from = &s->state[number];
    const uint64_t *sets = s->words + from->at;
    uint64_t *other = s->made + s->offset[1];
    uint8_t step = from->tag & STEP, fresh = from->tag & FRESH, seen = from->tag & SEEN;
    for (size_t i = 0; i < s->codes && !s->open; i++) {
        uint32_t code = s->code[i];
        bool space = code == ' ';
        uint8_t seen_then = seen | (space ? 0 : SEEN);
        memset(s->made, 0, s->width * sizeof *s->made);
        if (step == BEFORE || step == BEFORE_WORD || step == BEHIND || space) {
            bool goes = advance(0, sets, code, fresh != 0, s->made)
                        && (!space || keep(0, s->made, code, true));
            if (goes && (step == BEFORE || step == BEFORE_WORD))
                add_state(number, code, s->made, seen_then | (space ? BEFORE_WORD : BEFORE));
            if (goes && (step == LEFT_OUT || step == BEHIND)
                && advance(1, sets + s->offset[1], code, false, other)
                && (!space || keep(1, other, code, true)))
                add_state(number, code, s->made, seen_then | BEHIND);
        }
        if ((step == BEFORE_WORD || step == LEFT_OUT) && !space) {
            const uint64_t *start = step == BEFORE_WORD ? sets : sets + s->offset[1];
            memcpy(s->made, sets, s->side[0]->nodes * sizeof *sets);
            if (advance(1, start, code, fresh != 0 && step == BEFORE_WORD, other))
                add_state(number, SILENT, s->made, seen | fresh | LEFT_OUT);
        }
    }
}

/* Whether letters and digits without an end may follow, whatever they are: as many as no count of a
 * rule asks for. */
static bool is_free(const struct state *at) {
    enum { LONG = 2 * LIMIT_ERE_REPEAT };
    const uint64_t *sets = s->words + at->at;
    bool fresh = (at->tag & FRESH) != 0;
    for (int i = 0; i < LONG; i++, fresh = false) {
        if (!advance(0, sets, i % 2 == 0 ? 'x' : '7', fresh, s->made))
            return false;
        sets = s->made;
    }
    return accepts(0, sets);
}

static bool is_goal(const struct state *at) {
    const uint64_t *sets = s->words + at->at;
    uint8_t step = at->tag & STEP;
    if (s->question == LINT_ASK_FREE)
        return step == AT_WORD && is_free(at);
    if ((at->tag & SEEN) == 0 || (s->question == LINT_ASK_OPTION && step != FOUND)
        || (s->question == LINT_ASK_SPACE && step != SPLIT_FOUND))
        return false;
    if (s->question == LINT_ASK_EMPTY && step != LEFT_OUT && step != BEHIND)
        return false;
    if (!accepts(0, sets))
        return false;
    for (size_t k = 1; k < s->sides; k++)
        if (accepts(k, sets + s->offset[k]) != (s->question == LINT_ASK_EMPTY))
            return false;
    return true;
}

/* Whether something reads that character and others, too. */
static bool has_loose(const struct ere *e, uint32_t code) {
    for (uint32_t i = 0; i < e->nodes; i++)
        for (uint32_t k = 0; k < e->node[i].block->n; k++) {
            uint32_t letter = e->node[i].block->letter[k];
            bool set = (letter & ERE_SET) != 0 && (letter & ERE_BLOCK) == 0;
            if (letter == ERE_ANY
                || (set && (set_of(e, letter)->ascii[code / 64] >> code % 64 & 1) != 0
                    && !lint_letter_is(e, letter, code)))
                return true;
        }
    return false;
}

static bool has_own(const struct ere *e, uint32_t code) {
    for (uint32_t i = 0; i < e->nodes; i++)
        for (uint32_t k = 0; k < e->node[i].block->n; k++)
            if (lint_letter_is(e, e->node[i].block->letter[k], code))
                return true;
    return false;
}

/* ---- the search ---- */

static void put(struct lint_request *to, size_t *at, uint32_t code) {
    static const unsigned char mark[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned n = length_of(code);
    for (unsigned i = n; n > 1 && i-- > 1; code >>= 6)
        to->text[*at - n + i] = (char)(0x80 | (code & 0x3f));
    if (n > 0)
        to->text[*at - n] = (char)(mark[n > 1 ? n : 0] | code);
    *at -= n;
}

static void tell(uint32_t number, struct lint_request *found) {
    size_t at = s->state[number].bytes;
    found->n = at;
    for (; number != 0; number = s->state[number].parent)
        put(found, &at, s->state[number].code);
}

static bool start(enum lint_question question, const struct ere *const *side, size_t sides) {
    uint8_t first = question == LINT_ASK_EMPTY                     ? BEFORE_WORD
                    : question == LINT_ASK_SPACE                   ? BLANK
                    : question == LINT_ASK_FREE || s->first_counts ? AT_WORD
                                                                   : INSIDE;
    s->question = question;
    s->sides = sides;
    s->width = s->states = s->used = s->now_n = s->next_n = 0;
    s->open = *s->work == 0;
    s->now = s->queue[0];
    s->next = s->queue[1];
    memset(s->slot, 0, sizeof s->slot);
    for (size_t k = 0; k < sides; k++) {
        s->side[k] = side[k];
        s->offset[k] = s->width;
        s->width += side[k]->nodes;
        ere_start(side[k], &s->run[k]);
        s->open = s->open || side[k]->nodes > LIMIT_LINT_NODES;
    }
    if (s->open)
        return false;
    find_codes();
    memset(s->made, 0, s->width * sizeof *s->made);
    add_state(0, SILENT, s->made, (uint8_t)(first | FRESH));
    return !s->open;
}

enum lint_answer lint_search(enum lint_question question, const struct ere *const *side,
                             size_t sides, bool first_counts, uint64_t *work,
                             struct lint_request *found) {
    if (s == NULL && (s = pages_take(sizeof *s)) == NULL)
        return LINT_OPEN;
    s->work = work;
    s->first_counts = first_counts;
    if ((question == LINT_ASK_OPTION && !has_loose(side[0], '-'))
        || (question == LINT_ASK_SPACE && !has_loose(side[0], ' '))
        || (question == LINT_ASK_EMPTY && !has_own(side[0], ' '))
        || (question == LINT_ASK_FREE && !(has_loose(side[0], 'x') && has_loose(side[0], '7'))))
        return LINT_NO;
    if (!start(question, side, sides))
        return LINT_OPEN;
    while (s->now_n > 0) {
        for (size_t i = 0; i < s->now_n && !s->open; i++) { /* which may grow meanwhile */
            if (is_goal(&s->state[s->now[i]])) {
                tell(s->now[i], found);
                return LINT_YES;
            }
            if (question == LINT_ASK_EMPTY)
                expand_empty(s->now[i]);
            else
                expand(s->now[i]);
        }
        if (s->open)
            return LINT_OPEN;
        uint32_t *done = s->now;
        s->now = s->next;
        s->now_n = s->next_n;
        s->next = done;
        s->next_n = 0;
    }
    return LINT_NO;
}
