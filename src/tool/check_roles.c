#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/policy.h"
#include "core/roles.h"
#include "core/runas.h"
#include "tool/check_parts.h"
#include "tool/report.h"

extern char **environ;

static bool has_docker_group(const struct subject *x, const struct account *a,
                             const struct settings *s) {
    gid_t group;
    bool has = false;
    if (!runas_docker_group(&group, s, x->files ? NULL : environ))
        return false;
    for (int i = 0; i < a->group_count; i++)
        has = has || a->groups[i] == group;
    return has;
}

/* Says what a role's credentials buy, or why they buy nothing. */
static void check_role(const struct subject *x, const char *name) {
    static struct settings s; /* these are large */
    static struct policy policy;
    static struct account account;
    char folder[LIMIT_PATH], title[LIMIT_ROLE_NAME + 16], error[LIMIT_ERROR];
    snprintf(title, sizeof title, "role %s", name);
    roles_path(folder, settings_text(x->settings, SETTING_ROLES_DIR), name, NULL);
    if (settings_read_role(&s, x->settings, name, folder) == -1) {
        report_error(title, "%s", s.error);
        return;
    }
    if (policy_load(&policy, &s, error) == -1
        || runas_find(&account, &s, x->files ? NULL : environ, error) == -1) {
        report_error(title, "%s", error);
        return;
    }
    report_line("role: %s: %s, as %s%s  (%s)", name,
                policy.mode == POLICY_FORCE ? "one command (FORCE_COMMAND)"
                                            : "requests that its rules allow",
                account.name,
                has_docker_group(x, &account, &s) ? ", with the group of the Docker socket" : "",
                folder);
    if (!x->root && settings_given(&s, SETTING_RUN_AS))
        report_remark("RUN_AS has no effect: this is not root");
}

/* Folders that are none are named along with the credentials (check_tokens.c). */
void check_roles(const struct subject *x) {
    static struct roles roles; /* these two are large */
    static char text[LIMIT_TOKEN_ERRORS];
    struct buf errors = BUF_ON(text);
    roles_list(&roles, settings_text(x->settings, SETTING_ROLES_DIR), &errors);
    for (size_t i = 0; i < roles.count; i++)
        if (x->role == NULL || strcmp(x->role, roles.role[i].name) == 0)
            check_role(x, roles.role[i].name);
}
