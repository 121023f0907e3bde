#include "http/hook_login.h"

#include <stdio.h>
#include <string.h>

/* Reads the role's secrets. Where they are wrong, or missing, it has none. */
static void read_secrets(struct hook_secrets *h, const char *directory, const char *role,
                         char error[LIMIT_ERROR]) {
    char folder[LIMIT_PATH], text[LIMIT_SECRET + 2];
    size_t n = 0;
    h->count = 0;
    error[0] = '\0';
    if (roles_path(folder, directory, role, NULL) == NULL)
        return;
    if (settings_read_role_secret(SETTING_HOOK_SECRET, folder, text, &n, error) == 1)
        hook_secrets_take(h, text);
    explicit_bzero(text, sizeof text);
}

/* Takes away what the other has, too. Returns whether there was any. */
static bool drop_shared(struct hook_secrets *h, const struct hook_secrets *other) {
    size_t kept = 0, count = h->count;
    for (size_t i = 0; i < count; i++) {
        bool shared = false;
        for (size_t j = 0; j < other->count; j++)
            shared =
                shared || memcmp(h->secret[i].digest, other->secret[j].digest, SHA256_SIZE) == 0;
        if (!shared)
            h->secret[kept++] = h->secret[i];
    }
    h->count = kept;
    return kept < count;
}

const char *hook_login(struct hook_secrets *secrets, const struct hook_secrets *outside,
                       const struct settings *settings, const char *name, struct role *role) {
    static struct roles roles; /* large */
    static struct hook_secrets other;
    static char error[LIMIT_ERROR], errors[1024];
    char other_error[LIMIT_ERROR];
    struct buf unnamed = BUF_ON(errors); /* they are named at logins, and by `bastion check` */
    const char *directory = settings_text(settings, SETTING_ROLES_DIR);
    bool shared = false;
    size_t mine = SIZE_MAX;
    role->name[0] = error[0] = '\0';
    roles.count = secrets->count = 0;
    if (directory != NULL)
        roles_list(&roles, directory, &unnamed);
    for (size_t i = 0; i < roles.count && name[0] != '\0'; i++)
        if (strcmp(roles.role[i].name, name) == 0)
            mine = i;
    if (name[0] == '\0') {
        *secrets = *outside;
    } else if (mine != SIZE_MAX) {
        *role = roles.role[mine];
        read_secrets(secrets, directory, name, error);
        shared = drop_shared(secrets, outside);
    }
    for (size_t i = 0; i < roles.count && secrets->count > 0; i++) {
        if (i == mine)
            continue;
        read_secrets(&other, directory, roles.role[i].name, other_error);
        shared = drop_shared(secrets, &other) || shared;
    }
    if (secrets->count > 0)
        return NULL;
    return shared             ? "a HOOK_SECRET that stands in two places"
           : error[0] != '\0' ? error
                              : "HOOK_SECRET is not set";
}
