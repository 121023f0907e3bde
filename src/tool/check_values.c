#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/networks.h"
#include "tool/check_parts.h"
#include "tool/report.h"
#include "wire/quote.h"
#include "wire/utf8.h"

enum { SHOWN = 400 }; /* bytes of a value that are shown */

/* ---- what is set ---- */

void check_settings(const struct subject *x) {
    char from[SETTINGS_SOURCE];
    const struct settings *s = x->settings;
    int width = 0;
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (settings_given(s, id) && (int)strlen(settings_name(id)) > width)
            width = (int)strlen(settings_name(id));
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        char shown[SHOWN + 16];
        struct buf b = BUF_ON(shown);
        if (!settings_given(s, id))
            continue;
        if (settings_is_secret(id))
            buf_text(&b, "(hidden)");
        else
            quote_text(&b, settings_text(s, id), strlen(settings_text(s, id)), SHOWN);
        report_line("%-*s = %.*s  (%s)", width, settings_name(id), (int)b.len, b.at,
                    settings_source(s, id, from));
    }
}

/* ---- how a value looks ---- */

static bool is_blank_character(char c) { return c == ' ' || c == '\t'; }

static bool is_quoted(const char *text, size_t n) {
    return n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0]
           && memchr(text + 1, text[0], n - 2) == NULL;
}

const char *check_oddity(const char *text, size_t n) {
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return "it starts with a byte order mark, which is a part of it: save the file as UTF-8 "
               "without one";
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return "it is UTF-16, as Windows writes it: save the file as UTF-8";
    if (memmem(text, n, "\r\n", 2) != NULL || (n > 0 && text[n - 1] == '\r'))
        return "its lines end with a carriage return, as Windows writes them, which is a part of "
               "it: save the file with line ends of Unix";
    if (is_quoted(text, n))
        return "the quotes around it are a part of it (docker's --env-file and lists in compose "
               "files keep them): write it without";
    if (n > 0 && (is_blank_character(text[0]) || is_blank_character(text[n - 1])))
        return "the blanks at its ends are a part of it: write it without";
    if (n > 0 && text[n - 1] == '\n')
        return "the empty line at its end is a part of it";
    return NULL;
}

static const char *oddity_of(const struct settings *s, enum setting id) {
    const char *text = settings_text(s, id);
    return settings_given(s, id) ? check_oddity(text, strlen(text)) : NULL;
}

static bool has_mark_or_returns(const char *text) {
    return strchr(text, '\r') != NULL || strncmp(text, "\xef\xbb\xbf", 3) == 0
           || strncmp(text, "\xff\xfe", 2) == 0 || strncmp(text, "\xfe\xff", 2) == 0;
}

/* The shell takes a byte order mark and a carriage return for a part of a word: no program has such
 * a name, no option such a value. Blanks and empty lines do not matter to it; and where quotes make
 * one word of the whole, check_command finds no program of that name. */
static void check_look_of_command(const struct settings *s) {
    char from[SETTINGS_SOURCE];
    const char *text = settings_text(s, SETTING_FORCE_COMMAND);
    if (text != NULL && has_mark_or_returns(text))
        report_error("FORCE_COMMAND", "%s (%s)",
                     oddity_of(s, SETTING_FORCE_COMMAND) != NULL
                         ? oddity_of(s, SETTING_FORCE_COMMAND)
                         : "it has a carriage return in it",
                     settings_source(s, SETTING_FORCE_COMMAND, from));
}

static void check_look_of_prefix(const struct settings *s) {
    char from[SETTINGS_SOURCE];
    const char *text = settings_text(s, SETTING_COMMAND_PREFIX);
    if (text == NULL)
        return;
    if (strlen(text) > 3 && strcmp(text + strlen(text) - 3, " -c") == 0)
        report_warning("COMMAND_PREFIX",
                       "ends with -c: a request's first word becomes a script (%s)",
                       settings_source(s, SETTING_COMMAND_PREFIX, from));
    if (has_mark_or_returns(text))
        report_error("COMMAND_PREFIX", "%s (%s)", oddity_of(s, SETTING_COMMAND_PREFIX),
                     settings_source(s, SETTING_COMMAND_PREFIX, from));
    else if (strpbrk(text, "\"'\\$`") != NULL)
        report_warning("COMMAND_PREFIX",
                       "has quotes or a $, which mean nothing here: it is taken apart at its "
                       "spaces, with no shell (%s)",
                       settings_source(s, SETTING_COMMAND_PREFIX, from));
}

/* ---- credentials ---- */

static bool is_ascii(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* RFC 6750, section 2.1: b64token. */
static bool is_b64token(const char *text) {
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
    return n > 0 && text[n + strspn(text + n, "=")] == '\0';
}

/* In a request the scheme's name stands before the credential, and is no part of what the value is
 * compared with. */
static bool has_scheme(const char *text) {
    return strncasecmp(text, "Bearer ", 7) == 0 || strncasecmp(text, "Basic ", 6) == 0
           || strncasecmp(text, "Authorization:", 14) == 0;
}

static void check_token(const struct settings *s) {
    char source[SETTINGS_SOURCE];
    const char *text = settings_text(s, SETTING_HTTP_TOKEN),
               *from = settings_source(s, SETTING_HTTP_TOKEN, source);
    if (text == NULL || settings_given(s, SETTING_HTTP_BASIC_AUTH))
        return;
    if (has_scheme(text))
        report_error("HTTP_TOKEN",
                     "starts as the field of a request does (Authorization: Bearer ...): the token "
                     "alone belongs here (%s)",
                     from);
    else if (!is_ascii(text))
        report_error("HTTP_TOKEN",
                     "is not ASCII: no Bearer token may be anything else (RFC 6750), and clients "
                     "send it in different bytes or not at all (%s)",
                     from);
    else if (oddity_of(s, SETTING_HTTP_TOKEN) != NULL)
        report_warning("HTTP_TOKEN", "%s, or clients have to send it too (%s)",
                       oddity_of(s, SETTING_HTTP_TOKEN), from);
    else if (!is_b64token(text))
        report_warning("HTTP_TOKEN",
                       "has a character that no Bearer token may have (RFC 6750: letters, digits, "
                       "-._~+/ and = at its end): some clients will not send it (%s)",
                       from);
    if (strlen(text) < 16)
        report_warning("HTTP_TOKEN", "shorter than 16 bytes: it can be guessed (%s)", from);
}

static void check_password(const struct settings *s) {
    char source[SETTINGS_SOURCE];
    const char *text = settings_text(s, SETTING_HTTP_BASIC_AUTH),
               *from = settings_source(s, SETTING_HTTP_BASIC_AUTH, source);
    if (text == NULL)
        return;
    const char *password = strchr(text, ':') + 1;
    if (has_scheme(text))
        report_error("HTTP_BASIC_AUTH",
                     "starts as the field of a request does: user:password belongs here, as people "
                     "type it (%s)",
                     from);
    else if (!utf8_is_valid(text, strlen(text)))
        report_error(
            "HTTP_BASIC_AUTH",
            "is not UTF-8, which is what clients are asked to send (RFC 7617): choose ASCII (%s)",
            from);
    else if (!is_ascii(text))
        report_warning("HTTP_BASIC_AUTH",
                       "is not ASCII: browsers and curl in a UTF-8 terminal send it as it stands "
                       "here, but other clients (python's requests, say) in other bytes (%s)",
                       from);
    if (oddity_of(s, SETTING_HTTP_BASIC_AUTH) != NULL)
        report_warning("HTTP_BASIC_AUTH", "%s, or clients have to send it too (%s)",
                       oddity_of(s, SETTING_HTTP_BASIC_AUTH), from);
    if (strncmp(password, "$apr1$", 6) == 0 || strncmp(password, "$2y$", 4) == 0
        || strncmp(password, "{SHA}", 5) == 0)
        report_warning("HTTP_BASIC_AUTH",
                       "looks like a line of htpasswd: here the password itself is wanted, and "
                       "this is what clients would have to send (%s)",
                       from);
}

/* ---- proxies ---- */

static void check_proxies(const struct settings *s) {
    char from[SETTINGS_SOURCE];
    const char *list = settings_text(s, SETTING_TRUSTED_PROXIES), *entry;
    size_t n;
    if (settings_number(s, SETTING_PROXY_PROTOCOL) == PROXY_PROTOCOL_ON && list == NULL)
        report_warning("PROXY_PROTOCOL",
                       "is on without TRUSTED_PROXIES: nobody is believed, and nobody served (%s)",
                       settings_source(s, SETTING_PROXY_PROTOCOL, from));
    while (list != NULL && (entry = networks_next(&list, &n)) != NULL) {
        struct cidr network;
        if (cidr_read(&network, entry, n) == CIDR_GOOD && network.bits == 0)
            report_warning(
                "TRUSTED_PROXIES",
                "%.*s is everybody: whoever connects can say that he is anywhere, and no "
                "limit of an address holds (%s)",
                (int)n, entry, settings_source(s, SETTING_TRUSTED_PROXIES, from));
    }
}

/* ---- all of it ---- */

static void check_without_effect(const struct subject *x) {
    char from[SETTINGS_SOURCE], ignored[LIMIT_ERROR];
    const struct settings *s = x->settings;
    uint64_t lock =
        settings_given(s, SETTING_COMMAND_LOCK) ? settings_number(s, SETTING_COMMAND_LOCK) : 0;
    bool is_shared = lock == LOCK_MODE_RERUN || lock == LOCK_MODE_JOIN;
    if (settings_given(s, SETTING_HTTP_BASIC_AUTH) && settings_given(s, SETTING_HTTP_TOKEN))
        report_warning("HTTP_TOKEN", "has no effect: HTTP_BASIC_AUTH wins (%s)",
                       settings_source(s, SETTING_HTTP_TOKEN, from));
    if (settings_given(s, SETTING_COMMAND_LOCK_WAIT) && lock != LOCK_MODE_WAIT && !is_shared)
        report_warning("COMMAND_LOCK_WAIT", "has no effect: COMMAND_LOCK is not wait or rerun (%s)",
                       settings_source(s, SETTING_COMMAND_LOCK_WAIT, from));
    if (is_shared && settings_number(s, SETTING_RUNS_KEEP) == 0)
        report_warning("COMMAND_LOCK", "is as wait, since no run is kept (RUNS_KEEP) (%s)",
                       settings_source(s, SETTING_COMMAND_LOCK, from));
    if (is_shared && settings_number(s, SETTING_HTTP_STDIN) == HTTP_STDIN_BODY)
        report_warning("COMMAND_LOCK",
                       "is as wait over HTTP, where each run has its own input (%s)",
                       settings_source(s, SETTING_HTTP_STDIN, from));
    if (is_shared && settings_given(s, SETTING_ON_DISCONNECT)
        && settings_number(s, SETTING_ON_DISCONNECT) == DISCONNECT_HANGUP)
        report_warning("ON_DISCONNECT", "has no effect on runs that are shared (%s)",
                       settings_source(s, SETTING_ON_DISCONNECT, from));
    if (policy_ignores(x->policy, ignored) != NULL)
        report_warning("FORCE_COMMAND", "%s", ignored);
    if (!x->http && x->tls)
        report_warning("TLS, TLS_CERT",
                       "without HTTP_BASIC_AUTH or HTTP_TOKEN nobody is served over HTTPS");
    if (!x->http && !x->ssh && x->container)
        report_error("HTTP_BASIC_AUTH, HTTP_TOKEN",
                     "neither is set, and there is no key of SSH in users.d, or SSH_PORT=off: "
                     "nobody could run anything");
    else if (!x->http)
        report_warning("HTTP_BASIC_AUTH, HTTP_TOKEN",
                       "neither is set: over HTTP nobody may run anything");
}

void check_values(const struct subject *x) {
    const struct settings *s = x->settings;
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (s->value[id].link != NULL)
            report_warning(settings_name(id),
                           "%s is what Kubernetes says of a service of that name: ignored",
                           s->value[id].link);
    check_look_of_command(s);
    check_look_of_prefix(s);
    check_token(s);
    check_password(s);
    check_proxies(s);
    check_without_effect(x);
}
