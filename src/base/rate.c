#include "base/rate.h"

bool rate_allows(struct rate *r, unsigned a_second, int64_t now) {
    if (r->used == 0 || now - r->since >= RATE_MS) {
        r->since = now;
        r->used = 0;
    }
    if (r->used < a_second) {
        r->used++;
        return true;
    }
    r->left_out++;
    return false;
}

bool rate_is_due(const struct rate *r, int64_t now) {
    return r->left_out > 0 && now - r->since >= RATE_MS;
}
