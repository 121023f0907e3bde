#include "process_tree.h"

/* ---- sorting: by digits, so that it is linear, too ---- */

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

static unsigned digit_of(pid_t key, unsigned shift) {
    return (unsigned)key >> shift & (DIGITS - 1);
}

/* By one digit; what is equal in it keeps its order. */
static void sort_by_digit(uint32_t *out, const uint32_t *in, size_t n, const pid_t *key,
                          unsigned shift) {
    uint32_t start[DIGITS + 1] = {0};
    for (size_t i = 0; i < n; i++)
        start[digit_of(key[in[i]], shift) + 1]++;
    for (size_t i = 0; i < DIGITS; i++)
        start[i + 1] += start[i];
    for (size_t i = 0; i < n; i++)
        out[start[digit_of(key[in[i]], shift)]++] = in[i];
}

/* Fills `order` with the n places in the order of their keys, none of which is negative. */
static void sort_places(uint32_t *order, uint32_t *scratch, size_t n, const pid_t *key) {
    for (uint32_t i = 0; i < n; i++)
        scratch[i] = i;
    sort_by_digit(order, scratch, n, key, 0);
    sort_by_digit(scratch, order, n, key, DIGIT_BITS);
    sort_by_digit(order, scratch, n, key, 2 * DIGIT_BITS);
}

/* ---- the tree ---- */

/* What `branch` holds of a process that has not been looked at, and of one on the way up. */
#define BRANCH_UNKNOWN (PROCESS_NONE - 1)
#define BRANCH_PENDING (PROCESS_NONE - 2)

/* Finds the place of each one's parent: both orders are gone through once, side by side. */
static void link_parents(struct process_tree *t) {
    size_t at = 0;
    for (size_t i = 0; i < t->count; i++) {
        uint32_t child = t->by_parent[i];
        while (at < t->count && t->pid[t->by_pid[at]] < t->parent[child])
            at++;
        bool found = at < t->count && t->pid[t->by_pid[at]] == t->parent[child];
        t->up[child] = found ? t->by_pid[at] : PROCESS_NONE;
    }
}

/* Goes up from a process to the first one whose branch is known, then the same way again and writes
 * the branch down. So nobody is passed by more than two of these walks. Returns the steps. */
static size_t find_branch(struct process_tree *t, uint32_t from, pid_t top) {
    uint32_t at = from, branch = PROCESS_NONE;
    size_t steps = 0;
    for (; at != PROCESS_NONE && t->branch[at] == BRANCH_UNKNOWN; at = t->up[at]) {
        t->branch[at] = BRANCH_PENDING;
        steps++;
        if (t->parent[at] == top) {
            branch = at;
            break;
        }
    }
    /* One that is met again on the way up is in a circle, and so below nobody. */
    if (branch == PROCESS_NONE && at != PROCESS_NONE && t->branch[at] != BRANCH_PENDING)
        branch = t->branch[at];
    for (at = from; at != PROCESS_NONE && t->branch[at] == BRANCH_PENDING; at = t->up[at]) {
        t->branch[at] = branch;
        steps++;
    }
    return steps;
}

size_t process_tree_arrange(struct process_tree *t, pid_t top) {
    size_t steps = 0;
    sort_places(t->by_pid, t->by_parent, t->count, t->pid);
    sort_places(t->by_parent, t->up, t->count, t->parent);
    link_parents(t);
    for (size_t i = 0; i < t->count; i++) {
        t->branch[i] = BRANCH_UNKNOWN;
        t->has_session[i] = false;
    }
    for (uint32_t i = 0; i < t->count; i++)
        steps += find_branch(t, i, top);
    for (size_t i = 0; i < t->count; i++) {
        uint32_t first = t->branch[i];
        if (first != PROCESS_NONE && t->session[i] != t->pid[first])
            t->has_session[first] = true;
    }
    return steps;
}

uint32_t process_tree_find(const struct process_tree *t, pid_t pid) {
    size_t from = 0, to = t->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (t->pid[t->by_pid[middle]] < pid)
            from = middle + 1;
        else
            to = middle;
    }
    return from < t->count && t->pid[t->by_pid[from]] == pid ? t->by_pid[from] : PROCESS_NONE;
}
