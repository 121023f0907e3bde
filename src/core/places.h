/* places.h: where configuration stands: every file and directory that decides about a run. */
#ifndef CORE_PLACES_H
#define CORE_PLACES_H

#include "core/protect.h"
#include "core/settings.h"

struct place {
    const char *path;
    enum protect_kind kind;
    /* decides nothing, and is closed only along with others, or where records stand in it */
    bool weak;
    bool secret;
    /* a directory that can be entered and not be listed: what stands in it may be anybody's */
    bool hidden;
};
typedef void take_place(void *context, const struct place *place);

/* Gives each to `take`, but for the files of tokens or of keys where these are not `wanted`; the
 * directories that these are in are given all the same; and all of ROLES_DIR only with `roles`.
 * With `unwatched`, of all the others only those that core/watch.h leaves out. */
struct places_wanted {
    bool tokens, keys, roles, unwatched;
};
void places_each(const struct settings *s, struct places_wanted wanted, take_place *take,
                 void *context);

/* Gives those alone in which credentials stand, and all of ROLES_DIR; each directory before what is
 * in it. */
void places_each_credential(const struct settings *s, take_place *take, void *context);

#endif
