#include "docker/env_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"
#include "wire/utf8.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* U+FEFF in UTF-8 */

bool docker_env_check(const char *variable, struct buf *why) {
    if (variable[0] != '\0' && variable[0] != '=')
        return true;
    enum { VARIABLE_SHOWN = 225 }; /* bytes of it in the message */
    buf_format(why, "invalid environment variable: %.*s", VARIABLE_SHOWN, variable);
    return false;
}

static void write_variable(struct buf *b, const char *variable, const char *value, bool *first) {
    static char name[LIMIT_DOCKER_VARIABLE];
    struct buf whole = BUF_ON(name);
    buf_text(&whole, variable);
    if (value != NULL)
        buf_format(&whole, "=%s", value);
    if (!*first)
        buf_char(b, ',');
    *first = false;
    b->full = b->full || whole.full;
    json_quote(b, whole.at, whole.len);
}

/* Adds the variable of a file's line, if it has one: an empty line and a comment have none, and
 * white space before it does not count. False: a line has been printed. */
static bool write_file_line(struct buf *b, char *line, bool *first) {
    line += strspn(line, " \t\v\f\r");
    if (*line == '\0' || *line == '#')
        return true;
    size_t n = strcspn(line, "=");
    if (n == 0) {
        docker_error("poorly formatted environment: no variable name on line '%s'", line);
        return false;
    }
    if (memchr(line, ' ', n) != NULL || memchr(line, '\t', n) != NULL) {
        docker_error("poorly formatted environment: variable '%.*s' contains whitespaces", (int)n,
                     line);
        return false;
    }
    if (line[n] == '=')
        write_variable(b, line, NULL, first);
    else if (getenv(line) != NULL)
        write_variable(b, line, getenv(line), first);
    return true;
}

static bool write_env_file(struct buf *b, const char *path, bool *first) {
    static char line[LIMIT_DOCKER_VARIABLE];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        docker_error("open %s: %s", path,
                     errno == ENOENT ? "no such file or directory" : strerror(errno));
        return false;
    }
    bool good = true, begun = false;
    while (good && fgets(line, sizeof line, file) != NULL) {
        size_t n = strlen(line);
        bool whole = n > 0 && line[n - 1] == '\n';
        if (!whole && !feof(file)) {
            docker_error("docker: %s: a line is longer than %d bytes, or has a NUL", path,
                         LIMIT_DOCKER_VARIABLE);
            good = false;
            break;
        }
        n -= whole;
        n -= n > 0 && line[n - 1] == '\r';
        line[n] = '\0';
        /* some editors begin a file with a byte order mark */
        bool marked = !begun && strncmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0;
        begun = true;
        if (!utf8_is_valid(line, n)) {
            docker_error("docker: %s: a line is no UTF-8", path);
            good = false;
        } else {
            good = write_file_line(b, line + (marked ? strlen(BYTE_ORDER_MARK) : 0), first);
        }
    }
    if (ferror(file)) {
        docker_error("read %s: %s", path, strerror(errno));
        good = false;
    }
    fclose(file);
    return good;
}

bool docker_env_write(struct buf *b, const struct docker_list *files,
                      const struct docker_list *list) {
    bool first = true;
    buf_char(b, '[');
    for (size_t i = 0; i < files->n; i++)
        if (!write_env_file(b, files->at[i], &first))
            return false;
    for (size_t i = 0; i < list->n; i++)
        write_variable(b, list->at[i],
                       strchr(list->at[i], '=') == NULL ? getenv(list->at[i]) : NULL, &first);
    buf_char(b, ']');
    return true;
}
