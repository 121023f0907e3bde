/* docker service ps: the tasks of services. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker/request.h"
#include "docker/filter.h"
#include "docker/rows.h"
#include "docker/service.h"
#include "docker/show.h"
#include "docker/swarm.h"
#include "docker/timestamp.h"
#include "wire/json.h"

static struct {
    const char *format;
    bool quiet, whole;
} service_ps_option = {.format = ""};
static struct docker_list service_ps_filters;

const struct docker_flag docker_service_ps_flags[] = {
    {'f', "filter", DOCKER_FLAG_LIST, &service_ps_filters, docker_filter_check, NULL},
    {0, "format", DOCKER_FLAG_TEXT, &service_ps_option.format, NULL, NULL},
    {0, "no-trunc", DOCKER_FLAG_BOOL, &service_ps_option.whole, NULL, NULL},
    {'q', "quiet", DOCKER_FLAG_BOOL, &service_ps_option.quiet, NULL, NULL},
    {.name = NULL},
};

enum { TASK_SHORT_ID = 12, TASK_SHORT_ERROR = 30 };

static struct docker_conn service_ps_conn;

static uint64_t task_slot(struct slice task) {
    uint64_t slot = 0;
    json_number(json_member(task, "Slot"), INT32_MAX, &slot);
    return slot;
}

/* By slot or node, then the latest first. */
static int compare_tasks(struct slice a, struct slice b) {
    uint64_t slot_a = task_slot(a), slot_b = task_slot(b);
    char text_a[DOCKER_NAME], text_b[DOCKER_NAME];
    if (slot_a != slot_b)
        return slot_a < slot_b ? -1 : 1;
    if (slot_a == 0) {
        json_copy(text_a, DOCKER_NAME, json_member(a, "NodeID"));
        json_copy(text_b, DOCKER_NAME, json_member(b, "NodeID"));
        if (strcmp(text_a, text_b) != 0)
            return strcmp(text_a, text_b);
    }
    json_copy(text_a, DOCKER_NAME, json_member(a, "CreatedAt"));
    json_copy(text_b, DOCKER_NAME, json_member(b, "CreatedAt"));
    return strcmp(text_b, text_a);
}

static size_t read_tasks(struct slice *list, struct slice tasks) {
    struct json_walk walk = {tasks, false};
    struct slice key, task;
    size_t n = 0;
    while (n < LIMIT_DOCKER_TASKS && json_next(&walk, &key, &task)) {
        size_t at = n++;
        for (; at > 0 && compare_tasks(task, list[at - 1]) < 0; at--)
            list[at] = list[at - 1];
        list[at] = task;
    }
    return n;
}

static void add_task_state(struct buf *row, const char *name, struct slice value,
                           const char *behind) {
    char text[DOCKER_NAME * 2];
    json_copy(text, DOCKER_NAME, value);
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 32);
    size_t n = strlen(text);
    n += (size_t)snprintf(text + n, DOCKER_NAME, "%s", behind);
    docker_row_text(row, name, text, n);
}

static void add_task_current_state(struct buf *row, struct slice task) {
    char stamp[64], ago[64];
    struct buf b = BUF_ON(ago);
    int64_t passed;
    json_copy(stamp, sizeof stamp, json_at(task, "Status.Timestamp"));
    if (docker_timestamp_since(stamp, &passed)) {
        buf_char(&b, ' ');
        docker_timestamp_human(&b, passed);
        buf_text(&b, " ago");
        ago[1] = ago[1] >= 'A' && ago[1] <= 'Z' ? (char)(ago[1] + 32) : ago[1];
    }
    add_task_state(row, "CurrentState", json_at(task, "Status.State"),
                   buf_string(&b) != NULL ? ago : "");
}

static void add_task_error(struct buf *row, struct slice task) {
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    buf_char(&b, '"');
    json_text(&b, json_at(task, "Status.Err"));
    if (!service_ps_option.whole)
        docker_shorten(&b, 1, TASK_SHORT_ERROR);
    buf_char(&b, '"');
    docker_row_text(row, "Error", text, b.len > 2 ? b.len : 0);
}

static void add_task_host_ports(struct buf *row, struct slice task) {
    struct json_walk walk = {json_at(task, "Status.PortStatus.Ports"), false};
    struct slice key, port;
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    while (json_next(&walk, &key, &port))
        docker_swarm_add_port(&b, port, ",");
    docker_row_text(row, "Ports", b.at, b.len);
}

/* Of what a task's row has names. */
struct task_names {
    const char *service;
    const char *before; /* what the task's name begins with: an older one of the same slot */
    const struct docker_nodes *nodes;
};

/* Puts the row together in `row`, which is empty. */
static struct slice make_task_row(struct buf *row, struct slice task,
                                  const struct task_names *names) {
    char id[DOCKER_NAME], node[DOCKER_NAME], name[DOCKER_NAME * 3], image[LIMIT_DOCKER_MESSAGE];
    json_copy(id, DOCKER_NAME, json_member(task, "ID"));
    json_copy(node, DOCKER_NAME, json_member(task, "NodeID"));
    json_copy(image, sizeof image, json_at(task, "Spec.ContainerSpec.Image"));
    struct slice shown = {image, strlen(image)};
    if (!service_ps_option.whole)
        shown = docker_image_name(shown, true);
    uint64_t slot = task_slot(task);
    if (slot > 0)
        snprintf(name, sizeof name, "%s%s.%u", names->before, names->service, (unsigned)slot);
    else
        snprintf(name, sizeof name, "%s%s.%s", names->before, names->service, node);
    docker_row_text(row, "ID", id,
                    service_ps_option.whole || service_ps_option.quiet || strlen(id) < TASK_SHORT_ID
                        ? strlen(id)
                        : TASK_SHORT_ID);
    docker_row_text(row, "Name", name, strlen(name));
    docker_row_text(row, "Image", shown.at, shown.n);
    const char *host = docker_swarm_node(names->nodes, node);
    docker_row_text(row, "Node", host, strlen(host));
    add_task_state(row, "DesiredState", json_member(task, "DesiredState"), "");
    add_task_current_state(row, task);
    add_task_error(row, task);
    add_task_host_ports(row, task);
    return docker_row_end(row);
}

static bool same_slot(struct slice a, struct slice b) {
    struct slice node_a = json_member(a, "NodeID"), node_b = json_member(b, "NodeID");
    if (task_slot(a) != task_slot(b))
        return false;
    return task_slot(a) > 0
           || (node_a.n == node_b.n && memcmp(node_a.at, node_b.at, node_a.n) == 0);
}

/* Adds a row for each task of one service. False: the failure has been reported. */
static bool add_tasks(struct docker_rows *rows, const char *id, const char *name,
                      const struct docker_nodes *nodes) {
    static struct slice list[LIMIT_DOCKER_TASKS]; /* of the response's text; filled at each call */
    static char row_bytes[LIMIT_DOCKER_ROW];
    char path[LIMIT_DOCKER_PATH], own[DOCKER_NAME + 16];
    struct buf b = BUF_ON(path);
    snprintf(own, sizeof own, "service=%s", id);
    struct docker_list with_service = service_ps_filters;
    with_service.n -= with_service.n == LIMIT_DOCKER_LIST;
    with_service.at[with_service.n++] = own;
    buf_text(&b, "/tasks?");
    const char *where = docker_filter_path(&b, &with_service);
    if (where == NULL)
        return false;
    struct slice tasks = docker_get(&service_ps_conn, where, NULL, NULL);
    if (tasks.at == NULL)
        return false;
    size_t n = read_tasks(list, tasks);
    for (size_t i = 0; i < n; i++) {
        bool older = i > 0 && same_slot(list[i - 1], list[i]);
        struct task_names names = {name, rows->table && older ? " \\_ " : "", nodes};
        struct buf row = BUF_ON(row_bytes);
        if (!docker_rows_add(rows, make_task_row(&row, list[i], &names)))
            return false;
    }
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const struct docker_rows_kind task_list = {
    .usual = "{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{."
             "Error}}\t{{.Ports}}",
    .raw = "id: {{.ID}}\nname: {{.Name}}\nimage: {{.Image}}\nnode: {{.Node}}\ndesired_state: "
           "{{.DesiredState}}\ncurrent_state: {{.CurrentState}}\n"
           "error: {{.Error}}\nports: {{.Ports}}\n",
    .raw_id = "id: {{.ID}}",
    .titles = "{\"ID\":\"ID\",\"Name\":\"NAME\",\"Image\":\"IMAGE\",\"Node\":\"NODE\","
              "\"DesiredState\":\"DESIRED STATE\","
              "\"CurrentState\":\"CURRENT STATE\",\"Error\":\"ERROR\",\"Ports\":\"PORTS\"}",
    .type = "*task.taskContext",
    .complaint = "template parsing error",
};

int docker_service_ps(int argc, char **argv) {
    static struct docker_rows rows;
    static struct docker_nodes nodes;
    char id[DOCKER_NAME], name[DOCKER_NAME];
    int code = 0;
    size_t found = 0;
    if (!docker_rows_start(&rows, &task_list, service_ps_option.format, service_ps_option.quiet))
        return DOCKER_NO_TEMPLATE;
    docker_swarm_read_nodes(&nodes, &service_ps_conn);
    qsort(argv, (size_t)argc, sizeof *argv, compare_names);
    for (int i = 0; i < argc; i++) {
        int status = docker_swarm_service(&service_ps_conn, argv[i], id, name);
        if (status == DOCKER_NO_RESPONSE)
            return 1;
        if (status != 200 && status != 404)
            return docker_report_refusal(&service_ps_conn, NULL, NULL);
        if (status == 404) {
            (void)docker_body_whole(&service_ps_conn);
            docker_error("no such service: %s", argv[i]);
            code = 1;
        } else if (add_tasks(&rows, id, name, &nodes)) {
            found++;
        } else {
            return 1;
        }
    }
    return found > 0 && docker_rows_end(&rows) != 0 ? 1 : code;
}
