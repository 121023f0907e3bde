/* account.h: the accounts of /etc/passwd and /etc/group (passwd(5), group(5)). Read here and not by
 * the C library, whose way (stdio, malloc, a name service daemon that no container has) took a
 * third of a whole request's time. */
#ifndef BASE_ACCOUNT_H
#define BASE_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "limit.h"

struct account {
    uid_t uid;
    gid_t gid;
    gid_t groups[LIMIT_GROUPS];
    int group_count;
    bool more_groups; /* than there is room for: only of account_self */
    bool in_root_group;
    char name[LIMIT_USER];
    char home[LIMIT_HOME];
    char shell[LIMIT_HOME];
};

/* The numbers as which a process parses HTTP (http/http_monitor.c), as which one prints what comes
 * to /dev/log (init/syslog.c), as which one holds a TLS key (tls/tls.c), and as which one reads the
 * PROXY protocol (proxy/reader.c). They need no names, and are none that distributions, systemd and
 * container runtimes give out. */
enum { ACCOUNT_PROXY = 65524, ACCOUNT_HTTP = 65525, ACCOUNT_SYSLOG = 65526, ACCOUNT_TLS = 65527 };

/* Why nothing may run as the account, or NULL: it is root, or could meddle with those processes. */
const char *account_unfit(const struct account *a);

/* Looks up `name` with its groups, but for group 0 as a further one. Returns 0, or -1: no such
 * account, an entry that is not well-formed, or more groups or a longer line than fit. */
int account_find(struct account *a, const char *name);
/* The same, from other files. */
int account_find_in(struct account *a, const char *name, const char *passwd, const char *group);

/* Makes of UID:GID, well-formed, an account without an entry, whose name is its number and whose
 * home is /. */
void account_number(struct account *a, const char *ids);

/* The account that this process runs as already, with the groups that this process has; one without
 * an entry has its number for a name and / for a home. */
void account_self(struct account *a);

/* Whether `test` says so of an account of /etc/passwd (its groups left out). */
bool account_any(bool (*test)(const struct account *a, const void *context), const void *context);

/* The group that may use the Docker socket which this environment names (DOCKER_HOST, else
 * /var/run/docker.sock), whatever its number is on this host. False where there is no such socket,
 * or its group may not. */
bool account_socket_group(gid_t *group, char *const *environment);

/* Adds a group unless it is there. False when there is no room. */
bool account_add_group(struct account *a, gid_t group);
/* Takes a group away where it is one. */
void account_leave_group(struct account *a, gid_t group);

/* Whether this program was started as root: what geteuid(2) says where the process has not become
 * another account since, and at no cost. */
bool account_is_root(void);

#endif
