#include "wire/json_push.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "wire/json_path.h"
#include "wire/json_token.h"
#include "wire/utf8.h"

/*  state      byte           next
 *  VALUE      { FIRST_NAME   [ FIRST_VALUE   " STRING   - MINUS   0 ZERO   digit WHOLE   t f n WORD
 *  FIRST_VALUE ]  AFTER      anything else: as VALUE
 *  FIRST_NAME  }  AFTER      anything else: as NAME
 *  NAME       " STRING
 *  COLON      : VALUE
 *  AFTER      , NAME or VALUE    } ] AFTER, one container less
 *  STRING     " COLON behind a name, else AFTER    \ ESCAPE    first byte of several CHARACTER
 *  ESCAPE     u HEX          one of "\/bfnrt STRING
 *  HEX        the fourth digit STRING
 *  CHARACTER  its last byte  STRING
 *  MINUS      0 ZERO         digit WHOLE
 *  ZERO       . POINT        e EXPONENT      anything else: as AFTER
 *  WHOLE      digit WHOLE    . POINT         e EXPONENT      anything else: as AFTER
 *  POINT      digit FRACTION
 *  FRACTION   digit FRACTION e EXPONENT      anything else: as AFTER
 *  EXPONENT   + - SIGN       digit DIGITS
 *  SIGN       digit DIGITS
 *  DIGITS     digit DIGITS   anything else: as AFTER
 *  WORD       its last letter AFTER
 * White space counts for nothing in the first six. */
enum state {
    VALUE,
    FIRST_VALUE,
    FIRST_NAME,
    NAME,
    COLON,
    AFTER,
    STRING,
    ESCAPE,
    HEX,
    CHARACTER,
    MINUS,
    ZERO,
    WHOLE,
    POINT,
    FRACTION,
    EXPONENT,
    SIGN,
    DIGITS,
    WORD
};

/* Which of the paths have this name behind `before` others. */
static uint32_t select_paths(const struct json_push *p, uint32_t among, size_t before,
                             struct slice name) {
    uint32_t selected = 0;
    for (size_t i = 0; among != 0 && i < p->count; i++)
        if ((among >> i & 1) != 0 && json_path_has(p->path[i], before, name))
            selected |= (uint32_t)1 << i;
    return selected;
}

/* ---- what is kept ---- */

static struct json_level *innermost(struct json_push *p) { return &p->level[p->depth - 1]; }

static void start_text(struct json_push *p, size_t cap) {
    p->text = (struct buf){.at = p->room, .cap = cap};
    p->in_half = false;
    p->high = 0;
}

static bool keeps_text(const struct json_push *p) { return p->in_name || p->captured != 0; }

/* A value begins: finds the paths that end there. */
static void begin_value(struct json_push *p, enum json_kind kind) {
    if (p->depth > 0 && !innermost(p)->is_object) {
        char index[16];
        int n = snprintf(index, sizeof index, "%u", (unsigned)innermost(p)->index);
        p->candidates =
            select_paths(p, innermost(p)->match, p->depth - 1, (struct slice){index, (size_t)n});
        if (innermost(p)->index < UINT32_MAX)
            innermost(p)->index++;
    }
    p->captured = 0;
    for (size_t i = 0; p->candidates != 0 && i < p->count; i++) {
        if ((p->candidates >> i & 1) == 0 || json_path_has_more(p->path[i], p->depth))
            continue;
        p->captured |= (uint32_t)1 << i;
        p->found[i].kind = kind;
    }
    p->candidates &= ~p->captured;
    start_text(p, sizeof p->room);
}

/* The value has ended: what was captured of it goes to the paths. */
static void end_value(struct json_push *p) {
    for (size_t i = 0; p->captured != 0 && i < p->count; i++) {
        struct json_found *f = &p->found[i];
        if ((p->captured >> i & 1) == 0)
            continue;
        f->unusable = p->text.full || p->in_half;
        f->n = f->unusable ? 0 : p->text.len;
        memcpy(f->text, p->room, f->n);
    }
    p->captured = p->candidates = 0;
    p->state = AFTER;
}

/* A member's name has ended: finds the paths that lead through it, less those that had it before.
 */
static void end_name(struct json_push *p) {
    struct json_level *l = innermost(p);
    uint32_t selected = 0;
    if (!p->text.full && !p->in_half)
        selected = select_paths(p, l->match, p->depth - 1, (struct slice){p->text.at, p->text.len});
    p->repeated |= selected & l->taken;
    p->candidates = selected & ~l->taken;
    l->taken |= selected;
    p->in_name = false;
    p->state = COLON;
}

/* ---- strings ---- */

/* What was the first half of a surrogate pair has no second (section 8.2). */
static void leave_half(struct json_push *p) {
    p->in_half = p->in_half || p->high != 0;
    p->high = 0;
}

static void put_escaped(struct json_push *p, uint32_t code) {
    bool is_low = code >= 0xdc00 && code <= 0xdfff;
    if (is_low && p->high != 0) {
        code = 0x10000 + ((p->high - 0xd800) << 10 | (code - 0xdc00));
        p->high = 0;
    } else {
        leave_half(p);
        if (is_low)
            p->in_half = true;
        if (code >= 0xd800 && code <= 0xdbff)
            p->high = code;
        if (code >= 0xd800 && code <= 0xdfff)
            return;
    }
    if (keeps_text(p))
        utf8_write(&p->text, code);
}

static const char *string_byte(struct json_push *p, char c) {
    unsigned char byte = (unsigned char)c;
    if (c == '\\') {
        p->state = ESCAPE;
        return NULL;
    }
    leave_half(p);
    if (c == '"') {
        if (p->in_name)
            end_name(p);
        else
            end_value(p);
        return NULL;
    }
    if (byte < 0x20)
        return "a control character in a string";
    if (byte >= 0x80) {
        p->rest = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
        p->character[0] = c;
        p->character_n = 1;
        p->state = CHARACTER;
        return byte >= 0xc0 ? NULL : "a byte that is not UTF-8";
    }
    if (keeps_text(p))
        buf_char(&p->text, c);
    return NULL;
}

static const char *character_byte(struct json_push *p, char c) {
    uint32_t code;
    p->character[p->character_n++] = c;
    if (((unsigned char)c & 0xc0) != 0x80
        || (--p->rest == 0 && utf8_read(p->character, p->character_n, &code) == 0))
        return "a byte that is not UTF-8";
    if (p->rest > 0)
        return NULL;
    if (keeps_text(p))
        buf_bytes(&p->text, p->character, p->character_n);
    p->state = STRING;
    return NULL;
}

static const char *escape_byte(struct json_push *p, char c) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    p->code = 0;
    p->rest = 4;
    p->state = c == 'u' ? HEX : STRING;
    if (known != NULL)
        put_escaped(p, (unsigned char)to[known - from]);
    return c == 'u' || known != NULL ? NULL : "an escape that there is not";
}

static const char *hex_byte(struct json_push *p, char c) {
    int digit = num_hex_digit((unsigned char)c);
    if (digit < 0)
        return "an escape without its four digits";
    p->code = p->code << 4 | (uint32_t)digit;
    if (--p->rest > 0)
        return NULL;
    put_escaped(p, p->code);
    p->state = STRING;
    return NULL;
}

/* ---- numbers and words ---- */

static bool ends_number(int state) {
    return state == ZERO || state == WHOLE || state == FRACTION || state == DIGITS;
}

/* Where a number goes on with this byte; -1 where it does not. */
static int next_of_number(int state, char c) {
    bool is_digit = c >= '0' && c <= '9', is_exponent = c == 'e' || c == 'E';
    switch (state) {
    case MINUS: return c == '0' ? ZERO : is_digit ? WHOLE : -1;
    case ZERO: return c == '.' ? POINT : is_exponent ? EXPONENT : -1;
    case WHOLE: return is_digit ? WHOLE : c == '.' ? POINT : is_exponent ? EXPONENT : -1;
    case POINT: return is_digit ? FRACTION : -1;
    case FRACTION: return is_digit ? FRACTION : is_exponent ? EXPONENT : -1;
    case EXPONENT: return c == '+' || c == '-' ? SIGN : is_digit ? DIGITS : -1;
    default: return is_digit ? DIGITS : -1;
    }
}

static const char *word_byte(struct json_push *p, char c) {
    if (c != *p->word)
        return "a word that is not true, false or null";
    if (p->captured != 0)
        buf_char(&p->text, c);
    if (*++p->word == '\0')
        end_value(p);
    return NULL;
}

/* ---- values and containers ---- */

static const char *open_container(struct json_push *p, char c) {
    begin_value(p, c == '{' ? JSON_OBJECT : JSON_ARRAY);
    p->captured = 0;
    if (p->depth == LIMIT_JSON_DEPTH)
        return "more than " LIMIT_TEXT(LIMIT_JSON_DEPTH) " containers in one another";
    p->level[p->depth++] = (struct json_level){.match = p->candidates, .is_object = c == '{'};
    p->candidates = 0;
    p->state = c == '{' ? FIRST_NAME : FIRST_VALUE;
    return NULL;
}

static const char *value_byte(struct json_push *p, char c) {
    switch (c) {
    case '{':
    case '[': return open_container(p, c);
    case '"':
        begin_value(p, JSON_STRING);
        p->state = STRING;
        return NULL;
    case 't':
    case 'f':
    case 'n':
        begin_value(p, c == 'n' ? JSON_NULL : JSON_BOOL);
        p->word = c == 't' ? "true" : c == 'f' ? "false" : "null";
        p->state = WORD;
        return word_byte(p, c);
    default: break;
    }
    int state = c == '-' ? MINUS : next_of_number(MINUS, c);
    if (state == -1)
        return "something else where a value is due";
    begin_value(p, JSON_NUMBER);
    if (p->captured != 0)
        buf_char(&p->text, c);
    p->state = state;
    return NULL;
}

static const char *name_byte(struct json_push *p, char c) {
    if (c != '"')
        return "something else where a name is due";
    start_text(p, LIMIT_JSON_NAME);
    p->in_name = true;
    p->state = STRING;
    return NULL;
}

static const char *after_byte(struct json_push *p, char c) {
    if (p->depth == 0)
        return "something behind the value";
    bool is_object = innermost(p)->is_object;
    if (c == ',') {
        p->state = is_object ? NAME : VALUE;
        return NULL;
    }
    if (c != (is_object ? '}' : ']'))
        return "something else where a comma or an end is due";
    p->depth--;
    return NULL;
}

/* Takes one byte. Returns NULL, or what is wrong. */
static const char *take_byte(struct json_push *p, char c) {
    int next;
    switch ((enum state)p->state) {
    case STRING: return string_byte(p, c);
    case CHARACTER: return character_byte(p, c);
    case ESCAPE: return escape_byte(p, c);
    case HEX: return hex_byte(p, c);
    case WORD: return word_byte(p, c);
    case MINUS:
    case ZERO:
    case WHOLE:
    case POINT:
    case FRACTION:
    case EXPONENT:
    case SIGN:
    case DIGITS:
        if ((next = next_of_number(p->state, c)) != -1) {
            if (p->captured != 0)
                buf_char(&p->text, c);
            p->state = next;
            return NULL;
        }
        if (!ends_number(p->state))
            return "a number without its digits";
        end_value(p);
        break;
    default: break;
    }
    if (json_token_is_space(c))
        return NULL;
    switch ((enum state)p->state) {
    case FIRST_VALUE:
    case FIRST_NAME:
        if (c == ']' || c == '}')
            p->state = AFTER;
        return p->state == AFTER         ? after_byte(p, c)
               : p->state == FIRST_VALUE ? value_byte(p, c)
                                         : name_byte(p, c);
    case VALUE: return value_byte(p, c);
    case NAME: return name_byte(p, c);
    case COLON: p->state = VALUE; return c == ':' ? NULL : "something else where a colon is due";
    default: return after_byte(p, c);
    }
}

void json_push_start(struct json_push *p, const char *const *path, struct json_found *found,
                     size_t count) {
    p->error = NULL;
    p->at = 0;
    p->repeated = p->captured = 0;
    p->path = path;
    p->found = found;
    p->count = count;
    p->state = VALUE;
    p->depth = 0;
    p->candidates = (uint32_t)(((uint64_t)1 << count) - 1);
    p->in_name = false;
    for (size_t i = 0; i < count; i++) {
        found[i].kind = JSON_NONE;
        found[i].n = 0;
        found[i].unusable = false;
    }
}

bool json_push_bytes(struct json_push *p, const char *bytes, size_t n) {
    for (size_t i = 0; i < n && p->error == NULL; i++) {
        p->error = take_byte(p, bytes[i]);
        p->at += p->error == NULL;
    }
    return p->error == NULL;
}

bool json_push_end(struct json_push *p) {
    if (p->error == NULL && ends_number(p->state))
        end_value(p);
    if (p->error == NULL && (p->state != AFTER || p->depth > 0))
        p->error = "the end before that of the value";
    return p->error == NULL;
}
