#include "core/frontend.h"

#include "limit.h"
#include "wire/utf8.h"

void outcome_tell_denial(struct buf *b, const struct outcome *o) {
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
