/* sshd.c: tinysshd that is taken over at a client's first byte. The host's key is made by the real
 * one, REAL, under another name. */
#include <string.h>
#include <unistd.h>

#include "attempts.h"

int main(int argc, char **argv) {
    (void)argc;
    if (strcmp(argv[0], "tinysshd") != 0)
        return execv(REAL, argv);
    attempt_everything(1);
    return 0;
}
