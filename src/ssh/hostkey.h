/* hostkey.h: the host's SSH key: where it stands, how it comes to be, and the form in which
 * tinysshd takes it. */
#ifndef SSH_HOSTKEY_H
#define SSH_HOSTKEY_H

#include <stdbool.h>

#include "wire/openssh_key.h"

/* Looks for the key in `directory` (SSH_KEYS): OpenSSH's ssh_host_ed25519_key, else tinyssh's
 * .ed25519.sk. Returns 1 when there is one; 0 when there is none, which a missing directory is too;
 * -1 with *error when one can't be read or used, or a command could have written it
 * (core/protect.h). One whose secret is `known` (or NULL) has been found good before. */
int hostkey_find(struct openssh_key *k, const char *directory, const unsigned char *known,
                 const char **error);

/* Sees to it that `directory` has a key (made by `tinysshd` and kept there as OpenSSH's file, if
 * there was none) and that `run` (a directory below RUN_DIR, made here, this process's alone) holds
 * it as tinysshd wants it. Where `directory` can't be written the key lasts as long as `run`, and
 * *warning says so once. Returns 0, or -1 with *error; the texts are good until the next call. */
int hostkey_prepare(const char *directory, const char *run, const char *tinysshd,
                    const char **warning, const char **error);

/* Writes what `ssh-keygen -lf` shows of it. */
void hostkey_describe(struct buf *b, const struct openssh_key *k);

#endif
