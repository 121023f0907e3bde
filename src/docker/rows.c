#include "docker/rows.h"

#include <stdio.h>
#include <string.h>

#include "docker/command.h"
#include "docker/table.h"
#include "wire/json.h"

enum { ROWS_LEAST_WIDTH = 10, ROWS_PADDING = 3 }; /* columns of a table, as docker(1) has them */

/* In a format, \t and \n stand for a tab and a newline. */
static bool unescape_format(char out[LIMIT_DOCKER_MESSAGE], const char *format) {
    struct buf b = {.at = out, .cap = LIMIT_DOCKER_MESSAGE};
    for (; *format != '\0'; format++) {
        bool escape = *format == '\\' && (format[1] == 't' || format[1] == 'n');
        format += escape;
        buf_char(&b, !escape ? *format : *format == 't' ? '\t' : '\n');
    }
    return buf_string(&b) != NULL;
}

/* The template that a format means, and whether a table's title goes before it. */
static const char *choose_format(const struct docker_rows_kind *kind, const char *format,
                                 bool quiet, bool *table) {
    static const char word[] = "table";
    *table = false;
    if (strcmp(format, "json") == 0 && !(quiet && kind->quiet_wins))
        return "{{json .}}";
    if (strcmp(format, "raw") == 0)
        return quiet ? kind->raw_id : kind->raw;
    if (quiet && (kind->quiet_wins || *format == '\0' || strcmp(format, word) == 0))
        return "{{.ID}}";
    *table = *format == '\0' || strncmp(format, word, sizeof word - 1) == 0;
    format += *table && *format != '\0' ? sizeof word - 1 : 0;
    return format[strspn(format, " ")] != '\0' ? format : kind->usual;
}

bool docker_rows_start(struct docker_rows *r, const struct docker_rows_kind *kind,
                       const char *format, bool quiet) {
    static char error[LIMIT_DOCKER_MESSAGE];
    const char *format_text = choose_format(kind, format, quiet, &r->table);
    r->kind = kind;
    r->text = docker_table_buffer();
    if (!unescape_format(r->format, format_text + strspn(format_text, " "))) {
        docker_error("docker: the format is too long");
        return false;
    }
    for (size_t n = strlen(r->format); n > 0 && r->format[n - 1] == ' '; n--)
        r->format[n - 1] = '\0';
    r->template =
        (struct docker_template){.text = r->format, .name = "", .type = kind->type, .row = true};
    if (!docker_template_check(&r->template, error)) {
        docker_error("%s: %s", kind->complaint, error);
        return false;
    }
    struct docker_template header = r->template;
    header.header = true;
    if (r->table) {
        (void)docker_template_fill(&r->text, &header,
                                   (struct slice){kind->titles, strlen(kind->titles)}, error);
        buf_char(&r->text, '\n');
    }
    return true;
}

bool docker_rows_add(struct docker_rows *r, struct slice object) {
    static char error[LIMIT_DOCKER_MESSAGE];
    if (object.at == NULL) {
        docker_error("docker: one of them takes more than the %d bytes that there is room for",
                     LIMIT_DOCKER_ROW);
        return false;
    }
    if (!docker_template_fill(&r->text, &r->template, object, error)) {
        docker_error("%s: %s", r->kind->complaint, error);
        return false;
    }
    buf_char(&r->text, '\n');
    return true;
}

int docker_rows_end(struct docker_rows *r) {
    if (r->table)
        return docker_table_print(&r->text, ROWS_LEAST_WIDTH, ROWS_PADDING);
    if (!docker_table_fits(&r->text))
        return 1;
    fwrite(r->text.at, 1, r->text.len, stdout);
    return 0;
}

void docker_row_text(struct buf *row, const char *name, const char *text, size_t n) {
    buf_format(row, "%s\"%s\":", row->len == 0 ? "{" : ",", name);
    json_quote(row, text, n);
}

void docker_row_json(struct buf *row, const char *name, struct slice value) {
    buf_format(row, "%s\"%s\":", row->len == 0 ? "{" : ",", name);
    buf_bytes(row, value.at, value.n);
}

struct slice docker_row_end(struct buf *row) {
    buf_char(row, '}');
    if (row->full) /* a row with some of its fields would mislead */
        return (struct slice){NULL, 0};
    return (struct slice){row->at, row->len};
}
