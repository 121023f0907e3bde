/* daemon_confinement.h: what tinysshd may do, which reads every packet of clients that nobody
 * knows, as root. */
#ifndef SSH_DAEMON_CONFINEMENT_H
#define SSH_DAEMON_CONFINEMENT_H

#include "ssh/setup.h"

/* Confines this process, and whatever it starts, for good, before it becomes tinysshd: of root's
 * capabilities five are left; no new privileges; of files the keys, the accounts, terminals,
 * tinysshd and the account's shell (Landlock); no socket but local ones, no connection, no
 * namespace, and none of the calls of base/seccomp.h. Where the kernel lacks one of these, the
 * others hold. */
void daemon_confine(const struct setup *setup);

#endif
