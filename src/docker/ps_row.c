/* docker ps: what it shows of a container. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "docker/ports.h"
#include "docker/ps.h"
#include "docker/rows.h"
#include "docker/service.h"
#include "docker/show.h"
#include "docker/template_run.h"
#include "docker/timestamp.h"
#include "wire/json.h"

enum {
    PS_SHORT_ID = 12,
    PS_SHORT_COMMAND = 20,
    PS_SHORT_MOUNT = 15,
    PS_FIELD = LIMIT_DOCKER_ROW / 2
};

/* A buffer for one field's text, which is then quoted into the row: each field starts it anew. It
 * is too large for the stack. */
static struct buf field_buffer(void) {
    static char bytes[PS_FIELD];
    return BUF_ON(bytes);
}

static struct slice add_string(struct buf *b, struct slice value) {
    size_t start = b->len;
    json_text(b, value);
    return (struct slice){b->at + start, b->len - start};
}

/* Without the algorithm before it (sha256:), and short. */
static struct slice short_id(struct slice id) {
    const char *colon = id.n > 0 ? memchr(id.at, ':', id.n) : NULL;
    if (colon != NULL)
        id = (struct slice){colon + 1, id.n - (size_t)(colon + 1 - id.at)};
    return (struct slice){id.at, id.n < PS_SHORT_ID ? id.n : PS_SHORT_ID};
}

static void add_container_id(struct buf *row, struct slice container, bool whole) {
    struct buf b = field_buffer();
    struct slice id = add_string(&b, json_member(container, "Id"));
    if (!whole)
        id = short_id(id);
    docker_row_text(row, "ID", id.at, id.n);
}

/* The image's name; short, its id when that is all there is, and else without digest and without
 * what is Docker's own registry's. */
static void add_container_image(struct buf *row, struct slice container, bool whole) {
    struct buf b = field_buffer();
    struct slice image = add_string(&b, json_member(container, "Image")),
                 id = add_string(&b, json_member(container, "ImageID"));
    struct slice short_image = short_id(image), short_image_id = short_id(id);
    if (image.n == 0)
        image = (struct slice){"<no image>", 10};
    else if (!whole && short_image.n == short_image_id.n
             && memcmp(short_image.at, short_image_id.at, short_image.n) == 0)
        image = short_image_id;
    else if (!whole)
        image = docker_image_name(image, false);
    docker_row_text(row, "Image", image.at, image.n);
}

/* In quotes, as Go's strconv.Quote has them; short, what its first columns have room for. */
static void add_container_command(struct buf *row, struct slice container, bool whole) {
    static char quoted[PS_FIELD];
    struct buf b = field_buffer(), q = BUF_ON(quoted);
    add_string(&b, json_member(container, "Command"));
    if (!whole)
        docker_shorten(&b, 0, PS_SHORT_COMMAND);
    docker_quote(&q, b.at, b.len);
    docker_row_text(row, "Command", q.at, q.len);
}

static void add_container_created(struct buf *row, struct slice container) {
    uint64_t created = 0;
    char text[64];
    struct buf b = field_buffer();
    struct tm tm;
    json_number(json_member(container, "Created"), INT64_MAX / 2, &created);
    time_t at = (time_t)created;
    if (localtime_r(&at, &tm) != NULL
        && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", &tm) > 0)
        docker_row_text(row, "CreatedAt", text, strlen(text));
    docker_timestamp_human(&b, (int64_t)time(NULL) - (int64_t)created);
    buf_text(&b, " ago");
    docker_row_text(row, "RunningFor", b.at, b.len);
}

/* Short, the one name that is not another container's link to this one. Each has a slash before
 * it. */
static void add_container_names(struct buf *row, struct slice container, bool whole) {
    struct json_walk walk = {json_member(container, "Names"), false};
    struct slice key, value;
    struct buf b = field_buffer();
    while (json_next(&walk, &key, &value)) {
        size_t start = b.len;
        struct slice name = add_string(&b, value);
        if (name.n > 0)
            memmove(b.at + start, b.at + start + 1, --name.n), b.len--;
        if (!whole && name.n > 0 && memchr(name.at, '/', name.n) == NULL) {
            docker_row_text(row, "Names", name.at, name.n);
            return;
        }
        buf_char(&b, ',');
    }
    docker_row_text(row, "Names", b.at, b.len > 0 ? b.len - 1 : 0);
}

/* The labels as k=v,k=v in the order of these texts, and by name, for {{.Label "k"}}. */
static void add_container_labels(struct buf *row, struct slice container) {
    struct slice labels = json_member(container, "Labels"), key, value;
    struct template_walk walk = template_walk_start(labels);
    struct buf b = field_buffer();
    while (json_kind(labels) == JSON_OBJECT && template_walk_next(&walk, &key, &value)) {
        if (b.len > 0)
            buf_char(&b, ',');
        json_text(&b, key);
        buf_char(&b, '=');
        json_text(&b, value);
    }
    template_walk_end(&walk);
    docker_row_text(row, "Labels", b.at, b.len);
    row->full = row->full || b.full;
    docker_row_json(row, " ", json_kind(labels) == JSON_OBJECT ? labels : (struct slice){"{}", 2});
}

static void add_container_networks(struct buf *row, struct slice container) {
    struct slice networks = json_at(container, "NetworkSettings.Networks"), key, value;
    struct json_walk walk = {networks, false};
    struct buf b = field_buffer();
    while (json_kind(networks) == JSON_OBJECT && json_next(&walk, &key, &value)) {
        if (b.len > 0)
            buf_char(&b, ',');
        json_text(&b, key);
    }
    docker_row_text(row, "Networks", b.at, b.full ? 0 : b.len);
}

static void add_container_mounts(struct buf *row, struct slice container, bool whole) {
    struct json_walk walk = {json_member(container, "Mounts"), false};
    struct slice key, mount;
    struct buf b = field_buffer();
    unsigned local = 0;
    char count[16];
    while (json_next(&walk, &key, &mount)) {
        struct slice name = json_member(mount, "Name");
        local += json_is(json_member(mount, "Driver"), "local");
        if (b.len > 0)
            buf_char(&b, ',');
        size_t start = b.len;
        json_text(&b, name.n > 2 ? name : json_member(mount, "Source"));
        if (!whole)
            docker_shorten(&b, start, PS_SHORT_MOUNT);
    }
    int n = snprintf(count, sizeof count, "%u", local);
    docker_row_text(row, "LocalVolumes", count, (size_t)n);
    docker_row_text(row, "Mounts", b.at, b.full ? 0 : b.len);
}

/* "2B (virtual 21.5MB)" */
static void add_container_size(struct buf *row, struct slice container) {
    uint64_t own = 0, all = 0;
    struct buf b = field_buffer();
    json_number(json_member(container, "SizeRw"), INT64_MAX, &own);
    json_number(json_member(container, "SizeRootFs"), INT64_MAX, &all);
    docker_size_human(&b, own);
    if (all > 0) {
        buf_text(&b, " (virtual ");
        docker_size_human(&b, all);
        buf_char(&b, ')');
    }
    docker_row_text(row, "Size", b.at, b.len);
}

/* The engine says it of images for several platforms: os/architecture and its variant, else
 * nothing. */
static void add_container_platform(struct buf *row, struct slice container) {
    struct slice platform = json_at(container, "ImageManifestDescriptor.platform");
    docker_row_json(row, "Platform",
                    json_kind(platform) == JSON_OBJECT ? platform : (struct slice){"null", 4});
}

static void add_container_member(struct buf *row, struct slice container, const char *name) {
    struct buf b = field_buffer();
    json_text(&b, json_member(container, name));
    docker_row_text(row, name, b.at, b.len);
}

struct slice docker_ps_row(struct buf *row, struct slice container, bool whole) {
    add_container_command(row, container, whole);
    add_container_created(row, container);
    add_container_id(row, container, whole);
    add_container_image(row, container, whole);
    add_container_labels(row, container);
    add_container_mounts(row, container, whole);
    add_container_names(row, container, whole);
    add_container_networks(row, container);
    add_container_platform(row, container);
    struct buf b = field_buffer();
    docker_ports_print(&b, json_member(container, "Ports"));
    docker_row_text(row, "Ports", b.at, b.len);
    add_container_size(row, container);
    add_container_member(row, container, "State");
    add_container_member(row, container, "Status");
    return docker_row_end(row);
}
