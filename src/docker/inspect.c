#include "docker/inspect.h"

#include <stdio.h>
#include <string.h>

#include "docker/request.h"
#include "docker/table.h"
#include "docker/template.h"
#include "wire/json.h"

static struct {
    const char *format, *type;
    bool size;
} option = {.format = "", .type = ""};

const struct docker_flag docker_inspect_flags[] = {
    {'f', "format", FLAG_TEXT, &option.format, NULL, NULL},
    {'s', "size", FLAG_BOOL, &option.size, NULL, NULL},
    {0, "type", FLAG_TEXT, &option.type, NULL, NULL},
    {.name = NULL},
};

/* In the order in which docker(1) asks for a name of no kind in particular. */
static const struct kind {
    const char *name, *path, *rest;
} kinds[] = {
    {"container", "containers", "/json"},
    {"image", "images", "/json"},
    {"network", "networks", ""},
    {"volume", "volumes", ""},
    {"service", "services", ""},
    {"task", "tasks", ""},
    {"node", "nodes", ""},
    {"plugin", "plugins", "/json"},
    {"secret", "secrets", ""},
    {"config", "configs", ""},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static struct docker_conn conn;
static size_t printed; /* objects */
static bool as_json;   /* in one line */

static int request_object(const struct kind *k, const char *name) {
    char path[LIMIT_DOCKER_PATH];
    bool sized = option.size && strcmp(k->name, "container") == 0;
    return docker_request(
        &conn, "GET", docker_path(path, k->path, name, sized ? "/json?size=1" : k->rest), NULL, 0);
}

static void write_output(void *context, const char *bytes, size_t n) {
    fwrite(bytes, 1, n, context);
}

static struct docker_template template = {.name = ""};

/* Returns 0, or 1 when the template wants what the object does not have. */
static int print_object(struct slice object) {
    static char error[LIMIT_DOCKER_MESSAGE];
    if (*option.format == '\0') {
        fputs(printed++ == 0 ? "[\n    " : ",\n    ", stdout);
        json_indent(object, 1, write_output, stdout);
        return 0;
    }
    if (as_json) {
        fputs(printed++ == 0 ? "[" : ",", stdout);
        json_compact(object, write_output, stdout);
        return 0;
    }
    struct buf b = docker_table_buffer();
    if (!docker_template_fill(&b, &template, object, error)) {
        docker_error("template parsing error: %s", error);
        return 1;
    }
    if (b.full) {
        docker_error("docker: there is too much to show");
        return 1;
    }
    fwrite(b.at, 1, b.len, stdout);
    putchar('\n');
    printed++;
    return 0;
}

static bool is_no_swarm(int status) { return status == 503 || status == 406; }

/* One object, of one kind or (NULL) of any. *gone: the engine can't be reached, or a template does
 * not fit. Returns 0 or 1. */
static int inspect_one(const struct kind *only, const char *name, bool *gone) {
    for (size_t i = 0; *name != '\0' && i < KIND_COUNT; i++) {
        const struct kind *k = only != NULL ? only : &kinds[i];
        int status = request_object(k, name);
        *gone = status == DOCKER_NO_RESPONSE;
        if (*gone)
            return 1;
        if (status < 300) {
            struct slice object = docker_read_json(&conn);
            *gone = object.at == NULL || print_object(object) != 0;
            return *gone;
        }
        bool next = only == NULL
                    && (status == 404
                        || (i > 0 && (is_no_swarm(status) || status == 400 || status == 500)));
        if (!next && status != 404)
            return docker_report_refusal(&conn, NULL, NULL);
        (void)docker_body_whole(&conn);
        if (only != NULL)
            break;
    }
    docker_error("Error: No such %s: %s", only != NULL ? only->name : "object", name);
    return 1;
}

/* What is printed for one object, or several. */
static int inspect_objects(const struct kind *only, int argc, char **argv) {
    static char error[LIMIT_DOCKER_MESSAGE];
    int code = 0;
    bool gone = false;
    template.text = option.format;
    if (!as_json && !docker_template_check(&template, error)) {
        docker_error("template parsing error: %s", error);
        return 64;
    }
    for (int i = 0; i < argc && !gone; i++)
        code |= inspect_one(only, argv[i], &gone);
    if (*option.format == '\0' || as_json)
        puts(printed == 0 ? "[]" : as_json ? "]" : "\n]");
    else if (printed == 0)
        putchar('\n');
    return code;
}

static const struct kind *find_kind(const char *name) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

int docker_inspect(int argc, char **argv) {
    as_json = strcmp(option.format, "json") == 0;
    if (*option.type == '\0')
        return inspect_objects(NULL, argc, argv);
    const struct kind *only = find_kind(option.type);
    if (only != NULL)
        return inspect_objects(only, argc, argv);
    docker_error("\"%s\" is not a valid value for --type", option.type);
    return 1;
}

int docker_inspect_container(int argc, char **argv) {
    as_json = strcmp(option.format, "json") == 0;
    return inspect_objects(find_kind("container"), argc, argv);
}

int docker_inspect_service(int argc, char **argv) {
    static const struct kind filled_in = {"service", "services", "?insertDefaults=true"};
    if (strncmp(option.format, "raw", 3) == 0) /* which is what no format is */
        option.format += 3;
    as_json = strcmp(option.format, "json") == 0;
    return inspect_objects(&filled_in, argc, argv);
}
