/* stopped.c: another process of the account stops a command's before it is a program of its own. */
#include <signal.h>
#include <unistd.h>

#include "base/drop.h"

int __real_drop_in_child(const struct account *a);
int __wrap_drop_in_child(const struct account *a);

int __wrap_drop_in_child(const struct account *a) {
    int dropped = __real_drop_in_child(a);
    kill(getpid(), SIGSTOP);
    return dropped;
}
