#include "docker/docker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/printed.h"
#include "base/version.h"
#include "docker/command.h"
#include "docker/conn.h"
#include "docker/exec.h"
#include "docker/host.h"
#include "docker/info.h"
#include "docker/inspect.h"
#include "docker/logs.h"
#include "docker/ps.h"
#include "docker/service.h"
#include "docker/state.h"
#include "docker/top.h"

/* ---- the commands ---- */

static const struct docker_flag no_flags[] = {{.name = NULL}};
static const char usage_many[] = "[OPTIONS] CONTAINER [CONTAINER...]",
                  usage_many_plain[] = "CONTAINER [CONTAINER...]",
                  usage_service[] = "[OPTIONS] SERVICE";

enum {
    GROUP_TOP = 1,
    GROUP_CONTAINER = 2,
    GROUP_SERVICE = 4,
    GROUP_SYSTEM = 8,
    GROUP_BOTH = GROUP_TOP | GROUP_CONTAINER
};
static const struct {
    unsigned bit;
    const char *name;
} groups[] = {{GROUP_CONTAINER, "container"}, {GROUP_SERVICE, "service"}, {GROUP_SYSTEM, "system"}};
enum { GROUP_COUNT = sizeof groups / sizeof *groups };

/* The words are those of docker(1), since its users know them. */
static const struct docker_command commands[] = {
    {"exec", GROUP_BOTH, docker_exec, docker_exec_flags, 2, -1, true,
     "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container"},
    {"info", GROUP_TOP | GROUP_SYSTEM, docker_info, docker_format_flags, 0, 0, false, "[OPTIONS]",
     "Display system-wide information"},
    {"inspect", GROUP_TOP, docker_inspect, docker_inspect_flags, 1, -1, false,
     "[OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on Docker objects"},
    {"inspect", GROUP_CONTAINER, docker_inspect_container, docker_inspect_flags, 1, -1, false,
     usage_many, "Display detailed information on one or more containers"},
    {"kill", GROUP_BOTH, docker_kill, docker_kill_flags, 1, -1, false, usage_many,
     "Kill one or more running containers"},
    {"logs", GROUP_BOTH, docker_logs, docker_logs_flags, 1, 1, false, "[OPTIONS] CONTAINER",
     "Fetch the logs of a container"},
    {"ls", GROUP_CONTAINER, docker_ps, docker_ps_flags, 0, 0, false, "[OPTIONS]",
     "List containers"},
    {"list", GROUP_CONTAINER, docker_ps, docker_ps_flags, 0, 0, false, "[OPTIONS]",
     "List containers"},
    {"pause", GROUP_BOTH, docker_pause, no_flags, 1, -1, false, usage_many_plain,
     "Pause all processes within one or more containers"},
    {"ps", GROUP_BOTH, docker_ps, docker_ps_flags, 0, 0, false, "[OPTIONS]", "List containers"},
    {"restart", GROUP_BOTH, docker_restart, docker_stop_flags, 1, -1, false, usage_many,
     "Restart one or more containers"},
    {"rm", GROUP_BOTH, docker_rm, docker_rm_flags, 1, -1, false, usage_many,
     "Remove one or more containers"},
    {"start", GROUP_BOTH, docker_start, no_flags, 1, -1, false, usage_many,
     "Start one or more stopped containers"},
    {"stop", GROUP_BOTH, docker_stop, docker_stop_flags, 1, -1, false, usage_many,
     "Stop one or more running containers"},
    {"top", GROUP_BOTH, docker_top, no_flags, 1, -1, true, "CONTAINER [ps OPTIONS]",
     "Display the running processes of a container"},
    {"unpause", GROUP_BOTH, docker_unpause, no_flags, 1, -1, false, usage_many_plain,
     "Unpause all processes within one or more containers"},
    {"version", GROUP_TOP, docker_version, docker_format_flags, 0, 0, false, "[OPTIONS]",
     "Show the Docker version information"},
    {"wait", GROUP_BOTH, docker_wait, no_flags, 1, -1, false, usage_many_plain,
     "Block until one or more containers stop, then print their exit codes"},
    {"inspect", GROUP_SERVICE, docker_inspect_service, docker_inspect_flags, 1, -1, false,
     "[OPTIONS] SERVICE [SERVICE...]", "Display detailed information on one or more services"},
    {"logs", GROUP_SERVICE, docker_service_logs, docker_logs_flags, 1, 1, false, usage_service,
     "Fetch the logs of a service or task"},
    {"ls", GROUP_SERVICE, docker_service_ls, docker_service_ls_flags, 0, 0, false, "[OPTIONS]",
     "List services"},
    {"list", GROUP_SERVICE, docker_service_ls, docker_service_ls_flags, 0, 0, false, "[OPTIONS]",
     "List services"},
    {"ps", GROUP_SERVICE, docker_service_ps, docker_service_ps_flags, 1, -1, false,
     "[OPTIONS] SERVICE [SERVICE...]", "List the tasks of one or more services"},
    {"update", GROUP_SERVICE, docker_service_update, docker_service_update_flags, 1, 1, false,
     usage_service, "Update a service"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* What docker(1) has, too. */
static const char *const absent_commands[] = {
    "attach", "build",  "builder",  "buildx",  "commit",  "compose", "config", "context", "cp",
    "create", "diff",   "events",   "export",  "history", "image",   "images", "import",  "load",
    "login",  "logout", "manifest", "network", "node",    "plugin",  "port",   "pull",    "push",
    "rename", "rmi",    "run",      "save",    "scout",   "search",  "secret", "stack",   "stats",
    "swarm",  "tag",    "trust",    "update",  "volume",
};

static int print_help(FILE *to, unsigned where) {
    const char *group = "";
    for (size_t i = 0; i < GROUP_COUNT; i++)
        group = groups[i].bit == where ? groups[i].name : group;
    fprintf(to, "\nUsage:  docker %s%sCOMMAND\n\n", where == GROUP_TOP ? "[OPTIONS] " : group,
            where == GROUP_TOP ? "" : " ");
    if (where == GROUP_TOP)
        fputs("A small client of the Docker Engine, part of bastion\n\nOptions:\n"
              "  -H, --host list   Daemon socket to connect to (unix://PATH, tcp://HOST:PORT)\n  "
              "-v, --version     Print version information and quit\n\n"
              "Groups:\n  container, service, system\n\n",
              to);
    fputs("Commands:\n", to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if ((commands[i].where & where) != 0)
            fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].what);
    return printed_whole(to) ? 0 : 1;
}

static const struct docker_command *find_command(unsigned where, const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if ((commands[i].where & where) != 0 && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse_command(const char *group, const char *name) {
    bool known = *group != '\0';
    for (size_t i = 0; i < sizeof absent_commands / sizeof *absent_commands; i++)
        known = known || strcmp(absent_commands[i], name) == 0;
    if (!known) {
        docker_error("docker: '%s' is not a docker command.\nSee 'docker --help'", name);
        return 1;
    }
    bool plugin =
        strcmp(name, "compose") == 0 || strcmp(name, "build") == 0 || strcmp(name, "buildx") == 0;
    docker_error(
        "docker: '%s%s%s' is not in this small client, which is bastion's. In a Dockerfile, "
        "COPY --from=docker:cli /usr/local/bin/docker /usr/local/bin/docker puts the real "
        "one before it%s.",
        group, *group != '\0' ? " " : "", name,
        plugin ? ", and COPY --from=docker:cli /usr/local/libexec/docker/cli-plugins "
                 "/usr/local/libexec/docker/cli-plugins what it needs for this"
               : "");
    return *group == '\0' && (strcmp(name, "run") == 0 || strcmp(name, "create") == 0)
               ? DOCKER_USAGE
               : 1;
}

/* ---- where the engine is ---- */

static struct {
    struct docker_list hosts;
    bool debug, version, tls, verify;
    const char *ignored, *context;
} global_option;

static const struct docker_flag global_flags[] = {
    {0, "config", DOCKER_FLAG_TEXT, &global_option.ignored, NULL, NULL},
    {'c', "context", DOCKER_FLAG_TEXT, &global_option.context, NULL, NULL},
    {'D', "debug", DOCKER_FLAG_BOOL, &global_option.debug, NULL, NULL},
    {'H', "host", DOCKER_FLAG_LIST, &global_option.hosts, NULL, NULL},
    {'l', "log-level", DOCKER_FLAG_TEXT, &global_option.ignored, NULL, NULL},
    {0, "tls", DOCKER_FLAG_BOOL, &global_option.tls, NULL, NULL},
    {0, "tlsverify", DOCKER_FLAG_BOOL, &global_option.verify, NULL, NULL},
    {'v', "version", DOCKER_FLAG_BOOL, &global_option.version, NULL, NULL},
    {.name = NULL},
};

static const char *environment_value(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* Finds out where the engine is. False: this client can't go there, which has been reported. */
static bool find_engine(void) {
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf why = BUF_ON(text);
    const char *context = global_option.context, *place = environment_value("DOCKER_HOST");
    if (context == NULL)
        context = environment_value("DOCKER_CONTEXT");
    bool tls = global_option.tls || global_option.verify
               || environment_value("DOCKER_TLS_VERIFY") != NULL
               || environment_value("DOCKER_TLS") != NULL;
    if (global_option.hosts.n == 1)
        place = *global_option.hosts.at[0] != '\0' ? global_option.hosts.at[0] : NULL;
    if (tls)
        docker_error("docker: this client speaks no TLS to the engine; use its local socket, or "
                     "tcp:// over a network that you trust");
    else if (global_option.hosts.n > 1)
        docker_error("Failed to initialize: unable to resolve docker endpoint: Please specify only "
                     "one -H");
    else if (global_option.hosts.n == 0 && context != NULL && strcmp(context, "default") != 0
             && (place == NULL || global_option.context != NULL))
        docker_error(
            "docker: this client knows no contexts; say where the engine is with DOCKER_HOST");
    else if (docker_host_set(place != NULL ? place : "unix://", &why))
        return true;
    else
        docker_error("%.*s", (int)why.len, why.at);
    return false;
}

int docker_main(int argc, char **argv) {
    bool ended;
    const char *group = "";
    unsigned where = GROUP_TOP;
    int used;
    enum docker_flags_result result =
        docker_flags_read(global_flags, argc - 1, argv + 1, &used, &ended);
    bool help = result == DOCKER_FLAGS_HELP;
    if (result == DOCKER_FLAGS_WRONG) {
        docker_error("See 'docker --help'.");
        return DOCKER_USAGE;
    }
    if (!help && global_option.version)
        return puts("Docker version " BASTION_VERSION ", build bastion") < 0
               || !printed_whole(stdout);
    argv += used + 1;
    argc -= used + 1;
    if (help || argc <= 0 || strcmp(argv[0], "help") == 0)
        return print_help(!help && argc <= 0 ? stderr : stdout, GROUP_TOP);
    for (size_t i = 0; i < GROUP_COUNT; i++)
        if (strcmp(argv[0], groups[i].name) == 0) {
            group = groups[i].name;
            where = groups[i].bit;
        }
    if (where != GROUP_TOP && (--argc == 0 || strcmp(*++argv, "--help") == 0))
        return print_help(argc == 0 ? stderr : stdout, where);
    const struct docker_command *c = find_command(where, argv[0]);
    if (c == NULL)
        return refuse_command(group, argv[0]);
    char called[64];
    snprintf(called, sizeof called, "%s%s%s", group, *group != '\0' ? " " : "", argv[0]);
    int n = argc - 1, code;
    if (!docker_command_read(c, called, &n, argv + 1, &code))
        return code;
    if (!find_engine())
        return 1;
    if (fd_open_standard() == -1) {
        docker_error(
            "docker: standard input, output or error is closed, and /dev/null can't be opened");
        return 1;
    }
    code = c->run(n, argv + 1);
    if (!printed_whole(stdout) && code == 0) {
        docker_error("write /dev/stdout: %s", strerror(errno));
        code = 1;
    }
    return code;
}
