/* sshd.c: tinysshd that is taken over. BEFORE_LOGIN: another program in its place, from a client's
 * first byte on; the host's key is made by the real one, REAL, under another name. Else tinysshd
 * itself, linked with --wrap: its function is replaced that opens the session of a client who has
 * logged in. What came of each attempt is said on the connection, in the clear. */
#include <string.h>
#include <unistd.h>

#include "attempts.h"

#ifdef BEFORE_LOGIN
int main(int argc, char **argv) {
    (void)argc;
    if (strcmp(argv[0], "tinysshd") != 0)
        return execv(REAL, argv);
    attempt_everything(1);
    return 0;
}
#else
int __wrap_channel_open(const char *user, unsigned id, unsigned window, unsigned packet,
                        unsigned local);

int __wrap_channel_open(const char *user, unsigned id, unsigned window, unsigned packet,
                        unsigned local) {
    (void)user;
    (void)id;
    (void)window;
    (void)packet;
    (void)local;
    attempt_everything(1);
    _exit(0);
}
#endif
