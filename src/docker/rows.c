#include "docker/rows.h"

#include <stdio.h>
#include <string.h>

#include "docker/command.h"
#include "docker/table.h"
#include "docker/template.h"
#include "wire/json.h"

/* In a format, \t and \n stand for a tab and a newline. */
static bool unescape(char out[LIMIT_DOCKER_MESSAGE], const char *format) {
    struct buf b = {.at = out, .cap = LIMIT_DOCKER_MESSAGE};
    for (; *format != '\0'; format++) {
        bool escape = *format == '\\' && (format[1] == 't' || format[1] == 'n');
        format += escape;
        buf_char(&b, !escape ? *format : *format == 't' ? '\t' : '\n');
    }
    return buf_string(&b) != NULL;
}

bool docker_rows_start(struct docker_rows *r, const char *format, const char *usual, const char *titles) {
    static const char table[] = "table";
    r->table = *format == '\0' || strncmp(format, table, sizeof table - 1) == 0;
    if (r->table && *format != '\0')
        format += sizeof table - 1 + strspn(format + sizeof table - 1, " ");
    r->text = docker_table_start();
    if (!unescape(r->template, *format != '\0' ? format : usual)) {
        docker_say("docker: the format is too long");
        return false;
    }
    if (!docker_template_check(r->template))
        return false;
    return !r->table || docker_rows_add(r, (struct slice){titles, strlen(titles)});
}

bool docker_rows_add(struct docker_rows *r, struct slice object) {
    static char fault[LIMIT_DOCKER_MESSAGE];
    if (!docker_template_fill(&r->text, r->template, object, fault)) {
        docker_say("failed to execute template: %s", fault);
        return false;
    }
    buf_char(&r->text, '\n');
    return true;
}

int docker_rows_end(struct docker_rows *r) {
    if (r->table)
        return docker_table_print(&r->text, 10, 3);
    if (r->text.full) {
        docker_say("docker: there is too much to show");
        return 1;
    }
    fwrite(r->text.at, 1, r->text.len, stdout);
    return 0;
}

void docker_row_text(struct buf *row, const char *name, const char *text, size_t n) {
    buf_format(row, "%s\"%s\":", row->len == 0 ? "{" : ",", name);
    json_quote(row, text, n);
}

struct slice docker_row_end(struct buf *row) {
    buf_char(row, '}');
    if (row->full) /* a row of nothing but its fields' absence would be worse */
        return (struct slice){NULL, 0};
    return (struct slice){row->at, row->len};
}
