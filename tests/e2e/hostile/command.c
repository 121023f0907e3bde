/* command.c: a command that tries what a process of bastion's would that is taken over: a program
 * of its own, which says on standard output what came of each. Its parent is its monitor. */
#include "attempts.h"

int main(void) {
    attempt_everything(1);
    return 0;
}
