/* tokens_pack.c: the table of tokens as bytes, which another process can take up. */
#include <string.h>

#include "core/roles.h"
#include "core/tokens.h"

/* What a token has, its texts as places in the store. */
struct packed {
    unsigned char digest[SHA256_SIZE];
    int64_t expires;
    uint32_t kind, role /* a number and 1; 0: none */, line, place, name, from;
};

/* They stand behind this, and behind them the store. */
struct packed_head {
    uint32_t tokens, texts;
};

static uint32_t number_of(const struct roles *roles, const char *role) {
    for (size_t i = 0; i < roles->count; i++)
        if (role == roles->role[i].name)
            return (uint32_t)i + 1;
    return 0;
}

static bool is_left_out(const struct token *k) {
    return k->kind != TOKEN_FILE && k->role[0] == '\0';
}

void tokens_pack(const struct tokens *t, const struct roles *roles, struct buf *out) {
    struct packed_head head = {.texts = (uint32_t)t->store.len};
    uint32_t last = 0;
    for (size_t i = 0; i < t->count; i++)
        head.tokens += !is_left_out(&t->token[i]);
    buf_bytes(out, &head, sizeof head);
    for (size_t i = 0; i < t->count; i++) {
        const struct token *k = &t->token[i];
        if (is_left_out(k))
            continue;
        /* Those of one role follow one another. */
        if (last == 0 || roles->role[last - 1].name != k->role)
            last = number_of(roles, k->role);
        struct packed p = {.expires = k->expires,
                           .kind = k->kind,
                           .role = last,
                           .line = (uint32_t)k->line,
                           .place = (uint32_t)(k->place - t->text),
                           .name = (uint32_t)(k->name - t->text),
                           .from = (uint32_t)(k->from - t->text)};
        memcpy(p.digest, k->digest, sizeof p.digest);
        buf_bytes(out, &p, sizeof p);
    }
    buf_bytes(out, t->text, t->store.len);
}

static bool is_sound(const struct packed *p, const struct packed_head *head,
                     const struct roles *roles) {
    return p->place < head->texts && p->name < head->texts && p->from < head->texts
           && p->role <= roles->count && p->kind <= TOKEN_BASIC;
}

bool tokens_unpack(struct tokens *t, const struct roles *roles, const void *bytes, size_t n) {
    struct packed_head head = {0, 0};
    const char *at = bytes;
    if (n >= sizeof head)
        memcpy(&head, at, sizeof head);
    at += sizeof head;
    if (n < sizeof head || head.tokens > LIMIT_TOKENS || head.texts > sizeof t->text
        || n != sizeof head + head.tokens * sizeof(struct packed) + head.texts
        || (head.texts > 0 && ((const char *)bytes)[n - 1] != '\0'))
        return false;
    memcpy(t->text, at + head.tokens * sizeof(struct packed), head.texts);
    t->store.len = head.texts;
    for (; t->count < head.tokens; at += sizeof(struct packed)) {
        struct packed p;
        memcpy(&p, at, sizeof p);
        if (!is_sound(&p, &head, roles))
            return false;
        struct token k = {.kind = (enum token_kind)p.kind,
                          .expires = p.expires,
                          .place = t->text + p.place,
                          .name = t->text + p.name,
                          .role = p.role > 0 ? roles->role[p.role - 1].name : "",
                          .from = t->text + p.from,
                          .line = p.line};
        memcpy(k.digest, p.digest, sizeof k.digest);
        if (!tokens_insert(t, &k))
            return false;
    }
    return true;
}
