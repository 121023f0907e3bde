#include "wire/forwarded_for.h"

#include "base/ip.h"
#include "base/num.h"

/* Takes the last entry of a list off it. */
static struct slice take_last(struct slice *list) {
    const char *comma = memrchr(list->at, ',', list->n);
    size_t from = comma != NULL ? (size_t)(comma - list->at) + 1 : 0;
    struct slice entry = {list->at + from, list->n - from};
    list->n = comma != NULL ? from - 1 : 0;
    entry = slice_trim_front(entry, " \t");
    while (entry.n > 0 && (entry.at[entry.n - 1] == ' ' || entry.at[entry.n - 1] == '\t'))
        entry.n--;
    return entry;
}

static bool is_port(struct slice s) {
    uint64_t port;
    return num_decimal(s.at, s.n, 65535, &port);
}

/* Takes a port, and the brackets before it, off an entry. An address with two colons and no
 * brackets has none. False where what stands there is neither. */
static bool take_off_port(struct slice *entry) {
    const char *end = entry->at + entry->n, *colon = memchr(entry->at, ':', entry->n);
    if (entry->at[0] == '[') {
        const char *close = memchr(entry->at, ']', entry->n);
        if (close == NULL || memchr(entry->at, ':', (size_t)(close - entry->at)) == NULL)
            return false;
        struct slice rest = {close + 1, (size_t)(end - close) - 1};
        *entry = (struct slice){entry->at + 1, (size_t)(close - entry->at) - 1};
        return rest.n == 0
               || (rest.at[0] == ':' && is_port((struct slice){rest.at + 1, rest.n - 1}));
    }
    if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon) - 1) != NULL)
        return true;
    entry->n = (size_t)(colon - entry->at);
    return is_port((struct slice){colon + 1, (size_t)(end - colon) - 1});
}

static bool read_entry(unsigned char out[FORWARDED_ADDRESS], struct slice entry) {
    char text[LIMIT_PEER];
    struct ip ip;
    if (!take_off_port(&entry) || entry.n >= sizeof text || memchr(entry.at, '\0', entry.n) != NULL)
        return false;
    memcpy(text, entry.at, entry.n);
    text[entry.n] = '\0';
    if (!ip_read(&ip, text))
        return false;
    ip_unmap(&ip);
    ip_map(out, &ip);
    return true;
}

void forwarded_for_add(struct forwarded_for *f, struct slice value) {
    while (value.n > 0 && !f->more) {
        struct slice entry = take_last(&value);
        if (entry.n == 0)
            continue;
        if (f->n < LIMIT_FORWARDED && read_entry(f->address[f->n], entry))
            f->n++;
        else
            f->more = true;
    }
}
