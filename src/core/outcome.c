#include "core/outcome.h"

#include "limit.h"
#include "wire/utf8.h"

static void tell_denial(struct buf *b, const struct outcome *o) {
    buf_text(b, "[broker] DENY: ");
    for (size_t i = 0, length; i < o->requested_n && i < LIMIT_REQUEST; i += length) {
        uint32_t code;
        length = utf8_read(o->requested + i, o->requested_n - i, &code);
        bool is_text = length > 0 && !utf8_is_control(code);
        buf_bytes(b, is_text ? o->requested + i : "?", is_text ? length : 1);
        length += length == 0;
    }
    buf_char(b, '\n');
    buf_format(b, "bastion: %s\n", o->reason);
}

void outcome_tell(struct buf *b, const struct outcome *o, const char *newline) {
    switch (o->kind) {
    case OUTCOME_ENDED:
    case OUTCOME_TIMEOUT:
    case OUTCOME_KEPT:
    case OUTCOME_GONE: break;
    case OUTCOME_DENIED: tell_denial(b, o); break;
    case OUTCOME_FAILED:
        buf_format(b, "bastion: the command cannot be started: %s%s", o->reason, newline);
        break;
    case OUTCOME_FORBIDDEN: buf_format(b, "bastion: %s\n", o->reason); break;
    case OUTCOME_SKIPPED: buf_format(b, "%s: this one is left out.%s", o->busy, newline); break;
    case OUTCOME_BUSY: buf_format(b, "%s: try again later.%s", o->busy, newline); break;
    case OUTCOME_FULL:
        buf_format(b, "As many runs are under way as are kept (RUNS_KEEP): try again later.%s",
                   newline);
        break;
    case OUTCOME_UNKNOWN: buf_format(b, "There is no such run.%s", newline); break;
    case OUTCOME_LOST:
        buf_format(b, "bastion: the process that knew how this run ends is gone%s", newline);
        break;
    case OUTCOME_ERROR:
        buf_format(b, "bastion: a fault of this service; its log says why%s", newline);
        break;
    }
}
