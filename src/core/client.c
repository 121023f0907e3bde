#include "core/client.h"

#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "base/networks.h"

bool client_is_proxy(const struct settings *s, const char *peer) {
    return networks_have_text(settings_text(s, SETTING_TRUSTED_PROXIES), peer);
}

void client_of_forwarded(char out[LIMIT_PEER], const char *proxies, const char *peer,
                         const char *addresses, size_t n, bool more) {
    for (size_t i = 0; i < n; i++) {
        struct ip ip = {.n = sizeof ip.bytes};
        memcpy(ip.bytes, addresses + i * sizeof ip.bytes, sizeof ip.bytes);
        ip_unmap(&ip);
        if (networks_have(proxies, &ip))
            continue;
        ip_print(out, &ip);
        return;
    }
    snprintf(out, LIMIT_PEER, "%s", more ? "unknown" : peer);
}
