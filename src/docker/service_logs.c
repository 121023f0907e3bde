/* docker service logs: what the tasks of a service, or one task, have written. Each line begins
 * with the names of the task and its node. */
#include <stdio.h>
#include <string.h>

#include "docker/request.h"
#include "docker/logs.h"
#include "docker/service.h"
#include "docker/swarm.h"
#include "wire/json.h"

/* Where the lines come from: what each line's beginning is made of. */
struct log_source {
    char service[DOCKER_NAME];
    unsigned width; /* digits of the largest slot */
    struct docker_nodes nodes;
    struct docker_slots slots;
    struct docker_conn conn; /* for the slots, while the lines come over another connection */
};

/* The value of `name` among the details NAME=VALUE,NAME=VALUE. */
static void read_detail(char out[DOCKER_NAME], struct slice details, const char *name) {
    size_t n = strlen(name);
    out[0] = '\0';
    for (size_t at = 0; at + n < details.n;) {
        const char *comma = memchr(details.at + at, ',', details.n - at);
        size_t end = comma != NULL ? (size_t)(comma - details.at) : details.n;
        if (end > at + n && details.at[at + n] == '=' && memcmp(details.at + at, name, n) == 0)
            snprintf(out, DOCKER_NAME, "%.*s", (int)(end - at - n - 1), details.at + at + n + 1);
        at = end + 1;
    }
}

static struct slice next_word(struct slice s, struct slice *first) {
    const char *space = s.n > 0 ? memchr(s.at, ' ', s.n) : NULL;
    size_t n = space != NULL ? (size_t)(space - s.at) : s.n;
    *first = (struct slice){s.at, n};
    return space != NULL ? (struct slice){space + 1, s.n - n - 1} : (struct slice){s.at + s.n, 0};
}

/* Prints one line, which is [TIME ]DETAILS TEXT; the details name the task and the node. */
static void print_task_line(struct log_source *source, FILE *to, struct slice line) {
    char task[DOCKER_NAME], node[DOCKER_NAME], slot[16];
    struct slice stamp = {line.at, 0}, details;
    if (docker_logs_stamped())
        line = next_word(line, &stamp);
    line = next_word(line, &details);
    read_detail(task, details, "com.docker.swarm.task.id");
    read_detail(node, details, "com.docker.swarm.node.id");
    int digits =
        snprintf(slot, sizeof slot, "%u", docker_swarm_slot(&source->slots, &source->conn, task));
    int pad = (int)source->width > digits ? (int)source->width - digits : 0;
    if (stamp.n > 0)
        fprintf(to, "%.*s ", (int)stamp.n, stamp.at);
    fprintf(to, "%s.%s.%.12s@%s%*s    | ", source->service, slot, task,
            docker_swarm_node(&source->nodes, node), pad, "");
    fwrite(line.at, 1, line.n, to);
    fflush(to);
}

/* Prints what is there of a line, and empties it. `begun`: its beginning has been printed. */
static void print_task_text(struct log_source *source, enum docker_stream stream, struct buf *line,
                            bool begun) {
    FILE *to = stream == DOCKER_STDERR ? stderr : stdout;
    if (begun) {
        fwrite(line->at, 1, line->len, to);
        fflush(to);
    } else {
        print_task_line(source, to, (struct slice){line->at, line->len});
    }
    line->len = 0;
}

/* Each frame is a line; one that is longer than the buffer is printed in parts. */
static int copy_task_lines(struct log_source *source, struct docker_conn *c) {
    static char at[LIMIT_DOCKER_STREAM];
    struct docker_frames frames = {.left = 0};
    struct buf line = BUF_ON(at);
    struct slice data, piece;
    enum docker_stream stream = DOCKER_STDOUT;
    enum docker_read got;
    bool begun = false;
    while ((got = docker_body_next(c, &data, true)) == DOCKER_READ_DATA)
        while (data.n > 0) {
            ssize_t used = docker_frames_read(&frames, data.at, data.n, &piece, &stream);
            if (used == -1) {
                docker_report_bad_frame(&frames);
                return 1;
            }
            data = (struct slice){data.at + used, data.n - (size_t)used};
            if (piece.n > line.cap - line.len) {
                print_task_text(source, stream, &line, begun);
                begun = true;
            }
            buf_bytes(&line, piece.at, piece.n);
            if (frames.left == 0 && frames.have == 0 && line.len > 0) {
                print_task_text(source, stream, &line, begun);
                begun = false;
            }
        }
    if (got == DOCKER_READ_BROKEN)
        docker_error("unexpected EOF");
    return got == DOCKER_READ_BROKEN || ferror(stdout) != 0;
}

/* Finds the service of that name, else the task of that id with its service: sets the source's
 * service and width, and *kind to what it is in a path. False: the failure has been reported. */
static bool find_service_or_task(struct log_source *source, const char *wanted, const char **kind) {
    struct docker_conn *c = &source->conn;
    char id[DOCKER_NAME], path[LIMIT_DOCKER_PATH], digits[16];
    uint64_t replicas = 0;
    *kind = "services";
    int status = docker_swarm_service(c, wanted, id, source->service);
    if (status == 404) {
        (void)docker_body_whole(c);
        *kind = "tasks";
        status = docker_request(c, "GET", docker_path(path, "tasks", wanted, ""), NULL, 0);
        struct slice task = status == 200 ? docker_read_json(c) : (struct slice){NULL, 0};
        json_copy(id, DOCKER_NAME, json_member(task, "ServiceID"));
        if (status == 200)
            status = docker_swarm_service(c, id, id, source->service);
    }
    if (status == 404)
        docker_error("no such task or service: %s", wanted);
    else if (status >= 300)
        docker_report_refusal(c, NULL, NULL);
    if (status != 200)
        return false;
    status = docker_request(c, "GET", docker_path(path, "services", id, ""), NULL, 0);
    struct slice found = status == 200 ? docker_read_json(c) : (struct slice){NULL, 0};
    json_number(json_at(found, "Spec.Mode.Replicated.Replicas"), UINT32_MAX, &replicas);
    source->width = (unsigned)snprintf(digits, sizeof digits, "%u", (unsigned)replicas);
    return true;
}

int docker_service_logs(int argc, char **argv) {
    static struct docker_conn conn; /* that the lines come over */
    static struct log_source source;
    char path[LIMIT_DOCKER_PATH], query[1024];
    const char *kind;
    (void)argc;
    if (!find_service_or_task(&source, argv[0], &kind)
        || !docker_logs_query(query, sizeof query, true))
        return 1;
    docker_swarm_read_nodes(&source.nodes, &source.conn);
    int status = docker_request(&conn, "GET", docker_path(path, kind, argv[0], query), NULL, 0);
    return docker_succeeded(&conn, status, NULL, NULL) ? copy_task_lines(&source, &conn) : 1;
}
