#include "preflight.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/run_directory.h"
#include "core/audit.h"
#include "core/runas.h"

/* ---- capabilities ---- */

/* As linux/capability.h numbers them. */
enum {
    CAPABILITY_CHOWN = 0,
    CAPABILITY_FOWNER = 3,
    CAPABILITY_KILL = 5,
    CAPABILITY_SETGID = 6,
    CAPABILITY_SETUID = 7
};

/* The effective set, a bit each (capget(2), version 3); all of them where the kernel does not
 * say. */
static uint64_t capabilities(void) {
    struct {
        uint32_t version;
        int32_t pid;
    } head = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } set[2];
    if (syscall(SYS_capget, &head, set) == -1)
        return UINT64_MAX;
    return set[0].effective | (uint64_t)set[1].effective << 32;
}

/* Whether this process is root without that capability. */
static bool lacks(int capability) {
    return geteuid() == 0 && (capabilities() >> capability & 1) == 0;
}

/* Whether runs take the lock, of which the default depends on the mode. */
static bool takes_lock(const struct settings *s) {
    if (settings_given(s, SETTING_COMMAND_LOCK))
        return settings_number(s, SETTING_COMMAND_LOCK) != LOCK_MODE_OFF;
    return !settings_given(s, SETTING_ALLOWED_COMMANDS)
           && access("/etc/bastion/allowed-commands.list", F_OK) == -1;
}

static const char *capability_error(const struct settings *s, bool ssh, char text[PREFLIGHT_TEXT]) {
    bool uid = lacks(CAPABILITY_SETUID), gid = lacks(CAPABILITY_SETGID);
    if (uid || gid) {
        snprintf(text, PREFLIGHT_TEXT,
                 "capabilities: root is without %s, so that no command can run as %s: give it back "
                 "(--cap-add), or start as that "
                 "account (--user)",
                 uid && gid ? "SETUID and SETGID"
                 : uid      ? "SETUID"
                            : "SETGID",
                 settings_text(s, SETTING_SSH_USER));
        return text;
    }
    if (lacks(CAPABILITY_CHOWN) && (ssh || takes_lock(s)))
        return "capabilities: root is without CHOWN, so that no SSH session and no run that takes "
               "the lock can start: give it back "
               "(--cap-add CHOWN)";
    return NULL;
}

/* ---- the account, and RUN_DIR ---- */

static const char *account_error(const struct settings *s, char text[PREFLIGHT_TEXT]) {
    char from[SETTINGS_SOURCE];
    struct account a;
    char error[RUNAS_TEXT];
    if (geteuid() != 0)
        return NULL;
    enum runas_state state = runas_look_up(&a, s, error);
    if (state == RUNAS_FIT)
        return NULL;
    snprintf(text, PREFLIGHT_TEXT, state == RUNAS_MISSING ? "%s (%s)" : "%s", error,
             settings_source(s, SETTING_SSH_USER, from));
    return text;
}

/* What would keep each run that takes the lock from starting. */
static const char *run_dir_error(const struct settings *s, char text[PREFLIGHT_TEXT]) {
    char from[SETTINGS_SOURCE];
    struct stat st;
    const char *path = settings_text(s, SETTING_RUN_DIR), *wrong = NULL;
    enum run_directory_state state;
    if (!takes_lock(s))
        return NULL;
    if (stat(path, &st) == -1)
        wrong = strerror(errno);
    else if ((state = run_directory_judge(&st)) == RUN_DIRECTORY_NONE)
        wrong = "not a directory";
    else if (state != RUN_DIRECTORY_FIT)
        wrong = "must belong to root or to the account that starts bastion, and be writable by "
                "nobody else";
    if (wrong == NULL)
        return NULL;
    snprintf(text, PREFLIGHT_TEXT, "RUN_DIR: %s: %s (%s)", path, wrong,
             settings_source(s, SETTING_RUN_DIR, from));
    return text;
}

const char *preflight_error(const struct settings *s, bool ssh, char text[PREFLIGHT_TEXT]) {
    const char *error = capability_error(s, ssh, text);
    if (error == NULL)
        error = account_error(s, text);
    return error != NULL ? error : run_dir_error(s, text);
}

/* tinysshd believes no key in a directory that others can write to, nor below one. */
const char *preflight_ssh_error(char text[PREFLIGHT_TEXT]) {
    struct stat st;
    unsigned uid = geteuid();
    if (uid == 0 || stat("/run", &st) == -1
        || (st.st_uid == uid && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0))
        return NULL;
    snprintf(text, PREFLIGHT_TEXT,
             "/run: belongs to uid %u, with mode %03o, and this is uid %u: SSH is not served, only "
             "HTTP. It takes a /run of its own "
             "(--tmpfs /run:uid=%u,gid=%u,mode=755), which an emptyDir of Kubernetes can't be, or "
             "root; SSH_PORT=off is the same "
             "without this line",
             (unsigned)st.st_uid, (unsigned)st.st_mode & 07777, uid, uid, (unsigned)getegid());
    return text;
}

/* ---- what is written into the log ---- */

static void note_capabilities(void) {
    if (lacks(CAPABILITY_FOWNER))
        audit_notice(NULL, "capabilities: root is without FOWNER, so that no SSH session can have "
                           "a terminal: --cap-add FOWNER");
    if (lacks(CAPABILITY_KILL))
        audit_notice(NULL, "capabilities: root is without KILL, so that what runs can't be ended "
                           "when this stops, nor an SSH login that "
                           "has no place here: --cap-add KILL");
}

static void note_links(const struct settings *s) {
    char text[PREFLIGHT_TEXT];
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        if (s->value[id].link == NULL)
            continue;
        snprintf(text, PREFLIGHT_TEXT,
                 "%s: %.100s is what Kubernetes says of a service of that name, and no port to "
                 "listen on: ignored "
                 "(enableServiceLinks: false keeps it out)",
                 settings_name(id), s->value[id].link);
        audit_notice(NULL, text);
    }
}

/* A name such as Europe/Berlin is looked for where the C library looks (tzset(3)). Whatever else TZ
 * may be, nobody can tell here whether it is right. */
static void note_zone(void) {
    static const char *const directories[] = {"/usr/share/zoneinfo", "/share/zoneinfo",
                                              "/etc/zoneinfo"};
    const char *zone = getenv("TZ");
    char path[LIMIT_PATH], text[PREFLIGHT_TEXT];
    if (zone != NULL && zone[0] == ':')
        zone++;
    if (zone == NULL || strchr(zone, '/') == NULL || strchr(zone, ',') != NULL
        || strlen(zone) > 200)
        return;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        snprintf(path, sizeof path, zone[0] == '/' ? "%s%s" : "%s/%s",
                 zone[0] == '/' ? "" : directories[i], zone);
        if (access(path, R_OK) == 0)
            return;
    }
    snprintf(text, PREFLIGHT_TEXT,
             "TZ: %s: there is no such file of zones here, so that commands have UTC (the log has "
             "it always): mount "
             "/usr/share/zoneinfo, or write the rule itself, such as CET-1CEST,M3.5.0,M10.5.0/3",
             zone);
    audit_notice(NULL, text);
}

void preflight_note(const struct settings *s) {
    note_capabilities();
    note_links(s);
    note_zone();
}
