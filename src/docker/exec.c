#include "docker/exec.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "docker/api.h"
#include "docker/request.h"
#include "docker/env_options.h"
#include "docker/attach.h"
#include "docker/terminal.h"
#include "wire/json.h"

static struct {
    bool interactive, terminal, detach, privileged;
    const char *user, *directory, *keys;
} exec_option = {.user = "", .directory = "", .keys = ""};
static struct docker_list exec_variables, exec_files;

const struct docker_flag docker_exec_flags[] = {
    {'d', "detach", DOCKER_FLAG_BOOL, &exec_option.detach, NULL, NULL},
    {0, "detach-keys", DOCKER_FLAG_TEXT, &exec_option.keys, NULL, NULL},
    {'e', "env", DOCKER_FLAG_LIST, &exec_variables, docker_env_check, NULL},
    {0, "env-file", DOCKER_FLAG_LIST, &exec_files, NULL, NULL},
    {'i', "interactive", DOCKER_FLAG_BOOL, &exec_option.interactive, NULL, NULL},
    {0, "privileged", DOCKER_FLAG_BOOL, &exec_option.privileged, NULL, NULL},
    {'t', "tty", DOCKER_FLAG_BOOL, &exec_option.terminal, NULL, NULL},
    {'u', "user", DOCKER_FLAG_TEXT, &exec_option.user, NULL, NULL},
    {'w', "workdir", DOCKER_FLAG_TEXT, &exec_option.directory, NULL, NULL},
    {.name = NULL},
};

/* bytes of the name that the engine gives to what is executed: 64, and room */
enum { EXEC_ID = 256 };

enum { EXEC_UNKNOWN = 255 }; /* the exit status where nobody can tell that of the command */

/* A terminal is asked for, and there is none. That the container isn't there either comes first, as
 * with docker(1). */
static int refuse_terminal(struct docker_conn *c, const char *container) {
    char path[LIMIT_DOCKER_PATH];
    int status =
        docker_request(c, "GET", docker_path(path, "containers", container, "/json"), NULL, 0);
    if (docker_succeeded(c, status, "container", container))
        docker_error("the input device is not a TTY");
    return 1;
}

static void write_size(struct buf *b) {
    unsigned rows, columns;
    if (exec_option.terminal && docker_terminal_size(1, &rows, &columns))
        buf_format(b, ",\"ConsoleSize\":[%u,%u]", rows, columns);
}

static const char *bool_text(bool value) { return value ? "true" : "false"; }

static bool write_config(struct buf *b, int argc, char **argv) {
    bool attach = !exec_option.detach;
    buf_text(b, "{\"User\":");
    json_quote(b, exec_option.user, strlen(exec_option.user));
    buf_format(b,
               ",\"Privileged\":%s,\"Tty\":%s,\"AttachStdin\":%s,\"AttachStderr\":%s,"
               "\"AttachStdout\":%s,\"Detach\":%s,\"DetachKeys\":",
               bool_text(exec_option.privileged), bool_text(exec_option.terminal),
               bool_text(attach && exec_option.interactive), bool_text(attach), bool_text(attach),
               bool_text(exec_option.detach));
    json_quote(b, exec_option.keys, strlen(exec_option.keys));
    write_size(b);
    buf_text(b, ",\"Env\":");
    if (!docker_env_write(b, &exec_files, &exec_variables))
        return false;
    buf_text(b, ",\"WorkingDir\":");
    json_quote(b, exec_option.directory, strlen(exec_option.directory));
    buf_text(b, ",\"Cmd\":");
    for (int i = 0; i < argc; i++) {
        buf_char(b, i == 0 ? '[' : ',');
        json_quote(b, argv[i], strlen(argv[i]));
    }
    buf_text(b, "]}");
    return true;
}

/* Has the engine prepare the command, and puts the name that it gives to it into `id`. False: the
 * failure has been reported. */
static bool create_exec(struct docker_conn *c, char id[EXEC_ID], const char *container,
                        const struct buf *config) {
    char path[LIMIT_DOCKER_PATH];
    int status =
        docker_request(c, "POST", docker_path(path, "containers", container, "/exec"), config, 0);
    if (!docker_succeeded(c, status, "container", container))
        return false;
    struct slice response = docker_read_json(c);
    if (response.at == NULL)
        return false;
    json_copy(id, EXEC_ID, json_member(response, "Id"));
    if (id[0] == '\0')
        docker_error("exec ID empty");
    return id[0] != '\0';
}

/* Starts it. With `upgrade` the response's body is then the stream of its output, and where there
 * is input the connection takes that too. False: the failure has been reported. */
static bool start_exec(struct docker_conn *c, const char *id, bool upgrade) {
    char path[LIMIT_DOCKER_PATH], body[128];
    struct buf b = BUF_ON(body);
    buf_format(&b, "{\"Detach\":%s,\"Tty\":%s", bool_text(exec_option.detach),
               bool_text(exec_option.terminal));
    write_size(&b);
    buf_char(&b, '}');
    int status = docker_request(c, "POST", docker_path(path, "exec", id, "/start"), &b,
                                upgrade ? DOCKER_UPGRADE : 0);
    if (!docker_succeeded(c, status, NULL, NULL))
        return false;
    if (!upgrade || status == 101 || !exec_option.interactive)
        return true;
    /* The output would come, but no input could go: a command that waits for it would wait for
     * ever. */
    docker_error("unable to upgrade to tcp, received %d (does a proxy before the engine drop the "
                 "request's Upgrade?)",
                 status);
    return false;
}

/* The command's exit code. An engine that is gone can't tell: 255, as docker(1) has it. `whole`:
 * the output has ended, rather than broken off. */
static int wait_for_exit(struct docker_conn *c, const char *id, bool whole) {
    char path[LIMIT_DOCKER_PATH];
    int64_t give_up = clock_now() + LIMIT_DOCKER_EXIT_MS;
    for (int pause = 1;; pause = pause < 100 ? pause * 2 : pause) {
        uint64_t code = 0;
        int status =
            docker_request(c, "GET", docker_path(path, "exec", id, "/json"), NULL, DOCKER_QUIET);
        if (status == DOCKER_NO_RESPONSE)
            return EXEC_UNKNOWN;
        if (status >= 300)
            return docker_report_refusal(c, "exec instance", id);
        struct slice response = docker_read_json(c);
        if (response.at == NULL)
            return 1;
        bool running = json_is_true(json_member(response, "Running"));
        bool known = json_number(json_member(response, "ExitCode"), INT32_MAX, &code);
        if (known && !running)
            return (int)code & 0xff;
        /* it may have closed its output and go on, or the engine may need a moment */
        if (running && clock_now() < give_up) {
            poll(NULL, 0, pause);
            continue;
        }
        if (running && whole)
            return 0; /* as docker(1) has it */
        docker_error(running ? "docker: the connection to the engine broke, and the command goes on"
                             : "docker: the engine does not say how the command ended");
        return EXEC_UNKNOWN;
    }
}

static int attach_exec(struct docker_conn *stream, struct docker_conn *c, const char *id) {
    static struct docker_resize resize;
    static struct docker_detach_keys keys;
    bool input = exec_option.interactive, raw = input && exec_option.terminal,
         sized = exec_option.terminal && isatty(0);
    struct docker_attach attach = {.conn = stream, .frames = !exec_option.terminal, .input = input};
    if (raw && !docker_detach_keys_read(&keys, exec_option.keys))
        docker_detach_keys_read(&keys, "");
    if (raw && docker_terminal_raw(0) == -1) {
        docker_error("unable to set IO streams as raw terminal: %s", strerror(errno));
        return 1;
    }
    attach.keys = raw ? &keys : NULL;
    if (sized) {
        docker_terminal_watch_size();
        docker_resize_start(&resize, "exec", id);
        attach.resize = &resize;
    }
    enum docker_attach_end end = docker_attach_run(&attach);
    docker_terminal_restore();
    docker_close(stream);
    if (end == DOCKER_ATTACH_ENDED || end == DOCKER_ATTACH_BROKEN)
        return wait_for_exit(c, id, end == DOCKER_ATTACH_ENDED);
    if (end == DOCKER_ATTACH_DETACHED)
        docker_error("read escape sequence");
    return 1;
}

int docker_exec(int argc, char **argv) {
    static struct docker_conn conn, other;
    const char *container = argv[0];
    char id[EXEC_ID];
    struct buf config = docker_request_buffer();
    if (*container == '\0') {
        docker_error("Error: No such container: ");
        return 1;
    }
    if (!exec_option.detach && exec_option.interactive && exec_option.terminal && !isatty(0))
        return refuse_terminal(&conn, container);
    enum { EXEC_API_ENV = 25, EXEC_API_WORKDIR = 35 };
    if (exec_variables.n > 0 && !docker_api_has(&conn, "env", EXEC_API_ENV))
        return 1;
    if (exec_files.n > 0 && !docker_api_has(&conn, "env-file", EXEC_API_ENV))
        return 1;
    if (*exec_option.directory != '\0' && !docker_api_has(&conn, "workdir", EXEC_API_WORKDIR))
        return 1;
    if (!write_config(&config, argc - 1, argv + 1))
        return 1;
    if (!create_exec(&conn, id, container, &config) || !start_exec(&conn, id, !exec_option.detach))
        return 1;
    return exec_option.detach ? 0 : attach_exec(&conn, &other, id);
}
