#include "wire/token_file.h"

#include "base/num.h"
#include "wire/date.h"
#include "wire/from.h"

static const char white_space[] = " \t\r";

static struct slice take_word(struct slice *rest) {
    size_t n = 0;
    while (n < rest->n && rest->at[n] != ' ' && rest->at[n] != '\t')
        n++;
    struct slice word = {rest->at, n};
    *rest = slice_trim_front((struct slice){rest->at + n, rest->n - n}, white_space);
    return word;
}

static bool take_start(struct slice *word, const char *start) {
    size_t n = strlen(start);
    if (word->n < n || memcmp(word->at, start, n) != 0)
        return false;
    word->at += n;
    word->n -= n;
    return true;
}

static bool read_digest(unsigned char digest[SHA256_SIZE], struct slice hex) {
    if (hex.n != (size_t)2 * SHA256_SIZE)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        int value = num_hex_digit((unsigned char)hex.at[i]);
        if (value < 0)
            return false;
        digest[i / 2] = (unsigned char)(digest[i / 2] << 4 | value);
    }
    return true;
}

/* Reads a word behind the digest. Returns NULL, or what is wrong. */
static const char *read_limit(struct token_line *l, struct slice word) {
    if (take_start(&word, "expires=")) {
        if (l->expires != DATE_NEVER)
            return "has expires= twice";
        return date_read(&l->expires, word)
                   ? NULL
                   : "expires= is no date: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ";
    }
    if (take_start(&word, "from=")) {
        if (l->from.n > 0)
            return "has from= twice";
        l->from = word;
        return from_wrong(word, FROM_NETWORKS);
    }
    return "has a word that is neither expires= nor from=";
}

void token_line_read(struct token_line *l, struct slice line) {
    *l = (struct token_line){.kind = TOKEN_LINE_NOTHING, .expires = DATE_NEVER};
    struct slice rest = slice_trim_end(slice_trim_front(line, white_space), white_space);
    if (rest.n == 0 || rest.at[0] == '#')
        return;
    l->kind = TOKEN_LINE_UNUSABLE;
    struct slice word = take_word(&rest);
    if (!take_start(&word, "sha256:")) {
        l->reason = "does not begin with sha256:";
        return;
    }
    if (!read_digest(l->digest, word)) {
        l->reason = "sha256: has not 64 hexadecimal digits behind it";
        return;
    }
    while (rest.n > 0 && l->reason == NULL)
        l->reason = read_limit(l, take_word(&rest));
    if (l->reason == NULL)
        l->kind = TOKEN_LINE_SECRET;
}
