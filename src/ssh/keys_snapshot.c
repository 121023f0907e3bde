#include "ssh/keys_snapshot.h"

#include <stdio.h>
#include <string.h>

#include "core/snapshot.h"

#define NAME "keys"

/* What a key has, its texts as places among those behind the last key. Before the first stand how
 * many there are of each, and the roles. */
struct packed {
    int64_t expires;
    uint32_t role /* a number and 1; 0: none */, identity, from, no_pty;
    char text[SSH_KEY_TEXT];
    char zero[4];
};

struct packed_head {
    uint32_t roles, keys, texts, unused;
};

/* ---- taking ---- */

static bool is_whole(const struct packed_head *h, const char *bytes, size_t n) {
    return h->roles <= LIMIT_ROLES && h->keys <= LIMIT_KEYS && h->texts <= n
           && n
                  == sizeof *h + h->roles * sizeof(struct role) + h->keys * sizeof(struct packed)
                         + h->texts
           && h->texts > 0 && bytes[n - 1] == '\0';
}

static bool take_key(struct authorized_keys *k, const struct packed *p, const char *texts,
                     const struct packed_head *h) {
    struct key *key = &k->key[k->count];
    if (p->role > h->roles || p->identity >= h->texts || p->from >= h->texts)
        return false;
    memcpy(key->text, p->text, sizeof p->text);
    key->text[sizeof p->text] = '\0';
    snprintf(key->identity, sizeof key->identity, "%s", texts + p->identity);
    key->role = p->role > 0 ? &k->roles.role[p->role - 1] : NULL;
    key->no_pty = p->no_pty != 0;
    key->expires = p->expires;
    size_t n = strlen(texts + p->from);
    key->from = n > 0 ? k->limits.at + k->limits.len : "";
    if (n > 0)
        buf_bytes(&k->limits, texts + p->from, n + 1);
    return !k->limits.full && authorized_keys_insert(k);
}

bool keys_snapshot_take(struct authorized_keys *k, const struct settings *s) {
    struct packed_head h;
    size_t n = 0;
    const char *bytes = snapshot_take(s, NAME, &n), *at = bytes;
    if (at == NULL || n < sizeof h)
        return false;
    memcpy(&h, at, sizeof h);
    if (!is_whole(&h, bytes, n))
        return false;
    k->roles.count = h.roles;
    memcpy(k->roles.role, at += sizeof h, h.roles * sizeof(struct role));
    at += h.roles * sizeof(struct role);
    const char *texts = at + h.keys * sizeof(struct packed);
    for (; k->count < h.keys; at += sizeof(struct packed)) {
        struct packed p;
        memcpy(&p, at, sizeof p);
        if (!take_key(k, &p, texts, &h))
            return false;
    }
    return true;
}

/* ---- leaving ---- */

void keys_snapshot_leave(const struct authorized_keys *k, const struct settings *s,
                         struct snapshot_reading *reading) {
    struct packed_head h = {.roles = (uint32_t)k->roles.count,
                            .keys = (uint32_t)k->count,
                            .texts = 1}; /* the first is empty */
    struct buf b = snapshot_room();
    for (size_t i = 0; i < k->count; i++)
        h.texts += (uint32_t)(strlen(k->key[i].identity) + strlen(k->key[i].from) + 2);
    buf_bytes(&b, &h, sizeof h);
    buf_bytes(&b, k->roles.role, k->roles.count * sizeof *k->roles.role);
    uint32_t text = 1;
    for (size_t i = 0; i < k->count; i++) {
        const struct key *key = &k->key[i];
        struct packed p = {.expires = key->expires, .identity = text, .no_pty = key->no_pty};
        p.from = text += (uint32_t)strlen(key->identity) + 1;
        text += (uint32_t)strlen(key->from) + 1;
        p.role = key->role != NULL ? (uint32_t)(key->role - k->roles.role) + 1 : 0;
        memcpy(p.text, key->text, sizeof p.text);
        buf_bytes(&b, &p, sizeof p);
    }
    buf_char(&b, '\0');
    for (size_t i = 0; i < k->count; i++) {
        buf_bytes(&b, k->key[i].identity, strlen(k->key[i].identity) + 1);
        buf_bytes(&b, k->key[i].from, strlen(k->key[i].from) + 1);
    }
    bool fit = k->errors.len == 0 && !k->is_transient && !b.full;
    snapshot_leave(reading, s, NAME, fit ? b.at : NULL, b.len);
}
