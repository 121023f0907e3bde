#include "wire/authorized.h"

#include "wire/base64.h"
#include "wire/date.h"
#include "wire/from.h"

const unsigned char ssh_key_head[SSH_KEY_HEAD] = "\0\0\0\013ssh-ed25519\0\0\0\040";

static bool is_blank_or_tab(char c) { return c == ' ' || c == '\t'; }

static struct slice trim_line(struct slice s) {
    return slice_trim_end(slice_trim_front(s, " \t"), " \t\r");
}

/* Takes the word at the front of *rest, and the white space behind it. White space between double
 * quotes belongs to the word, as it does in command="..."; a quote that \ stands before ends
 * nothing. */
static struct slice take_word(struct slice *rest) {
    size_t n = 0;
    bool quoted = false;
    while (n < rest->n && (quoted || !is_blank_or_tab(rest->at[n]))) {
        if (quoted && rest->at[n] == '\\' && n + 1 < rest->n)
            n++;
        else if (rest->at[n] == '"')
            quoted = !quoted;
        n++;
    }
    struct slice word = {rest->at, n};
    *rest = trim_line((struct slice){rest->at + n, rest->n - n});
    return word;
}

/* ---- options ---- */

static const char not_obeyed[] = "has an option that is not obeyed here";

/* Takes the first option off *options: up to a comma that stands in no quotes. `more` says whether
 * there was one. */
static struct slice take_key_option(struct slice *options, bool *more) {
    size_t n = 0;
    bool quoted = false;
    for (; n < options->n && (quoted || options->at[n] != ','); n++)
        if (quoted && options->at[n] == '\\' && n + 1 < options->n)
            n++;
        else if (options->at[n] == '"')
            quoted = !quoted;
    struct slice option = {options->at, n};
    *more = n < options->n;
    options->at += n + *more;
    options->n -= n + *more;
    return option;
}

/* Whether the option is that one with a value in quotes, in which no \ and no quote stands: what
 * values there are here have neither. *value becomes what is between them. */
static bool take_value(struct slice *value, struct slice option, const char *name) {
    size_t n = strlen(name);
    if (option.n < n + 3 || strncasecmp(option.at, name, n) != 0 || option.at[n] != '='
        || option.at[n + 1] != '"' || option.at[option.n - 1] != '"')
        return false;
    *value = (struct slice){option.at + n + 2, option.n - n - 3};
    return memchr(value->at, '"', value->n) == NULL && memchr(value->at, '\\', value->n) == NULL;
}

/* Of several the earliest counts, as for sshd. */
static const char *take_expiry(struct authorized *a, struct slice value) {
    struct authorized_expiry *e = &a->expiry[a->expiries];
    if (a->expiries == AUTHORIZED_EXPIRIES)
        return "has expiry-time= too often";
    if (!date_read_compact(&e->seconds, &e->local, value))
        return "expiry-time= is no date: YYYYMMDD[HHMM[SS]], with Z behind it for UTC";
    a->expiries++;
    return NULL;
}

/* Returns NULL, or why the line is unusable. */
static const char *take_limit(struct authorized *a, struct slice option) {
    struct slice value;
    if (take_value(&value, option, "expiry-time"))
        return take_expiry(a, value);
    if (!take_value(&value, option, "from"))
        return not_obeyed;
    if (a->from.n > 0)
        return "has from= twice";
    a->from = value;
    return from_wrong(value, FROM_PATTERNS);
}

/* Obeys the options in their order, as sshd does: the last word about the terminal counts. Returns
 * NULL, or why the line is unusable. */
static const char *take_options(struct authorized *a, struct slice options) {
    static const char *const dropped[] = {"no-port-forwarding", "no-agent-forwarding",
                                          "no-X11-forwarding", "no-user-rc"};
    for (bool more = true; more;) {
        struct slice option = take_key_option(&options, &more);
        bool known = false;
        for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
            known = known || slice_is_nocase(option, dropped[i]);
        if (slice_is_nocase(option, "no-pty") || slice_is_nocase(option, "restrict"))
            a->no_pty = true, known = true;
        else if (slice_is_nocase(option, "pty"))
            a->no_pty = false, known = true;
        const char *wrong = known ? NULL : take_limit(a, option);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* ---- a line ---- */

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
    return text.n == SSH_KEY_TEXT
           && base64_decode(blob, sizeof blob, text.at, text.n) == SSH_KEY_BLOB
           && memcmp(blob, ssh_key_head, SSH_KEY_HEAD) == 0;
}

void authorized_read(struct authorized *a, struct slice line) {
    *a = (struct authorized){.kind = AUTHORIZED_NOTHING};
    struct slice rest = trim_line(line);
    if (rest.n == 0 || rest.at[0] == '#')
        return;
    a->kind = AUTHORIZED_UNUSABLE;
    struct slice word = take_word(&rest);
    if (!is_type(word)) {
        a->reason = rest.n == 0 ? "not a key" : take_options(a, word);
        if (a->reason != NULL)
            return;
        word = take_word(&rest);
    }
    if (is_type(word)) {
        a->type = word;
        a->key = take_word(&rest);
        a->comment = rest;
    }
    if (!slice_is(word, "ssh-ed25519")) {
        a->reason = is_type(word) ? "a key of another type than ssh-ed25519" : "not a key";
        return;
    }
    a->kind = is_key(a->key) ? AUTHORIZED_KEY : AUTHORIZED_UNUSABLE;
    a->reason = "a damaged key";
}

/* ---- files that are none ---- */

static struct slice without_blanks(struct slice s) {
    return slice_trim_front(slice_without_mark(s), " \t\r\n");
}

static bool starts_with(struct slice text, const char *with) {
    size_t n = strlen(with);
    return text.n >= n && slice_is_nocase((struct slice){text.at, n}, with);
}

/* The first line holds the words, as the first of a PEM file does: -----BEGIN words-----. */
static bool begins_pem(struct slice text, const char *words) {
    if (!starts_with(text, "-----BEGIN "))
        return false;
    const char *newline = memchr(text.at, '\n', text.n);
    return memmem(text.at, newline != NULL ? (size_t)(newline - text.at) : text.n, words,
                  strlen(words))
           != NULL;
}

/* With a byte order mark, or ASCII in two bytes each without one. */
static bool is_utf16(struct slice text) {
    if (text.n >= 2 && (memcmp(text.at, "\xff\xfe", 2) == 0 || memcmp(text.at, "\xfe\xff", 2) == 0))
        return true;
    return text.n >= 4 && (text.at[0] == '\0') != (text.at[1] == '\0')
           && (text.at[0] == '\0') == (text.at[2] == '\0')
           && (text.at[1] == '\0') == (text.at[3] == '\0');
}

bool authorized_is_private(struct slice text) {
    text = without_blanks(text);
    return begins_pem(text, "PRIVATE KEY") || starts_with(text, "PuTTY-User-Key-File-");
}

const char *authorized_foreign(struct slice text) {
    static const struct {
        const char *start, *what;
    } pages[] = {
        {"---- BEGIN SSH2 PUBLIC KEY",
         "a key in the form of RFC 4716 (PuTTYgen's Save public key): ssh-keygen -i -f FILE writes "
         "it as it is needed here"},
        {"<", "a page in HTML or XML and no key: perhaps an address that was not found was saved"},
        {"{", "JSON and no key: perhaps the answer of a forge's API was saved"},
        {"[{", "JSON and no key: perhaps the answer of a forge's API was saved"},
        {"Not Found", "the words Not Found and no key: an address that was not found was saved"},
        {"404: Not Found",
         "the words 404: Not Found and no key: an address that was not found was saved"},
        {"-----BEGIN CERTIFICATE", "a certificate and no key of SSH"},
        {"-----BEGIN PGP", "a key of PGP and none of SSH"},
    };
    if (is_utf16(text))
        return "text in UTF-16, as Windows writes it: save it as UTF-8";
    if (authorized_is_private(text))
        return "a PRIVATE KEY: take it away from here, and use it no more if anybody else could "
               "read it; only the half in its .pub belongs here";
    text = without_blanks(text);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (starts_with(text, pages[i].start))
            return pages[i].what;
    if (begins_pem(text, "PUBLIC KEY"))
        return "a public key in PEM, which is not SSH's form: what is needed is the file whose "
               "name ends in .pub";
    return NULL;
}
