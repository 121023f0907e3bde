#include "docker/service.h"

#include <stdio.h>
#include <string.h>

#include "docker/request.h"
#include "docker/filter.h"
#include "docker/rows.h"
#include "docker/swarm.h"
#include "wire/json.h"

static struct {
    const char *format;
    bool quiet;
} service_ls_option = {.format = ""};
static struct docker_list service_ls_filters;

const struct docker_flag docker_service_ls_flags[] = {
    {'f', "filter", DOCKER_FLAG_LIST, &service_ls_filters, docker_filter_check, NULL},
    {0, "format", DOCKER_FLAG_TEXT, &service_ls_option.format, NULL, NULL},
    {'q', "quiet", DOCKER_FLAG_BOOL, &service_ls_option.quiet, NULL, NULL},
    {.name = NULL},
};

enum { SERVICE_SHORT_ID = 12 };

static bool skip_prefix(struct slice *name, const char *prefix) {
    size_t n = strlen(prefix);
    if (name->n <= n || memcmp(name->at, prefix, n) != 0)
        return false;
    *name = (struct slice){name->at + n, name->n - n};
    return true;
}

struct slice docker_image_name(struct slice image, bool tagged) {
    const char *at_sign = image.n > 0 ? memchr(image.at, '@', image.n) : NULL;
    struct slice name = {image.at, at_sign != NULL ? (size_t)(at_sign - image.at) : image.n},
                 inner = name;
    const char *colon = name.n > 0 ? memrchr(name.at, ':', name.n) : NULL,
               *slash = name.n > 0 ? memrchr(name.at, '/', name.n) : NULL;
    if (name.n == 0 || (tagged && (colon == NULL || (slash != NULL && colon < slash))))
        return image;
    if (!skip_prefix(&inner, "docker.io/") && !skip_prefix(&inner, "index.docker.io/"))
        return name;
    struct slice library = inner;
    return skip_prefix(&library, "library/") && memchr(library.at, '/', library.n) == NULL ? library
                                                                                           : inner;
}

static void add_service_text(struct buf *row, const char *name, struct slice value, size_t most) {
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    json_text(&b, value);
    docker_row_text(row, name, b.at, b.len < most ? b.len : most);
}

static void add_service_image(struct buf *row, struct slice value) {
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    json_text(&b, value);
    struct slice name = docker_image_name((struct slice){b.at, b.len}, true);
    docker_row_text(row, "Image", name.at, name.n);
}

static void add_service_mode(struct buf *row, struct slice service) {
    struct slice mode = json_at(service, "Spec.Mode"),
                 status = json_member(service, "ServiceStatus");
    uint64_t running = 0, desired = 0;
    char text[128];
    static const char *const modes[][2] = {{"Global", "global"},
                                           {"Replicated", "replicated"},
                                           {"ReplicatedJob", "replicated job"},
                                           {"GlobalJob", "global job"}};
    const char *name = ""; /* of a mode that is newer than this client */
    for (size_t i = sizeof modes / sizeof *modes; i-- > 0;)
        name = json_member(mode, modes[i][0]).n > 0 ? modes[i][1] : name;
    docker_row_text(row, "Mode", name, strlen(name));
    json_number(json_member(status, "RunningTasks"), INT32_MAX, &running);
    json_number(json_member(status, "DesiredTasks"), INT32_MAX, &desired);
    int n = snprintf(text, sizeof text, "%u/%u", (unsigned)running, (unsigned)desired);
    uint64_t completed = 0, total = desired, most = 0;
    json_number(json_member(status, "CompletedTasks"), INT32_MAX, &completed);
    bool global_job = json_member(mode, "GlobalJob").n > 0;
    if (global_job)
        total = desired + completed;
    if (json_number(json_at(mode, "ReplicatedJob.TotalCompletions"), INT32_MAX, &total)
        || global_job)
        n += snprintf(text + n, sizeof text - (size_t)n, " (%u/%u completed)", (unsigned)completed,
                      (unsigned)total);
    else if (json_member(mode, "Replicated").n > 0
             && json_number(json_at(service, "Spec.TaskTemplate.Placement.MaxReplicas"), INT32_MAX,
                            &most)
             && most > 0)
        n += snprintf(text + n, sizeof text - (size_t)n, " (max %u per node)", (unsigned)most);
    docker_row_text(row, "Replicas", text, (size_t)n);
}

/* *:PUBLISHED->TARGET/PROTOCOL of each port that the whole Swarm publishes. */
static void add_service_ports(struct buf *row, struct slice service) {
    struct json_walk walk = {json_at(service, "Endpoint.Ports"), false};
    struct slice key, port;
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    while (json_next(&walk, &key, &port)) {
        if (json_member(port, "PublishedPort").n > 0
            && json_is(json_member(port, "PublishMode"), "ingress"))
            docker_swarm_add_port(&b, port, ", ");
    }
    docker_row_text(row, "Ports", b.at, b.len);
}

/* Puts the row together in `row`, which is empty. */
static struct slice make_service_row(struct buf *row, struct slice service) {
    add_service_text(row, "ID", json_member(service, "ID"), SERVICE_SHORT_ID);
    add_service_image(row, json_at(service, "Spec.TaskTemplate.ContainerSpec.Image"));
    add_service_mode(row, service);
    add_service_text(row, "Name", json_at(service, "Spec.Name"), SIZE_MAX);
    add_service_ports(row, service);
    return docker_row_end(row);
}

/* The service whose name comes next after `last` in order: docker(1) sorts them. */
static struct slice next_service(struct slice services, struct slice last) {
    struct json_walk walk = {services, false};
    struct slice key, service, best = {NULL, 0}, best_name = {NULL, 0};
    while (json_next(&walk, &key, &service)) {
        struct slice name = json_at(service, "Spec.Name");
        size_t n = name.n < last.n ? name.n : last.n;
        if (last.n > 0 && memcmp(name.at, last.at, n) <= 0)
            continue;
        n = name.n < best_name.n ? name.n : best_name.n;
        if (name.n > 0 && (best_name.n == 0 || memcmp(name.at, best_name.at, n) < 0))
            best = service, best_name = name;
    }
    return best;
}

static const struct docker_rows_kind service_list = {
    .usual = "{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}",
    .raw = "id: {{.ID}}\nname: {{.Name}}\nmode: {{.Mode}}\nreplicas: {{.Replicas}}\nimage: "
           "{{.Image}}\nports: {{.Ports}}\n",
    .raw_id = "id: {{.ID}}",
    .titles = "{\"ID\":\"ID\",\"Name\":\"NAME\",\"Mode\":\"MODE\",\"Replicas\":\"REPLICAS\","
              "\"Image\":\"IMAGE\",\"Ports\":\"PORTS\"}",
    .type = "*service.serviceContext",
    .complaint = "template parsing error",
};

int docker_service_ls(int argc, char **argv) {
    static struct docker_conn conn;
    static struct docker_rows rows;
    char row_bytes[LIMIT_VALUE];
    char path[LIMIT_DOCKER_PATH];
    struct buf b = BUF_ON(path);
    (void)argc, (void)argv;
    buf_text(&b, service_ls_option.quiet ? "/services?" : "/services?status=true&");
    const char *where = docker_filter_path(&b, &service_ls_filters);
    if (where == NULL
        || !docker_rows_start(&rows, &service_list, service_ls_option.format,
                              service_ls_option.quiet))
        return DOCKER_NO_TEMPLATE;
    struct slice services = docker_get(&conn, where, NULL, NULL), service = {NULL, 0},
                 name = {NULL, 0};
    if (services.at == NULL)
        return 1;
    while ((service = next_service(services, name)).n > 0) {
        name = json_at(service, "Spec.Name");
        struct buf row = BUF_ON(row_bytes);
        if (!docker_rows_add(&rows, make_service_row(&row, service)))
            return 1;
    }
    return docker_rows_end(&rows);
}
