#include "http/status.h"

#include <stddef.h>

#include "limit.h"

/* `text` is NULL where the phrase says enough. */
static const struct status {
    int code;
    const char *phrase, *text;
} statuses[] = {
    /* The first: it stands for all that are not here. */
    {500, "Internal Server Error", NULL},
    {200, "OK", "ok"},
    {202, "Accepted", NULL},
    {400, "Bad Request", NULL},
    {401, "Unauthorized", "The credential is missing or wrong."},
    {403, "Forbidden", "Requests that another site causes are refused."},
    {404, "Not Found", "There is nothing here."},
    {405, "Method Not Allowed", "This method is not allowed here."},
    {408, "Request Timeout", "The request took too long."},
    {409, "Conflict",
     "Nothing was run: a request for a part of an answer (Range) repeats one whose transfer broke, "
     "which here means that the command failed."},
    {411, "Length Required",
     "Nothing was run: through CGI the command's input needs a Content-Length."},
    {413, "Content Too Large",
     "Nothing was run: the body is longer than " LIMIT_TEXT(
         LIMIT_DROPPED_BODY_MIB) " MiB"
                                 ", and the command does not take it."},
    {414, "URI Too Long", "The request line is too long."},
    {417, "Expectation Failed", NULL},
    {422, "Unprocessable Content", NULL},
    {429, "Too Many Requests", NULL},
    {431, "Request Header Fields Too Large", "The request's head is too large."},
    {503, "Service Unavailable", NULL},
    {505, "HTTP Version Not Supported", NULL},
};

static const struct status *find_status(int code) {
    for (size_t i = 1; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].code == code)
            return &statuses[i];
    return &statuses[0];
}

const char *status_phrase(int status) { return find_status(status)->phrase; }

const char *status_text(int status) {
    const struct status *s = find_status(status);
    return s->text != NULL ? s->text : s->phrase;
}
