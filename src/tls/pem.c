#include "tls/pem.h"

#include <bearssl_pem.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pages.h"
#include "base/small_file.h"
#include "limit.h"

/* One object. */
struct object {
    PAGES_ALIGNED size_t n; /* aligned, and thereby the whole struct is */
    bool full;              /* it had more bytes than there is room for */
    unsigned char bytes[LIMIT_TLS_CHAIN];
};

static void append_bytes(void *context, const void *bytes, size_t n) {
    struct object *o = context;
    if (o->full || n > sizeof o->bytes - o->n) {
        o->full = true;
        return;
    }
    memcpy(o->bytes + o->n, bytes, n);
    o->n += n;
}

static const char *read_objects(const char *text, size_t n,
                                const char *(*take)(void *, const char *, const unsigned char *,
                                                    size_t),
                                void *context) {
    static struct object o; /* static, since it is large; wiped and given back below */
    br_pem_decoder_context decoder;
    const char *error = NULL;
    /* BearSSL's private field, for its size alone (vendor/README.md, "A new version") */
    char label[sizeof decoder.name] = "";
    br_pem_decoder_init(&decoder);
    while (n > 0 && error == NULL) {
        size_t used = br_pem_decoder_push(&decoder, text, n);
        text += used;
        n -= used;
        switch (br_pem_decoder_event(&decoder)) {
        case BR_PEM_BEGIN_OBJ:
            snprintf(label, sizeof label, "%s", br_pem_decoder_name(&decoder));
            o.n = 0;
            o.full = false;
            br_pem_decoder_setdest(&decoder, append_bytes, &o);
            break;
        case BR_PEM_END_OBJ:
            error = o.full ? "an object in it is too long" : take(context, label, o.bytes, o.n);
            explicit_bzero(o.bytes, o.n);
            label[0] = '\0';
            break;
        case BR_PEM_ERROR: error = "an object in it is damaged"; break;
        }
    }
    if (error == NULL && label[0] != '\0')
        error = "an object in it is cut short";
    explicit_bzero(o.bytes, o.n);
    pages_release(&o, sizeof o);
    explicit_bzero(&decoder, sizeof decoder);
    return error;
}

/* The decoder stumbles over a CR at the end of a label. */
static size_t drop_returns(char *text, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] != '\r')
            text[kept++] = text[i];
    return kept;
}

/* PKCS#8 says it in the label, the older forms in a header. */
static bool is_encrypted(const char *text) {
    return strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY") != NULL
           || strstr(text, "Proc-Type: 4,ENCRYPTED") != NULL;
}

const char *pem_each(char text[PEM_ERROR], const char *path,
                     const char *(*take)(void *, const char *, const unsigned char *, size_t),
                     void *context) {
    /* static, since it is large; wiped and given back below */
    PAGES_ALIGNED static char file[LIMIT_TLS_FILE + 2];
    struct stat st;
    size_t n;
    int fd = small_file_open(AT_FDCWD, path);
    const char *error = small_file_read(fd, file, LIMIT_TLS_FILE + 1, &n, &st);
    if (error == NULL) {
        size_t kept = drop_returns(file, n);
        file[kept] = '\n'; /* the last line may have none */
        file[kept + 1] = '\0';
        error = is_encrypted(file) ? "the key is encrypted: nobody is here to type its passphrase"
                                   : read_objects(file, kept + 1, take, context);
    }
    fd_close(&fd);
    explicit_bzero(
        file, n > 0 ? n : sizeof file); /* of one that is too long, all that there is room for */
    pages_release(file, sizeof file);
    if (error == NULL)
        return NULL;
    snprintf(text, PEM_ERROR, "%s: %s", path, error);
    return text;
}
