#include "base/networks.h"

#include <string.h>

#define BETWEEN ", \t\r\n"

const char *networks_next(const char **list, size_t *n) {
    const char *entry = *list + strspn(*list, BETWEEN);
    *n = strcspn(entry, BETWEEN);
    *list = entry + *n;
    return *n > 0 ? entry : NULL;
}

bool networks_have(const char *list, const struct ip *ip) {
    const char *entry;
    size_t n;
    while (list != NULL && (entry = networks_next(&list, &n)) != NULL) {
        struct cidr network;
        if (cidr_read(&network, entry, n) == CIDR_GOOD && cidr_has(&network, ip))
            return true;
    }
    return false;
}

bool networks_have_text(const char *list, const char *address) {
    struct ip ip;
    return ip_read(&ip, address) && networks_have(list, &ip);
}
