#include "base/clock.h"

#include <stdio.h>

int64_t clock_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t clock_after(int64_t now, int64_t ms) {
    return ms > CLOCK_NEVER - now ? CLOCK_NEVER : now + ms;
}

struct timespec *clock_left(int64_t deadline, int64_t now, struct timespec *ts) {
    if (deadline == CLOCK_NEVER)
        return NULL;
    int64_t left = deadline > now ? deadline - now : 0;
    ts->tv_sec = (time_t)(left / 1000);
    ts->tv_nsec = (long)(left % 1000) * 1000000;
    return ts;
}

int64_t clock_local(int64_t seconds) {
    time_t shown = (time_t)seconds;
    struct tm tm;
    gmtime_r(&shown, &tm);
    tm.tm_isdst = -1;
    return mktime(&tm);
}

void clock_stamp(char out[CLOCK_STAMP]) {
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(out, CLOCK_STAMP, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_STAMP - n, ".%03uZ", (unsigned)(ts.tv_nsec / 1000000) % 1000);
}

void clock_http_date(char out[CLOCK_HTTP_DATE]) {
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    /* setlocale(3) is called for LC_CTYPE alone, so %a and %b are the English names that the format
     * asks for. */
    strftime(out, CLOCK_HTTP_DATE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}
