#include "docker/swarm.h"

#include <stdio.h>
#include <string.h>

#include "docker/request.h"
#include "wire/json.h"

int docker_swarm_service(struct docker_conn *c, const char *wanted, char id[DOCKER_NAME],
                         char name[DOCKER_NAME]) {
    char path[LIMIT_DOCKER_PATH];
    int status = docker_request(c, "GET", docker_path(path, "services", wanted, ""), NULL, 0);
    if (status != 200)
        return status;
    struct slice service = docker_read_json(c);
    json_copy(id, DOCKER_NAME, json_member(service, "ID"));
    json_copy(name, DOCKER_NAME, json_at(service, "Spec.Name"));
    return service.n > 0 ? status : DOCKER_NO_RESPONSE;
}

void docker_swarm_read_nodes(struct docker_nodes *nodes, struct docker_conn *c) {
    int status = docker_request(c, "GET", "/nodes", NULL, DOCKER_QUIET);
    struct json_walk walk = {docker_read_optional_json(c, status), false};
    struct slice key, node;
    nodes->list = BUF_ON(nodes->bytes);
    while (json_next(&walk, &key, &node)) {
        json_text(&nodes->list, json_member(node, "ID"));
        buf_char(&nodes->list, '\0');
        json_text(&nodes->list, json_at(node, "Description.Hostname"));
        buf_char(&nodes->list, '\0');
    }
}

const char *docker_swarm_node(const struct docker_nodes *nodes, const char *id) {
    const struct buf *list = &nodes->list;
    for (size_t at = 0; !list->full && at < list->len;) {
        const char *name = list->at + at + strlen(list->at + at) + 1;
        if (strcmp(list->at + at, id) == 0)
            return name;
        at = (size_t)(name - list->at) + strlen(name) + 1;
    }
    return id;
}

unsigned docker_swarm_slot(struct docker_slots *slots, struct docker_conn *c, const char *task) {
    enum { SLOTS_KEPT = sizeof slots->known / sizeof *slots->known };
    char path[LIMIT_DOCKER_PATH];
    for (size_t i = 0; i < SLOTS_KEPT && i < slots->count; i++)
        if (strcmp(slots->known[i].task, task) == 0)
            return slots->known[i].slot;
    uint64_t slot = 0;
    int status = docker_request(c, "GET", docker_path(path, "tasks", task, ""), NULL, DOCKER_QUIET);
    json_number(json_member(docker_read_optional_json(c, status), "Slot"), UINT32_MAX, &slot);
    size_t at = slots->count++ % SLOTS_KEPT;
    snprintf(slots->known[at].task, sizeof slots->known[at].task, "%s", task);
    slots->known[at].slot = (unsigned)slot;
    return (unsigned)slot;
}

void docker_swarm_add_port(struct buf *b, struct slice port, const char *separator) {
    struct slice outer = json_member(port, "PublishedPort"),
                 inner = json_member(port, "TargetPort");
    buf_format(b, "%s*:%.*s->%.*s/", b->len > 0 ? separator : "", (int)outer.n, outer.at,
               (int)inner.n, inner.at);
    json_text(b, json_member(port, "Protocol"));
}
