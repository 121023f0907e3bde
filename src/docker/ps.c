#include "docker/ps.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "docker/conn.h"
#include "docker/filter.h"
#include "docker/ports.h"
#include "docker/rows.h"
#include "docker/time.h"
#include "wire/json.h"

static struct {
    bool all, quiet, whole, latest;
    int last;
    const char *format;
} option = {.last = -1, .format = ""};
static struct docker_list filters;

const struct docker_flag docker_ps_flags[] = {
    {'a', "all", FLAG_BOOL, &option.all, NULL},
    {'f', "filter", FLAG_LIST, &filters, docker_filter_check},
    {0, "format", FLAG_TEXT, &option.format, NULL},
    {'n', "last", FLAG_NUMBER, &option.last, NULL},
    {'l', "latest", FLAG_BOOL, &option.latest, NULL},
    {0, "no-trunc", FLAG_BOOL, &option.whole, NULL},
    {'q', "quiet", FLAG_BOOL, &option.quiet, NULL},
    {.name = NULL},
};

enum { SHORT_ID = 12, SHORT_COMMAND = 20, FIELD = 16384 };

/* A field's text is put together here, then quoted into the row. */
static char field_at[FIELD];
static struct buf field(void) { return BUF_ON(field_at); }

static struct slice text_of(struct buf *b, struct slice value) {
    size_t start = b->len;
    json_text(b, value);
    return (struct slice){b->at + start, b->len - start};
}

/* Without the algorithm before it (sha256:), and short. */
static struct slice short_id(struct slice id) {
    const char *colon = id.n > 0 ? memchr(id.at, ':', id.n) : NULL;
    if (colon != NULL)
        id = (struct slice){colon + 1, id.n - (size_t)(colon + 1 - id.at)};
    return (struct slice){id.at, id.n < SHORT_ID ? id.n : SHORT_ID};
}

static void add_id(struct buf *row, struct slice container) {
    struct buf b = field();
    struct slice id = text_of(&b, json_member(container, "Id"));
    if (!option.whole)
        id = short_id(id);
    docker_row_text(row, "ID", id.at, id.n);
}

/* The image's name; short, its id when that is all there is, and without a digest behind a tag. */
static void add_image(struct buf *row, struct slice container) {
    struct buf b = field();
    struct slice image = text_of(&b, json_member(container, "Image")), id = text_of(&b, json_member(container, "ImageID"));
    struct slice short_image = short_id(image), short_image_id = short_id(id);
    const char *at_sign = image.n > 0 ? memchr(image.at, '@', image.n) : NULL;
    if (image.n == 0)
        image = (struct slice){"<no image>", 10};
    else if (!option.whole && short_image.n == short_image_id.n && memcmp(short_image.at, short_image_id.at, short_image.n) == 0)
        image = short_image_id;
    else if (!option.whole && at_sign != NULL) {
        struct slice name = {image.at, (size_t)(at_sign - image.at)};
        const char *colon = memrchr(name.at, ':', name.n), *slash = memrchr(name.at, '/', name.n);
        if (colon != NULL && (slash == NULL || colon > slash))
            image = name;
    }
    docker_row_text(row, "Image", image.at, image.n);
}

/* The bytes of the first `count` characters. */
static size_t characters(struct slice s, size_t count) {
    size_t n = 0;
    for (; n < s.n; n++)
        if (((unsigned char)s.at[n] & 0xc0) != 0x80 && count-- == 0)
            break;
    return n;
}

/* In quotes, as Go's strconv.Quote has them; short, its first characters. */
static void add_command(struct buf *row, struct slice container) {
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    static char quoted[FIELD];
    struct buf b = field(), q = BUF_ON(quoted);
    struct slice command = text_of(&b, json_member(container, "Command"));
    bool cut = !option.whole && characters(command, SHORT_COMMAND) < command.n;
    if (cut)
        command.n = characters(command, SHORT_COMMAND - 1);
    buf_char(&q, '"');
    for (size_t i = 0; i < command.n; i++) {
        char c = command.at[i];
        const char *known = c != '\0' ? strchr(from, c) : NULL;
        if (known != NULL)
            buf_format(&q, "\\%c", to[known - from]);
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            buf_format(&q, "\\x%02x", (unsigned char)c);
        else
            buf_char(&q, c);
    }
    buf_text(&q, cut ? "\xe2\x80\xa6\"" : "\"");
    docker_row_text(row, "Command", q.at, q.len);
}

static void add_created(struct buf *row, struct slice container) {
    uint64_t created = 0;
    char text[64];
    struct buf b = field();
    struct tm tm;
    json_number(json_member(container, "Created"), INT64_MAX / 2, &created);
    time_t at = (time_t)created;
    if (localtime_r(&at, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", &tm) > 0)
        docker_row_text(row, "CreatedAt", text, strlen(text));
    docker_time_human(&b, (int64_t)time(NULL) - (int64_t)created);
    buf_text(&b, " ago");
    docker_row_text(row, "RunningFor", b.at, b.len);
}

/* Short, the one name that is not another container's link to this one. */
static void add_names(struct buf *row, struct slice container) {
    struct json_walk walk = {json_member(container, "Names"), false};
    struct slice key, value;
    struct buf b = field();
    while (json_next(&walk, &key, &value)) {
        size_t start = b.len;
        struct slice name = text_of(&b, value);
        if (name.n > 0 && name.at[0] == '/')
            memmove(b.at + start, b.at + start + 1, --name.n), b.len--;
        if (!option.whole && name.n > 0 && memchr(name.at, '/', name.n) == NULL) {
            docker_row_text(row, "Names", name.at, name.n);
            return;
        }
        buf_char(&b, ',');
    }
    docker_row_text(row, "Names", b.at, b.len > 0 ? b.len - 1 : 0);
}

/* The members' names and values of an object of texts, or its names alone: a=b,c=d. */
static void add_pairs(struct buf *row, const char *name, struct slice object, bool values) {
    struct json_walk walk = {object, false};
    struct slice key, value;
    struct buf b = field();
    while (json_kind(object) == JSON_OBJECT && json_next(&walk, &key, &value)) {
        if (b.len > 0)
            buf_char(&b, ',');
        json_text(&b, key);
        if (values) {
            buf_char(&b, '=');
            json_text(&b, value);
        }
    }
    docker_row_text(row, name, b.at, b.full ? 0 : b.len);
}

static void add_mounts(struct buf *row, struct slice container) {
    struct json_walk walk = {json_member(container, "Mounts"), false};
    struct slice key, mount;
    struct buf b = field();
    while (json_next(&walk, &key, &mount)) {
        struct slice name = json_member(mount, "Name");
        if (b.len > 0)
            buf_char(&b, ',');
        struct slice text = text_of(&b, name.n > 2 ? name : json_member(mount, "Source"));
        if (!option.whole && characters(text, 15) < text.n) {
            b.len -= text.n - characters(text, 14);
            buf_text(&b, "\xe2\x80\xa6");
        }
    }
    docker_row_text(row, "Mounts", b.at, b.full ? 0 : b.len);
}

static void add_member(struct buf *row, struct slice container, const char *name) {
    struct buf b = field();
    json_text(&b, json_member(container, name));
    docker_row_text(row, name, b.at, b.len);
}

static struct slice make_row(struct slice container) {
    static char at[LIMIT_VALUE * 2];
    struct buf row = BUF_ON(at), b;
    add_command(&row, container);
    add_created(&row, container);
    add_id(&row, container);
    add_image(&row, container);
    add_pairs(&row, "Labels", json_member(container, "Labels"), true);
    add_mounts(&row, container);
    add_names(&row, container);
    add_pairs(&row, "Networks", json_at(container, "NetworkSettings.Networks"), false);
    b = field();
    docker_ports_print(&b, json_member(container, "Ports"));
    docker_row_text(&row, "Ports", b.at, b.len);
    add_member(&row, container, "State");
    add_member(&row, container, "Status");
    return docker_row_end(&row);
}

static const char *write_path(char path[LIMIT_DOCKER_PATH]) {
    struct buf b = {.at = path, .cap = LIMIT_DOCKER_PATH};
    int last = option.latest && option.last == -1 ? 1 : option.last;
    buf_text(&b, "/containers/json?");
    if (option.all || last > 0)
        buf_text(&b, "all=1&");
    if (last > 0)
        buf_format(&b, "limit=%d&", last);
    docker_filter_write(&b, &filters);
    return buf_string(&b);
}

int docker_ps(int argc, char **argv) {
    static const char titles[] = "{\"ID\":\"CONTAINER ID\",\"Image\":\"IMAGE\",\"Command\":\"COMMAND\",\"CreatedAt\":\"CREATED AT\","
                                 "\"RunningFor\":\"CREATED\",\"Ports\":\"PORTS\",\"State\":\"STATE\",\"Status\":\"STATUS\",\"Names\":\"NAMES\","
                                 "\"Labels\":\"LABELS\",\"Mounts\":\"MOUNTS\",\"Networks\":\"NETWORKS\"}";
    static const char usual[] = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
    static struct docker_conn conn;
    static struct docker_rows rows;
    char path[LIMIT_DOCKER_PATH];
    (void)argc, (void)argv;
    const char *where = write_path(path);
    if (where == NULL) {
        docker_say("docker: the filters are too long");
        return 1;
    }
    bool quiet = option.quiet && (*option.format == '\0' || strcmp(option.format, "table") == 0);
    if (!docker_rows_start(&rows, quiet ? "{{.ID}}" : option.format, usual, titles))
        return 64;
    struct slice answer = docker_get(&conn, where, NULL, NULL), key, container;
    if (answer.at == NULL)
        return 1;
    struct json_walk walk = {answer, false};
    while (json_next(&walk, &key, &container))
        if (!docker_rows_add(&rows, make_row(container)))
            return 1;
    return docker_rows_end(&rows);
}
