#include "docker/ports.h"

#include <string.h>

#include "limit.h"
#include "wire/json.h"

struct port {
    uint64_t inner, outer;
    char ip[64], type[16];
};

static int compare_ports(const struct port *a, const struct port *b) {
    if (a->inner != b->inner)
        return a->inner < b->inner ? -1 : 1;
    int order = strcmp(a->ip, b->ip);
    if (order != 0)
        return order;
    if (a->outer != b->outer)
        return a->outer < b->outer ? -1 : 1;
    return strcmp(a->type, b->type);
}

/* Reads the ports and puts them in order; those that `list` has no room for are left out. */
static size_t read_ports(struct port *list, struct slice ports) {
    struct json_walk walk = {ports, false};
    struct slice key, value;
    size_t n = 0;
    while (n < LIMIT_DOCKER_PORTS && json_next(&walk, &key, &value)) {
        struct port p = {0};
        json_number(json_member(value, "PrivatePort"), UINT16_MAX, &p.inner);
        json_number(json_member(value, "PublicPort"), UINT16_MAX, &p.outer);
        json_copy(p.ip, sizeof p.ip, json_member(value, "IP"));
        json_copy(p.type, sizeof p.type, json_member(value, "Type"));
        size_t at = n++;
        for (; at > 0 && compare_ports(&p, &list[at - 1]) < 0; at--)
            list[at] = list[at - 1];
        list[at] = p;
    }
    return n;
}

static bool is_mapped(const struct port *p) { return p->ip[0] != '\0' && p->outer != p->inner; }
static bool same_group(const struct port *a, const struct port *b) {
    return strcmp(a->ip, b->ip) == 0 && strcmp(a->type, b->type) == 0;
}

static void add_separator(struct buf *b, size_t start) {
    if (b->len > start)
        buf_text(b, ", ");
}

static void print_address(struct buf *b, const char *ip) {
    buf_format(b, strchr(ip, ':') != NULL ? "[%s]:" : "%s:", ip);
}

static void print_range(struct buf *b, const struct port *first, uint64_t last) {
    char range[32];
    struct buf r = BUF_ON(range);
    buf_format(&r, "%u", (unsigned)first->inner);
    if (last != first->inner)
        buf_format(&r, "-%u", (unsigned)last);
    if (first->ip[0] != '\0') {
        print_address(b, first->ip);
        buf_format(b, "%.*s->", (int)r.len, r.at);
    }
    buf_format(b, "%.*s/%s", (int)r.len, r.at, first->type);
}

void docker_ports_print(struct buf *b, struct slice ports) {
    static struct port list[LIMIT_DOCKER_PORTS];
    bool shown[LIMIT_DOCKER_PORTS] = {false};
    size_t n = read_ports(list, ports), start = b->len;
    for (size_t i = 0; i < n; i++) {
        if (shown[i] || is_mapped(&list[i]))
            continue;
        uint64_t last = list[i].inner;
        for (size_t k = i + 1; k < n; k++)
            if (!is_mapped(&list[k]) && same_group(&list[i], &list[k])
                && list[k].inner == last + 1) {
                last = list[k].inner;
                shown[k] = true;
            }
        add_separator(b, start);
        print_range(b, &list[i], last);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_mapped(&list[i]))
            continue;
        add_separator(b, start);
        print_address(b, list[i].ip);
        buf_format(b, "%u->%u/%s", (unsigned)list[i].outer, (unsigned)list[i].inner, list[i].type);
    }
}
