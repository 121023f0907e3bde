/* ssh.h: `bastion ssh`: one SSH connection on descriptors 0 and 1, by an unmodified tinysshd. This
 * program reads no byte of it. It brings the keys, starts tinysshd, and tells the login shell who
 * has logged in; the shell does the rest. */
#ifndef SSH_SSH_H
#define SSH_SSH_H

int ssh_main(int argc, char **argv);

#endif
