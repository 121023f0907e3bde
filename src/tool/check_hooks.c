#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/hook_secrets.h"
#include "core/roles.h"
#include "tool/check_parts.h"
#include "tool/report.h"

/* A secret of webhooks by its digest alone, and whose it is: the name of a role, or empty. */
struct owned {
    unsigned char digest[SHA256_SIZE];
    const char *role;
};
enum { OWNED = (LIMIT_ROLES + 1) * LIMIT_HOOK_SECRETS };

struct owners {
    size_t count;
    struct owned secret[OWNED];
};

static void add_secrets(struct owners *o, const char *role, const char *text) {
    static struct hook_secrets secrets;
    hook_secrets_take(&secrets, text);
    for (size_t i = 0; i < secrets.count && o->count < OWNED; i++) {
        o->secret[o->count].role = role;
        memcpy(o->secret[o->count++].digest, secrets.secret[i].digest, SHA256_SIZE);
    }
    explicit_bzero(&secrets, sizeof secrets);
}

/* Reads the role's own. What is wrong with them is named if it is one that is `shown`. */
static void add_role(const struct subject *x, struct owners *o, const char *role, bool shown) {
    char folder[LIMIT_PATH], text[LIMIT_SECRET + 2], error[LIMIT_ERROR];
    size_t n = 0;
    if (roles_path(folder, settings_text(x->settings, SETTING_ROLES_DIR), role, NULL) == NULL)
        return;
    int got = settings_read_role_secret(SETTING_HOOK_SECRET, folder, text, &n, error);
    if (got == 1)
        add_secrets(o, role, text);
    else if (got == -1 && shown)
        report_error("HOOK_SECRET", "%s", error);
    explicit_bzero(text, sizeof text);
}

/* Shows how many a role has, and how many of them another has, too. */
static void show_role(const struct subject *x, const struct owners *o, const char *role) {
    size_t own = 0, shared = 0;
    for (size_t i = 0; i < o->count; i++) {
        bool is_shared = false;
        if (strcmp(o->secret[i].role, role) != 0)
            continue;
        for (size_t j = 0; j < o->count; j++)
            is_shared = is_shared
                        || (strcmp(o->secret[j].role, role) != 0
                            && memcmp(o->secret[i].digest, o->secret[j].digest, SHA256_SIZE) == 0);
        own++;
        shared += is_shared;
    }
    if (own == 0)
        return;
    report_line("hook: POST /hooks/%s: %zu %s of the role %s  (%s/%s/HOOK_SECRET)", role, own,
                own == 1 ? "secret" : "secrets", role,
                settings_text(x->settings, SETTING_ROLES_DIR), role);
    if (shared > 0)
        report_remark("%zu of them %s in two places: it counts for nobody", shared,
                      shared == 1 ? "stands" : "stand");
}

/* What is outside of roles is shown among the settings. */
void check_hooks(const struct subject *x) {
    static struct roles roles; /* these three are large */
    static struct owners owners;
    static char errors[LIMIT_TOKEN_ERRORS];
    struct buf unnamed = BUF_ON(errors); /* named along with the credentials (check_tokens.c) */
    const char *outside = settings_text(x->settings, SETTING_HOOK_SECRET);
    owners.count = 0;
    if (outside != NULL)
        add_secrets(&owners, "", outside);
    roles_list(&roles, settings_text(x->settings, SETTING_ROLES_DIR), &unnamed);
    for (size_t i = 0; i < roles.count; i++)
        add_role(x, &owners, roles.role[i].name,
                 x->role == NULL || strcmp(x->role, roles.role[i].name) == 0);
    for (size_t i = 0; i < roles.count; i++)
        if (x->role == NULL || strcmp(x->role, roles.role[i].name) == 0)
            show_role(x, &owners, roles.role[i].name);
}
