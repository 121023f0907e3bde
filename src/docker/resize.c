#include "docker/resize.h"

#include "base/clock.h"
#include "docker/terminal.h"

enum { RESIZE_FIRST_PAUSE = 5, RESIZE_LONGEST_PAUSE = 200 }; /* milliseconds */

void docker_resize_start(struct docker_resize *w, const char *kind, const char *id) {
    docker_close(&w->conn);
    w->kind = kind;
    w->id = id;
    w->asked = false;
    docker_resize_changed(w);
}

void docker_resize_changed(struct docker_resize *w) {
    w->wanted = true;
    w->next = clock_now();
    w->give_up = w->next + LIMIT_DOCKER_RESIZE_MS;
    w->pause = RESIZE_FIRST_PAUSE;
}

int64_t docker_resize_watch(struct docker_resize *w, struct pollfd *fd) {
    *fd = (struct pollfd){.fd = w->asked ? w->conn.fd : -1, .events = POLLIN};
    return w->wanted && !w->asked ? w->next : CLOCK_NEVER;
}

/* The command may not be there yet: then the engine refuses, and is asked again. */
static void schedule_retry(struct docker_resize *w, int64_t now) {
    w->wanted = now < w->give_up;
    w->next = now + w->pause;
    w->pause = w->pause * 2 < RESIZE_LONGEST_PAUSE ? w->pause * 2 : RESIZE_LONGEST_PAUSE;
}

static void send_size(struct docker_resize *w, int64_t now) {
    char path[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(path);
    unsigned rows, columns;
    w->wanted = false;
    if (!docker_terminal_size(1, &rows, &columns) && !docker_terminal_size(0, &rows, &columns))
        return;
    buf_format(&b, "/%s/", w->kind);
    docker_escape(&b, w->id, strlen(w->id));
    buf_format(&b, "/resize?h=%u&w=%u", rows, columns);
    const char *text = buf_string(&b);
    w->asked = text != NULL && docker_send(&w->conn, "POST", text, NULL, false);
    if (!w->asked && text != NULL) {
        docker_close(&w->conn);
        schedule_retry(w, now);
    }
}

static void read_size_response(struct docker_resize *w, int64_t now) {
    struct slice data;
    enum docker_read left = DOCKER_READ_END;
    int status = docker_read_head(&w->conn, false);
    if (status == DOCKER_NOT_YET)
        return;
    w->asked = false;
    /* the body comes along with the head; a connection where it does not is not used again */
    if (status != DOCKER_NO_RESPONSE)
        while ((left = docker_body_next(&w->conn, &data, false)) == DOCKER_READ_DATA) {
        }
    if (status == DOCKER_NO_RESPONSE || left != DOCKER_READ_END)
        docker_close(&w->conn);
    if ((status == DOCKER_NO_RESPONSE || status >= 400) && !w->wanted)
        schedule_retry(w, now);
}

void docker_resize_continue(struct docker_resize *w, int64_t now) {
    if (w->asked)
        read_size_response(w, now);
    if (w->wanted && !w->asked && now >= w->next)
        send_size(w, now);
}
