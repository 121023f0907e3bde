#include "tls/session_cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "limit.h"
#include "wire/sha256.h"

/* The file is a table of entries and nothing else, in sets of WAYS; the key of a session says in
 * which set its entry stands. Nobody locks: an entry that was never written, or that two processes
 * have written at once, has a wrong check and counts as none. A session's identifier is not in the
 * file, only the hash of it and of the context. */
enum { WAYS = 4, SETS = LIMIT_TLS_SESSIONS / WAYS, CHECK = 16 };

struct entry {
    unsigned char key[32];
    unsigned char master[48];
    int64_t expires; /* seconds since 1970 */
    uint16_t version, suite;
    uint32_t zero;
    unsigned char check[CHECK]; /* the hash of all before */
};

static void make_session_key(unsigned char out[32], const struct session_cache *c,
                             const br_ssl_session_parameters *s) {
    sha256_pair(out, (struct slice){(const char *)c->context, sizeof c->context},
                (struct slice){(const char *)s->session_id, s->session_id_len});
}

static void make_check(unsigned char out[32], const struct entry *e) {
    sha256(out, e, offsetof(struct entry, check));
}

static bool is_whole(const struct entry *e) {
    unsigned char check[32];
    make_check(check, e);
    return memcmp(check, e->check, CHECK) == 0;
}

/* A clock that was set back must not make a session last longer. */
static bool is_live(const struct entry *e, int64_t now) {
    return is_whole(e) && e->expires > now && e->expires <= now + LIMIT_TLS_SESSION_S;
}

static off_t offset_of_set(const unsigned char key[32]) {
    size_t set = ((size_t)key[0] << 8 | key[1]) % SETS;
    return (off_t)(set * WAYS * sizeof(struct entry));
}

/* Reads the entries of one set; what is missing is zero. */
static void read_entries(const struct session_cache *c, const unsigned char key[32],
                         struct entry set[WAYS]) {
    memset(set, 0, WAYS * sizeof *set);
    (void)!pread(c->fd, set, WAYS * sizeof *set, offset_of_set(key));
}

static const struct session_cache *cache_of(const br_ssl_session_cache_class **c) {
    return (const struct session_cache *)(const void *)c;
}

static void save_session(const br_ssl_session_cache_class **context, br_ssl_server_context *server,
                         const br_ssl_session_parameters *s) {
    const struct session_cache *c = cache_of(context);
    struct entry set[WAYS], e = {.version = s->version, .suite = s->cipher_suite};
    unsigned char check[32];
    int64_t now = time(NULL);
    size_t oldest = 0;
    (void)server;
    if (c->fd == -1)
        return;
    make_session_key(e.key, c, s);
    memcpy(e.master, s->master_secret, sizeof e.master);
    e.expires = now + LIMIT_TLS_SESSION_S;
    make_check(check, &e);
    memcpy(e.check, check, CHECK);
    read_entries(c, e.key, set);
    for (size_t i = 0; i < WAYS; i++) {
        if (!is_live(&set[i], now))
            set[i].expires = 0;
        if (set[i].expires < set[oldest].expires)
            oldest = i;
    }
    /* A full disk is a session that can't be resumed, no more. */
    (void)!pwrite(c->fd, &e, sizeof e, offset_of_set(e.key) + (off_t)(oldest * sizeof e));
    explicit_bzero(set, sizeof set);
    explicit_bzero(&e, sizeof e);
}

/* Whether the suite of a saved session is one that this program still offers. BearSSL's private
 * fields: suites_buf and suites_num, the list that was set. (vendor/README.md, "A new version") */
static bool offers_suite(const br_ssl_server_context *server, unsigned suite) {
    for (size_t i = 0; i < server->eng.suites_num; i++)
        if (server->eng.suites_buf[i] == suite)
            return true;
    return false;
}

static int load_session(const br_ssl_session_cache_class **context, br_ssl_server_context *server,
                        br_ssl_session_parameters *s) {
    const struct session_cache *c = cache_of(context);
    struct entry set[WAYS];
    unsigned char key[32];
    int64_t now = time(NULL);
    int found = 0;
    if (c->fd == -1)
        return 0;
    make_session_key(key, c, s);
    read_entries(c, key, set);
    for (size_t i = 0; i < WAYS && !found; i++) {
        if (memcmp(set[i].key, key, sizeof key) != 0 || !is_live(&set[i], now)
            || set[i].version != BR_TLS12 || !offers_suite(server, set[i].suite))
            continue;
        s->version = set[i].version;
        s->cipher_suite = set[i].suite;
        memcpy(s->master_secret, set[i].master, sizeof s->master_secret);
        found = 1;
    }
    explicit_bzero(set, sizeof set);
    return found;
}

/* The file, if it is the account's alone. A file that root has just made is given to it. */
static int open_cache_file(int directory, uid_t uid, gid_t gid) {
    struct stat st;
    int fd = openat(directory, SESSION_CACHE_FILE,
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd == -1)
        return -1;
    bool known = fstat(fd, &st) == 0;
    if (known && S_ISREG(st.st_mode) && st.st_uid == 0 && uid != 0 && st.st_size == 0
        && st.st_nlink == 1 && fchown(fd, uid, gid) == 0)
        st.st_uid = uid;
    if (known && S_ISREG(st.st_mode) && st.st_uid == uid && (st.st_mode & 077) == 0
        && st.st_nlink == 1)
        return fd;
    close(fd);
    return -1;
}

void session_cache_open(struct session_cache *c, const char *directory, uid_t uid, gid_t gid,
                        const unsigned char *der, size_t n) {
    static const br_ssl_session_cache_class class = {sizeof(struct session_cache), save_session,
                                                     load_session};
    c->vtable = &class;
    c->fd = -1;
    sha256(c->context, der, n);
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir != -1)
        c->fd = open_cache_file(dir, uid, gid);
    fd_close(&dir);
}
