#include "penalty.h"

#include <stddef.h>

#include "limit.h"

static struct debtor {
    struct source source;
    enum source_level level;
    int64_t until; /* when nothing is owed any more */
} debtors[LIMIT_DEBTORS];
static size_t debtor_count;

static struct debtor *find(const struct source *s, enum source_level level) {
    for (size_t i = 0; i < debtor_count; i++)
        if (debtors[i].level == level && source_is_same(&debtors[i].source, s, level))
            return &debtors[i];
    return NULL;
}

static struct debtor *add(const struct source *s, enum source_level level, int64_t now) {
    struct debtor *d = &debtors[0];
    if (debtor_count < LIMIT_DEBTORS)
        d = &debtors[debtor_count++];
    else
        for (size_t i = 1; i < LIMIT_DEBTORS; i++)
            if (debtors[i].until < d->until)
                d = &debtors[i];
    *d = (struct debtor){.source = *s, .level = level, .until = now};
    return d;
}

/* More people are in a wider network: it takes more of them who fail. */
static int64_t tolerated(enum source_level level) {
    return (int64_t)LIMIT_PENALTY_TOLERATED_MS << level;
}

void penalty_charge(const struct source *s, int64_t ms, int64_t now) {
    if (s->is_loopback || s->is_exempt)
        return;
    for (int i = 0; i < source_levels(s); i++) {
        enum source_level level = (enum source_level)i;
        struct debtor *d = find(s, level);
        if (d == NULL)
            d = add(s, level, now);
        int64_t most = now + tolerated(level) + LIMIT_PENALTY_MOST_MS;
        d->until = (d->until > now ? d->until : now) + ms;
        if (d->until > most)
            d->until = most;
    }
}

void penalty_forgive(const struct source *s) {
    struct debtor *d = find(s, SOURCE_CLIENT);
    if (d != NULL)
        *d = debtors[--debtor_count];
}

int64_t penalty_wait(const struct source *s, int64_t now) {
    int64_t wait = 0;
    for (int i = 0; i < source_levels(s); i++) {
        const struct debtor *d = find(s, (enum source_level)i);
        int64_t owed = d == NULL ? 0 : d->until - now - tolerated(d->level);
        if (owed > 0 && LIMIT_PENALTY_WAIT_MS + owed / 10 > wait)
            wait = LIMIT_PENALTY_WAIT_MS + owed / 10;
    }
    return wait;
}
