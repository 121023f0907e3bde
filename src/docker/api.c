#include "docker/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "docker/command.h"
#include "docker/request.h"

/* The minor numbers of the versions 1.MINOR that this client knows. */
enum { API_LEAST = 24, API_MOST = 51 };
enum { API_VERSION_BYTES = 16 }; /* of a version's text */

static char path[API_VERSION_BYTES + 2]; /* "/v1.41" */
static unsigned minor;                   /* of major 1; a later major has all that 1 has */

/* MAJOR.MINOR, and nothing else: it goes into a path. */
static bool read_api_version(struct slice text, unsigned *number) {
    uint64_t high, low;
    const char *dot =
        text.n > 0 && text.n < API_VERSION_BYTES ? memchr(text.at, '.', text.n) : NULL;
    if (dot == NULL || !num_decimal(text.at, (size_t)(dot - text.at), 999, &high)
        || !num_decimal(dot + 1, text.n - (size_t)(dot + 1 - text.at), 9999, &low))
        return false;
    *number = high == 0 ? 0 : high == 1 ? (unsigned)low : 10000;
    return true;
}

static void set_version(const char *version) { snprintf(path, sizeof path, "/v%s", version); }

static bool set_version_from_environment(const char *wanted) {
    const char *version = wanted + (*wanted == 'v');
    if (read_api_version((struct slice){version, strlen(version)}, &minor)) {
        set_version(version);
        return true;
    }
    docker_error("docker: DOCKER_API_VERSION is no version such as " DOCKER_API_MOST ": %s",
                 wanted);
    return false;
}

/* Sends one ping. *status is that of the response, 0 for none; `version` is what its head names, so
 * that proxies and engines need not do more than they must, and empty for none. False: there is no
 * connection, which has been reported. */
static bool ping_engine(struct docker_conn *c, const char *method, int *status,
                        char version[API_VERSION_BYTES]) {
    struct slice field = {"", 0};
    bool sent = docker_send(c, method, "/_ping", NULL, false);
    if (!sent && !c->open) {
        docker_report_unreachable(c, method, "/_ping");
        return false;
    }
    *status = docker_read_head(c, true);
    bool answered = *status != DOCKER_NO_RESPONSE && *status != 101;
    if (answered)
        http1_find(&c->head, "Api-Version", &field);
    snprintf(version, API_VERSION_BYTES, "%.*s", field.n < API_VERSION_BYTES ? (int)field.n : 0,
             field.at);
    if (!answered || docker_body_whole(c).at == NULL) {
        docker_close(c);
        *status = 0;
    }
    return true;
}

/* The lower of the engine's version and ours. False: there is none for both. */
static bool negotiate_version(const char *version) {
    /* an engine that names none is of before that was usual */
    if (!read_api_version((struct slice){version, strlen(version)}, &minor)) {
        minor = API_LEAST;
        set_version("1.24");
    } else if (minor < API_LEAST) {
        docker_error(
            "docker: the engine's API is of version %s, and this client needs 1.%d or later",
            version, API_LEAST);
        return false;
    } else if (minor > API_MOST) {
        minor = API_MOST;
        set_version(DOCKER_API_MOST);
    } else {
        set_version(version);
    }
    return true;
}

bool docker_api_ready(struct docker_conn *c) {
    const char *wanted = getenv("DOCKER_API_VERSION");
    char version[API_VERSION_BYTES];
    if (path[0] != '\0')
        return true;
    if (wanted != NULL && *wanted != '\0')
        return set_version_from_environment(wanted);
    int status;
    if (!ping_engine(c, "HEAD", &status, version))
        return false;
    bool refused = status >= 400 && status < 500 && version[0] == '\0';
    if (refused && !ping_engine(c, "GET", &status, version)) /* HEAD alone may be refused */
        return false;
    if (version[0] != '\0' || (status >= 200 && status < 300))
        return negotiate_version(version);
    minor = API_MOST; /* a proxy may refuse a ping and nothing else: the request itself will tell */
    set_version(DOCKER_API_MOST);
    return true;
}

const char *docker_api_path(void) { return path; }
const char *docker_api_version(void) { return path[0] != '\0' ? path + 2 : path; }

bool docker_api_has(struct docker_conn *c, const char *flag, unsigned needed) {
    if (!docker_api_ready(c))
        return false;
    if (minor >= needed)
        return true;
    docker_error("\"--%s\" requires API version 1.%u, but the Docker daemon API version is %s",
                 flag, needed, docker_api_version());
    return false;
}
