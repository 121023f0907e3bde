#include "ssh/daemon_confinement.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/seccomp.h"

/* To become the account, to give it its terminal, and to end what runs as it. */
static bool is_needed(int capability) {
    return capability == CAP_SETUID || capability == CAP_SETGID || capability == CAP_CHOWN
           || capability == CAP_FOWNER || capability == CAP_KILL;
}

/* What leaves the bounding set is gone with the next execve(2) (capabilities(7)). Whoever may not
 * take anything from it has few to lose. */
static void drop_capabilities(void) {
    int has;
    for (int capability = 0; (has = prctl(PR_CAPBSET_READ, capability, 0, 0, 0)) != -1;
         capability++)
        if (has == 1 && !is_needed(capability))
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

void daemon_confine(const struct setup *setup) {
    const struct landlock_grant grants[] = {
        {SETUP_HOST_KEY, LANDLOCK_TO_READ}, {SETUP_KEYS, LANDLOCK_TO_READ},
        {"/etc/passwd", LANDLOCK_TO_READ},  {"/etc/group", LANDLOCK_TO_READ},
        {"/dev/ptmx", LANDLOCK_TO_DEVICE},  {"/dev/pts", LANDLOCK_TO_DEVICE},
        {"/dev/null", LANDLOCK_TO_DEVICE},  {"/dev/urandom", LANDLOCK_TO_READ},
        {setup->program, LANDLOCK_TO_RUN},  {setup->account.shell, LANDLOCK_TO_RUN},
    };
    drop_capabilities();
    /* It opens the directory that it is started in. */
    if (chdir(SETUP_HOST_KEY) == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
        return;
    landlock_close_all_but(grants, sizeof grants / sizeof *grants);
    seccomp_refuse_privileged();
}
