#include "docker/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/printed.h"
#include "docker/show.h"

void docker_error(const char *format, ...) {
    static char text[2 * LIMIT_DOCKER_MESSAGE];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    /* What is longer is cut: only an engine's message can be, or the whole page of a proxy. */
    docker_show(2, text, n < 0 ? 0 : n < (int)sizeof text ? (size_t)n : sizeof text - 1, "\n\t");
    fputc('\n', stderr);
}

/* ---- options ---- */

/* Takes what strconv.ParseBool takes. */
static bool read_bool(const char *text, bool *value) {
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            *value = i >= 6;
            return true;
        }
    return false;
}

static bool read_int(const char *text, int *number) {
    uint64_t value;
    bool negative = text[0] == '-';
    if (!num_decimal(text + negative, strlen(text + negative), INT32_MAX, &value))
        return false;
    *number = negative ? -(int)value : (int)value;
    return true;
}

enum { VALUE_SHOWN = 60 }; /* bytes of a value in the reason why it will not do */

static void report_flag_value(const struct docker_flag *f, const char *value, const char *why) {
    char dash[] = {'-', f->letter, ',', ' ', '\0'};
    docker_error("invalid argument \"%s\" for \"%s--%s\" flag: %s", value,
                 f->letter != '\0' ? dash : "", f->name, why);
}

/* Reads a value into where it belongs. False: *why has the reason. */
static bool read_flag_value(const struct docker_flag *f, const char *value, struct buf *why) {
    struct docker_list *list = f->to;
    if (f->check != NULL && !f->check(value, why))
        return false;
    switch (f->kind) {
    case DOCKER_FLAG_BOOL:
        if (read_bool(value, f->to))
            return true;
        buf_format(why, "strconv.ParseBool: parsing \"%.*s\": invalid syntax", VALUE_SHOWN, value);
        return false;
    case DOCKER_FLAG_NUMBER:
        if (read_int(value, f->to))
            return true;
        buf_format(why, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", VALUE_SHOWN, value);
        return false;
    case DOCKER_FLAG_LIST:
        if (list->n < LIMIT_DOCKER_LIST) {
            list->at[list->n++] = value;
            return true;
        }
        buf_text(why, "there are too many");
        return false;
    default: *(const char **)f->to = value; return true;
    }
}

static enum docker_flags_result set_flag(const struct docker_flag *f, const char *value) {
    char text[256];
    struct buf why = BUF_ON(text);
    if (f->given != NULL)
        *f->given = true;
    if (read_flag_value(f, value, &why))
        return DOCKER_FLAGS_READ;
    const char *reason = buf_string(&why);
    report_flag_value(f, value, reason != NULL ? reason : "it is too long");
    return DOCKER_FLAGS_WRONG;
}

static const struct docker_flag *find_flag(const struct docker_flag *flags, const char *name,
                                           size_t n) {
    for (; flags->name != NULL; flags++)
        if (strlen(flags->name) == n && memcmp(flags->name, name, n) == 0)
            return flags;
    return NULL;
}

/* --name, --name=value, --name value. */
static enum docker_flags_result read_long_flag(const struct docker_flag *flags, int argc,
                                               char **argv, int *used) {
    const char *name = argv[0] + 2, *value = strchr(name, '=');
    size_t n = strcspn(name, "=");
    const struct docker_flag *f = find_flag(flags, name, n);
    *used = 1;
    if (f == NULL && strcmp(name, "help") == 0)
        return DOCKER_FLAGS_HELP;
    if (f == NULL) {
        docker_error("unknown flag: --%.*s", (int)n, name);
        return DOCKER_FLAGS_WRONG;
    }
    if (value != NULL)
        return set_flag(f, value + 1);
    if (f->kind == DOCKER_FLAG_BOOL)
        return set_flag(f, "true");
    if (argc < 2) {
        docker_error("flag needs an argument: --%s", name);
        return DOCKER_FLAGS_WRONG;
    }
    *used = 2;
    return set_flag(f, argv[1]);
}

/* -abc, -n5, -n=5, -n 5, and together: -abn 5. */
static enum docker_flags_result read_short_flags(const struct docker_flag *flags, int argc,
                                                 char **argv, int *used) {
    *used = 1;
    for (const char *at = argv[0] + 1; *at != '\0'; at++) {
        const struct docker_flag *f = flags;
        while (f->name != NULL && f->letter != *at)
            f++;
        if (f->name == NULL && *at == 'h')
            return DOCKER_FLAGS_HELP;
        if (f->name == NULL) {
            docker_error("unknown shorthand flag: '%c' in -%s", *at, at);
            return DOCKER_FLAGS_WRONG;
        }
        if (at[1] == '=' && at[2] != '\0')
            return set_flag(f, at + 2);
        if (f->kind == DOCKER_FLAG_BOOL) {
            (void)set_flag(f, "true"); /* which is right for each of these */
            continue;
        }
        if (at[1] != '\0')
            return set_flag(f, at + 1);
        if (argc < 2) {
            docker_error("flag needs an argument: '%c' in -%s", *at, at);
            return DOCKER_FLAGS_WRONG;
        }
        *used = 2;
        return set_flag(f, argv[1]);
    }
    return DOCKER_FLAGS_READ;
}

static bool is_option(const char *word) { return word[0] == '-' && word[1] != '\0'; }

enum docker_flags_result docker_flags_read(const struct docker_flag *flags, int argc, char **argv,
                                           int *used, bool *ended) {
    for (*used = 0; *used < argc && is_option(argv[*used]);) {
        int words, at = *used;
        *ended = strcmp(argv[at], "--") == 0;
        if (*ended) {
            *used = at + 1;
            break;
        }
        bool is_long = argv[at][1] == '-';
        enum docker_flags_result result =
            is_long ? read_long_flag(flags, argc - at, argv + at, &words)
                    : read_short_flags(flags, argc - at, argv + at, &words);
        if (result != DOCKER_FLAGS_READ)
            return result;
        *used = at + words;
    }
    return DOCKER_FLAGS_READ;
}

/* ---- a command ---- */

static int print_command_help(const struct docker_command *c, const char *called) {
    static const char *const operand[] = {[DOCKER_FLAG_BOOL] = "",
                                          [DOCKER_FLAG_TEXT] = " string",
                                          [DOCKER_FLAG_LIST] = " list",
                                          [DOCKER_FLAG_NUMBER] = " int"};
    printf("\nUsage:  docker %s %s\n\n%s\n", called, c->usage, c->what);
    if (c->flags->name != NULL)
        printf("\nOptions:\n");
    for (const struct docker_flag *f = c->flags; f->name != NULL; f++) {
        char dash[] = {'-', f->letter, ',', '\0'};
        printf("  %3s --%s%s\n", f->letter != '\0' ? dash : "", f->name, operand[f->kind]);
    }
    return printed_whole(stdout) ? 0 : 1;
}

static void report_argument_count(const struct docker_command *c, const char *called, int argc) {
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
}

bool docker_command_read(const struct docker_command *c, const char *called, int *argc, char **argv,
                         int *status) {
    int kept = 0;
    bool rest = false; /* no more options */
    for (int at = 0; at < *argc;) {
        int used = 0;
        enum docker_flags_result result =
            rest ? DOCKER_FLAGS_READ
                 : docker_flags_read(c->flags, *argc - at, argv + at, &used, &rest);
        if (result == DOCKER_FLAGS_HELP) {
            *status = print_command_help(c, called);
            return false;
        }
        if (result == DOCKER_FLAGS_WRONG) {
            docker_error("See 'docker %s --help'.", called);
            *status = DOCKER_USAGE;
            return false;
        }
        at += used;
        if (at < *argc)
            argv[kept++] = argv[at++];
        rest = rest || c->options_first;
    }
    *argc = kept;
    if (kept >= c->least && (c->most == -1 || kept <= c->most))
        return true;
    report_argument_count(c, called, kept);
    *status = 1;
    return false;
}
