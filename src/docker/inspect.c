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
} inspect_option = {.format = "", .type = ""};

const struct docker_flag docker_inspect_flags[] = {
    {'f', "format", DOCKER_FLAG_TEXT, &inspect_option.format, NULL, NULL},
    {'s', "size", DOCKER_FLAG_BOOL, &inspect_option.size, NULL, NULL},
    {0, "type", DOCKER_FLAG_TEXT, &inspect_option.type, NULL, NULL},
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

static struct docker_conn inspect_conn;
static size_t inspect_printed; /* the objects that have been printed */
static bool inspect_as_json;   /* objects are printed in one line (--format json) */

static int request_object(const struct kind *k, const char *name) {
    char path[LIMIT_DOCKER_PATH];
    bool sized = inspect_option.size && strcmp(k->name, "container") == 0;
    return docker_request(&inspect_conn, "GET",
                          docker_path(path, k->path, name, sized ? "/json?size=1" : k->rest), NULL,
                          0);
}

static void write_output(void *context, const char *bytes, size_t n) {
    fwrite(bytes, 1, n, context);
}

static struct docker_template inspect_template = {.name = ""};

/* Returns 0, or 1 when the template names what the object does not have. */
static int print_object(struct slice object) {
    static char error[LIMIT_DOCKER_MESSAGE];
    if (*inspect_option.format == '\0') {
        fputs(inspect_printed++ == 0 ? "[\n    " : ",\n    ", stdout);
        json_indent(object, 1, write_output, stdout);
        return 0;
    }
    if (inspect_as_json) {
        fputs(inspect_printed++ == 0 ? "[" : ",", stdout);
        json_compact(object, write_output, stdout);
        return 0;
    }
    struct buf b = docker_table_buffer();
    if (!docker_template_fill(&b, &inspect_template, object, error)) {
        docker_error("template parsing error: %s", error);
        return 1;
    }
    if (!docker_table_fits(&b))
        return 1;
    fwrite(b.at, 1, b.len, stdout);
    putchar('\n');
    inspect_printed++;
    return 0;
}

static bool is_no_swarm(int status) { return status == 503 || status == 406; }

/* Prints one object: of the kind `only`, or of any where that is NULL. *stop becomes true where the
 * others need not be tried: the engine can't be reached, or the template can't be filled. Returns 0
 * or 1, the exit status. */
static int inspect_one(const struct kind *only, const char *name, bool *stop) {
    for (size_t i = 0; *name != '\0' && i < KIND_COUNT; i++) {
        const struct kind *k = only != NULL ? only : &kinds[i];
        int status = request_object(k, name);
        *stop = status == DOCKER_NO_RESPONSE;
        if (*stop)
            return 1;
        if (status < 300) {
            struct slice object = docker_read_json(&inspect_conn);
            *stop = object.at == NULL || print_object(object) != 0;
            return *stop;
        }
        bool next = only == NULL
                    && (status == 404
                        || (i > 0 && (is_no_swarm(status) || status == 400 || status == 500)));
        if (!next && status != 404)
            return docker_report_refusal(&inspect_conn, NULL, NULL);
        (void)docker_body_whole(&inspect_conn);
        if (only != NULL)
            break;
    }
    docker_error("Error: No such %s: %s", only != NULL ? only->name : "object", name);
    return 1;
}

/* Prints the objects of these names, with what stands around them. Returns the exit status. */
static int inspect_objects(const struct kind *only, int argc, char **argv) {
    static char error[LIMIT_DOCKER_MESSAGE];
    int code = 0;
    bool stop = false;
    inspect_template.text = inspect_option.format;
    if (!inspect_as_json && !docker_template_check(&inspect_template, error)) {
        docker_error("template parsing error: %s", error);
        return DOCKER_NO_TEMPLATE;
    }
    for (int i = 0; i < argc && !stop; i++)
        code |= inspect_one(only, argv[i], &stop);
    if (*inspect_option.format == '\0' || inspect_as_json)
        puts(inspect_printed == 0 ? "[]" : inspect_as_json ? "]" : "\n]");
    else if (inspect_printed == 0)
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
    inspect_as_json = strcmp(inspect_option.format, "json") == 0;
    if (*inspect_option.type == '\0')
        return inspect_objects(NULL, argc, argv);
    const struct kind *only = find_kind(inspect_option.type);
    if (only != NULL)
        return inspect_objects(only, argc, argv);
    docker_error("\"%s\" is not a valid value for --type", inspect_option.type);
    return 1;
}

int docker_inspect_container(int argc, char **argv) {
    inspect_as_json = strcmp(inspect_option.format, "json") == 0;
    return inspect_objects(find_kind("container"), argc, argv);
}

int docker_inspect_service(int argc, char **argv) {
    static const struct kind filled_in = {"service", "services", "?insertDefaults=true"};
    if (strncmp(inspect_option.format, "raw", 3) == 0) /* docker(1)'s word for no format */
        inspect_option.format += 3;
    inspect_as_json = strcmp(inspect_option.format, "json") == 0;
    return inspect_objects(&filled_in, argc, argv);
}
