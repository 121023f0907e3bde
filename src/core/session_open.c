/* session_open.c: a session's beginning and end: what its settings say, for a role or for none. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"
#include "core/audit.h"
#include "core/command_accounts.h"
#include "core/replaced_mount.h"
#include "core/runas.h"
#include "core/session.h"

void session_new_run(char out[SESSION_RUN_ID]) {
    unsigned char bytes[8];
    if (random_fill(bytes, sizeof bytes) == -1) {
        audit_notice(NULL, "no random numbers: getrandom(2) is refused, and /dev/urandom can't be "
                           "read: nothing is served");
        _exit(71);
    }
    num_put_hex(out, bytes, sizeof bytes);
}

int session_open(struct session *s, const struct settings *settings, char *const *environment) {
    /* One by one: the table of rules in it is large, and what is never touched costs no memory. */
    s->settings = settings;
    s->environment = environment;
    s->run = (struct run){.next_signal = CLOCK_NEVER};
    s->unusable = NULL;
    if (policy_load(&s->policy, settings, s->error) == -1
        || runas_find(&s->account, settings, environment, s->error) == -1)
        return -1;
    lock_prepare(&s->lock, settings_text(settings, SETTING_RUN_DIR), settings->role,
                 s->account.gid);
    s->opened = true;
    replaced_mount_note(settings, s->policy.mode == POLICY_BROKER, s->lock.directory, NULL, NULL);
    return 0;
}

void session_refuse(struct session *s, const struct settings *settings, const char *reason) {
    s->settings = settings;
    s->policy.mode = POLICY_NONE;
    s->unusable = reason;
}

void session_open_role(struct role_session *s, const struct settings *outside,
                       char *const *environment, const char *name) {
    const char *directory = settings_text(outside, SETTING_ROLES_DIR), *error = NULL;
    session_close(&s->session);
    command_accounts_forget(); /* roles have changed since they were looked up, perhaps */
    snprintf(s->name, sizeof s->name, "%s", name);
    if (!roles_is_name((struct slice){name, strlen(name)})
        || roles_path(s->folder, directory, s->name, NULL) == NULL)
        error = "there can be no role of this name";
    else if (settings_read_role(&s->settings, outside, s->name, s->folder) == -1)
        error = s->settings.error;
    else if (session_open(&s->session, &s->settings, environment) == -1)
        error = s->session.error;
    s->settings.role = s->name;
    if (error != NULL)
        session_refuse(&s->session, &s->settings, error);
}

void session_close(struct session *s) {
    if (s->opened)
        lock_close(&s->lock);
    s->opened = false;
}
