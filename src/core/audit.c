#include "core/audit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/run_directory.h"
#include "base/ucspi.h"
#include "core/matcher.h"
#include "limit.h"
#include "wire/ere.h"
#include "wire/quote.h"
#include "wire/slice.h"
#include "wire/utf8.h"

/* How this process writes its lines. There is one log a process, and every part of bastion has to
 * be able to name an error there, also before settings are read and where nothing was handed to it.
 */
static bool as_json, has_mask;
static uint64_t request_form; /* AUDIT_REQUEST_FULL ... */

/* RUN_DIR. Where its text is wiped in the end (tls/tls.c) there is no such directory. */
static const char *run_dir = RUN_DIRECTORY;

/* Whom the connection has come by. (The linker puts this with what is small, by its alignment.) */
static _Alignas(8) char via[LIMIT_VIA], via_forwarded[LIMIT_VIA];

/* AUDIT_MASK, for texts that are read from the beginning and from the end. */
static struct ere mask, mask_backwards;
static _Alignas(32) char mask_memory[LIMIT_MASK_MEMORY], backwards_memory[LIMIT_MASK_MEMORY];

static enum ere_result compile_mask(const char *expression, struct ere_fault *error) {
    struct slice text = {expression, strlen(expression)};
    enum ere_result result =
        ere_compile(&mask, text, false, mask_memory, sizeof mask_memory, matcher_work(), error);
    if (result != ERE_GOOD)
        return result;
    return ere_compile(&mask_backwards, text, true, backwards_memory, sizeof backwards_memory,
                       matcher_work(), error);
}

const char *audit_mask_error(const char *expression, char text[AUDIT_MASK_ERROR]) {
    struct ere_fault error;
    struct buf b = {.at = text, .cap = AUDIT_MASK_ERROR};
    enum ere_result result = compile_mask(expression, &error);
    if (result == ERE_FULL)
        buf_text(&b, "is too large");
    else if (result == ERE_FAULT)
        matcher_describe(&b, &error, 0);
    has_mask = false; /* until audit_use */
    return result != ERE_GOOD ? buf_string(&b) : NULL;
}

void audit_use(const struct settings *s, bool valid) {
    struct ere_fault error;
    const char *expression = valid ? settings_text(s, SETTING_AUDIT_MASK) : NULL;
    if (settings_text(s, SETTING_RUN_DIR) != NULL)
        run_dir = settings_text(s, SETTING_RUN_DIR);
    as_json = settings_number(s, SETTING_AUDIT) == AUDIT_JSON;
    has_mask = expression != NULL && compile_mask(expression, &error) == ERE_GOOD;
    request_form = valid ? settings_number(s, SETTING_AUDIT_REQUEST) : AUDIT_REQUEST_RULE;
}

/* Copies `text` with *** for every match that is not empty: the leftmost, and of these the longest.
 * Of what is longer than a request only so much is looked at as a line can show, so that the time
 * is that of so many passes at most. A text that does not fit or is not UTF-8 is hidden altogether:
 * too little in the log is better than a password. */
static struct slice mask_text(char out[LIMIT_VALUE], const char *text, size_t n) {
    static const struct slice hidden = {"***", 3};
    static unsigned char starts[LIMIT_VALUE / 8];
    struct slice whole = {text, n};
    struct buf b = {.at = out, .cap = LIMIT_VALUE};
    if (!has_mask)
        return whole;
    if (n > LIMIT_VALUE || memchr(text, '\0', n) != NULL || !utf8_is_valid(text, n))
        return hidden;
    ere_mark_starts(&mask_backwards, whole, matcher_run(), starts);
    for (size_t at = 0; at < n && b.len <= LIMIT_REQUEST;) {
        bool begins = (starts[at / 8] >> at % 8 & 1) != 0;
        size_t length = begins ? ere_longest(&mask, whole, at, matcher_run()) : 0;
        if (length > 0)
            buf_text(&b, "***");
        else
            buf_char(&b, text[at]);
        at += length > 0 ? length : 1;
    }
    return b.full ? hidden : (struct slice){out, b.len};
}

/* Text: ` name="value"`. JSON: `,"name":"value"`. */
static void put_name(struct buf *b, const char *name) {
    buf_text(b, as_json ? ",\"" : " ");
    buf_text(b, name);
    buf_text(b, as_json ? "\":" : "=");
}

static void put_quoted(struct buf *b, const char *name, const char *text, size_t n, size_t cap) {
    put_name(b, name);
    (as_json ? quote_json : quote_text)(b, text, n, cap);
}

static void put_text(struct buf *b, const char *name, const char *text) {
    if (text != NULL)
        put_quoted(b, name, text, strlen(text), LIMIT_LOG_TEXT / 4);
}

/* With *** for what the mask hides. */
static void put_masked(struct buf *b, const char *name, const char *text, size_t n) {
    static char hidden[LIMIT_VALUE];
    if (text == NULL)
        return;
    struct slice shown = mask_text(hidden, text, n);
    put_quoted(b, name, shown.at, shown.n, LIMIT_LOG_TEXT);
}

static bool is_space_or_control(char c) { return (unsigned char)c <= ' ' || c == 0x7f; }

/* A request as AUDIT_REQUEST has it: the first word, and with `masked` *** for each of the others.
 * The first is *** too where the mask, which has looked at the whole of it, has changed anything up
 * to its end. */
static struct slice reduce_request(char out[LIMIT_VALUE], const char *text, size_t n) {
    static char hidden[LIMIT_VALUE];
    struct buf b = {.at = out, .cap = LIMIT_VALUE};
    struct slice shown = mask_text(hidden, text, n);
    size_t from = 0, to;
    while (from < n && is_space_or_control(text[from]))
        from++;
    for (to = from; to < n && !is_space_or_control(text[to]);)
        to++;
    if (shown.n >= to && memcmp(shown.at, text, to) == 0)
        buf_bytes(&b, text + from, to - from);
    else
        buf_text(&b, "***");
    for (; request_form == AUDIT_REQUEST_MASKED && to < n; to++)
        if (is_space_or_control(text[to - 1]) && !is_space_or_control(text[to]))
            buf_text(&b, " ***");
    return (struct slice){out, b.len};
}

/* The command, or the request. */
static void put_run(struct buf *b, const struct audit *a) {
    static char words[LIMIT_VALUE];
    if (a->text != NULL && a->is_request && request_form != AUDIT_REQUEST_FULL) {
        struct slice shown = reduce_request(words, a->text, a->text_n);
        put_quoted(b, "request", shown.at, shown.n, LIMIT_LOG_TEXT);
    } else {
        put_masked(b, a->is_request ? "request" : "command", a->text, a->text_n);
    }
}

/* A word of our own making, so that text lines carry it without quotes. */
static void put_word(struct buf *b, const char *name, const char *word) {
    if (word == NULL)
        return;
    put_name(b, name);
    buf_text(b, as_json ? "\"" : "");
    buf_text(b, word);
    buf_text(b, as_json ? "\"" : "");
}

static void put_via(struct buf *b, const struct audit *a) {
    const char *proxies = via_forwarded[0] != '\0' ? via_forwarded : via;
    if (a->peer != NULL && proxies[0] != '\0')
        put_word(b, "via", proxies);
}

static void put_number(struct buf *b, const char *name, int64_t number) {
    if (number < 0)
        return;
    put_name(b, name);
    buf_format(b, "%lld", (long long)number);
}

void audit_use_via(const char *proxies) { snprintf(via, sizeof via, "%s", proxies); }

void audit_forwarded_by(const char *nearest) {
    via_forwarded[0] = '\0';
    if (nearest != NULL)
        ucspi_add_via(via_forwarded, nearest, via);
}

struct audit audit_denial(const char *channel, const char *peer, const char *reason) {
    struct audit a = AUDIT_EMPTY;
    a.event = a.verdict = "deny";
    a.channel = channel;
    a.peer = peer;
    a.reason = reason;
    return a;
}

/* Leaves a line that no log took where a person can find it: it says why clients get a 500. */
static void leave_line(const struct buf *line) {
    struct stat st;
    int directory = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory != -1 && fstat(directory, &st) == 0
        && run_directory_judge(&st) == RUN_DIRECTORY_FIT)
        fd_put_file(directory, "unlogged", line->at, line->len, 0600, false);
    fd_close(&directory);
}

int audit_write(const struct audit *a) {
    char line[LIMIT_LOG_LINE], stamp[CLOCK_STAMP];
    struct buf b = BUF_ON(line);
    clock_stamp(stamp);
    buf_format(&b, as_json ? "{\"time\":\"%s\"" : "%s bastion", stamp);
    put_word(&b, "event", a->event);
    put_word(&b, "run", a->run);
    put_word(&b, "channel", a->channel);
    put_word(&b, "role", a->role);
    put_text(&b, "user", a->user);
    put_word(&b, "peer", a->peer);
    put_via(&b, a);
    put_text(&b, "delivery", a->delivery);
    put_word(&b, "key", a->key);
    put_word(&b, "verdict", a->verdict);
    put_word(&b, "mode", a->mode);
    put_word(&b, "rule", a->rule);
    put_run(&b, a);
    put_masked(&b, "message", a->message, a->message_n);
    put_text(&b, "reason", a->reason);
    put_number(&b, "status", a->status);
    put_number(&b, "exit", a->exit);
    put_number(&b, "signal", a->signal);
    put_number(&b, "ms", a->ms);
    put_number(&b, "bytes", a->bytes);
    if (as_json)
        buf_char(&b, '}');
    buf_char(&b, '\n');
    if (!b.full && log_line(b.at, b.len) == 0)
        return 0;
    if (strcmp(a->event, "fault") == 0)
        leave_line(&b);
    return -1;
}

static void write_event(const char *event, const char *channel, const char *peer,
                        const char *reason) {
    struct audit a = AUDIT_EMPTY;
    a.event = event;
    a.channel = channel;
    a.peer = peer;
    a.reason = reason;
    audit_write(&a);
}

void audit_notice(const char *channel, const char *reason) {
    write_event("notice", channel, NULL, reason);
}
void audit_error(const char *channel, const char *peer, const char *reason) {
    write_event("fault", channel, peer, reason);
}
