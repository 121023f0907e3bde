#include "docker/ps.h"

#include <stdio.h>
#include <string.h>

#include "docker/filter.h"
#include "docker/request.h"
#include "docker/rows.h"
#include "wire/json.h"

static struct {
    bool all, quiet, whole, latest;
    int last;
    bool size, size_given; /* --size=false is not the same as nothing */
    const char *format;
} ps_option = {.last = -1, .format = ""};
static struct docker_list ps_filters;

const struct docker_flag docker_ps_flags[] = {
    {'a', "all", DOCKER_FLAG_BOOL, &ps_option.all, NULL, NULL},
    {'f', "filter", DOCKER_FLAG_LIST, &ps_filters, docker_filter_check, NULL},
    {0, "format", DOCKER_FLAG_TEXT, &ps_option.format, NULL, NULL},
    {'n', "last", DOCKER_FLAG_NUMBER, &ps_option.last, NULL, NULL},
    {'l', "latest", DOCKER_FLAG_BOOL, &ps_option.latest, NULL, NULL},
    {0, "no-trunc", DOCKER_FLAG_BOOL, &ps_option.whole, NULL, NULL},
    {'q', "quiet", DOCKER_FLAG_BOOL, &ps_option.quiet, NULL, NULL},
    {'s', "size", DOCKER_FLAG_BOOL, &ps_option.size, NULL, &ps_option.size_given},
    {.name = NULL},
};

/* Whether the user's template shows sizes, which cost the engine a look at every file. */
static bool shows_size(const char *format) {
    if (strstr(format, ".Size") != NULL)
        return true;
    for (const char *at = format; (at = strstr(at, "json ")) != NULL;) {
        at += strlen("json ");
        at += strspn(at, " ");
        if (*at == '.' && strchr(" }|-", at[1]) != NULL)
            return true;
    }
    return false;
}

static const char *write_containers_path(char path[LIMIT_DOCKER_PATH]) {
    struct buf b = {.at = path, .cap = LIMIT_DOCKER_PATH};
    int last = ps_option.latest && ps_option.last == -1 ? 1 : ps_option.last;
    buf_text(&b, "/containers/json?");
    if (ps_option.all || last > 0)
        buf_text(&b, "all=1&");
    if (last > 0)
        buf_format(&b, "limit=%d&", last);
    if (ps_option.size)
        buf_text(&b, "size=1&");
    return docker_filter_path(&b, &ps_filters);
}

/* A template must work for any container, whether there is one or not. */
static bool check_container_format(struct buf row) {
    char error[LIMIT_DOCKER_MESSAGE];
    struct docker_template t = {
        .text = ps_option.format, .name = "", .type = "*formatter.ContainerContext", .row = true};
    struct buf nowhere = docker_request_buffer(); /* which a list has no other use for */
    if (docker_template_fill(&nowhere, &t,
                             docker_ps_row(&row, (struct slice){"{}", 2}, ps_option.whole), error))
        return true;
    docker_error("failed to execute template: %s", error);
    return false;
}

static const struct docker_rows_kind container_list = {
    .usual =
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    .raw = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: "
           "{{.CreatedAt}}\nstate: {{- pad .State 1 0}}\n"
           "status: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 "
           "0}}\nports: {{- pad .Ports 1 0}}\n",
    .raw_id = "container_id: {{.ID}}",
    .titles = "{\"ID\":\"CONTAINER "
              "ID\",\"Image\":\"IMAGE\",\"Command\":\"COMMAND\",\"CreatedAt\":\"CREATED AT\","
              "\"RunningFor\":\"CREATED\",\"Ports\":\"PORTS\",\"State\":\"STATE\",\"Status\":"
              "\"STATUS\",\"Names\":\"NAMES\","
              "\"Labels\":\"LABELS\",\"Mounts\":\"MOUNTS\",\"LocalVolumes\":\"LOCAL "
              "VOLUMES\",\"Networks\":\"NETWORKS\","
              "\"Platform\":\"PLATFORM\",\"Size\":\"SIZE\",\" \":\"\"}",
    .type = "*formatter.ContainerContext",
    .complaint = "failed to parse template",
    .quiet_wins = true,
};

/* The same with a container's size in the formats that are docker(1)'s own. */
static const struct docker_rows_kind *container_list_with_size(void) {
    static struct docker_rows_kind sized; /* filled once, and used to the end */
    static char usual[256], raw[512];
    snprintf(usual, sizeof usual, "%s\t{{.Size}}", container_list.usual);
    snprintf(raw, sizeof raw, "%ssize: {{.Size}}\n", container_list.raw);
    sized = container_list;
    sized.usual = usual;
    sized.raw = raw;
    return &sized;
}

int docker_ps(int argc, char **argv) {
    static struct docker_conn conn;
    static struct docker_rows rows;
    static char row_bytes[LIMIT_DOCKER_ROW];
    char path[LIMIT_DOCKER_PATH];
    (void)argc, (void)argv;
    if (ps_option.quiet && *ps_option.format != '\0')
        docker_error("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    ps_option.size = ps_option.size
                     || (!ps_option.size_given && !ps_option.quiet && shows_size(ps_option.format));
    if (!docker_rows_start(&rows, ps_option.size ? container_list_with_size() : &container_list,
                           ps_option.format, ps_option.quiet))
        return DOCKER_NO_TEMPLATE;
    if (*ps_option.format != '\0' && !check_container_format(BUF_ON(row_bytes)))
        return 1;
    const char *where = write_containers_path(path);
    if (where == NULL)
        return 1;
    struct slice containers = docker_get(&conn, where, NULL, NULL), key, container;
    if (containers.at == NULL)
        return 1;
    struct json_walk walk = {containers, false};
    while (json_next(&walk, &key, &container)) {
        struct buf row = BUF_ON(row_bytes);
        if (!docker_rows_add(&rows, docker_ps_row(&row, container, ps_option.whole)))
            return 1;
    }
    return docker_rows_end(&rows);
}
