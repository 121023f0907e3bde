#include "docker/detach_keys.h"

#include <string.h>

/* One key of the list: a character, or ctrl- with one of @ to _ (letters in lower case). Returns
 * the byte, or -1. */
static int read_detach_key(const char *name, size_t n) {
    static const char ctrl[] = "ctrl-";
    if (n == 1)
        return (unsigned char)name[0];
    if (n != sizeof ctrl || memcmp(name, ctrl, sizeof ctrl - 1) != 0)
        return -1;
    char c = name[n - 1];
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 1;
    return c == '@' || (c >= '[' && c <= '_') ? c - '@' : -1;
}

bool docker_detach_keys_read(struct docker_detach_keys *k, const char *list) {
    *k = (struct docker_detach_keys){.n = 2, .at = {'P' - '@', 'Q' - '@'}};
    if (*list == '\0')
        return true;
    k->n = 0;
    for (;;) {
        size_t n = strcspn(list, ",");
        int key = read_detach_key(list, n);
        if (key == -1 || k->n == sizeof k->at)
            return false;
        k->at[k->n++] = (char)key;
        if (list[n] == '\0')
            return true;
        list += n + 1;
    }
}

bool docker_detach_keys_pass(struct docker_detach_keys *k, const char *typed, size_t n,
                             struct buf *out) {
    for (size_t i = 0; i < n; i++) {
        if (typed[i] == k->at[k->held]) {
            if (++k->held == k->n)
                return true;
            continue;
        }
        buf_bytes(out, k->at, k->held);
        k->held = 0;
        buf_char(out, typed[i]);
    }
    return false;
}
