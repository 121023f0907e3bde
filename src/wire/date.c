#include "wire/date.h"

#include <time.h>

static bool is_leap_year(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static bool is_in_calendar(const struct tm *tm) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900;
    if (year < 1970 || tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1)
        return false;
    int leap = tm->tm_mon == 1 && is_leap_year(year);
    return tm->tm_mday <= days[tm->tm_mon] + leap && tm->tm_hour < 24 && tm->tm_min < 60
           && tm->tm_sec < 60;
}

/* Reads a text that has a digit wherever `form` has the letter of a field (Y, M, D, h, m, s), and
 * the very sign elsewhere. */
static bool read_form(struct tm *tm, struct slice text, const char *form) {
    int field[128] = {0};
    if (text.n != strlen(form))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char letter = form[i], c = text.at[i];
        if (strchr("YMDhms", letter) == NULL) {
            if (c != letter)
                return false;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        field[(int)letter] = field[(int)letter] * 10 + (c - '0');
    }
    *tm = (struct tm){.tm_year = field['Y'] - 1900,
                      .tm_mon = field['M'] - 1,
                      .tm_mday = field['D'],
                      .tm_hour = field['h'],
                      .tm_min = field['m'],
                      .tm_sec = field['s']};
    return is_in_calendar(tm);
}

bool date_read(int64_t *seconds, struct slice text) {
    struct tm tm;
    if (read_form(&tm, text, "YYYY-MM-DD")) {
        tm.tm_hour = 23;
        tm.tm_min = tm.tm_sec = 59;
    } else if (!read_form(&tm, text, "YYYY-MM-DDThh:mm:ssZ")) {
        return false;
    }
    *seconds = timegm(&tm);
    return true;
}

bool date_read_compact(int64_t *seconds, bool *local, struct slice text) {
    static const char *const zones[] = {"Z", "UTC"}, *const forms[] = {"YYYYMMDD", "YYYYMMDDhhmm",
                                                                       "YYYYMMDDhhmmss"};
    struct tm tm;
    *local = true;
    for (size_t i = 0; i < sizeof zones / sizeof *zones && *local; i++) {
        size_t n = strlen(zones[i]);
        if (text.n > n && strncasecmp(text.at + text.n - n, zones[i], n) == 0) {
            text.n -= n;
            *local = false;
        }
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (read_form(&tm, text, forms[i])) {
            *seconds = timegm(&tm);
            return true;
        }
    return false;
}

void date_print(char out[DATE_TEXT], int64_t seconds) {
    time_t at = (time_t)seconds;
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(out, DATE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
