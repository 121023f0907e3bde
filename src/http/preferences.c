#include "http/preferences.h"

#include "base/num.h"
#include "limit.h"
#include "wire/field_list.h"

struct media {
    struct media_quality json, text;
};

static void read_accept(struct media *m, struct slice value) {
    media_quality_read(&m->json, value, "application/json");
    media_quality_read(&m->text, value, "text/plain");
}

/* Who wants both alike gets text, as does whoever says nothing: libraries ask for JSON and for
 * anything by themselves. */
static bool wants_json(const struct media *m) {
    return m->json.quality > 0 && m->json.quality > m->text.quality;
}

bool preferences_json(struct slice accept) {
    struct media m = {MEDIA_QUALITY_NONE, MEDIA_QUALITY_NONE};
    if (accept.at != NULL)
        read_accept(&m, accept);
    return wants_json(&m);
}

static void read_prefer(struct preferences *w, struct slice prefer) {
    struct slice value;
    uint64_t seconds;
    if (field_prefers(prefer, "respond-async", &value) && value.n == 0)
        w->async = true;
    if (field_prefers(prefer, "wait", &value)
        && num_decimal(value.at, value.n, LIMIT_PREFER_WAIT_S, &seconds))
        w->wait_ms = (int64_t)seconds * 1000;
}

void preferences_read(struct preferences *w, const struct http1_head *head) {
    struct media m = {MEDIA_QUALITY_NONE, MEDIA_QUALITY_NONE};
    *w = (struct preferences){.async = false};
    for (size_t i = 0; i < head->fields; i++) {
        if (slice_is_nocase(head->name[i], "Accept"))
            read_accept(&m, head->value[i]);
        else if (slice_is_nocase(head->name[i], "Prefer"))
            read_prefer(w, head->value[i]);
    }
    w->json = wants_json(&m);
}
