#include "docker/swarm.h"

#include <stdio.h>
#include <string.h>

#include "wire/json.h"

void docker_text(char *out, size_t cap, struct slice value) {
    struct buf b = {.at = out, .cap = cap};
    json_text(&b, value);
    if (buf_string(&b) == NULL)
        out[0] = '\0';
}

int docker_swarm_service(struct docker_conn *c, const char *wanted, char id[DOCKER_NAME],
                         char name[DOCKER_NAME]) {
    char path[LIMIT_DOCKER_PATH];
    int status =
        docker_request(c, "GET", docker_path(path, "services", wanted, ""), NULL, false, false);
    if (status != 200)
        return status;
    struct slice service = docker_read_json(c);
    docker_text(id, DOCKER_NAME, json_member(service, "ID"));
    docker_text(name, DOCKER_NAME, json_at(service, "Spec.Name"));
    return service.n > 0 ? status : -1;
}

static char nodes_at[LIMIT_VALUE];
static struct buf nodes; /* id, NUL, name, NUL, and so on */

void docker_read_nodes(struct docker_conn *c) {
    nodes = BUF_ON(nodes_at);
    int status = docker_request(c, "GET", "/nodes", NULL, false, true);
    struct slice answer = status == -1 ? (struct slice){NULL, 0} : docker_body_whole(c), key, node;
    if (status != 200 || answer.at == NULL || !json_is_valid(answer))
        return;
    struct json_walk walk = {answer, false};
    while (json_next(&walk, &key, &node)) {
        json_text(&nodes, json_member(node, "ID"));
        buf_char(&nodes, '\0');
        json_text(&nodes, json_at(node, "Description.Hostname"));
        buf_char(&nodes, '\0');
    }
}

const char *docker_node_name(const char *id) {
    for (size_t at = 0; !nodes.full && at < nodes.len;) {
        const char *name = nodes.at + at + strlen(nodes.at + at) + 1;
        if (strcmp(nodes.at + at, id) == 0)
            return name;
        at = (size_t)(name - nodes.at) + strlen(name) + 1;
    }
    return id;
}

unsigned docker_task_slot(struct docker_conn *c, const char *id) {
    static struct {
        char id[DOCKER_NAME];
        unsigned slot;
    } known[64];
    static size_t count;
    char path[LIMIT_DOCKER_PATH];
    for (size_t i = 0; i < sizeof known / sizeof *known && i < count; i++)
        if (strcmp(known[i].id, id) == 0)
            return known[i].slot;
    uint64_t slot = 0;
    int status = docker_request(c, "GET", docker_path(path, "tasks", id, ""), NULL, false, true);
    struct slice task = status == -1 ? (struct slice){NULL, 0} : docker_body_whole(c);
    if (status == 200 && task.at != NULL && json_is_valid(task))
        json_number(json_member(task, "Slot"), UINT32_MAX, &slot);
    size_t at = count++ % (sizeof known / sizeof *known);
    snprintf(known[at].id, sizeof known[at].id, "%s", id);
    known[at].slot = (unsigned)slot;
    return (unsigned)slot;
}
