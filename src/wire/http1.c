#include "wire/http1.h"

#include "base/num.h"

static bool is_tchar(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool http1_is_token(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_tchar((unsigned char)s.at[i]))
            return false;
    return s.n > 0;
}

bool http1_is_value(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Without the optional white space around it (OWS; RFC 9110, section 5.6.3). */
static struct slice without_ows(struct slice s) {
    return slice_trim_end(slice_trim_front(s, " \t"), " \t");
}

/* The part of *rest before the first `c`; *rest becomes what is behind it. Without a `c`, all of
 * it, and *rest ends. */
static struct slice take_until(struct slice *rest, char c) {
    const char *found = rest->n > 0 ? memchr(rest->at, c, rest->n) : NULL;
    struct slice first = {rest->at, found != NULL ? (size_t)(found - rest->at) : rest->n};
    size_t used = first.n + (found != NULL);
    rest->at += used;
    rest->n -= used;
    return first;
}

/* ---- the head ---- */

static int read_version(struct http1_head *head, struct slice version) {
    if (version.n != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.')
        return 400;
    char major = version.at[5], minor = version.at[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9')
        return 400;
    if (major != '1')
        return 505;
    head->minor = minor == '0' ? 0 : 1;
    head->started = true;
    return 0;
}

/* request-line = method SP request-target SP HTTP-version, single spaces (RFC 9112, section 3). */
static int read_request_line(struct http1_head *head, struct slice line) {
    struct slice rest = line;
    head->method = take_until(&rest, ' ');
    head->target = take_until(&rest, ' ');
    if (!http1_is_token(head->method) || head->target.n == 0)
        return 400;
    for (size_t i = 0; i < head->target.n; i++) {
        unsigned char c = (unsigned char)head->target.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return 400;
    }
    return read_version(head, rest);
}

/* status-line = HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112, section 4); the space
 * before a reason that is not there may be missing, too. */
static int read_status_line(struct http1_head *head, struct slice line) {
    struct slice rest = line;
    struct slice version = take_until(&rest, ' '), code = take_until(&rest, ' ');
    uint64_t status;
    if (code.n != 3 || !num_decimal(code.at, code.n, 999, &status) || status < 100
        || !http1_is_value(rest))
        return 400;
    head->status = (int)status;
    return read_version(head, version);
}

/* field-line = field-name ":" OWS field-value OWS; a line that starts with white space would be
 * obs-fold (RFC 9112, section 5.2): its name is no token. */
static int read_field(struct http1_head *head, struct slice line) {
    struct slice value = line;
    struct slice name = take_until(&value, ':');
    if (name.n == line.n || !http1_is_token(name) || !http1_is_value(value))
        return 400;
    if (head->fields == LIMIT_FIELDS)
        return 431;
    head->name[head->fields] = name;
    head->value[head->fields++] = without_ows(value);
    return 0;
}

static int read_head_line(struct http1_head *head, struct slice line) {
    if (!head->started) {
        if (head->is_answer)
            return read_status_line(head, line);
        /* One empty line before the request is ignored (RFC 9112, section 2.2), more are not a
         * request. */
        if (line.n == 0)
            return head->line == 0 ? 0 : 400;
        return read_request_line(head, line);
    }
    if (line.n > 0)
        return read_field(head, line);
    head->done = true;
    return 0;
}

void http1_start(struct http1_head *head) {
    /* The fields' places stay as they are: head->fields says how many of them count. */
    memset(head, 0, offsetof(struct http1_head, name));
}

void http1_start_response(struct http1_head *head) {
    http1_start(head);
    head->is_answer = true;
}

/* What the bytes of a line up to its LF say, or as many of them as have come (`whole`: the LF is
 * next). Every error is that of its first byte which shows it, so that no division of the bytes
 * into reads changes the verdict. */
static int look_at_line(const struct http1_head *head, struct slice line, bool whole) {
    const char *cr = line.n > 0 ? memchr(line.at, '\r', line.n) : NULL;
    size_t text = cr != NULL ? (size_t)(cr - line.at) : line.n;
    if (!head->started && text > LIMIT_REQUEST_LINE)
        return 414;
    if (cr == NULL)
        return whole ? 400 : 0;         /* a bare LF */
    return text + 1 < line.n ? 400 : 0; /* a bare CR */
}

int http1_read_head(struct http1_head *head, const char *in, size_t n) {
    size_t end = n < LIMIT_HEAD ? n : LIMIT_HEAD;
    while (!head->done) {
        const char *lf =
            end > head->scanned ? memchr(in + head->scanned, '\n', end - head->scanned) : NULL;
        size_t line_end = lf != NULL ? (size_t)(lf - in) : end;
        struct slice line = {in + head->line, line_end - head->line};
        int refused = look_at_line(head, line, lf != NULL);
        if (refused != 0)
            return refused;
        if (lf == NULL) {
            head->scanned = end;
            return end == LIMIT_HEAD ? 431 : 0;
        }
        line.n--; /* its CR */
        refused = read_head_line(head, line);
        if (refused != 0)
            return refused;
        head->line = head->scanned = line_end + 1;
    }
    return 200;
}

size_t http1_find(const struct http1_head *head, const char *name, struct slice *value) {
    size_t count = 0;
    for (size_t i = 0; i < head->fields; i++)
        if (slice_is_nocase(head->name[i], name) && count++ == 0)
            *value = head->value[i];
    return count;
}

bool http1_lists(const struct http1_head *head, const char *name, const char *token) {
    for (size_t i = 0; i < head->fields; i++) {
        if (!slice_is_nocase(head->name[i], name))
            continue;
        struct slice rest = head->value[i];
        while (rest.n > 0)
            if (slice_is_nocase(without_ows(take_until(&rest, ',')), token))
                return true;
    }
    return false;
}

/* ---- what it says ---- */

/* reg-name (RFC 3986, section 3.2.2): a percent sign stands only before two hexadecimal digits. */
static bool is_reg_name(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (!is_tchar(c) || strchr("#^`|", c) != NULL)
            return false;
        if (c == '%'
            && (s.n - i < 3 || num_hex_digit((unsigned char)s.at[i + 1]) < 0
                || num_hex_digit((unsigned char)s.at[i + 2]) < 0))
            return false;
    }
    return true;
}

/* uri-host [":" port] (RFC 3986, section 3.2.2), without user information; empty is allowed in Host
 * (RFC 9110, section 7.2). */
static bool is_authority(struct slice s) {
    size_t host = s.n;
    if (s.n > 0 && s.at[0] == '[') {
        const char *end = memchr(s.at, ']', s.n);
        if (end == NULL)
            return false;
        host = (size_t)(end - s.at) + 1;
        for (size_t i = 1; i + 1 < host; i++)
            if (num_hex_digit((unsigned char)s.at[i]) < 0 && s.at[i] != ':' && s.at[i] != '.')
                return false;
    } else {
        const char *colon = s.n > 0 ? memchr(s.at, ':', s.n) : NULL;
        if (colon != NULL)
            host = (size_t)(colon - s.at);
        if (!is_reg_name((struct slice){s.at, host}))
            return false;
    }
    if (host == s.n)
        return true;
    uint64_t port;
    return s.at[host] == ':'
           && (host + 1 == s.n || num_decimal(s.at + host + 1, s.n - host - 1, 65535, &port));
}

static bool starts_nocase(struct slice s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && strncasecmp(s.at, prefix, n) == 0;
}

/* origin-form, absolute-form, and asterisk-form for OPTIONS alone (RFC 9112, section 3.2). In
 * absolute form the target's authority counts; a Host field that says otherwise is refused, since a
 * proxy may have believed it. */
static int read_target(const struct http1_head *head, struct http1_framing *f, bool has_host) {
    struct slice rest = head->target;
    if (slice_is(rest, "*") && slice_is(head->method, "OPTIONS")) {
        f->path = rest;
        return 0;
    }
    if (starts_nocase(rest, "http://") || starts_nocase(rest, "https://")) {
        take_until(&rest, '/');
        take_until(&rest, '/');
        size_t n = 0;
        while (n < rest.n && rest.at[n] != '/' && rest.at[n] != '?')
            n++;
        struct slice authority = {rest.at, n};
        if (n == 0 || !is_authority(authority))
            return 400;
        if (has_host && (f->authority.n != n || strncasecmp(f->authority.at, authority.at, n) != 0))
            return 400;
        f->authority = authority;
        rest.at += n;
        rest.n -= n;
    } else if (rest.at[0] != '/') {
        return 400;
    }
    f->path = take_until(&rest, '?');
    return 0;
}

static int read_length(const struct http1_head *head, struct http1_framing *f) {
    struct slice length, coding;
    size_t lengths = http1_find(head, "Content-Length", &length);
    size_t codings = http1_find(head, "Transfer-Encoding", &coding);
    if (codings > 0) {
        f->chunked = true;
        return codings == 1 && lengths == 0 && head->minor == 1
                       && slice_is_nocase(coding, "chunked")
                   ? 0
                   : 400;
    }
    if (lengths > 0)
        return lengths == 1 && num_decimal(length.at, length.n, INT64_MAX, &f->length) ? 0 : 400;
    return 0;
}

int http1_read_framing(const struct http1_head *head, struct http1_framing *f) {
    *f = (struct http1_framing){.authority = {"", 0}};
    size_t hosts = http1_find(head, "Host", &f->authority);
    if (hosts > 1 || (hosts == 0 && head->minor == 1) || !is_authority(f->authority))
        return 400;
    int refused = read_target(head, f, hosts > 0);
    if (refused == 0)
        refused = read_length(head, f);
    if (refused != 0)
        return refused;
    struct slice expect;
    if (http1_find(head, "Expect", &expect) > 0 && head->minor == 1) {
        if (!slice_is_nocase(expect, "100-continue"))
            return 417;
        f->expects_continue = f->chunked || f->length > 0;
    }
    f->persistent = head->minor == 1 && !http1_lists(head, "Connection", "close");
    f->trailers = head->minor == 1 && http1_lists(head, "TE", "trailers");
    return 0;
}
