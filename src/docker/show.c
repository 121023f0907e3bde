#include "docker/show.h"

#include <stdio.h>
#include <string.h>

#include "wire/utf8.h"

struct range {
    uint32_t from, to;
};

static bool is_in_ranges(const struct range *list, size_t n, uint32_t code) {
    for (size_t i = 0; i < n; i++)
        if (code >= list[i].from && code <= list[i].to)
            return true;
    return false;
}

#define IS_IN(list, code) is_in_ranges(list, sizeof list / sizeof *list, code)

/* East_Asian_Width W and F (UAX #11), as whole blocks, and combining characters. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xa960, 0xa97c}, {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
static const struct range combining[] = {
    {0, 0x1f},        {0x7f, 0x9f},     {0x300, 0x36f},   {0x483, 0x489},
    {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2063},
    {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}};
/* The characters that Go's strconv.IsPrint refuses: controls, formats, spaces but that of ASCII,
 * and those for private use. */
static const struct range unprintable[] = {
    {0, 0x1f},        {0x7f, 0xa0},     {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},   {0x70f, 0x70f},   {0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},
    {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},   {0xd800, 0xf8ff},   {0xfeff, 0xfeff},
    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff}};

static size_t columns_of(uint32_t code) {
    return IS_IN(combining, code) ? 0 : IS_IN(wide, code) ? 2 : 1;
}

size_t docker_width(const char *text, size_t n) {
    size_t columns = 0;
    uint32_t code;
    for (size_t i = 0; i < n;) {
        i += utf8_read_any(text + i, n - i, &code);
        columns += columns_of(code);
    }
    return columns;
}

/* Here every character takes a column at least, as docker(1) counts it. */
void docker_shorten(struct buf *b, size_t start, size_t columns) {
    size_t used = 0, cut = start;
    uint32_t code;
    for (size_t i = start; i < b->len;) {
        size_t length = utf8_read_any(b->at + i, b->len - i, &code);
        used += IS_IN(wide, code) ? 2 : 1;
        i += length;
        cut = used < columns ? i : cut;
    }
    if (used <= columns)
        return;
    b->len = cut;
    buf_text(b, "\xe2\x80\xa6");
}

void docker_quote(struct buf *b, const char *text, size_t n) {
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    buf_char(b, '"');
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t length = utf8_read_any(text + i, n - i, &code);
        const char *known = code > 0 && code < 0x80 ? strchr(from, (int)code) : NULL;
        if (known != NULL)
            buf_format(b, "\\%c", to[known - from]);
        else if (!IS_IN(unprintable, code))
            buf_bytes(b, code == 0xfffd ? "\xef\xbf\xbd" : text + i, code == 0xfffd ? 3 : length);
        else
            buf_format(b,
                       code < 0x80      ? "\\x%02x"
                       : code < 0x10000 ? "\\u%04x"
                                        : "\\U%08x",
                       (unsigned)code);
        i += length;
    }
    buf_char(b, '"');
}

void docker_show(int fd, const char *text, size_t n, const char *kept) {
    FILE *to = fd == 2 ? stderr : stdout;
    size_t plain = 0; /* the start of the text that goes as it is, and has not gone yet */
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        size_t length = utf8_read(text + i, n - i, &code);
        bool bad = length == 0
                   || (utf8_is_control(code)
                       && (code == 0 || code >= 0x80 || strchr(kept, (int)code) == NULL));
        if (bad) {
            fwrite(text + plain, 1, i - plain, to);
            fprintf(to, length == 2 ? "\\u%04x" : "\\x%02x",
                    length == 2 ? (unsigned)code : (unsigned char)text[i]);
        }
        i += length > 0 ? length : 1;
        plain = bad ? i : plain;
    }
    fwrite(text + plain, 1, n - plain, to);
}

void docker_size_human(struct buf *b, uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit < sizeof units / sizeof *units - 1; unit++)
        size /= 1000;
    buf_format(b, "%.3g%s", size, units[unit]);
}
