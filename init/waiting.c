#include "waiting.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "limit.h"

/* The oldest first. */
static struct waiting list[LIMIT_WAITING];
static size_t count;

size_t waiting_count(void) { return count; }
struct waiting *waiting_at(size_t i) {
    return &list[i];
}

void waiting_remove(size_t i) {
    count--;
    memmove(&list[i], &list[i + 1], (count - i) * sizeof *list);
}

static size_t count_of(const struct source *s) {
    size_t n = 0;
    for (size_t i = 0; i < count && !s->is_exempt; i++)
        n += source_is_same(&list[i].source, s, SOURCE_CLIENT);
    return n;
}

bool waiting_has_spoken(const struct waiting *w) {
    int n = 0;
    return ioctl(w->fd, FIONREAD, &n) == 0 && n > 0;
}

/* Takes out the oldest of those that wait for room, and only silent ones if it is told so; of one
 * client, unless that is NULL. */
static bool take_oldest(const struct source *of, bool only_silent, struct waiting *out) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].is_penalty
            || (of != NULL && !source_is_same(&list[i].source, of, SOURCE_CLIENT))
            || (only_silent && waiting_has_spoken(&list[i])))
            continue;
        *out = list[i];
        waiting_remove(i);
        return true;
    }
    return false;
}

bool waiting_add(const struct waiting *w, struct waiting *out) {
    bool too_many_of_it = count_of(&w->source) >= LIMIT_WAITING_OF_CLIENT;
    bool too_many = too_many_of_it || count == LIMIT_WAITING;
    const struct source *of = too_many_of_it ? &w->source : NULL;
    if (too_many && !take_oldest(of, true, out) && !take_oldest(of, false, out)) {
        *out = *w;
        return true;
    }
    list[count++] = *w;
    return too_many;
}

int64_t waiting_deadline(void) {
    int64_t deadline = CLOCK_NEVER;
    for (size_t i = 0; i < count; i++) {
        deadline = clock_earlier(deadline, list[i].again);
        if (!list[i].is_penalty)
            deadline = clock_earlier(deadline, list[i].expiry);
    }
    return deadline;
}
