/* Any bytes as JSON that comes in pieces, and as a form: whole, byte by byte and in pieces of some
 * length they give the same, and they are JSON exactly if wire/json.h says so of the whole. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/form_push.h"
#include "wire/json_push.h"
#include "wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATHS = 5 };
static const char *const paths[PATHS] = {".a", ".a.b", ".0", ".0.0", ".b.0.a"};

struct reading {
    struct json_push p;
    struct json_found found[PATHS];
    bool whole;
    struct form_push form;
};

static void put(void *context, const char *bytes, size_t n) { json_push_bytes(context, bytes, n); }

static void read_in_steps(struct reading *r, const char *in, size_t size, size_t step, bool form) {
    r->form = (struct form_push){.name = "payload", .put = put, .context = &r->p};
    json_push_start(&r->p, paths, r->found, PATHS);
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        if (form)
            form_push_bytes(&r->form, in + at, n);
        else
            json_push_bytes(&r->p, in + at, n);
    }
    r->whole = (!form || form_push_end(&r->form)) && json_push_end(&r->p);
}

static void compare(const struct reading *a, const struct reading *b) {
    assert(a->whole == b->whole && a->p.error == b->p.error && a->p.at == b->p.at);
    assert(a->p.repeated == b->p.repeated && a->form.error == b->form.error);
    for (size_t i = 0; i < PATHS; i++) {
        const struct json_found *f = &a->found[i], *g = &b->found[i];
        assert(f->kind == g->kind && f->unusable == g->unusable && f->n == g->n);
        assert(memcmp(f->text, g->text, f->n) == 0 && f->n <= LIMIT_JSON_VALUE);
        assert(utf8_is_valid(f->text, f->n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct reading one, two;
    if (size == 0)
        return 0;
    const char *in = (const char *)data + 1;
    size_t step = 1 + data[0] % 16;
    size--;
    for (int form = 0; form < 2; form++) {
        read_in_steps(&one, in, size, size + 1, form);
        read_in_steps(&two, in, size, 1, form);
        compare(&one, &two);
        read_in_steps(&two, in, size, step, form);
        compare(&one, &two);
        struct slice text = {in, size};
        if (!form)
            assert(one.whole == (json_is_valid(text) && utf8_is_valid(in, size)));
    }
    return 0;
}
