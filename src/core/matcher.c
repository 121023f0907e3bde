#include "core/matcher.h"

static struct ere_work work;
static struct ere_run run;

struct ere_work *matcher_work(void) {
    return &work;
}
struct ere_run *matcher_run(void) {
    return &run;
}

void matcher_describe(struct buf *b, const struct ere_fault *error, size_t before) {
    buf_format(b, "column %zu: %s", before + error->column, error->text);
}
