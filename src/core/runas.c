#include "core/runas.h"

#include <stdio.h>
#include <unistd.h>

static char *const nothing[] = {NULL};

bool runas_docker_group(gid_t *group, const struct settings *s, char *const *environment) {
    if (settings_given(s, SETTING_DOCKER_GROUP))
        *group = (gid_t)settings_number(s, SETTING_DOCKER_GROUP);
    else if (!account_socket_group(group, environment != NULL ? environment : nothing)
             || *group == 0)
        return false;
    return true;
}

bool runas_has_root_group(const struct account *a, const struct settings *s) {
    return a->in_root_group
           && !(settings_given(s, SETTING_DOCKER_GROUP)
                && settings_number(s, SETTING_DOCKER_GROUP) == 0);
}

const char *runas_find(struct account *a, const struct settings *s, char *const *environment) {
    static char error[LIMIT_USER + 96];
    const char *name = settings_text(s, SETTING_SSH_USER), *unfit;
    gid_t group;
    if (geteuid() != 0) {
        account_self(a);
        return NULL;
    }
    if (account_find(a, name) == -1)
        snprintf(error, sizeof error, "SSH_USER: there is no account %s", name);
    else if ((unfit = account_unfit(a)) != NULL)
        snprintf(error, sizeof error, "SSH_USER: %s %s", name, unfit);
    else if (a->gid == 0)
        snprintf(error, sizeof error,
                 "SSH_USER: %s has the group 0, root's, with which nothing runs", name);
    else if (runas_docker_group(&group, s, environment) && !account_add_group(a, group))
        snprintf(error, sizeof error, "SSH_USER: %s has too many groups", name);
    else
        return NULL;
    return error;
}

void runas_guess(struct account *a, const struct settings *s, char *const *environment) {
    gid_t group;
    if (runas_find(a, s, environment) == NULL)
        return;
    *a = (struct account){.uid = (uid_t)settings_number(s, SETTING_SSH_UID),
                          .gid = (gid_t)settings_number(s, SETTING_SSH_GID)};
    if (runas_docker_group(&group, s, environment))
        account_add_group(a, group);
}

const char *runas_lacks(const struct settings *s, char *const *environment) {
    gid_t group;
    if (geteuid() != 0)
        return getegid() == 0 ? "commands have the group 0, root's, as this process has: give it "
                                "another (--user 1000:1000, runAsGroup)"
                              : NULL;
    if (settings_given(s, SETTING_DOCKER_GROUP)
        || !account_socket_group(&group, environment != NULL ? environment : nothing) || group != 0)
        return NULL;
    return "the Docker socket belongs to the group 0, root's, which commands never get: chgrp "
           "docker it on the host, or set "
           "DOCKER_GROUP=0 if commands may read what that group may";
}
