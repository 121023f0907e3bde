#include "docker/top.h"

#include "docker/request.h"
#include "docker/table.h"
#include "wire/json.h"

enum { TOP_LEAST_WIDTH = 20, TOP_PADDING = 3 }; /* columns of the table, as docker(1) has them */

static void add_process_row(struct buf *b, struct slice texts) {
    struct json_walk walk = {texts, false};
    struct slice key, text;
    for (bool first = true; json_next(&walk, &key, &text); first = false) {
        if (!first)
            buf_char(b, '\t');
        json_text(b, text);
    }
    buf_char(b, '\n');
}

int docker_top(int argc, char **argv) {
    static struct docker_conn conn;
    char path[LIMIT_DOCKER_PATH], query[LIMIT_DOCKER_PATH / 2];
    struct buf q = BUF_ON(query), table = docker_table_buffer();
    for (int i = 1; i < argc; i++) {
        buf_text(&q, i == 1 ? "/top?ps_args=" : "%20");
        docker_escape(&q, argv[i], strlen(argv[i]));
    }
    if (argc == 1)
        buf_text(&q, "/top");
    const char *rest = buf_string(&q);
    const char *where = docker_path(path, "containers", argv[0], rest != NULL ? rest : "/top");
    struct slice response = docker_get(&conn, where, NULL, NULL), key, process;
    if (response.at == NULL)
        return 1;
    add_process_row(&table, json_member(response, "Titles"));
    struct json_walk walk = {json_member(response, "Processes"), false};
    while (json_next(&walk, &key, &process))
        add_process_row(&table, process);
    return docker_table_print(&table, TOP_LEAST_WIDTH, TOP_PADDING);
}
