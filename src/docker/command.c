#include "docker/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "docker/show.h"

void docker_error(const char *format, ...) {
    static char text[2 * LIMIT_DOCKER_MESSAGE];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    /* What is longer is cut: it is an engine's, or a proxy's whole page. */
    docker_show(2, text, n < 0 ? 0 : n < (int)sizeof text ? (size_t)n : sizeof text - 1, "\n\t");
    fputc('\n', stderr);
}

/* ---- options ---- */

/* What strconv.ParseBool takes. -1: none of it. */
static int read_bool(const char *text) {
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return i >= 6;
    return -1;
}

static bool read_int(const char *text, int *number) {
    uint64_t value;
    bool negative = text[0] == '-';
    if (!num_decimal(text + negative, strlen(text + negative), INT32_MAX, &value))
        return false;
    *number = negative ? -(int)value : (int)value;
    return true;
}

static int refuse_flag_value(const struct docker_flag *f, const char *value, const char *why) {
    char dash[] = {'-', f->letter, ',', ' ', '\0'};
    docker_error("invalid argument \"%s\" for \"%s--%s\" flag: %s", value,
                 f->letter != '\0' ? dash : "", f->name, why);
    return -1;
}

static int set_flag(const struct docker_flag *f, const char *value) {
    char text[128];
    const char *error = f->check != NULL ? f->check(value) : NULL;
    if (error != NULL)
        return refuse_flag_value(f, value, error);
    int flag = f->kind == FLAG_BOOL ? read_bool(value) : 0;
    if (flag == -1 || (f->kind == FLAG_NUMBER && !read_int(value, f->to))) {
        snprintf(text, sizeof text, "strconv.Parse%s: parsing \"%.60s\": invalid syntax",
                 flag == -1 ? "Bool" : "Int", value);
        return refuse_flag_value(f, value, text);
    }
    if (f->kind == FLAG_BOOL) {
        *(bool *)f->to = flag == 1;
    } else if (f->kind == FLAG_TEXT) {
        *(const char **)f->to = value;
    } else if (f->kind == FLAG_LIST) {
        struct docker_list *list = f->to;
        if (list->n == LIMIT_DOCKER_LIST)
            return refuse_flag_value(f, value, "there are too many");
        list->at[list->n++] = value;
    }
    return 0;
}

static const struct docker_flag *find_flag(const struct docker_flag *flags, const char *name,
                                           size_t n) {
    for (; flags->name != NULL; flags++)
        if (strlen(flags->name) == n && memcmp(flags->name, name, n) == 0)
            return flags;
    return NULL;
}

/* --name, --name=value, --name value. Returns the words used, or -1, or DOCKER_HELP. */
static int read_long_flag(const struct docker_flag *flags, int argc, char **argv) {
    const char *name = argv[0] + 2, *value = strchr(name, '=');
    size_t n = strcspn(name, "=");
    const struct docker_flag *f = find_flag(flags, name, n);
    if (f == NULL && strcmp(name, "help") == 0)
        return DOCKER_HELP;
    if (f == NULL) {
        docker_error("unknown flag: --%.*s", (int)n, name);
        return -1;
    }
    if (value != NULL)
        return set_flag(f, value + 1) == -1 ? -1 : 1;
    if (f->kind == FLAG_BOOL)
        return set_flag(f, "true") == -1 ? -1 : 1;
    if (argc < 2) {
        docker_error("flag needs an argument: --%s", name);
        return -1;
    }
    return set_flag(f, argv[1]) == -1 ? -1 : 2;
}

/* -abc, -n5, -n=5, -n 5, and together: -abn 5. */
static int read_short_flag(const struct docker_flag *flags, int argc, char **argv) {
    for (const char *at = argv[0] + 1; *at != '\0'; at++) {
        const struct docker_flag *f = flags;
        while (f->name != NULL && f->letter != *at)
            f++;
        if (f->name == NULL && *at == 'h')
            return DOCKER_HELP;
        if (f->name == NULL) {
            docker_error("unknown shorthand flag: '%c' in -%s", *at, at);
            return -1;
        }
        if (at[1] == '=' && at[2] != '\0')
            return set_flag(f, at + 2) == -1 ? -1 : 1;
        if (f->kind == FLAG_BOOL) {
            if (set_flag(f, "true") == -1)
                return -1;
            continue;
        }
        if (at[1] != '\0')
            return set_flag(f, at + 1) == -1 ? -1 : 1;
        if (argc < 2) {
            docker_error("flag needs an argument: '%c' in -%s", *at, at);
            return -1;
        }
        return set_flag(f, argv[1]) == -1 ? -1 : 2;
    }
    return 1;
}

static bool is_option(const char *word) { return word[0] == '-' && word[1] != '\0'; }

int docker_flags_read(const struct docker_flag *flags, int argc, char **argv, bool *ended) {
    int at = 0;
    while (at < argc && is_option(argv[at])) {
        *ended = strcmp(argv[at], "--") == 0;
        if (*ended)
            return at + 1;
        bool is_long = argv[at][1] == '-';
        int used = is_long ? read_long_flag(flags, argc - at, argv + at)
                           : read_short_flag(flags, argc - at, argv + at);
        if (used < 0)
            return used;
        at += used;
    }
    return at;
}

/* ---- a command ---- */

static int print_command_help(const struct docker_command *c, const char *called) {
    static const char *const operand[] = {
        [FLAG_BOOL] = "", [FLAG_TEXT] = " string", [FLAG_LIST] = " list", [FLAG_NUMBER] = " int"};
    printf("\nUsage:  docker %s %s\n\n%s\n", called, c->usage, c->what);
    if (c->flags->name != NULL)
        printf("\nOptions:\n");
    for (const struct docker_flag *f = c->flags; f->name != NULL; f++) {
        char dash[] = {'-', f->letter, ',', '\0'};
        printf("  %3s --%s%s\n", f->letter != '\0' ? dash : "", f->name, operand[f->kind]);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

static int refuse_argument_count(const struct docker_command *c, const char *called, int argc) {
    bool few = argc < c->least;
    int wanted = few ? c->least : c->most;
    if (wanted == 0)
        docker_error("\"docker %s\" accepts no arguments.", called);
    else
        docker_error("\"docker %s\" requires %s %d argument%s.", called,
                     c->least == c->most ? "exactly"
                     : few               ? "at least"
                                         : "at most",
                     wanted, wanted == 1 ? "" : "s");
    docker_error("See 'docker %s --help'.\n\nUsage:  docker %s %s\n\n%s", called, called, c->usage,
                 c->what);
    return 1;
}

int docker_command_read(const struct docker_command *c, const char *called, int *argc,
                        char **argv) {
    int kept = 0;
    bool rest = false; /* no more options */
    for (int at = 0; at < *argc;) {
        int used = rest ? 0 : docker_flags_read(c->flags, *argc - at, argv + at, &rest);
        if (used == DOCKER_HELP)
            return print_command_help(c, called);
        if (used == -1) {
            docker_error("See 'docker %s --help'.", called);
            return DOCKER_USAGE;
        }
        at += used;
        if (at < *argc)
            argv[kept++] = argv[at++];
        rest = rest || c->options_first;
    }
    *argc = kept;
    if (kept < c->least || (c->most != -1 && kept > c->most))
        return refuse_argument_count(c, called, kept);
    return -1;
}
