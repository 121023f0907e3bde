/* check_parts.h: the parts of `bastion check`, a subject each. They look and change nothing: no
 * file is made, nothing is started, nobody is connected to. */
#ifndef TOOL_CHECK_PARTS_H
#define TOOL_CHECK_PARTS_H

#include <stdbool.h>

#include "base/account.h"
#include "ssh/authorized_keys.h"
#include "core/policy.h"
#include "core/settings.h"

/* What is looked at. */
struct subject {
    struct settings *settings; /* what is unusable in it has been reported, and counts as not set */
    struct policy *policy;
    struct authorized_keys *keys; /* as they are read for a login */
    const bool *unusable;         /* of each setting, whether it is one of those */
    /* the settings are read as by cgi and by a login shell: from files alone */
    bool files;
    bool root, container;
    const char *role; /* the one that is looked at alone, whose settings these are; or NULL */
    bool http, ssh, tls;    /* whether anything is set that is of use for it alone */
    struct account account; /* whom commands run as */
    bool has_account;       /* whether it is there */
    /* why commands have no_new_privs (prctl(2)), for people; NULL where they have not */
    const char *no_new_privs;
};

/* The values: what is set, and what of it is likely not meant. */
void check_settings(const struct subject *x);
void check_values(const struct subject *x);
/* What is wrong with the look of a value (quotes, a carriage return, ...), or NULL. */
const char *check_oddity(const char *text, size_t n);
/* Files and variables that are no settings, but look as if they were meant to be. */
void check_names(const struct subject *x);
/* The account, its login shell, RUN_DIR, and what an SSH login finds on the disk. */
void check_account(const struct subject *x);
void check_directories(const struct subject *x);
/* The roles: what each has of its own, as whom its commands run, and whether it can serve. */
void check_roles(const struct subject *x);
void check_keys(const struct subject *x);
/* The tokens of HTTP, by all but their digests. */
void check_tokens(const struct subject *x);
/* The secrets that webhooks are signed with, of roles: how many, never which. */
void check_hooks(const struct subject *x);
void check_tls(const struct subject *x);
/* What the system allows. */
void check_host(const struct subject *x);
/* Who could change what counts, and read what is secret. */
void check_trust(const struct subject *x);

/* These two run as the account, where this process could become it: what they find is what a
 * command would find. */
void check_rules(const struct subject *x);
void check_command(const struct subject *x);
/* What whoever logs in by the name `who` from `peer` (base/ucspi.h; NULL: from anywhere) would get
 * now, by which credential; and what would become of `request`, or NULL. Returns the exit code: 126
 * where no credential of his holds, or no role of his allows it. */
int check_identity(const struct subject *x, const char *who, const char *peer, const char *request);

/* What would happen to a request. Returns 0 or 126. */
int check_request(struct policy *p, const char *request, bool explain);

/* Writes why the account can't start `program`, which is looked for in PATH, into `text` and
 * returns it; NULL when it can. */
enum { CHECK_PROGRAM_ERROR = 2 * LIMIT_PATH };
const char *check_program(char text[CHECK_PROGRAM_ERROR], const char *program, bool files);

#endif
