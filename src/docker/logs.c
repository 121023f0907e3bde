#include "docker/logs.h"

#include <string.h>
#include <time.h>

#include "docker/api.h"
#include "docker/request.h"
#include "docker/attach.h"
#include "docker/timestamp.h"
#include "wire/json.h"

static struct {
    bool follow, stamps, details;
    const char *since, *until, *tail;
} logs_option = {.since = "", .until = "", .tail = "all"};

const struct docker_flag docker_logs_flags[] = {
    {0, "details", DOCKER_FLAG_BOOL, &logs_option.details, NULL, NULL},
    {'f', "follow", DOCKER_FLAG_BOOL, &logs_option.follow, NULL, NULL},
    {0, "since", DOCKER_FLAG_TEXT, &logs_option.since, NULL, NULL},
    {'n', "tail", DOCKER_FLAG_TEXT, &logs_option.tail, NULL, NULL},
    {'t', "timestamps", DOCKER_FLAG_BOOL, &logs_option.stamps, NULL, NULL},
    {0, "until", DOCKER_FLAG_TEXT, &logs_option.until, NULL, NULL},
    {.name = NULL},
};

static bool add_time_option(struct buf *b, const char *name, const char *text) {
    char point[256];
    struct buf value = BUF_ON(point);
    if (*text == '\0')
        return true;
    if (!docker_timestamp_write(&value, text, time(NULL))) {
        docker_error("invalid value for \"%s\": failed to parse value as time or duration: \"%s\"",
                     name, text);
        return false;
    }
    buf_format(b, "&%s=", name);
    docker_escape(b, value.at, value.len);
    b->full = b->full || value.full;
    return true;
}

bool docker_logs_query(char *out, size_t cap, bool details) {
    struct buf b = {.at = out, .cap = cap};
    buf_text(&b, "/logs?stdout=1&stderr=1");
    if (details || logs_option.details)
        buf_text(&b, "&details=1");
    if (logs_option.follow)
        buf_text(&b, "&follow=1");
    if (!add_time_option(&b, "since", logs_option.since)
        || !add_time_option(&b, "until", logs_option.until))
        return false;
    buf_text(&b, "&tail=");
    docker_escape(&b, logs_option.tail, strlen(logs_option.tail));
    if (logs_option.stamps)
        buf_text(&b, "&timestamps=1");
    if (buf_string(&b) != NULL)
        return true;
    docker_error("docker: the options are too long");
    return false;
}

bool docker_logs_stamped(void) { return logs_option.stamps; }

int docker_logs(int argc, char **argv) {
    static struct docker_conn conn;
    char path[LIMIT_DOCKER_PATH], query[1024];
    (void)argc;
    enum { LOGS_API_UNTIL = 35 };
    if (*logs_option.until != '\0' && !docker_api_has(&conn, "until", LOGS_API_UNTIL))
        return 1;
    struct slice container =
        docker_get(&conn, docker_path(path, "containers", argv[0], "/json"), "container", argv[0]);
    if (container.at == NULL)
        return 1;
    bool terminal = json_is_true(json_at(container, "Config.Tty"));
    if (!docker_logs_query(query, sizeof query, false))
        return 1;
    int status =
        docker_request(&conn, "GET", docker_path(path, "containers", argv[0], query), NULL, 0);
    if (!docker_succeeded(&conn, status, NULL, NULL))
        return 1;
    struct docker_attach attach = {.conn = &conn, .frames = !terminal};
    enum docker_attach_end end = docker_attach_run(&attach);
    if (end == DOCKER_ATTACH_BROKEN)
        docker_error("unexpected EOF");
    return end == DOCKER_ATTACH_ENDED ? 0 : 1;
}
