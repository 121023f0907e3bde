#include "docker/info.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/target.h"
#include "base/version.h"
#include "docker/api.h"
#include "docker/request.h"
#include "docker/show.h"
#include "docker/table.h"
#include "docker/template.h"
#include "wire/json.h"

static const char *info_format = "";

const struct docker_flag docker_format_flags[] = {
    {'f', "format", DOCKER_FLAG_TEXT, &info_format, NULL, NULL}, {.name = NULL}};

static struct docker_conn info_conn;

/* Reads --format. False: it is no template, and a line has been printed. */
static bool read_template(struct docker_template *t, const char *name, const char *type) {
    static char error[LIMIT_DOCKER_MESSAGE];
    *t = (struct docker_template){.text =
                                      strcmp(info_format, "json") == 0 ? "{{json .}}" : info_format,
                                  .name = name,
                                  .type = type};
    if (docker_template_check(t, error))
        return true;
    docker_error("template parsing error: %s", error);
    return false;
}

/* Adds the members of the object in which docker(1) describes itself. */
static void write_client(struct buf *b, bool with_api) {
    buf_text(b, "\"Version\":\"" BASTION_VERSION "\",");
    if (with_api)
        buf_format(b, "\"ApiVersion\":\"%s\",", docker_api_version());
    buf_format(b, "\"DefaultAPIVersion\":\"1.%d\",\"GitCommit\":\"bastion\",\"Os\":\"linux\",",
               DOCKER_API_MOST);
    buf_text(b, "\"Arch\":\"" TARGET_GO "\",\"Context\":\"default\"");
}

/* The template could not be filled from the value in `b`: there was no room for all of that, or
 * `error` says why. */
static void report_unfilled(const struct buf *b, const char *error) {
    docker_error("%s", b->full ? "docker: the engine's answer is too long" : error);
}

/* ---- version ---- */

enum { VERSION_LEAST_WIDTH = 20, VERSION_PADDING = 1 }; /* columns of the table */

/* Adds a date as ctime(3) writes it; one that can't be read stays as it is. */
static void write_date(struct buf *out, struct slice value) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[64];
    struct buf b = BUF_ON(text);
    uint64_t year, month, day;
    json_text(&b, value);
    if (buf_string(&b) == NULL)
        return;
    if (b.len < 19 || text[4] != '-' || text[7] != '-' || text[10] != 'T'
        || !num_decimal(text, 4, 9999, &year) || !num_decimal(text + 5, 2, 12, &month)
        || !num_decimal(text + 8, 2, 31, &day) || month == 0) {
        buf_text(out, text);
        return;
    }
    struct tm tm = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day};
    timegm(&tm); /* for the day of the week */
    buf_format(out, "%.3s %.3s %2d %.8s %d", &"SunMonTueWedThuFriSat"[tm.tm_wday * 3],
               &months[(month - 1) * 3], (int)day, text + 11, (int)year);
}

static void print_built(struct slice value) {
    char text[128];
    struct buf b = BUF_ON(text);
    write_date(&b, value);
    printf("  Built:            ");
    docker_show(1, b.at, b.len, "");
    putchar('\n');
}

static void print_labelled(const char *label, struct slice value) {
    char text[512];
    struct buf b = BUF_ON(text);
    docker_template_print(&b, value);
    fputs(label, stdout);
    docker_show(1, b.at, json_kind(value) == JSON_NONE ? 0 : b.len, "");
    putchar('\n');
}

static void print_server(struct slice server) {
    struct slice minimum = json_member(server, "MinAPIVersion"),
                 api = json_member(server, "ApiVersion");
    printf("\nServer:\n Engine:\n");
    print_labelled("  Version:          ", json_member(server, "Version"));
    if (api.n > 2 && minimum.n > 2)
        printf("  API version:      %.*s (minimum version %.*s)\n", (int)api.n - 2, api.at + 1,
               (int)minimum.n - 2, minimum.at + 1);
    print_labelled("  Go version:       ", json_member(server, "GoVersion"));
    print_labelled("  Git commit:       ", json_member(server, "GitCommit"));
    print_built(json_member(server, "BuildTime"));
    printf("  OS/Arch:          ");
    struct slice os = json_member(server, "Os"), arch = json_member(server, "Arch");
    if (os.n > 2 && arch.n > 2)
        printf("%.*s/%.*s", (int)os.n - 2, os.at + 1, (int)arch.n - 2, arch.at + 1);
    printf("\n  Experimental:     %s\n",
           json_is_true(json_member(server, "Experimental")) ? "true" : "false");
    struct json_walk walk = {json_member(server, "Components"), false};
    struct slice key, part;
    while (json_next(&walk, &key, &part)) {
        struct slice name = json_member(part, "Name");
        if (json_is(name, "Engine") || name.n < 2)
            continue;
        printf(" %.*s:\n", (int)name.n - 2, name.at + 1);
        print_labelled("  Version:          ", json_member(part, "Version"));
        print_labelled("  GitCommit:        ", json_at(part, "Details.GitCommit"));
    }
}

/* The engine's response as docker(1) passes it on: with the date of its build, among the details of
 * its parts, written for people. */
static void write_server(struct buf *b, struct slice server) {
    char date[128];
    struct json_walk walk = {server, false}, parts;
    struct slice key, value, part, none;
    for (bool first = true; json_next(&walk, &key, &value); first = false) {
        buf_char(b, first ? '{' : ',');
        buf_bytes(b, key.at, key.n);
        buf_char(b, ':');
        if (!json_is(key, "Components") || json_kind(value) != JSON_ARRAY) {
            buf_bytes(b, value.at, value.n);
            continue;
        }
        parts = (struct json_walk){value, false};
        char before = '[';
        for (; json_next(&parts, &none, &part); before = ',') {
            struct buf d = BUF_ON(date);
            struct slice built = json_at(part, "Details.BuildTime");
            buf_char(&d, '"');
            write_date(&d, built);
            buf_char(&d, '"');
            buf_char(b, before);
            if (json_is(json_member(part, "Name"), "Engine") && built.n > 0
                && json_is_valid((struct slice){d.at, d.len}))
                json_set(b, part, "Details.BuildTime", (struct slice){d.at, d.len});
            else
                buf_bytes(b, part.at, part.n);
        }
        buf_text(b, before == '[' ? "[]" : "]");
    }
    buf_char(b, '}');
}

/* The template sees the client's part even where there is no engine. */
static int print_version(const struct docker_template *t, struct slice server) {
    static char both[LIMIT_VALUE * 2], error[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(both), text = docker_table_buffer();
    buf_text(&b, "{\"Client\":{");
    write_client(&b, true);
    buf_text(&b, "},\"Server\":");
    if (json_kind(server) == JSON_OBJECT && json_count(server) > 0)
        write_server(&b, server);
    else
        buf_text(&b, "null");
    buf_char(&b, '}');
    bool good = !b.full && docker_template_fill(&text, t, (struct slice){b.at, b.len}, error);
    buf_char(&text, '\n');
    int code = docker_table_print(&text, VERSION_LEAST_WIDTH, VERSION_PADDING);
    if (!good && server.n > 0)
        report_unfilled(&b, error);
    return good && server.n > 0 ? code : 1;
}

int docker_version(int argc, char **argv) {
    struct docker_template t;
    (void)argc, (void)argv;
    if (!read_template(&t, "version", "system.versionInfo"))
        return DOCKER_NO_TEMPLATE;
    if (*info_format == '\0') {
        printf("Client:\n Version:           " BASTION_VERSION " (bastion)\n");
        if (docker_api_ready(&info_conn))
            printf(" API version:       %s\n", docker_api_version());
        printf(" OS/Arch:           linux/" TARGET_GO "\n Context:           default\n");
        fflush(stdout);
    }
    struct slice server = docker_get(&info_conn, "/version", NULL, NULL);
    if (*info_format != '\0')
        return print_version(&t, server);
    if (server.n > 0)
        print_server(server);
    return server.n > 0 ? 0 : 1;
}

/* ---- info ---- */

static void print_words(const char *label, struct slice list) {
    struct json_walk walk = {list, false};
    struct slice key, value;
    printf("%s", label);
    while (json_next(&walk, &key, &value)) {
        struct slice shown = key.n > 2 ? key : value; /* an object's names, an array's texts */
        putchar(' ');
        docker_show(1, shown.at + 1, shown.n > 2 ? shown.n - 2 : 0, "");
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

/* The client's description of itself stands behind what the engine sent. */
static int print_formatted_info(const struct docker_template *t, struct slice info) {
    static char both[LIMIT_VALUE * 4], error[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(both), text = docker_table_buffer();
    while (info.n > 0 && info.at[info.n - 1] != '}')
        info.n--;
    bool empty = json_kind(info) != JSON_OBJECT || json_count(info) == 0;
    buf_bytes(&b, empty ? "{" : info.at, empty ? 1 : info.n - 1);
    buf_text(&b, empty ? "" : ",");
    buf_text(&b, "\"ClientInfo\":{\"Debug\":false,");
    write_client(&b, false);
    buf_text(&b, ",\"Plugins\":[],\"Warnings\":null}}");
    bool good = !b.full && docker_template_fill(&text, t, (struct slice){b.at, b.len}, error);
    fwrite(text.at, 1, text.len, stdout);
    putchar('\n');
    if (!good)
        report_unfilled(&b, error);
    return !good;
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
    struct docker_template t;
    (void)argc, (void)argv;
    if (!read_template(&t, "", "system.dockerInfo"))
        return DOCKER_NO_TEMPLATE;
    struct slice info = docker_get(&info_conn, "/info", NULL, NULL);
    if (info.n == 0)
        return 1;
    if (*info_format != '\0')
        return print_formatted_info(&t, info);
    printf("Client:\n Context:    default\n Debug Mode: false\n\nServer:\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct slice value = json_at(info, lines[i].path);
        if (strcmp(lines[i].path, "Runtimes") == 0)
            print_words(" Runtimes:", value);
        else if (strcmp(lines[i].path, "MemTotal") == 0)
            print_memory(value);
        else if (value.n > 0)
            print_labelled(lines[i].label, value);
    }
    putchar('\n');
    docker_report_warnings(info);
    return 0;
}
