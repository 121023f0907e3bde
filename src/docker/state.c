#include "docker/state.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "docker/api.h"
#include "docker/request.h"
#include "docker/show.h"
#include "wire/json.h"

static struct {
    int seconds, older_seconds;
    const char *signal, *stop_signal;
    bool force, volumes, link;
} option = {.seconds = INT_MIN, .older_seconds = INT_MIN, .signal = "KILL", .stop_signal = ""};

const struct docker_flag docker_stop_flags[] = {
    {'s', "signal", FLAG_TEXT, &option.stop_signal, NULL, NULL},
    {'t', "timeout", FLAG_NUMBER, &option.seconds, NULL, NULL},
    {0, "time", FLAG_NUMBER, &option.older_seconds, NULL, NULL},
    {.name = NULL},
};
const struct docker_flag docker_kill_flags[] = {
    {'s', "signal", FLAG_TEXT, &option.signal, NULL, NULL}, {.name = NULL}};
const struct docker_flag docker_rm_flags[] = {
    {'f', "force", FLAG_BOOL, &option.force, NULL, NULL},
    {'l', "link", FLAG_BOOL, &option.link, NULL, NULL},
    {'v', "volumes", FLAG_BOOL, &option.volumes, NULL, NULL},
    {.name = NULL},
};

static struct docker_conn conn;

/* Asks for one container. Returns the status, or -1: the engine can't be reached. */
static int request_container(const char *method, const char *container, const char *rest) {
    char path[LIMIT_DOCKER_PATH];
    return docker_request(&conn, method, docker_path(path, "containers", container, rest), NULL, 0);
}

/* 304: it was so before. Another redirection (the engine has them for paths with dots and slashes)
 * did nothing. */
static bool is_success(int status) { return status < 300 || status == 304; }

static void drop_body(void) { (void)docker_body_whole(&conn); }

/* The same for each, which is named when it is done. */
static int for_each_container(const char *method, const char *rest, int argc, char **argv) {
    int code = 0;
    for (int i = 0; i < argc; i++) {
        int status = request_container(method, argv[i], rest);
        if (status == DOCKER_NO_RESPONSE)
            return 1;
        if (!is_success(status)) {
            code = docker_report_refusal(&conn, NULL, NULL);
            continue;
        }
        drop_body();
        puts(argv[i]);
        fflush(stdout);
    }
    return code;
}

int docker_start(int argc, char **argv) {
    static char failed[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(failed);
    for (int i = 0; i < argc; i++) {
        if (for_each_container("POST", "/start", 1, argv + i) == 0)
            continue;
        if (!conn.open)
            return 1;
        buf_format(&b, "%s%s", b.len > 0 ? ", " : "", argv[i]);
    }
    if (b.len == 0)
        return 0;
    docker_error("Error: failed to start containers: %.*s", (int)b.len, b.at);
    return 1;
}

/* An engine that does not know the signal's option would send another one. */
static int stop_containers(const char *what, int argc, char **argv) {
    enum { STOP_API_SIGNAL = 42 };
    char rest[512];
    struct buf b = BUF_ON(rest);
    if (option.seconds != INT_MIN && option.older_seconds != INT_MIN) {
        docker_error("conflicting options: cannot specify both --timeout and --time");
        return 1;
    }
    if (*option.stop_signal != '\0' && !docker_api_has(&conn, "signal", STOP_API_SIGNAL))
        return 1;
    int seconds = option.seconds != INT_MIN ? option.seconds : option.older_seconds;
    buf_text(&b, what);
    if (*option.stop_signal != '\0') {
        buf_text(&b, "?signal=");
        docker_escape(&b, option.stop_signal, strlen(option.stop_signal));
    }
    if (seconds != INT_MIN)
        buf_format(&b, "%ct=%d", *option.stop_signal != '\0' ? '&' : '?', seconds);
    const char *path = buf_string(&b);
    if (path != NULL)
        return for_each_container("POST", path, argc, argv);
    docker_error("Error response from daemon: Invalid signal: %.64s...", option.stop_signal);
    return 1;
}

int docker_stop(int argc, char **argv) { return stop_containers("/stop", argc, argv); }
int docker_restart(int argc, char **argv) { return stop_containers("/restart", argc, argv); }
int docker_pause(int argc, char **argv) { return for_each_container("POST", "/pause", argc, argv); }
int docker_unpause(int argc, char **argv) {
    return for_each_container("POST", "/unpause", argc, argv);
}

int docker_kill(int argc, char **argv) {
    char rest[512];
    struct buf b = BUF_ON(rest);
    buf_text(&b, "/kill?signal=");
    docker_escape(&b, option.signal, strlen(option.signal));
    const char *text = buf_string(&b);
    if (text != NULL)
        return for_each_container("POST", text, argc, argv);
    docker_error("Error response from daemon: Invalid signal: %.64s...", option.signal);
    return 1;
}

/* With -f a container that is not there is no failure, though it is said. */
int docker_rm(int argc, char **argv) {
    char rest[64];
    int code = 0;
    snprintf(rest, sizeof rest, "?v=%d&link=%d&force=%d", option.volumes, option.link,
             option.force);
    for (int i = 0; i < argc; i++) {
        char *name = argv[i] + strspn(argv[i], "/");
        size_t n = strlen(name);
        while (n > 0 && name[n - 1] == '/')
            name[--n] = '\0';
        if (n == 0) {
            docker_error("Container name cannot be empty");
            code = 1;
            continue;
        }
        int status = request_container("DELETE", name, rest);
        if (status == DOCKER_NO_RESPONSE)
            return 1;
        if (!is_success(status)) {
            docker_report_refusal(&conn, "container", name);
            code = status == 404 && option.force ? code : 1;
            continue;
        }
        drop_body();
        puts(name);
        fflush(stdout);
    }
    return code;
}

int docker_wait(int argc, char **argv) {
    int code = 0;
    for (int i = 0; i < argc; i++) {
        int status = request_container("POST", argv[i], "/wait");
        if (status == DOCKER_NO_RESPONSE)
            return 1;
        if (!is_success(status)) {
            code = docker_report_refusal(&conn, NULL, NULL);
            continue;
        }
        struct slice answer = docker_read_json(&conn);
        if (answer.at == NULL)
            return 1;
        struct slice exit = json_member(answer, "StatusCode");
        docker_show(1, exit.at, exit.n, "");
        putchar('\n');
        fflush(stdout);
    }
    return code;
}
