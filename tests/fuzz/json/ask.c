/* Answers `run`: reads questions from standard input, each of two lengths, a path with its NUL and
 * a text, and says what wire/json_push.h finds: a line with kind, whether it can't be used and
 * whether a name was repeated, the length, and then the bytes; or a line with ! where the text is
 * not JSON. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/json_push.h"

int main(void) {
    static struct json_push p;
    static struct json_found found;
    static char path[4096], text[1 << 20];
    uint32_t n[3];
    while (fread(n, sizeof n, 1, stdin) == 1) {
        const char *paths[] = {path};
        if (n[0] > sizeof path || n[1] > sizeof text || fread(path, 1, n[0], stdin) != n[0]
            || fread(text, 1, n[1], stdin) != n[1])
            return 1;
        json_push_start(&p, paths, &found, 1);
        for (uint32_t at = 0; at < n[1]; at += n[2])
            json_push_bytes(&p, text + at, n[1] - at < n[2] ? n[1] - at : n[2]);
        if (!json_push_end(&p)) {
            puts("!");
        } else {
            printf("%d %d %u %zu\n", (int)found.kind, found.unusable, (unsigned)p.repeated,
                   found.n);
            fwrite(found.text, 1, found.n, stdout);
        }
        fflush(stdout);
    }
    return 0;
}
