/* setup.h: what tinysshd needs: the account with its link to the keys, the list of keys that one
 * client can log in with, and the host's key. */
#ifndef SSH_SETUP_H
#define SSH_SETUP_H

#include <stdbool.h>

#include "base/account.h"
#include "base/run_directory.h"
#include "ssh/authorized_keys.h"
#include "core/settings.h"

#define SETUP_KEYS RUN_DIRECTORY "/ssh" /* where the account's ~/.ssh leads */
/* The descriptor by which tinysshd has the list of keys that its client can log in with: the file
 * authorized_keys in SETUP_KEYS is a link to it (proc(5), /proc/self/fd). So each connection has a
 * list of its own, and none changes that of another. */
enum { SETUP_KEY_LIST_FD = 100 };
#define SETUP_KEY_LIST "/proc/self/fd/100"
#define SETUP_HOST_KEY RUN_DIRECTORY "/hostkey" /* tinysshd's key directory */

enum { SETUP_ERROR = 2 * LIMIT_PATH };

struct setup {
    struct account account;      /* SSH_USER */
    struct authorized_keys keys; /* judged for the client */
    int key_list;                /* authorized_keys_open; -1 where there is no client yet */
    char program[LIMIT_PATH];    /* tinysshd */
    char error[SETUP_ERROR];
};

/* Looks up SSH_USER and tinysshd. Returns NULL; or the error, which may stand in x->error: then
 * nobody may be served. */
const char *setup_find(struct setup *x, const struct settings *s);

/* After that: reads the keys, lists those that hold for `peer`, and makes what is missing of the
 * host's key and the account's ~/.ssh. What is unusable but stops nobody is logged once; `peer` is
 * NULL where there is no client yet. Returns as setup_find does. */
const char *setup_prepare(struct setup *x, const struct settings *s, const char *peer);

/* Tells `report` each error that setup_prepare would find, and changes nothing. The account and the
 * directories below /run are left out where they are made before anybody is served, as `bastion
 * init` does in the container. */
void setup_look(const struct settings *s, bool makes_account, bool makes_directories,
                void (*report)(void *context, const char *error), void *context);

/* Whether it is sure that nobody but `account` can log in. tinysshd serves every account that has
 * keys; so where ptrace(2) does not hold what it starts (`traced` is false) and it could become
 * another account, no other may have any. If one has, returns false with the error. */
bool setup_check_others(const struct account *account, bool traced, char error[SETUP_ERROR]);

#endif
