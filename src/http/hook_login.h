/* hook_login.h: with what deliveries for a role are signed: its own HOOK_SECRET and no other's. */
#ifndef HTTP_HOOK_LOGIN_H
#define HTTP_HOOK_LOGIN_H

#include "core/hook_secrets.h"
#include "core/roles.h"
#include "core/settings.h"

/* Gathers the secrets of the role with that name, which is read anew, or with an empty name those
 * outside of any, which `outside` has. One that stands elsewhere too counts for nobody: what was
 * signed for the one would be signed for the other. *role becomes the role, or one without a name.
 * Returns NULL; or why there are none, for the log alone. */
const char *hook_login(struct hook_secrets *secrets, const struct hook_secrets *outside,
                       const struct settings *settings, const char *name, struct role *role);

#endif
