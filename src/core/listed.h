/* listed.h: what stands in the settings' directory, /etc/bastion, as it was listed when the
 * settings were read: for as long as one request lasts, so that what is not there need not be
 * looked for by each who could use it. A name that is there says nothing of what it is. */
#ifndef CORE_LISTED_H
#define CORE_LISTED_H

#include <stdbool.h>

/* A list begins, which is empty; each name in it; it was read to its end. */
void listed_begin(void);
void listed_add(const char *name);
void listed_end(void);

/* Nothing has changed there until now: it counts from now on, where it did at all. */
void listed_confirm(void);

/* It counts no longer: what comes from now on is another request. */
void listed_forget(void);

/* Whether nothing has this absolute path, since it would stand in that directory, and did not a
 * moment ago (LIMIT_LISTED_MS). False where that is not known. */
bool listed_lacks(const char *path);

/* Whether all names in a directory are known in this way, and can be had one by one: the next after
 * `name`, or the first after NULL; NULL at the end. */
bool listed_knows(const char *directory);
const char *listed_next(const char *name);

#endif
