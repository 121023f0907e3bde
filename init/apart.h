/* apart.h: the ruleset that keeps commands apart, made once for all connections
 * (base/landlock_apart.h). */
#ifndef INIT_APART_H
#define INIT_APART_H

/* Makes it, where commands are kept apart at all. Returns the variable for the environment of what
 * is started, whose text changes with the ruleset; or NULL: each run makes its own then. */
char *apart_prepare(void);

/* The ruleset, made anew where mounts have changed: a rule is for what stood at a place when it was
 * made. -1: there is none. */
int apart_ruleset(void);

#endif
