#include "wire/proxy_protocol.h"

#include <string.h>

#include "base/num.h"
#include "wire/slice.h"

/* ---- version 1 ---- */

/* The shortest line is "PROXY UNKNOWN\r\n"; no header of version 2 is shorter. */
enum { SHORTEST = 15 };

/* Takes the bytes before the next space off *rest, and that too. */
static struct slice take_word(struct slice *rest) {
    const char *space = memchr(rest->at, ' ', rest->n);
    struct slice word = {rest->at, space != NULL ? (size_t)(space - rest->at) : rest->n};
    size_t taken = word.n + (space != NULL);
    *rest = (struct slice){rest->at + taken, rest->n - taken};
    return word;
}

static bool read_address(struct ip *ip, struct slice word, size_t family) {
    char text[LIMIT_PEER];
    if (word.n >= sizeof text || memchr(word.at, '\0', word.n) != NULL)
        return false;
    memcpy(text, word.at, word.n);
    text[word.n] = '\0';
    bool good = ip_read(ip, text) && ip->n == family;
    ip_unmap(ip);
    return good;
}

static bool read_port(unsigned *port, struct slice word) {
    uint64_t n;
    if ((word.n > 1 && word.at[0] == '0') || !num_decimal(word.at, word.n, 65535, &n))
        return false;
    *port = (unsigned)n;
    return true;
}

/* The line without its end. */
static bool read_line(struct proxy_protocol *h, struct slice line) {
    struct slice signature = take_word(&line), family = take_word(&line);
    if (!slice_is(signature, "PROXY"))
        return false;
    if (slice_is(family, "UNKNOWN"))
        return true;
    size_t n = slice_is(family, "TCP4") ? 4 : slice_is(family, "TCP6") ? 16 : 0;
    h->has_client = n != 0 && read_address(&h->client, take_word(&line), n)
                    && read_address(&h->server, take_word(&line), n)
                    && read_port(&h->client_port, take_word(&line)) && line.n > 0
                    && read_port(&h->server_port, line);
    return h->has_client;
}

/* Of a line, byte after byte is asked for: where it ends is not known before. */
static enum proxy_protocol_result read_first(struct proxy_protocol *h, const char *in, size_t n,
                                             size_t *more) {
    static const char signature[] = "PROXY ";
    enum { SIGNATURE = sizeof signature - 1 };
    if (memcmp(in, signature, n < SIGNATURE ? n : SIGNATURE) != 0 || n > PROXY_PROTOCOL_LINE)
        return PROXY_PROTOCOL_BAD;
    const char *end = memchr(in, '\n', n);
    if (end == NULL) {
        *more = n < SHORTEST ? SHORTEST - n : 1;
        return n < PROXY_PROTOCOL_LINE ? PROXY_PROTOCOL_MORE : PROXY_PROTOCOL_BAD;
    }
    size_t length = (size_t)(end - in) + 1;
    return length == n && n >= SHORTEST && end[-1] == '\r'
                   && read_line(h, (struct slice){in, n - 2})
               ? PROXY_PROTOCOL_DONE
               : PROXY_PROTOCOL_BAD;
}

/* ---- version 2 ---- */

static const unsigned char signature_two[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static unsigned two_bytes(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }

/* Takes two addresses of that many bytes, and two ports. */
static void take_addresses(struct proxy_protocol *h, const unsigned char *at, size_t size) {
    h->has_client = true;
    h->client.n = h->server.n = size;
    memcpy(h->client.bytes, at, size);
    memcpy(h->server.bytes, at + size, size);
    h->client_port = two_bytes(at + 2 * size);
    h->server_port = two_bytes(at + 2 * size + 2);
    ip_unmap(&h->client);
    ip_unmap(&h->server);
}

/* How many bytes of addresses a family has, together with a protocol, or -1 where the two are none
 * that a stream can have. */
static long address_bytes(unsigned family_and_protocol) {
    switch (family_and_protocol) {
    case 0x00: return 0;          /* AF_UNSPEC */
    case 0x11: return 2 * 4 + 4;  /* TCP over IPv4 */
    case 0x21: return 2 * 16 + 4; /* TCP over IPv6 */
    case 0x31: return 2 * 108;    /* AF_UNIX, a stream */
    default: return -1;
    }
}

static enum proxy_protocol_result read_second(struct proxy_protocol *h, const unsigned char *in,
                                              size_t n, size_t *more) {
    enum { LOCAL = 0x20, PROXY = 0x21 };
    size_t known = n < sizeof signature_two ? n : sizeof signature_two;
    if (memcmp(in, signature_two, known) != 0)
        return PROXY_PROTOCOL_BAD;
    if (n < PROXY_PROTOCOL_FIXED) {
        *more = PROXY_PROTOCOL_FIXED - n;
        return PROXY_PROTOCOL_MORE;
    }
    unsigned command = in[12], length = two_bytes(in + 14);
    long addresses = command == LOCAL ? 0 : address_bytes(in[13]);
    if ((command != LOCAL && command != PROXY) || addresses < 0 || (long)length < addresses
        || PROXY_PROTOCOL_FIXED + length > LIMIT_PROXY_HEADER || n > PROXY_PROTOCOL_FIXED + length)
        return PROXY_PROTOCOL_BAD;
    if (n < PROXY_PROTOCOL_FIXED + length) {
        *more = PROXY_PROTOCOL_FIXED + length - n;
        return PROXY_PROTOCOL_MORE;
    }
    if (command == PROXY && (in[13] == 0x11 || in[13] == 0x21))
        take_addresses(h, in + PROXY_PROTOCOL_FIXED, in[13] == 0x11 ? 4 : 16);
    return PROXY_PROTOCOL_DONE;
}

enum proxy_protocol_result proxy_protocol_read(struct proxy_protocol *h, const void *in, size_t n,
                                               size_t *more) {
    const unsigned char *bytes = in;
    *h = (struct proxy_protocol){.has_client = false};
    *more = SHORTEST;
    if (n == 0)
        return PROXY_PROTOCOL_MORE;
    return bytes[0] == signature_two[0] ? read_second(h, bytes, n, more)
                                        : read_first(h, in, n, more);
}
