#include "core/runas.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/landlock.h"
#include "base/landlock_apart.h"

static char *const no_environment[] = {NULL};

bool runas_docker_group(gid_t *group, const struct settings *s, char *const *environment) {
    if (settings_given(s, SETTING_DOCKER_GROUP))
        *group = (gid_t)settings_number(s, SETTING_DOCKER_GROUP);
    else if (!account_socket_group(group, environment != NULL ? environment : no_environment)
             || *group == 0)
        return false;
    return true;
}

bool runas_has_root_group(const struct account *a, const struct settings *s) {
    return a->in_root_group
           && !(settings_given(s, SETTING_DOCKER_GROUP)
                && settings_number(s, SETTING_DOCKER_GROUP) == 0);
}

enum runas_state runas_look_up(struct account *a, const struct settings *s, char text[RUNAS_TEXT]) {
    const char *name = settings_text(s, SETTING_SSH_USER), *own = settings_text(s, SETTING_RUN_AS),
               *unfit;
    const char *setting = settings_name(own != NULL ? SETTING_RUN_AS : SETTING_SSH_USER);
    name = own != NULL ? own : name;
    if (own != NULL && strchr(own, ':') != NULL) {
        account_number(a, name);
    } else if (account_find(a, name) == -1) {
        snprintf(text, RUNAS_TEXT, "%s: there is no account %s", setting, name);
        return RUNAS_MISSING;
    }
    if ((unfit = account_unfit(a)) == NULL)
        return RUNAS_FIT;
    snprintf(text, RUNAS_TEXT, "%s: %s %s", setting, name, unfit);
    return RUNAS_UNFIT;
}

/* Gives the account the group of the Docker socket, or takes it away, be it by /etc/group that it
 * has it. Returns NULL, or what is wrong. */
static const char *settle_docker_group(struct account *a, const struct settings *s,
                                       char *const *environment) {
    gid_t group;
    bool other =
             settings_text(s, SETTING_RUN_AS) != NULL
             && strcmp(settings_text(s, SETTING_RUN_AS), settings_text(s, SETTING_SSH_USER)) != 0,
         wanted = settings_given(s, SETTING_DOCKER)
                      ? settings_number(s, SETTING_DOCKER) == DOCKER_ON
                      : !other;
    if (!runas_docker_group(&group, s, environment))
        return NULL;
    if (wanted)
        return account_add_group(a, group) ? NULL : "has too many groups";
    account_leave_group(a, group);
    return a->gid != group ? NULL
                           : "has the group of the Docker socket for its own, and DOCKER is off";
}

int runas_find(struct account *a, const struct settings *s, char *const *environment,
               char error[RUNAS_TEXT]) {
    if (!account_is_root()) {
        account_self(a);
        return 0;
    }
    if (runas_look_up(a, s, error) != RUNAS_FIT)
        return -1;
    const char *wrong = a->gid == 0 ? "has the group 0, root's, with which nothing runs"
                                    : settle_docker_group(a, s, environment);
    if (wrong == NULL)
        return 0;
    snprintf(
        error, RUNAS_TEXT, "%s: %s %s",
        settings_name(settings_text(s, SETTING_RUN_AS) != NULL ? SETTING_RUN_AS : SETTING_SSH_USER),
        a->name, wrong);
    return -1;
}

void runas_guess(struct account *a, const struct settings *s, char *const *environment) {
    char error[RUNAS_TEXT];
    gid_t group;
    if (runas_find(a, s, environment, error) == 0)
        return;
    *a = (struct account){.uid = (uid_t)settings_number(s, SETTING_SSH_UID),
                          .gid = (gid_t)settings_number(s, SETTING_SSH_GID)};
    if (runas_docker_group(&group, s, environment))
        account_add_group(a, group);
}

bool runas_no_new_privs(const struct settings *s) {
    if (settings_given(s, SETTING_NO_NEW_PRIVS))
        return settings_number(s, SETTING_NO_NEW_PRIVS) == NO_NEW_PRIVS_ON;
    return container_is_ours();
}

bool runas_is_apart(const struct settings *s) {
    return runas_no_new_privs(s) && landlock_is_available();
}

int runas_keep_apart(int *ruleset, const struct settings *s, int terminal,
                     char error[LIMIT_ERROR]) {
    if (!runas_is_apart(s))
        return 0;
    *ruleset = landlock_make_apart(terminal);
    if (*ruleset != -1)
        return 1;
    snprintf(error, LIMIT_ERROR, "the command can't be kept apart from others (Landlock): %s",
             strerror(errno));
    return -1;
}

const char *runas_lacks(const struct settings *s, char *const *environment) {
    gid_t group;
    if (geteuid() != 0)
        return getegid() == 0 ? "commands have the group 0, root's, as this process has: give it "
                                "another (--user 1000:1000, runAsGroup)"
                              : NULL;
    if (settings_given(s, SETTING_DOCKER_GROUP)
        || !account_socket_group(&group, environment != NULL ? environment : no_environment)
        || group != 0)
        return NULL;
    return "the Docker socket belongs to the group 0, root's, which commands never get: chgrp "
           "docker it on the host, or set "
           "DOCKER_GROUP=0 if commands may read what that group may";
}
