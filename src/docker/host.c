#include "docker/host.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "wire/docker_api.h"

static struct docker_host engine_host;

#define HOST_USUAL_PORT "2375" /* the engine's, without TLS */

/* HOST[:PORT]; an IPv6 address stands in brackets, or alone. */
static bool read_authority(const char *text, size_t n) {
    const char *end = text + n, *name = text, *colon = n > 0 ? memchr(text, ':', n) : NULL;
    uint64_t number;
    if (n > 0 && *text == '[') {
        name++;
        const char *bracket = memchr(text, ']', n);
        if (bracket == NULL)
            return false;
        n = (size_t)(bracket - name);
        colon = bracket + 1;
    } else if (colon != NULL && colon != memrchr(text, ':', n)) {
        colon = NULL;
    } else {
        n = colon != NULL ? (size_t)(colon - text) : n;
    }
    if (n >= sizeof engine_host.name || (colon != NULL && colon < end && *colon != ':'))
        return false;
    size_t digits = colon != NULL && colon < end ? (size_t)(end - colon) - 1 : 0;
    if (digits > 0 && !num_decimal(colon + 1, digits, UINT16_MAX, &number))
        return false;
    snprintf(engine_host.name, sizeof engine_host.name, "%.*s",
             (int)(n > 0 ? n : strlen("localhost")), n > 0 ? name : "localhost");
    snprintf(engine_host.port, sizeof engine_host.port, "%.*s",
             (int)(digits > 0 ? digits : strlen(HOST_USUAL_PORT)),
             digits > 0 ? colon + 1 : HOST_USUAL_PORT);
    snprintf(engine_host.authority, sizeof engine_host.authority,
             strchr(engine_host.name, ':') != NULL ? "[%s]:%s" : "%s:%s", engine_host.name,
             engine_host.port);
    /* It goes into the field Host. */
    return strspn(engine_host.name,
                  "-._~0123456789:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%")
           == strlen(engine_host.name);
}

/* Takes %XX for the byte that it stands for. False: there is no such byte, or it is a NUL. */
static bool unescape_percent(struct buf *out, const char *at, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (at[i] != '%') {
            buf_char(out, at[i]);
            continue;
        }
        int high = i + 2 < n ? num_hex_digit((unsigned char)at[i + 1]) : -1,
            low = i + 2 < n ? num_hex_digit((unsigned char)at[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        buf_char(out, (char)(high << 4 | low));
        i += 2;
    }
    return !out->full;
}

/* The path behind the authority, in its shortest form: no empty segment, no dot, each ".." takes
 * the one before it away. */
static bool read_path_prefix(const char *path) {
    struct buf b = BUF_ON(engine_host.prefix);
    for (size_t n; *path != '\0'; path += n) {
        char segment[LIMIT_PATH];
        struct buf s = BUF_ON(segment);
        path += strspn(path, "/");
        n = strcspn(path, "/");
        if (!unescape_percent(&s, path, n))
            return false;
        if (s.len == 0 || (s.len == 1 && segment[0] == '.'))
            continue;
        if (s.len == 2 && memcmp(segment, "..", 2) == 0) {
            while (b.len > 0 && b.at[--b.len] != '/') {
            }
            continue;
        }
        buf_char(&b, '/');
        docker_escape(&b, segment, s.len);
    }
    return buf_string(&b) != NULL;
}

static bool read_tcp(const char *text) {
    size_t n = strcspn(text, "/");
    char path[LIMIT_PATH];
    /* a query would mean nothing: it is left out */
    snprintf(path, sizeof path, "%.*s", (int)strcspn(text + n, "?#"), text + n);
    return read_authority(text, n) && read_path_prefix(path);
}

/* bytes of struct docker_host's `text` for a scheme and authority that the user left out */
enum { HOST_TEXT_ROOM = 320 };

bool docker_host_set(const char *text, struct buf *why) {
    const char *unix_scheme = "unix://", *tcp = "tcp://";
    text += strspn(text, " ");
    bool is_unix = *text == '\0' || strncmp(text, unix_scheme, strlen(unix_scheme)) == 0;
    const char *place = *text == '\0'                          ? text
                        : is_unix                              ? text + strlen(unix_scheme)
                        : strncmp(text, tcp, strlen(tcp)) == 0 ? text + strlen(tcp)
                                                               : text;
    if (strncmp(text, "ssh://", 6) == 0) {
        buf_text(why, "docker: this client speaks no SSH to the engine; use its local socket, or "
                      "tcp:// over a network that you trust");
        return false;
    }
    if (is_unix && *place == '\0')
        place = "/var/run/docker.sock";
    engine_host = (struct docker_host){.authority = "docker"};
    if (strlen(text) >= sizeof engine_host.text - HOST_TEXT_ROOM
        || (!is_unix && place == text && strstr(text, "://") != NULL)
        || (is_unix ? strlen(place) >= sizeof engine_host.path : !read_tcp(place))) {
        buf_format(why,
                   "Failed to initialize: unable to resolve docker endpoint: invalid bind address "
                   "format: %.*s",
                   LIMIT_PATH, text);
        return false;
    }
    if (is_unix)
        snprintf(engine_host.path, sizeof engine_host.path, "%s", place);
    if (is_unix)
        snprintf(engine_host.text, sizeof engine_host.text, "%s%s", unix_scheme, place);
    else
        snprintf(engine_host.text, sizeof engine_host.text, "%s%s%s", tcp, engine_host.authority,
                 place + strcspn(place, "/"));
    return true;
}

const struct docker_host *docker_host(void) { return &engine_host; }
