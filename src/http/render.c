#include "http/render.h"

#include <string.h>
#include <time.h>

#include "wire/json.h"
#include "wire/quote.h"
#include "wire/utf8.h"

/* ---- a run ---- */

const char *render_state(const struct record_about *about) {
    switch (about->state) {
    case RECORD_WAITING: return "waiting";
    case RECORD_RUNNING: return "running";
    case RECORD_SHARED: return "shared";
    case RECORD_LOST: return "lost";
    default: break;
    }
    switch (about->kind) {
    case OUTCOME_ENDED:
    case OUTCOME_TIMEOUT:
    case OUTCOME_FAILED: return "ended";
    default: return "refused";
    }
}

static bool has_code(const struct record_about *about) {
    return about->state == RECORD_ENDED
           && (about->kind == OUTCOME_ENDED || about->kind == OUTCOME_TIMEOUT
               || about->kind == OUTCOME_FAILED || about->kind == OUTCOME_DENIED);
}

/* When its command started, or else when it was asked for (RFC 3339). */
static void put_time(struct buf *b, const struct record_about *about) {
    int64_t at = about->started != 0 ? about->started : about->since;
    time_t seconds = (time_t)(at / 1000000);
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&seconds, &tm) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_format(b, "%s.%03dZ", text, (int)(at / 1000 % 1000));
}

static size_t length_of(const char *text, size_t cap) {
    const char *end = memchr(text, '\0', cap);
    return end != NULL ? (size_t)(end - text) : cap;
}
#define LENGTH_OF(array) length_of(array, sizeof(array))

static void put_text(struct buf *b, const char *name, const char *text, size_t n) {
    buf_format(b, "\"%s\":", name);
    if (n > 0)
        json_quote(b, text, n);
    else
        buf_text(b, "null");
    buf_char(b, ',');
}

static void put_number(struct buf *b, const char *name, bool known, int64_t number) {
    if (known)
        buf_format(b, "\"%s\":%lld,", name, (long long)number);
    else
        buf_format(b, "\"%s\":null,", name);
}

/* All members but the output. */
static void put_object(struct buf *b, const struct record_about *about) {
    buf_char(b, '{');
    put_text(b, "run", about->run, LENGTH_OF(about->run));
    put_text(b, "role", about->role, LENGTH_OF(about->role));
    put_text(b, "user", about->user, LENGTH_OF(about->user));
    buf_format(b, "\"state\":\"%s\",\"started\":\"", render_state(about));
    put_time(b, about);
    buf_text(b, "\",");
    put_number(b, "ms", about->started != 0 && about->state != RECORD_LOST, about->ms);
    put_number(b, "exit", has_code(about), about->code);
    put_number(b, "signal", has_code(about) && about->signal != 0, about->signal);
    put_number(b, "bytes", true, about->bytes);
    buf_format(b, "\"truncated\":%s", about->is_truncated ? "true" : "false");
}

static void put_line(struct buf *b, const struct record_about *about) {
    buf_format(b, "run=%.16s state=%s started=", about->run, render_state(about));
    put_time(b, about);
    if (has_code(about))
        buf_format(b, " exit=%d", about->code);
    if (about->started != 0 && about->state != RECORD_LOST)
        buf_format(b, " ms=%lld", (long long)about->ms);
    buf_format(b, " bytes=%lld user=", (long long)about->bytes);
    quote_text(b, about->user, LENGTH_OF(about->user), LIMIT_USER);
    buf_char(b, '\n');
}

/* ---- pieces ---- */

void render_start(struct render *r, enum render_form form) {
    r->form = form;
    r->any = false;
    r->n = 0;
}

void render_head(struct render *r, struct buf *b, const struct record_about *about) {
    if (r->form == RENDER_LIST_JSON)
        buf_char(b, '[');
    if (r->form != RENDER_RUN)
        return;
    put_object(b, about);
    buf_text(b, ",\"output\":\"");
}

/* Output as JSON's text has it: what is no UTF-8 is U+FFFD, a byte each. */
static void put_output(struct render *r, struct buf *b, bool all) {
    size_t i = 0;
    while (i < r->n) {
        /* A character may go on in the next piece. */
        if (!all && r->n - i < UTF8_LONGEST && ((unsigned char)r->piece[i] & 0x80) != 0)
            break;
        i += json_character(b, r->piece + i, r->n - i);
    }
    r->n -= i;
    memmove(r->piece, r->piece + i, r->n);
}

static void put_records(struct render *r, struct buf *b) {
    struct record_about about;
    size_t i = 0;
    for (; r->n - i >= sizeof about; i += sizeof about) {
        memcpy(&about, r->piece + i, sizeof about);
        if (r->form == RENDER_LIST_JSON) {
            buf_text(b, r->any ? ",\n" : "");
            put_object(b, &about);
            buf_char(b, '}');
        } else {
            put_line(b, &about);
        }
        r->any = true;
    }
    r->n -= i;
    memmove(r->piece, r->piece + i, r->n);
}

void render_piece(struct render *r, struct buf *b, bool all) {
    if (r->form == RENDER_RUN)
        put_output(r, b, all);
    else
        put_records(r, b);
}

void render_tail(struct render *r, struct buf *b) {
    render_piece(r, b, true);
    if (r->form == RENDER_RUN)
        buf_text(b, "\"}\n");
    if (r->form == RENDER_LIST_JSON)
        buf_text(b, "]\n");
}
