/* process_tree.h: which processes descend from one, worked out from a list of processes with their
 * parents. It takes a time that is linear in their number, however they descend from one another:
 * a command may have thousands in a row. Pure: it looks at nothing but the list. */
#ifndef INIT_PROCESS_TREE_H
#define INIT_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"

/* A process is told by its place in the list, from 0. A branch is a child of the top process with
 * all that descends from it. */
struct process_tree {
    /* Filled in by the caller, in any order. */
    size_t count;
    pid_t pid[LIMIT_PROCESSES], parent[LIMIT_PROCESSES], session[LIMIT_PROCESSES];

    /* By process_tree_arrange. */
    uint32_t branch[LIMIT_PROCESSES]; /* the place of the branch's first process, or PROCESS_NONE */
    bool has_session[LIMIT_PROCESSES]; /* of such a first process: its branch has another session */
    uint32_t by_pid[LIMIT_PROCESSES];  /* places in the order of process ids */

    /* Its scratch space. */
    uint32_t up[LIMIT_PROCESSES], by_parent[LIMIT_PROCESSES];
};

#define PROCESS_NONE UINT32_MAX

/* Finds the branches below the process `top`, which need not be in the list. A list that was read
 * while processes came and went may hold anything: a parent that is missing, a circle of parents.
 * Returns how many steps from a process to its parent were taken: two for each process. */
size_t process_tree_arrange(struct process_tree *t, pid_t top);

/* The place of the process `pid`, or PROCESS_NONE. */
uint32_t process_tree_find(const struct process_tree *t, pid_t pid);

#endif
