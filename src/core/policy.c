#include "core/policy.h"

#include <string.h>

int policy_load(struct policy *p, const struct settings *s, const char **fault) {
    *p = (struct policy){.mode = POLICY_NONE};
    if (settings_given(s, ALLOWED_COMMANDS)) {
        *fault = "ALLOWED_COMMANDS: broker mode is not in this version";
        return -1;
    }
    if (!settings_given(s, FORCE_COMMAND)) {
        *fault = "FORCE_COMMAND: not set, so there is nothing to run";
        return -1;
    }
    p->mode = POLICY_FORCE;
    p->command = settings_text(s, FORCE_COMMAND);
    return 0;
}

void policy_decide(const struct policy *p, struct decision *d) {
    *d = (struct decision){.reason = "no mode is set"};
    if (p->mode == POLICY_FORCE)
        *d = (struct decision){
            .allow = true,
            .rule = "force",
            .text = p->command,
            .text_n = strlen(p->command),
            .argv = {"/bin/sh", "-c", p->command},
        };
}

int policy_lock(const struct policy *p, const struct settings *s) {
    if (settings_given(s, COMMAND_LOCK))
        return (int)settings_number(s, COMMAND_LOCK);
    return p->mode == POLICY_FORCE ? LOCK_SKIP : LOCK_OFF;
}

bool policy_hangs_up(const struct settings *s, bool holds_lock) {
    if (settings_given(s, ON_DISCONNECT))
        return settings_number(s, ON_DISCONNECT) == DISCONNECT_HANGUP;
    return !holds_lock;
}
