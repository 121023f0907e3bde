/* shell.h: bastion as the login shell of the account, or as OpenSSH's ForceCommand: one SSH
 * session's command. Nothing in its environment is believed: the client wrote it. */
#ifndef SSH_SHELL_H
#define SSH_SHELL_H

/* argv[1] is -c and argv[2] the request, or there is neither; or argv is `shell
 * [--force-command]`. */
int shell_main(int argc, char **argv);

#endif
