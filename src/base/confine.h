/* confine.h: a process that reads a peer's bytes gives up all that it does not need for that,
 * so that whoever takes it over has no more. Several means, of which each holds where another
 * lacks. */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stddef.h>

/* Confines this process for good: no new privileges, no core, no other process, no memory beyond
 * what it has but for `memory` bytes of address space altogether, none that can be written and
 * executed; no files; and of system calls the n at `calls` (base/seccomp.h). What it has open it
 * keeps. Where the kernel has no Landlock or no filters the rest holds (`bastion check` says so).
 * That it can't be traced it has seen to before (PR_SET_DUMPABLE, prctl(2)), as drop_to does.
 * Returns 0, or -1 with errno when something failed that every kernel has. */
int confine(const unsigned *calls, size_t n, size_t memory);

#endif
