/* hostkey.h: the host's SSH key: where it stands, how it comes to be, and the form in which
 * tinysshd takes it. */
#ifndef SSH_HOSTKEY_H
#define SSH_HOSTKEY_H

#include <stdbool.h>

#include "limit.h"
#include "wire/openssh_key.h"

enum { HOSTKEY_ERROR = LIMIT_PATH + 256 }; /* bytes of an error or a warning */

/* Looks for the key in `directory` (SSH_KEYS): OpenSSH's ssh_host_ed25519_key, else tinyssh's
 * .ed25519.sk. Returns 1 when there is one; 0 when there is none, or no such directory; -1 with the
 * error when there is one that can't be read or used, or a command could have written it
 * (core/protect.h). `known` (or NULL) is a secret that has been found intact before. */
int hostkey_find(struct openssh_key *k, const char *directory, const unsigned char *known,
                 char error[HOSTKEY_ERROR]);

/* Makes sure that `directory` has a key, and that `run` holds it in the form that tinysshd reads.
 * If there is none, the program `tinysshd` makes one, which is kept in `directory` as OpenSSH's
 * file; where that can't be written the key lasts as long as `run`, and `warning`, else empty, says
 * so once. `run` is a directory that is made here and is this process's alone. Returns 0, or -1
 * with the error. */
int hostkey_prepare(const char *directory, const char *run, const char *tinysshd,
                    char warning[HOSTKEY_ERROR], char error[HOSTKEY_ERROR]);

/* Appends what `ssh-keygen -lf` shows of the key. */
void hostkey_describe(struct buf *b, const struct openssh_key *k);

#endif
