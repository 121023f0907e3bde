#include "tool/lint_search.h"

#include <string.h>

#include "base/pages.h"
#include "tool/lint_codes.h"
#include "tool/lint_letter.h"

enum {
    STATE_SLOTS = 2 * LIMIT_LINT_STATES,
    SET_WORDS = LIMIT_LINT_MEMORY / 8,
    CODE_NONE = ERE_ANY
};

/* What is known of a state beside the sets: one of the question's steps, and: */
enum {
    TAG_STEP = 7,
    TAG_SEEN = 8,  /* something else than a space has been read */
    TAG_FRESH = 16 /* the first expression has read nothing */
};

/* The steps of LINT_ASK_OPTION and LINT_ASK_FREE: inside of a word, where an argument begins, and
 * behind the - with which one began. */
enum { STEP_INSIDE, STEP_AT_WORD, STEP_FOUND };
/* The steps of LINT_ASK_SPACE: what was read last; SPLIT is a space that was read by a letter which
 * is not the space alone, SPLIT_FOUND a word behind it. */
enum { STEP_BLANK, STEP_WORD, STEP_SPLIT, STEP_SPLIT_FOUND };
/* The steps of LINT_ASK_EMPTY: before the word, and where one begins; in the word, which the second
 * expression reads while the first waits; behind it. */
enum { STEP_BEFORE, STEP_BEFORE_WORD, STEP_LEFT_OUT, STEP_BEHIND };

struct state {
    /* what was read to come here: CODE_NONE where it is not a part of the request */
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
    uint32_t slot[STATE_SLOTS]; /* a state's number + 1, by its sets and tag */
    uint64_t words[SET_WORDS], made[SET_WORDS];
    struct ere_run run[LINT_SIDES];
    struct lint_codes codes;
} * s; /* taken when it is needed, and kept: of all programs only bastion check does */

/* ---- the states ---- */

static uint32_t hash_state(const uint64_t *sets, uint8_t tag) {
    uint64_t h = tag;
    for (size_t i = 0; i < s->width; i++)
        h = (h ^ sets[i]) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 29;
    return (uint32_t)(h % STATE_SLOTS);
}

static unsigned utf8_length(uint32_t code) {
    return code == CODE_NONE ? 0 : code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* A state that is known was reached by a request that is as short. */
static void add_state(uint32_t parent, uint32_t code, const uint64_t *sets, uint8_t tag) {
    const struct state *from = &s->state[parent];
    bool root = s->states == 0;
    uint32_t bytes = root ? 0 : from->bytes + utf8_length(code),
             characters = root ? 0 : from->characters + (code != CODE_NONE), i;
    if (bytes > LIMIT_REQUEST) { /* another request of as many characters might have fewer bytes */
        s->open = s->open || characters <= LIMIT_REQUEST;
        return;
    }
    for (i = hash_state(sets, tag); s->slot[i] != 0; i = (i + 1) % STATE_SLOTS) {
        const struct state *known = &s->state[s->slot[i] - 1];
        if (known->tag == tag && memcmp(s->words + known->at, sets, s->width * sizeof *sets) == 0)
            return;
    }
    if (s->states == LIMIT_LINT_STATES || SET_WORDS - s->used < s->width) {
        s->open = true;
        return;
    }
    memcpy(s->words + s->used, sets, s->width * sizeof *sets);
    s->state[s->states] = (struct state){parent, code, (uint32_t)s->used, bytes, characters, tag};
    s->slot[i] = (uint32_t)++s->states;
    s->used += s->width;
    if (root || code == CODE_NONE)
        s->now[s->now_n++] = (uint32_t)s->states - 1;
    else
        s->next[s->next_n++] = (uint32_t)s->states - 1;
}

/* ---- the expressions ---- */

static void spend_work(size_t k) {
    uint64_t cost = s->side[k]->nodes + 4;
    *s->work -= cost < *s->work ? cost : *s->work;
    s->open = s->open || *s->work == 0;
}

/* Whether side k can go on after that character; what it may have read then comes to `to`. */
static bool advance_side(size_t k, const uint64_t *from, uint32_t code, bool fresh, uint64_t *to) {
    const struct ere *e = s->side[k];
    spend_work(k);
    memcpy(s->run[k].now, from, e->nodes * sizeof *from);
    bool alive = ere_step(e, &s->run[k], code, fresh ? ERE_BEGINNING : ERE_INSIDE);
    memcpy(to, s->run[k].now, e->nodes * sizeof *to);
    return alive;
}

static bool side_accepts(size_t k, const uint64_t *from) {
    spend_work(k);
    memcpy(s->run[k].now, from, s->side[k]->nodes * sizeof *from);
    return ere_accepts(s->side[k], &s->run[k], true);
}

/* Keeps of side k the letters that stand for that character alone, or the others. Whether some are
 * left. */
static bool keep_letters(size_t k, uint64_t *sets, uint32_t code, bool alone) {
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
    unsigned step = tag & TAG_STEP;
    bool space = code == ' ';
    switch (s->question) {
    case LINT_ASK_OPTION:
        return step == STEP_FOUND                                    ? STEP_FOUND
               : space && (s->first_counts || (tag & TAG_SEEN) != 0) ? STEP_AT_WORD
                                                                     : STEP_INSIDE;
    case LINT_ASK_SPACE:
        return step == STEP_SPLIT_FOUND || step == STEP_SPLIT ? STEP_SPLIT_FOUND
               : space                                        ? STEP_BLANK
                                                              : STEP_WORD;
    case LINT_ASK_FREE: return space ? STEP_AT_WORD : STEP_INSIDE;
    default: return 0;
    }
}

/* One character further, for all questions but that for an empty word. */
static void expand_state(uint32_t number) {
    const struct state *from = &s->state[number];
    const uint64_t *sets = s->words + from->at;
    uint8_t step = from->tag & TAG_STEP;
    for (size_t i = 0; i < s->codes.n && !s->open; i++) {
        uint32_t code = s->codes.code[i];
        uint8_t seen = (from->tag & TAG_SEEN) | (code != ' ' ? TAG_SEEN : 0);
        if (s->question == LINT_ASK_SPACE && step == STEP_SPLIT && code == ' ')
            continue;
        if (!advance_side(0, sets, code, (from->tag & TAG_FRESH) != 0, s->made))
            continue;
        for (size_t k = 1; k < s->sides; k++)
            advance_side(k, sets + s->offset[k], code, (from->tag & TAG_FRESH) != 0,
                         s->made + s->offset[k]);
        add_state(number, code, s->made, seen | next_step(from->tag, code));
        if (s->question == LINT_ASK_OPTION && step == STEP_AT_WORD && code == '-'
            && keep_letters(0, s->made, code, false))
            add_state(number, code, s->made, seen | STEP_FOUND);
        if (s->question == LINT_ASK_SPACE && step == STEP_WORD && code == ' '
            && keep_letters(0, s->made, code, false))
            add_state(number, code, s->made, seen | STEP_SPLIT);
    }
}

/* Both sides are the same expression. It reads what is before the word; then the second reads the
 * word, while the first waits; then both read what is behind. Only its own spaces count: what else
 * can read one is another question. */
static void expand_state_for_empty(uint32_t number) {
    const struct state *from = &s->state[number];
    const uint64_t *sets = s->words + from->at;
    uint64_t *other = s->made + s->offset[1];
    uint8_t step = from->tag & TAG_STEP, fresh = from->tag & TAG_FRESH, seen = from->tag & TAG_SEEN;
    for (size_t i = 0; i < s->codes.n && !s->open; i++) {
        uint32_t code = s->codes.code[i];
        bool space = code == ' ';
        uint8_t seen_then = seen | (space ? 0 : TAG_SEEN);
        memset(s->made, 0, s->width * sizeof *s->made);
        if (step == STEP_BEFORE || step == STEP_BEFORE_WORD || step == STEP_BEHIND || space) {
            bool goes = advance_side(0, sets, code, fresh != 0, s->made)
                        && (!space || keep_letters(0, s->made, code, true));
            if (goes && (step == STEP_BEFORE || step == STEP_BEFORE_WORD))
                add_state(number, code, s->made,
                          seen_then | (space ? STEP_BEFORE_WORD : STEP_BEFORE));
            if (goes && (step == STEP_LEFT_OUT || step == STEP_BEHIND)
                && advance_side(1, sets + s->offset[1], code, false, other)
                && (!space || keep_letters(1, other, code, true)))
                add_state(number, code, s->made, seen_then | STEP_BEHIND);
        }
        if ((step == STEP_BEFORE_WORD || step == STEP_LEFT_OUT) && !space) {
            const uint64_t *start = step == STEP_BEFORE_WORD ? sets : sets + s->offset[1];
            memcpy(s->made, sets, s->side[0]->nodes * sizeof *sets);
            if (advance_side(1, start, code, fresh != 0 && step == STEP_BEFORE_WORD, other))
                add_state(number, CODE_NONE, s->made, seen | fresh | STEP_LEFT_OUT);
        }
    }
}

/* Whether letters and digits without an end may follow, whatever they are: as many as no count of a
 * rule asks for. */
static bool ends_freely(const struct state *at) {
    enum { LONG = 2 * LIMIT_ERE_REPEAT };
    const uint64_t *sets = s->words + at->at;
    bool fresh = (at->tag & TAG_FRESH) != 0;
    for (int i = 0; i < LONG; i++, fresh = false) {
        if (!advance_side(0, sets, i % 2 == 0 ? 'x' : '7', fresh, s->made))
            return false;
        sets = s->made;
    }
    return side_accepts(0, sets);
}

static bool is_goal(const struct state *at) {
    const uint64_t *sets = s->words + at->at;
    uint8_t step = at->tag & TAG_STEP;
    if (s->question == LINT_ASK_FREE)
        return step == STEP_AT_WORD && ends_freely(at);
    if ((at->tag & TAG_SEEN) == 0 || (s->question == LINT_ASK_OPTION && step != STEP_FOUND)
        || (s->question == LINT_ASK_SPACE && step != STEP_SPLIT_FOUND))
        return false;
    if (s->question == LINT_ASK_EMPTY && step != STEP_LEFT_OUT && step != STEP_BEHIND)
        return false;
    if (!side_accepts(0, sets))
        return false;
    for (size_t k = 1; k < s->sides; k++)
        if (side_accepts(k, sets + s->offset[k]) != (s->question == LINT_ASK_EMPTY))
            return false;
    return true;
}

/* ---- the search ---- */

static void put_character(struct lint_request *to, size_t *at, uint32_t code) {
    static const unsigned char mark[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned n = utf8_length(code);
    for (unsigned i = n; n > 1 && i-- > 1; code >>= 6)
        to->text[*at - n + i] = (char)(0x80 | (code & 0x3f));
    if (n > 0)
        to->text[*at - n] = (char)(mark[n > 1 ? n : 0] | code);
    *at -= n;
}

static void write_request(uint32_t number, struct lint_request *found) {
    size_t at = s->state[number].bytes;
    found->n = at;
    for (; number != 0; number = s->state[number].parent)
        put_character(found, &at, s->state[number].code);
}

static bool start_search(enum lint_question question, const struct ere *const *side, size_t sides) {
    uint8_t first = question == LINT_ASK_EMPTY                     ? STEP_BEFORE_WORD
                    : question == LINT_ASK_SPACE                   ? STEP_BLANK
                    : question == LINT_ASK_FREE || s->first_counts ? STEP_AT_WORD
                                                                   : STEP_INSIDE;
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
    if (!lint_codes_find(&s->codes, question, side, sides))
        return false;
    memset(s->made, 0, s->width * sizeof *s->made);
    add_state(0, CODE_NONE, s->made, (uint8_t)(first | TAG_FRESH));
    return !s->open;
}

enum lint_answer lint_search(enum lint_question question, const struct ere *const *side,
                             size_t sides, bool first_counts, uint64_t *work,
                             struct lint_request *found) {
    if (s == NULL && (s = pages_take(sizeof *s)) == NULL)
        return LINT_OPEN;
    s->work = work;
    s->first_counts = first_counts;
    if ((question == LINT_ASK_OPTION && !lint_letter_has_loose(side[0], '-'))
        || (question == LINT_ASK_SPACE && !lint_letter_has_loose(side[0], ' '))
        || (question == LINT_ASK_EMPTY && !lint_letter_has_own(side[0], ' '))
        || (question == LINT_ASK_FREE
            && !(lint_letter_has_loose(side[0], 'x') && lint_letter_has_loose(side[0], '7'))))
        return LINT_NO;
    if (!start_search(question, side, sides))
        return LINT_OPEN;
    while (s->now_n > 0) {
        for (size_t i = 0; i < s->now_n && !s->open; i++) { /* which may grow meanwhile */
            if (is_goal(&s->state[s->now[i]])) {
                write_request(s->now[i], found);
                return LINT_YES;
            }
            if (question == LINT_ASK_EMPTY)
                expand_state_for_empty(s->now[i]);
            else
                expand_state(s->now[i]);
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
