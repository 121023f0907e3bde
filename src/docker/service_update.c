/* docker service update: --force and --image, and the wait until the tasks run. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "docker/request.h"
#include "docker/service.h"
#include "docker/table.h"
#include "wire/json.h"

static struct {
    bool force, detach, quiet, as_is, with_auth;
    const char *image;
} update_option = {.image = ""};

const struct docker_flag docker_service_update_flags[] = {
    {'d', "detach", DOCKER_FLAG_BOOL, &update_option.detach, NULL, NULL},
    {0, "force", DOCKER_FLAG_BOOL, &update_option.force, NULL, NULL},
    {0, "image", DOCKER_FLAG_TEXT, &update_option.image, NULL, NULL},
    {0, "no-resolve-image", DOCKER_FLAG_BOOL, &update_option.as_is, NULL, NULL},
    {'q', "quiet", DOCKER_FLAG_BOOL, &update_option.quiet, NULL, NULL},
    {0, "with-registry-auth", DOCKER_FLAG_BOOL, &update_option.with_auth, NULL, NULL},
    {.name = NULL},
};

enum { UPDATE_PAUSE_MS = 200, UPDATE_STABLE_MS = 5000, UPDATE_STATE = 32 };

static struct docker_conn update_conn;

/* The image with its tag, and the digest that its registry has for it now: without one, a tag that
 * moved would be no change. False: the failure has been reported. */
static bool write_image(struct buf *b) {
    char path[LIMIT_DOCKER_PATH], name[LIMIT_DOCKER_MESSAGE];
    struct buf n = BUF_ON(name);
    const char *slash = strrchr(update_option.image, '/');
    bool digest = strchr(update_option.image, '@') != NULL;
    buf_text(&n, update_option.image);
    if (!digest && strchr(slash != NULL ? slash : update_option.image, ':') == NULL)
        buf_text(&n, ":latest");
    if (!digest && !update_option.as_is && buf_string(&n) != NULL) {
        int status = docker_request(&update_conn, "GET",
                                    docker_path(path, "distribution", name, "/json"), NULL, 0);
        if (status == DOCKER_NO_RESPONSE)
            return false;
        struct slice found =
            json_at(docker_read_optional_json(&update_conn, status), "Descriptor.digest");
        if (json_kind(found) == JSON_STRING) {
            buf_char(&n, '@');
            json_text(&n, found);
        } else {
            docker_error(
                "image %s could not be accessed on a registry to record\nits digest. Each node "
                "will access %s independently,\n"
                "possibly leading to different nodes running different\nversions of the image.\n",
                name, name);
        }
    }
    json_quote(b, n.at, n.len);
    b->full = b->full || n.full;
    return true;
}

/* The service's specification with what is to change. False: the failure has been reported. */
static bool write_spec(struct buf *b, struct slice service) {
    static char image[LIMIT_DOCKER_MESSAGE * 2];
    struct buf spec = docker_table_buffer(), i = BUF_ON(image);
    char number[32];
    uint64_t forced = 0;
    struct slice old = json_member(service, "Spec");
    json_number(json_at(old, "TaskTemplate.ForceUpdate"), INT64_MAX, &forced);
    int n =
        snprintf(number, sizeof number, "%llu", (unsigned long long)forced + update_option.force);
    /* The next response takes the memory of `service`: what is needed of it is copied first. */
    json_set(&spec, old, "TaskTemplate.ForceUpdate", (struct slice){number, (size_t)n});
    struct slice forced_spec = {spec.at, spec.len};
    if (*update_option.image == '\0') {
        buf_bytes(b, spec.at, spec.len);
    } else {
        if (!write_image(&i))
            return false;
        json_set(b, forced_spec, "TaskTemplate.ContainerSpec.Image", (struct slice){i.at, i.len});
    }
    bool fits = !spec.full && !i.full && !b->full;
    if (!fits)
        docker_error("docker: the service's specification is too long");
    return fits;
}

/* Asks how many tasks there are to be, how many of the newest specification run, and how the update
 * goes. False: the failure has been reported. */
static bool count_tasks(const char *id, uint64_t *desired, uint64_t *running,
                        char state[UPDATE_STATE], char message[LIMIT_DOCKER_MESSAGE]) {
    char path[1024];
    struct slice key, task;
    snprintf(path, sizeof path,
             "/services?status=true&filters=%%7B%%22id%%22%%3A%%7B%%22%s%%22%%3Atrue%%7D%%7D", id);
    struct slice services = docker_get(&update_conn, path, NULL, NULL), service;
    struct json_walk walk = {services, false};
    if (services.n == 0)
        return false;
    if (!json_next(&walk, &key, &service)) {
        docker_error("no such service: %s", id);
        return false;
    }
    *desired = *running = 0;
    json_number(json_at(service, "ServiceStatus.DesiredTasks"), INT32_MAX, desired);
    json_copy(state, UPDATE_STATE, json_at(service, "UpdateStatus.State"));
    json_copy(message, LIMIT_DOCKER_MESSAGE, json_at(service, "UpdateStatus.Message"));
    snprintf(path, sizeof path,
             "/tasks?filters=%%7B%%22service%%22%%3A%%7B%%22%s%%22%%3Atrue%%7D%%2C%%22_up-to-date%%"
             "22%%3A%%7B%%22true%%22%%3Atrue%%7D%%7D",
             id);
    struct slice tasks = docker_get(&update_conn, path, NULL, NULL);
    for (walk = (struct json_walk){tasks, false}; json_next(&walk, &key, &task);)
        *running += json_is(json_member(task, "DesiredState"), "running")
                    && json_is(json_at(task, "Status.State"), "running");
    return tasks.n > 0;
}

/* Returns the exit status: 0 when all tasks run, and go on doing so for a while. */
static int wait_for_tasks(const char *id) {
    int64_t since = CLOCK_NEVER;
    uint64_t last = UINT64_MAX;
    for (;;) {
        uint64_t desired, running;
        char state[UPDATE_STATE] = "", message[LIMIT_DOCKER_MESSAGE] = "";
        if (!count_tasks(id, &desired, &running, state, message))
            return 1;
        if (running != last && !update_option.quiet) {
            printf("overall progress: %llu out of %llu tasks\n", (unsigned long long)running,
                   (unsigned long long)desired);
            fflush(stdout);
        }
        last = running;
        const char *error = strcmp(state, "paused") == 0               ? "service update paused"
                            : strcmp(state, "rollback_paused") == 0    ? "service rollback paused"
                            : strcmp(state, "rollback_completed") == 0 ? "service rolled back"
                                                                       : NULL;
        if (error != NULL) {
            docker_error("%s: %s", error, message);
            return 1;
        }
        since = running < desired ? CLOCK_NEVER : clock_earlier(since, clock_now());
        bool settled = strcmp(state, "completed") == 0
                       || (since != CLOCK_NEVER && clock_now() - since >= UPDATE_STABLE_MS);
        if (settled && running >= desired) {
            if (!update_option.quiet)
                puts("verify: Service converged");
            return 0;
        }
        poll(NULL, 0, UPDATE_PAUSE_MS);
    }
}

int docker_service_update(int argc, char **argv) {
    char path[LIMIT_DOCKER_PATH], id[64], rest[128];
    struct buf body = docker_request_buffer();
    uint64_t version = 0;
    (void)argc;
    if (update_option.with_auth) {
        docker_error("docker: --with-registry-auth: this client reads no ~/.docker/config.json, so "
                     "it has no registry's password to send; "
                     "without that option the service keeps the one that it has");
        return 1;
    }
    struct slice service =
        docker_get(&update_conn, docker_path(path, "services", argv[0], ""), "service", argv[0]);
    if (service.n == 0)
        return 1;
    json_copy(id, sizeof id, json_member(service, "ID"));
    bool known = *id != '\0' && id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz")] == '\0';
    if (!known || !json_number(json_at(service, "Version.Index"), INT64_MAX, &version)) {
        docker_error("docker: the engine's answer has no id or version of the service");
        return 1;
    }
    if (!write_spec(&body, service))
        return 1;
    snprintf(rest, sizeof rest, "/update?registryAuthFrom=spec&version=%llu",
             (unsigned long long)version);
    int status =
        docker_request(&update_conn, "POST", docker_path(path, "services", id, rest), &body, 0);
    if (!docker_succeeded(&update_conn, status, NULL, NULL))
        return 1;
    docker_report_warnings(docker_read_json(&update_conn));
    puts(argv[0]);
    fflush(stdout);
    return update_option.detach ? 0 : wait_for_tasks(id);
}
