#include "wire/authorized.h"

#include "wire/base64.h"

const unsigned char ssh_key_head[SSH_KEY_HEAD] = "\0\0\0\013ssh-ed25519\0\0\0\040";

static bool is_space(char c) { return c == ' ' || c == '\t'; }

static struct slice trim(struct slice s) {
    while (s.n > 0 && is_space(s.at[0]))
        s.at++, s.n--;
    while (s.n > 0 && (is_space(s.at[s.n - 1]) || s.at[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* Takes the word at the front of *rest, and the white space behind it. White space between double quotes belongs to the
 * word, as it does in command="..."; a quote that \ stands before ends nothing. */
static struct slice take_word(struct slice *rest) {
    size_t n = 0;
    bool quoted = false;
    while (n < rest->n && (quoted || !is_space(rest->at[n]))) {
        if (quoted && rest->at[n] == '\\' && n + 1 < rest->n)
            n++;
        else if (rest->at[n] == '"')
            quoted = !quoted;
        n++;
    }
    struct slice word = {rest->at, n};
    *rest = trim((struct slice){rest->at + n, rest->n - n});
    return word;
}

/* Obeys the options in their order, as sshd does: the last word about the terminal counts. */
static bool take_options(struct authorized *a, struct slice options) {
    static const char *const dropped[] = {"no-port-forwarding", "no-agent-forwarding", "no-X11-forwarding", "no-user-rc"};
    for (;;) {
        const char *comma = memchr(options.at, ',', options.n);
        struct slice option = {options.at, comma != NULL ? (size_t)(comma - options.at) : options.n};
        bool known = true;
        if (slice_is_nocase(option, "no-pty") || slice_is_nocase(option, "restrict")) {
            a->no_pty = true;
        } else if (slice_is_nocase(option, "pty")) {
            a->no_pty = false;
        } else {
            known = false;
            for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
                known = known || slice_is_nocase(option, dropped[i]);
        }
        if (!known || comma == NULL)
            return known;
        options.n -= option.n + 1;
        options.at = comma + 1;
    }
}

/* The names of key types as OpenSSH has them: what starts like one is no option. */
static bool is_type(struct slice word) {
    static const char *const start[] = {"ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"};
    for (size_t i = 0; i < sizeof start / sizeof *start; i++)
        if (word.n > strlen(start[i]) && memcmp(word.at, start[i], strlen(start[i])) == 0)
            return true;
    return false;
}

static bool is_key(struct slice text) {
    unsigned char blob[SSH_KEY_BLOB];
    return text.n == SSH_KEY_TEXT && base64_decode(blob, sizeof blob, text.at, text.n) == SSH_KEY_BLOB &&
           memcmp(blob, ssh_key_head, SSH_KEY_HEAD) == 0;
}

void authorized_read(struct authorized *a, struct slice line) {
    *a = (struct authorized){.kind = AUTHORIZED_NOTHING};
    struct slice rest = trim(line);
    if (rest.n == 0 || rest.at[0] == '#')
        return;
    a->kind = AUTHORIZED_UNUSABLE;
    struct slice word = take_word(&rest);
    if (!is_type(word)) {
        if (rest.n == 0 || !take_options(a, word)) {
            a->reason = rest.n == 0 ? "not a key" : "has an option that is not obeyed here";
            return;
        }
        word = take_word(&rest);
    }
    if (!slice_is(word, "ssh-ed25519")) {
        a->reason = is_type(word) ? "a key of another type than ssh-ed25519" : "not a key";
        return;
    }
    a->key = take_word(&rest);
    a->comment = rest;
    a->kind = is_key(a->key) ? AUTHORIZED_KEY : AUTHORIZED_UNUSABLE;
    a->reason = "a damaged key";
}
