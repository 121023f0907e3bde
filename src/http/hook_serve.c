#include "http/hook_serve.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/hook_claim.h"
#include "wire/form.h"
#include "wire/form_push.h"
#include "wire/json_push.h"

static const struct admission_verdict good,
    gone = {.status = 500},
    unsigned_delivery = {.status = 401, .text = "The signature is missing or wrong."},
    too_long = {.status = 413,
                .reason = "a delivery with a longer body than there may be",
                .text = "Nothing was run: the body is longer than a delivery's may be."},
    too_slow = {.status = 408,
                .reason = "a delivery whose body took too long",
                .text = "Nothing was run: the body took too long."},
    broken = {.status = 400, .reason = "a delivery whose body breaks off"};

/* The values in a delivery's body. */
struct values {
    size_t count;
    const char *path[LIMIT_HOOK_RULES];
    struct json_found found[LIMIT_HOOK_RULES];
    char paths[LIMIT_HOOK_RULES * LIMIT_HOOK_PATH];
    bool is_form; /* the JSON is the field `payload` of a form: GitHub's older kind */
    struct form_push form;
    struct json_push json;
    char error[192];
};

static void put_json(void *context, const char *bytes, size_t n) {
    json_push_bytes(context, bytes, n);
}

/* Takes up the paths that the monitor has listed. */
static void start_values(struct values *v, const struct received *in,
                         const struct http1_head *head) {
    struct slice type = {NULL, 0};
    size_t n = in->text_n < sizeof v->paths ? in->text_n : 0;
    memcpy(v->paths, in->text, n);
    v->count = 0;
    for (size_t at = 0; at < n && v->count < LIMIT_HOOK_RULES; at += strlen(v->paths + at) + 1)
        v->path[v->count++] = v->paths + at;
    http1_find(head, "Content-Type", &type);
    v->is_form = form_is_type(type);
    v->form = (struct form_push){.name = "payload", .put = put_json, .context = &v->json};
    json_push_start(&v->json, v->path, v->found, v->count);
}

/* What is wrong with the body counts only once it is known to be signed. */
static void take_values(struct values *v, struct slice bytes) {
    if (v->count == 0)
        return;
    if (v->is_form)
        form_push_bytes(&v->form, bytes.at, bytes.n);
    else
        json_push_bytes(&v->json, bytes.at, bytes.n);
}

static struct admission_verdict end_values(struct values *v) {
    bool is_whole = !v->is_form || form_push_end(&v->form);
    if (v->count == 0 || (is_whole && json_push_end(&v->json)))
        return good;
    if (!is_whole)
        snprintf(v->error, sizeof v->error, "Nothing was run: %s (%s).", v->form.error,
                 v->form.name);
    else
        snprintf(v->error, sizeof v->error, "Nothing was run: the %s is not JSON: at byte %llu %s.",
                 v->is_form ? "field payload" : "body", (unsigned long long)v->json.at,
                 v->json.error);
    return (struct admission_verdict){.status = 400, .reason = v->error, .text = v->error};
}

static struct admission_verdict verdict_of(enum front_login login) {
    return login == FRONT_ADMITTED ? good : login == FRONT_DENIED ? unsigned_delivery : gone;
}

/* Reads the body: each piece goes to the monitor, for the signature, and to the values. */
static struct admission_verdict read_body(struct handler *h, struct values *v, struct body *body) {
    int64_t deadline = clock_after(clock_now(), LIMIT_HOOK_BODY_MS), most = h->terms.admitted.most;
    while (!body_ended(body)) {
        while (body_next(body)) {
            struct slice piece = body->content;
            if ((most -= (int64_t)piece.n) < 0)
                return too_long;
            take_values(v, piece);
            for (size_t n; piece.n > 0; piece.at += n, piece.n -= n) {
                n = piece.n < LIMIT_MESSAGE_TEXT ? piece.n : LIMIT_MESSAGE_TEXT;
                if (!front_body(h->front, (struct slice){piece.at, n}))
                    return gone;
            }
            body_taken(body, body->content.n);
        }
        if (body->bad)
            return broken;
        int64_t left = deadline - clock_now();
        struct pollfd pfd = {.fd = body->in->fd, .events = POLLIN};
        if (body_ended(body))
            break;
        if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
            return too_slow;
        body_read(body);
    }
    return good;
}

/* Judges the whole request. */
static struct admission_verdict judge(struct handler *h, struct values *v,
                                      const struct http1_head *head, struct slice path,
                                      struct reply *reply, struct body *body) {
    static struct hook_claim claim;
    struct slice range, role;
    const char *repeated = hook_claim_read(&claim, head);
    if (repeated != NULL) {
        snprintf(v->error, sizeof v->error, "%s is repeated, or too long", repeated);
        return (struct admission_verdict){.status = 400, .reason = v->error};
    }
    admission_is_hook_path(path, &role);
    memcpy(claim.role, role.at, role.n); /* the rest is zero */
    struct admission_verdict verdict = verdict_of(front_hook(h->front, &claim, &h->terms));
    if (verdict.status != 0)
        return verdict;
    start_values(v, &h->front->in, head);
    if (body->length > (uint64_t)h->terms.admitted.most)
        return too_long;
    if (reply->expects_continue && reply_continue(reply) == -1)
        return gone;
    reply->expects_continue = false;
    verdict = read_body(h, v, body);
    if (verdict.status == 0)
        verdict = verdict_of(front_verify(h->front, &h->terms));
    if (verdict.status == 0)
        verdict = end_values(v);
    if (verdict.status == 0)
        verdict = admission_judge_range(http1_find(head, "Range", &range) > 0);
    for (size_t i = 0; verdict.status == 0 && i < v->count; i++)
        if (!front_value(h->front, &v->found[i], (v->json.repeated >> i & 1) != 0))
            verdict = gone;
    return verdict;
}

bool hook_serve(struct handler *h, const struct http1_head *head, struct slice path,
                struct reply *reply, struct body *body) {
    static struct values values; /* large */
    struct admission_verdict verdict = judge(h, &values, head, path, reply, body);
    if (verdict.status != 0) {
        if (body->bad)
            reply->close = true;
        handler_refuse(h, reply, &verdict, body);
        return true;
    }
    return handler_run_hook(h, reply, body);
}
