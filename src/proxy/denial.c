#include "proxy/denial.h"

#include "base/init_link.h"
#include "core/audit.h"

int proxy_deny(const char *channel, const char *peer, const char *reason) {
    struct audit a = audit_denial(channel, peer, reason);
    if (init_link_ask() != INIT_LINK_COUNTED)
        audit_write(&a);
    return 1;
}
