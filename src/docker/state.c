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
} state_option = {
    .seconds = INT_MIN, .older_seconds = INT_MIN, .signal = "KILL", .stop_signal = ""};

const struct docker_flag docker_stop_flags[] = {
    {'s', "signal", DOCKER_FLAG_TEXT, &state_option.stop_signal, NULL, NULL},
    {'t', "timeout", DOCKER_FLAG_NUMBER, &state_option.seconds, NULL, NULL},
    {0, "time", DOCKER_FLAG_NUMBER, &state_option.older_seconds, NULL, NULL},
    {.name = NULL},
};
const struct docker_flag docker_kill_flags[] = {
    {'s', "signal", DOCKER_FLAG_TEXT, &state_option.signal, NULL, NULL}, {.name = NULL}};
const struct docker_flag docker_rm_flags[] = {
    {'f', "force", DOCKER_FLAG_BOOL, &state_option.force, NULL, NULL},
    {'l', "link", DOCKER_FLAG_BOOL, &state_option.link, NULL, NULL},
    {'v', "volumes", DOCKER_FLAG_BOOL, &state_option.volumes, NULL, NULL},
    {.name = NULL},
};

static struct docker_conn state_conn;

/* Sends a request about one container. Returns what docker_request returns. */
static int request_container(const char *method, const char *container, const char *rest) {
    char path[LIMIT_DOCKER_PATH];
    return docker_request(&state_conn, method, docker_path(path, "containers", container, rest),
                          NULL, 0);
}

/* 304 says that the container was in that state already. With any other redirection (the engine has
 * them for paths with dots and slashes) nothing was done. */
static bool is_success(int status) { return status < 300 || status == 304; }

static void drop_body(void) { (void)docker_body_whole(&state_conn); }

/* Sends the same request for each container, and prints the name of each for which it succeeded.
 * Returns the exit status. */
static int for_each_container(const char *method, const char *rest, int argc, char **argv) {
    int code = 0;
    for (int i = 0; i < argc; i++) {
        int status = request_container(method, argv[i], rest);
        if (status == DOCKER_NO_RESPONSE)
            return 1;
        if (!is_success(status)) {
            code = docker_report_refusal(&state_conn, NULL, NULL);
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
        if (!state_conn.open)
            return 1;
        buf_format(&b, "%s%s", b.len > 0 ? ", " : "", argv[i]);
    }
    if (b.len == 0)
        return 0;
    docker_error("Error: failed to start containers: %.*s", (int)b.len, b.at);
    return 1;
}

/* A signal whose name had no room in a path is no signal: it is refused in the engine's words. */
static int report_long_signal(const char *signal) {
    enum { SIGNAL_SHOWN = 64 }; /* bytes of it in the message */
    docker_error("Error response from daemon: Invalid signal: %.*s...", SIGNAL_SHOWN, signal);
    return 1;
}

/* An engine too old to know the option --signal would ignore it, and send the usual signal. */
static int stop_containers(const char *what, int argc, char **argv) {
    enum { STOP_API_SIGNAL = 42 };
    char rest[512];
    struct buf b = BUF_ON(rest);
    if (state_option.seconds != INT_MIN && state_option.older_seconds != INT_MIN) {
        docker_error("conflicting options: cannot specify both --timeout and --time");
        return 1;
    }
    if (*state_option.stop_signal != '\0'
        && !docker_api_has(&state_conn, "signal", STOP_API_SIGNAL))
        return 1;
    int seconds =
        state_option.seconds != INT_MIN ? state_option.seconds : state_option.older_seconds;
    buf_text(&b, what);
    if (*state_option.stop_signal != '\0') {
        buf_text(&b, "?signal=");
        docker_escape(&b, state_option.stop_signal, strlen(state_option.stop_signal));
    }
    if (seconds != INT_MIN)
        buf_format(&b, "%ct=%d", *state_option.stop_signal != '\0' ? '&' : '?', seconds);
    const char *path = buf_string(&b);
    if (path != NULL)
        return for_each_container("POST", path, argc, argv);
    return report_long_signal(state_option.stop_signal);
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
    docker_escape(&b, state_option.signal, strlen(state_option.signal));
    const char *text = buf_string(&b);
    if (text != NULL)
        return for_each_container("POST", text, argc, argv);
    return report_long_signal(state_option.signal);
}

/* With -f the absence of a container is reported, and is no failure. */
int docker_rm(int argc, char **argv) {
    char rest[64];
    int code = 0;
    snprintf(rest, sizeof rest, "?v=%d&link=%d&force=%d", state_option.volumes, state_option.link,
             state_option.force);
    for (int i = 0; i < argc; i++) {
        char name[LIMIT_DOCKER_PATH];
        snprintf(name, sizeof name, "%s", argv[i] + strspn(argv[i], "/"));
        for (size_t n = strlen(name); n > 0 && name[n - 1] == '/'; n--)
            name[n - 1] = '\0';
        if (*name == '\0') {
            docker_error("Container name cannot be empty");
            code = 1;
            continue;
        }
        int status = request_container("DELETE", name, rest);
        if (status == DOCKER_NO_RESPONSE)
            return 1;
        if (!is_success(status)) {
            docker_report_refusal(&state_conn, "container", name);
            code = status == 404 && state_option.force ? code : 1;
            continue;
        }
        drop_body();
        puts(argv[i]);
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
            code = docker_report_refusal(&state_conn, NULL, NULL);
            continue;
        }
        struct slice response = docker_read_json(&state_conn);
        if (response.at == NULL)
            return 1;
        struct slice exit = json_member(response, "StatusCode");
        docker_show(1, exit.at, exit.n, "");
        putchar('\n');
        fflush(stdout);
    }
    return code;
}
