#include "docker/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Adds n bytes of decimal digits, with at most one point among them, of a unit of so many
 * nanoseconds, as far as there is room. False where it is no number. (Without strtod(3), which
 * takes more room in the program than all of this file.) */
static bool add_decimal(int64_t *total, const char *digits, size_t n, int64_t unit) {
    int64_t whole = 0, part = 0, place = unit;
    bool has_point = false, has_digit = false;
    for (size_t i = 0; i < n; i++) {
        if (digits[i] == '.' && has_point)
            return false;
        has_point = has_point || digits[i] == '.';
        if (digits[i] == '.')
            continue;
        has_digit = true;
        if (has_point)
            part += (place /= 10) * (digits[i] - '0');
        else
            whole = 10 * whole + (digits[i] - '0');
    }
    bool fits = whole <= (INT64_MAX - part - *total) / unit;
    *total = fits ? *total + whole * unit + part : INT64_MAX - unit;
    return has_digit;
}

/* A Go duration (time.ParseDuration), such as 1h30m, 1.5h, 90s, 200ms. In nanoseconds; false when
 * it is none. */
static bool read_duration(const char *text, int64_t *nanoseconds) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},         {"us", 1000},       {"\xc2\xb5s", 1000}, {"ms", 1000000},
                 {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
    *nanoseconds = 0;
    if (strcmp(text, "0") == 0)
        return true;
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        size_t digits = strspn(text, "0123456789."), u = 0;
        const char *name = text + digits;
        size_t n = strcspn(name, "0123456789.");
        while (u < sizeof units / sizeof *units
               && (strlen(units[u].name) != n || memcmp(units[u].name, name, n) != 0))
            u++;
        if (digits > 18 || u == sizeof units / sizeof *units
            || !add_decimal(nanoseconds, text, digits, units[u].ns))
            return false;
        text = name + n;
    }
    return true;
}

/* Reads a number of exactly n digits at *at, and moves *at behind it. False: there is none, or it
 * is out of range. */
static bool read_digits(const char **at, int n, int least, int most, int *value) {
    int v = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        v = v * 10 + (**at - '0');
    }
    *value = v;
    return v >= least && v <= most;
}

/* YYYY-MM-DD[THH[:MM[:SS[.fraction]]]][Z|+HH:MM|-HH:MM] */
static bool read_date(const char *at, int64_t *seconds, int *nanoseconds) {
    struct tm tm = {.tm_isdst = -1};
    int year, month, sign = 0, hours = 0, minutes = 0;
    *nanoseconds = 0;
    if (!read_digits(&at, 4, 1, 9999, &year) || *at++ != '-' || !read_digits(&at, 2, 1, 12, &month)
        || *at++ != '-' || !read_digits(&at, 2, 1, 31, &tm.tm_mday))
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    if (*at == 'T') {
        at++;
        if (!read_digits(&at, 2, 0, 23, &tm.tm_hour))
            return false;
        if (*at == ':' && (at++, !read_digits(&at, 2, 0, 59, &tm.tm_min)))
            return false;
        if (*at == ':' && (at++, !read_digits(&at, 2, 0, 60, &tm.tm_sec)))
            return false;
        if (*at == '.')
            for (int weight = 100000000; *++at >= '0' && *at <= '9'; weight /= 10)
                *nanoseconds += weight * (*at - '0');
    }
    if (*at == '+' || *at == '-') {
        sign = *at++ == '+' ? 1 : -1;
        if (!read_digits(&at, 2, 0, 23, &hours) || *at++ != ':'
            || !read_digits(&at, 2, 0, 59, &minutes))
            return false;
    }
    bool zoned = sign != 0 || *at == 'Z';
    at += *at == 'Z' && sign == 0;
    *seconds = (zoned ? timegm(&tm) : mktime(&tm)) - sign * (hours * 3600 + minutes * 60);
    return *at == '\0';
}

bool docker_timestamp_write(struct buf *b, const char *text, int64_t now) {
    int64_t ns, seconds;
    int fraction;
    if (read_duration(text, &ns)) {
        int64_t rest = ns % 1000000000;
        buf_format(b, "%lld.%09lld", (long long)(now - ns / 1000000000 - (rest > 0)),
                   (long long)(rest > 0 ? 1000000000 - rest : 0));
    } else if (read_date(text, &seconds, &fraction)) {
        buf_format(b, "%lld.%09d", (long long)seconds, fraction);
    } else {
        buf_text(b, text);
        return *text != '\0' && text[strspn(text, "0123456789.")] == '\0';
    }
    return true;
}

void docker_timestamp_human(struct buf *b, int64_t s) {
    int64_t minutes = s / 60, hours = (s + 1800) / 3600; /* hours are rounded, all others cut */
    if (s < 1)
        buf_text(b, "Less than a second");
    else if (s == 1)
        buf_text(b, "1 second");
    else if (s < 60)
        buf_format(b, "%lld seconds", (long long)s);
    else if (minutes == 1)
        buf_text(b, "About a minute");
    else if (minutes < 60)
        buf_format(b, "%lld minutes", (long long)minutes);
    else if (hours == 1)
        buf_text(b, "About an hour");
    else if (hours < 48)
        buf_format(b, "%lld hours", (long long)hours);
    else if (hours < 24 * 7 * 2)
        buf_format(b, "%lld days", (long long)hours / 24);
    else if (hours < 24 * 30 * 2)
        buf_format(b, "%lld weeks", (long long)hours / 24 / 7);
    else if (hours < 24 * 365 * 2)
        buf_format(b, "%lld months", (long long)hours / 24 / 30);
    else
        buf_format(b, "%lld years", (long long)(s / 3600) / 24 / 365);
}

bool docker_timestamp_since(const char *text, int64_t *seconds) {
    struct timespec now;
    int64_t then;
    int nanoseconds;
    if (!read_date(text, &then, &nanoseconds) || strncmp(text, "0001-", 5) == 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    *seconds = (int64_t)now.tv_sec - then - (now.tv_nsec < nanoseconds);
    return true;
}
