#include "docker/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "docker/command.h"
#include "docker/request.h"

enum { API_LEAST = 24 };          /* the minor number of the oldest version that will do */
enum { API_LATER_MAJOR = 10000 }; /* the minor number that stands for 2.0 and all after it */
enum { API_VERSION_BYTES = 16 };  /* of a version's text */

/* The version that docker_api_ready has settled: "/v1.41", or empty; and its minor number. */
static char api_path[API_VERSION_BYTES + sizeof "/v"];
static unsigned api_minor;

/* Reads MAJOR.MINOR, and nothing else, since the text goes into a path. *minor is its minor number
 * where MAJOR is 1, and below or above all of those where it is another. */
static bool read_api_version(struct slice text, unsigned *minor) {
    uint64_t high, low;
    const char *dot =
        text.n > 0 && text.n < API_VERSION_BYTES ? memchr(text.at, '.', text.n) : NULL;
    if (dot == NULL || !num_decimal(text.at, (size_t)(dot - text.at), 999, &high)
        || !num_decimal(dot + 1, text.n - (size_t)(dot + 1 - text.at), 9999, &low))
        return false;
    *minor = high == 0 ? 0 : high == 1 ? (unsigned)low : API_LATER_MAJOR;
    return true;
}

static void set_version(const char *version) {
    snprintf(api_path, sizeof api_path, "/v%s", version);
}

/* Settles on the version 1.MINOR. */
static void set_minor_version(unsigned minor) {
    api_minor = minor;
    snprintf(api_path, sizeof api_path, "/v1.%u", minor);
}

static bool set_version_from_environment(const char *wanted) {
    const char *version = wanted + (*wanted == 'v');
    if (read_api_version((struct slice){version, strlen(version)}, &api_minor)) {
        set_version(version);
        return true;
    }
    docker_error("docker: DOCKER_API_VERSION is no version such as 1.%d: %s", DOCKER_API_MOST,
                 wanted);
    return false;
}

/* Sends one ping. *status is that of the response, or 0 when there was none; `version` is what the
 * response's field Api-Version names, or empty. False: there is no connection, which has been
 * reported. */
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

/* Settles on the lower of the engine's version and this client's. False: the engine's is too old,
 * which has been reported. */
static bool negotiate_version(const char *version) {
    if (!read_api_version((struct slice){version, strlen(version)}, &api_minor)) {
        set_minor_version(API_LEAST); /* only an engine as old as that names no version */
    } else if (api_minor < API_LEAST) {
        docker_error(
            "docker: the engine's API is of version %s, and this client needs 1.%d or later",
            version, API_LEAST);
        return false;
    } else if (api_minor > DOCKER_API_MOST) {
        set_minor_version(DOCKER_API_MOST);
    } else {
        set_version(version);
    }
    return true;
}

bool docker_api_ready(struct docker_conn *c) {
    const char *wanted = getenv("DOCKER_API_VERSION");
    char version[API_VERSION_BYTES];
    if (api_path[0] != '\0')
        return true;
    if (wanted != NULL && *wanted != '\0')
        return set_version_from_environment(wanted);
    int status;
    if (!ping_engine(c, "HEAD", &status, version))
        return false;
    bool refused = status >= 400 && status < 500 && version[0] == '\0';
    if (refused && !ping_engine(c, "GET", &status, version)) /* a proxy may allow GET alone */
        return false;
    if (version[0] != '\0' || (status >= 200 && status < 300))
        return negotiate_version(version);
    /* A proxy may refuse pings and nothing else: the response to the request itself will tell. */
    set_minor_version(DOCKER_API_MOST);
    return true;
}

const char *docker_api_path(void) { return api_path; }
const char *docker_api_version(void) {
    return api_path[0] != '\0' ? api_path + strlen("/v") : api_path;
}

bool docker_api_has(struct docker_conn *c, const char *flag, unsigned needed) {
    if (!docker_api_ready(c))
        return false;
    if (api_minor >= needed)
        return true;
    docker_error("\"--%s\" requires API version 1.%u, but the Docker daemon API version is %s",
                 flag, needed, docker_api_version());
    return false;
}
