#include "docker/info.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/version.h"
#include "docker/conn.h"
#include "docker/template.h"
#include "wire/json.h"

static const char *format = "";

const struct docker_flag docker_format_flags[] = {{'f', "format", FLAG_TEXT, &format, NULL}, {.name = NULL}};

static struct docker_conn conn;

static int print_format(struct slice object) {
    static char text[LIMIT_VALUE], fault[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    if (!docker_template_fill(&b, format, object, fault) || b.full) {
        docker_say("template parsing error: %s", b.full ? "there is too much to show" : fault);
        return 1;
    }
    printf("%.*s\n", (int)b.len, b.at);
    return 0;
}

/* ---- version ---- */

/* The date as ctime(3) has it. */
static void print_built(struct slice value) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[64];
    struct buf b = BUF_ON(text);
    int year, day, hour, minute, second;
    unsigned month;
    json_text(&b, value);
    if (buf_string(&b) == NULL)
        return;
    if (sscanf(text, "%4d-%2u-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6 || month < 1 || month > 12) {
        printf("  Built:            %s\n", text);
        return;
    }
    struct tm tm = {.tm_year = year - 1900, .tm_mon = (int)month - 1, .tm_mday = day, .tm_hour = hour};
    timegm(&tm); /* for the day of the week */
    printf("  Built:            %.3s %.3s %2d %02d:%02d:%02d %d\n", &"SunMonTueWedThuFriSat"[tm.tm_wday * 3], &months[(month - 1) * 3], day, hour,
           minute, second, year);
}

static void print_text(const char *label, struct slice value) {
    char text[512];
    struct buf b = BUF_ON(text);
    docker_template_print(&b, value);
    printf("%s%.*s\n", label, (int)b.len, json_kind(value) == JSON_NONE ? "" : b.at);
}

static void print_server(struct slice server) {
    struct slice minimum = json_member(server, "MinAPIVersion"), api = json_member(server, "ApiVersion");
    printf("\nServer:\n Engine:\n");
    print_text("  Version:          ", json_member(server, "Version"));
    if (api.n > 2 && minimum.n > 2)
        printf("  API version:      %.*s (minimum version %.*s)\n", (int)api.n - 2, api.at + 1, (int)minimum.n - 2, minimum.at + 1);
    print_text("  Go version:       ", json_member(server, "GoVersion"));
    print_text("  Git commit:       ", json_member(server, "GitCommit"));
    print_built(json_member(server, "BuildTime"));
    printf("  OS/Arch:          ");
    struct slice os = json_member(server, "Os"), arch = json_member(server, "Arch");
    if (os.n > 2 && arch.n > 2)
        printf("%.*s/%.*s", (int)os.n - 2, os.at + 1, (int)arch.n - 2, arch.at + 1);
    printf("\n  Experimental:     %s\n", json_is_true(json_member(server, "Experimental")) ? "true" : "false");
    struct json_walk walk = {json_member(server, "Components"), false};
    struct slice key, part;
    while (json_next(&walk, &key, &part)) {
        struct slice name = json_member(part, "Name");
        if (json_is(name, "Engine") || name.n < 2)
            continue;
        printf(" %.*s:\n", (int)name.n - 2, name.at + 1);
        print_text("  Version:          ", json_member(part, "Version"));
        print_text("  GitCommit:        ", json_at(part, "Details.GitCommit"));
    }
}

int docker_version(int argc, char **argv) {
    static char both[LIMIT_VALUE];
    struct buf b = BUF_ON(both);
    struct utsname machine;
    (void)argc, (void)argv;
    if (!docker_template_check(format))
        return 64;
    if (*format == '\0') {
        printf("Client:\n Version:           " BASTION_VERSION " (bastion)\n");
        if (uname(&machine) == 0)
            printf(" OS/Arch:           linux/%s\n", machine.machine);
        fflush(stdout);
    }
    struct slice server = docker_get(&conn, "/version", NULL, NULL);
    if (server.n == 0 && *format != '\0')
        putchar('\n');
    if (server.n == 0)
        return 1;
    if (*format == '\0') {
        print_server(server);
        return 0;
    }
    buf_text(&b, "{\"Client\":{\"Version\":\"" BASTION_VERSION "\"},\"Server\":");
    buf_bytes(&b, server.at, server.n);
    buf_char(&b, '}');
    return print_format((struct slice){b.at, b.full ? 0 : b.len});
}

/* ---- info ---- */

static void print_list(const char *label, struct slice list) {
    struct json_walk walk = {list, false};
    struct slice key, value;
    printf("%s", label);
    while (json_next(&walk, &key, &value)) {
        struct slice shown = key.n > 2 ? key : value; /* an object's names, an array's texts */
        printf(" %.*s", (int)(shown.n > 2 ? shown.n - 2 : 0), shown.at + 1);
    }
    putchar('\n');
}

static void print_memory(struct slice value) {
    uint64_t bytes = 0;
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    json_number(value, INT64_MAX, &bytes);
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit < sizeof units / sizeof *units - 1; unit++)
        size /= 1024;
    printf(" Total Memory: %.4g%s\n", size, units[unit]);
}

int docker_info(int argc, char **argv) {
    static const struct {
        const char *label, *path;
    } lines[] = {
        {" Containers: ", "Containers"},
        {"  Running: ", "ContainersRunning"},
        {"  Paused: ", "ContainersPaused"},
        {"  Stopped: ", "ContainersStopped"},
        {" Images: ", "Images"},
        {" Server Version: ", "ServerVersion"},
        {" Storage Driver: ", "Driver"},
        {" Logging Driver: ", "LoggingDriver"},
        {" Cgroup Driver: ", "CgroupDriver"},
        {" Cgroup Version: ", "CgroupVersion"},
        {" Swarm: ", "Swarm.LocalNodeState"},
        {"", "Runtimes"},
        {" Default Runtime: ", "DefaultRuntime"},
        {" Init Binary: ", "InitBinary"},
        {" containerd version: ", "ContainerdCommit.ID"},
        {" runc version: ", "RuncCommit.ID"},
        {" init version: ", "InitCommit.ID"},
        {" Kernel Version: ", "KernelVersion"},
        {" Operating System: ", "OperatingSystem"},
        {" OSType: ", "OSType"},
        {" Architecture: ", "Architecture"},
        {" CPUs: ", "NCPU"},
        {"", "MemTotal"},
        {" Name: ", "Name"},
        {" ID: ", "ID"},
        {" Docker Root Dir: ", "DockerRootDir"},
        {" Debug Mode: ", "Debug"},
        {" Experimental: ", "ExperimentalBuild"},
        {" Live Restore Enabled: ", "LiveRestoreEnabled"},
    };
    (void)argc, (void)argv;
    if (!docker_template_check(format))
        return 64;
    struct slice info = docker_get(&conn, "/info", NULL, NULL);
    if (info.n == 0)
        return 1;
    if (*format != '\0')
        return print_format(info);
    printf("Client:\n Context:    default\n Debug Mode: false\n\nServer:\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct slice value = json_at(info, lines[i].path);
        if (strcmp(lines[i].path, "Runtimes") == 0)
            print_list(" Runtimes:", value);
        else if (strcmp(lines[i].path, "MemTotal") == 0)
            print_memory(value);
        else if (value.n > 0)
            print_text(lines[i].label, value);
    }
    putchar('\n');
    struct json_walk walk = {json_member(info, "Warnings"), false};
    struct slice key, warning;
    while (json_next(&walk, &key, &warning))
        if (warning.n > 2)
            docker_say("%.*s", (int)warning.n - 2, warning.at + 1);
    return 0;
}
