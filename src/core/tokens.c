#include "core/tokens.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/small_file.h"
#include "core/listed.h"
#include "core/protect.h"
#include "wire/date.h"
#include "wire/from.h"
#include "wire/token_file.h"

/* Below so many secrets all are compared: `place` is used from then on, and untouched else. */
enum { PLACES = 2 * LIMIT_TOKENS, FEW = 8 };

void tokens_start(struct tokens *t) {
    /* What is written before it is read takes one page fault, else two. */
    t->store = BUF_ON(t->text);
    t->errors = BUF_ON(t->error_text);
    if (t->count >= FEW) /* else it is still empty, and the memory untouched */
        memset(t->place, 0, sizeof t->place);
    t->count = 0;
}

bool tokens_is_name(struct slice name) {
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f || name.at[i] == ':'
            || name.at[i] == '/')
            return false;
    return name.n > 0 && name.n < LIMIT_USER && name.at[0] != '.';
}

/* ---- one file ---- */

struct source {
    const char *name, *place, *role;
};

/* Keeps a text in the store, with its NUL. NULL where there is no room. */
static const char *keep_text(struct tokens *t, struct slice text) {
    const char *at = t->store.at + t->store.len;
    buf_bytes(&t->store, text.at, text.n);
    buf_char(&t->store, '\0');
    return t->store.full ? NULL : at;
}

/* The place of a digest, or the free one where it would be. Digests of secrets are spread evenly by
 * themselves, and at least half of the places are free. */
static uint16_t *find_place(struct tokens *t, const unsigned char digest[SHA256_SIZE]) {
    size_t at = (size_t)digest[0] << 8 | digest[1];
    for (;; at++) {
        uint16_t *place = &t->place[at % PLACES];
        if (*place == 0 || memcmp(t->token[*place - 1].digest, digest, SHA256_SIZE) == 0)
            return place;
    }
}

/* The secret of that digest, or NULL. */
static struct token *find_same(struct tokens *t, const unsigned char digest[SHA256_SIZE]) {
    if (t->count >= FEW) {
        const uint16_t place = *find_place(t, digest);
        return place != 0 ? &t->token[place - 1] : NULL;
    }
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(t->token[i].digest, digest, SHA256_SIZE) == 0)
            return &t->token[i];
    return NULL;
}

/* Puts the last one into the table of places; with the first that counts there, those before. */
static void place_last(struct tokens *t) {
    for (size_t i = t->count == FEW ? 1 : t->count; i <= t->count && t->count >= FEW; i++)
        *find_place(t, t->token[i - 1].digest) = (uint16_t)i;
}

bool tokens_insert(struct tokens *t, const struct token *token) {
    if (t->count == LIMIT_TOKENS || find_same(t, token->digest) != NULL)
        return false;
    t->token[t->count++] = *token;
    place_last(t);
    return true;
}

/* Returns NULL, or why it does not count. */
static const char *add_secret(struct tokens *t, enum token_kind kind, const struct source *from,
                              size_t line, const struct token_line *l, char text[LIMIT_ERROR]) {
    struct token *other = find_same(t, l->digest);
    if (other != NULL) {
        bool is_own = other->name == from->name;
        other->shared = other->shared || !is_own;
        struct buf b = {.at = text, .cap = LIMIT_ERROR};
        buf_format(&b, "has the same secret as %s", other->place);
        if (other->line > 0)
            buf_format(&b, ":%zu", other->line);
        buf_text(&b, is_own ? "" : ": it counts for nobody");
        return buf_string(&b);
    }
    struct token token = {.kind = kind,
                          .expires = l->expires,
                          .place = from->place,
                          .name = from->name,
                          .role = from->role,
                          .from = keep_text(t, l->from),
                          .line = line};
    memcpy(token.digest, l->digest, sizeof token.digest);
    return token.from != NULL && tokens_insert(t, &token) ? NULL
                                                          : "one token more than there is room for";
}

static void add_lines(struct tokens *t, const struct source *from, struct slice rest) {
    rest = slice_without_mark(rest);
    for (size_t number = 1; rest.n > 0; number++) {
        struct token_line l;
        char error[LIMIT_ERROR];
        const char *wrong = NULL;
        token_line_read(&l, slice_take_line(&rest));
        if (l.kind == TOKEN_LINE_SECRET)
            wrong = add_secret(t, TOKEN_FILE, from, number, &l, error);
        else if (l.kind == TOKEN_LINE_UNUSABLE)
            wrong = l.reason;
        if (wrong != NULL)
            buf_error_line(&t->errors, from->place, number, wrong);
    }
}

static void add_file(struct tokens *t, const struct source *from) {
    static char text[LIMIT_TOKEN_FILE + 1];
    char error[LIMIT_ERROR];
    struct stat st;
    size_t n = 0;
    bool link;
    int fd = small_file_open_direct(AT_FDCWD, from->place, from->role[0] != '\0', &link);
    if (fd == -1 && small_file_is_missing(AT_FDCWD, from->place))
        return; /* taken away since the directory was listed */
    const char *wrong = fd == -1 ? small_file_error(errno)
                                 : small_file_read_settled(fd, text, sizeof text, &n, &st);
    if (wrong == NULL)
        wrong = link ? protect_refuses(from->place, PROTECT_SETTING, error)
                     : protect_refuses_open(from->place, &st, PROTECT_SETTING, error);
    fd_close(&fd);
    if (wrong != NULL)
        buf_error_line(&t->errors, from->place, 0, wrong);
    else
        add_lines(t, from, (struct slice){text, n});
}

/* ---- the directory ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The bytes of the identity in a file's name; 0 where it is none of tokens. */
static size_t identity_of(const char *file) {
    enum { END = sizeof TOKENS_END - 1 };
    size_t n = strlen(file);
    return file[0] != '.' && n > END && strcmp(file + n - END, TOKENS_END) == 0 ? n - END : 0;
}

bool tokens_any(const char *directory) {
    bool any = false;
    DIR *dir = listed_lacks(directory) ? NULL : opendir(directory);
    if (dir == NULL)
        return false;
    for (struct dirent *e; !any && (e = readdir(dir)) != NULL;)
        any = identity_of(e->d_name) > 0;
    closedir(dir);
    return any;
}

/* Lists the identities, sorted, so that what is named about them comes in the same order each time.
 * False where there are more than there is room for. */
static bool list_names(struct tokens *t, DIR *dir, const char *names[LIMIT_TOKENS], size_t *count) {
    bool room = true;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        size_t n = identity_of(e->d_name);
        if (n == 0)
            continue;
        const char *name =
            *count == LIMIT_TOKENS ? NULL : keep_text(t, (struct slice){e->d_name, n});
        if (name != NULL)
            names[(*count)++] = name;
        room = room && name != NULL;
    }
    qsort(names, *count, sizeof *names, by_name);
    return room;
}

__attribute__((noinline)) static void add_listed(struct tokens *t, const char *directory,
                                                 const char *role, const char *name) {
    char path[LIMIT_PATH + 256];
    int n = snprintf(path, sizeof path, "%s/%s" TOKENS_END, directory, name);
    if (tokens_is_name((struct slice){name, strlen(name)})) {
        struct source from = {name, keep_text(t, (struct slice){path, (size_t)n}), role};
        if (from.place != NULL)
            add_file(t, &from);
        else
            buf_error_line(&t->errors, path, 0, "one token more than there is room for");
        return;
    }
    for (char *at = path; *at != '\0'; at++) /* it would be more than a line, or steer a terminal */
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    buf_error_line(&t->errors, path, 0, "a name that can't be an identity");
}

void tokens_add(struct tokens *t, const char *directory, const char *role) {
    static const char *names[LIMIT_TOKENS];
    static char error[LIMIT_ERROR];
    size_t count = 0;
    if (listed_lacks(directory))
        return;
    DIR *dir = opendir(directory);
    const char *wrong = dir != NULL       ? protect_refuses(directory, PROTECT_SETTING, error)
                        : errno == ENOENT ? NULL
                                          : strerror(errno);
    if (wrong == NULL && role[0] != '\0' && !small_file_is_inside(AT_FDCWD, directory))
        wrong = small_file_error(EXDEV);
    if (wrong != NULL)
        buf_error_line(&t->errors, directory, 0, wrong);
    if (wrong == NULL && dir != NULL && !list_names(t, dir, names, &count))
        buf_error_line(&t->errors, directory, 0, "more files than there is room for");
    if (dir != NULL)
        closedir(dir);
    for (size_t i = 0; i < count; i++)
        add_listed(t, directory, role, names[i]);
}

void tokens_add_secret(struct tokens *t, enum token_kind kind, const char *place, const char *role,
                       struct slice identity, const unsigned char digest[SHA256_SIZE]) {
    static char error[LIMIT_ERROR]; /* large, and seldom used */
    struct token_line l = {.expires = DATE_NEVER, .from = {"", 0}};
    const struct source from = {.name = keep_text(t, identity),
                                .place = keep_text(t, (struct slice){place, strlen(place)}),
                                .role = role};
    memcpy(l.digest, digest, sizeof l.digest);
    const char *wrong = from.name == NULL || from.place == NULL
                            ? "one token more than there is room for"
                            : add_secret(t, kind, &from, 0, &l, error);
    if (wrong != NULL)
        buf_error_line(&t->errors, place, 0, wrong);
}

/* ---- the question ---- */

enum tokens_verdict tokens_find(const struct tokens *t, const unsigned char digest[SHA256_SIZE],
                                const char *peer, int64_t now, const struct token **token) {
    size_t found = t->count;
    for (size_t i = 0; i < t->count; i++) {
        unsigned difference = 0;
        for (size_t j = 0; j < SHA256_SIZE; j++)
            difference |= (unsigned)(t->token[i].digest[j] ^ digest[j]);
        /* All ones where there is none: the table holds a digest once. */
        size_t equal = (size_t)0 - ((difference - 1) >> 31);
        found = (found & ~equal) | (i & equal);
    }
    if (found == t->count)
        return TOKENS_UNKNOWN;
    const struct token *k = *token = &t->token[found];
    struct slice from = {k->from, strlen(k->from)};
    if (k->shared)
        return TOKENS_SHARED;
    if (now > k->expires)
        return TOKENS_EXPIRED;
    return from.n == 0 || from_has(from, FROM_NETWORKS, peer) ? TOKENS_GOOD : TOKENS_ELSEWHERE;
}

void tokens_describe(char out[TOKENS_REASON], enum tokens_verdict verdict,
                     const struct token *token) {
    char date[DATE_TEXT];
    switch (verdict) {
    case TOKENS_UNKNOWN: snprintf(out, TOKENS_REASON, "wrong token"); break;
    case TOKENS_GOOD: snprintf(out, TOKENS_REASON, "a token of %s", token->name); break;
    case TOKENS_EXPIRED:
        date_print(date, token->expires);
        snprintf(out, TOKENS_REASON, "a token of %s that has expired at %s", token->name, date);
        break;
    case TOKENS_ELSEWHERE:
        snprintf(out, TOKENS_REASON, "a token of %s that does not count from this address",
                 token->name);
        break;
    case TOKENS_SHARED:
        snprintf(out, TOKENS_REASON, "a token that %s and another identity have", token->name);
        break;
    }
}
