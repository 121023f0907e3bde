#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/seccomp.h"
#include "tool/check_parts.h"
#include "tool/proc_status.h"
#include "tool/report.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

/* The capabilities that bastion has a use for (linux/capability.h), and for what. */
static const struct {
    unsigned bit;
    const char *name;
    bool needed; /* without it something that is configured can't work at all */
    const char *what;
} uses[] = {
    {6, "SETGID", true, "commands can't become the account's"},
    {7, "SETUID", true, "commands can't become the account's"},
    {0, "CHOWN", true, "neither the lock nor an SSH session's terminal can be made the account's"},
    {3, "FOWNER", false, "an SSH session's terminal may not become the account's"},
    {5, "KILL", false,
     "what commands leave behind can't be ended when bastion init stops, nor a login that has no "
     "place here"},
};
enum { USES = sizeof uses / sizeof *uses, ALL = 41 /* capabilities that Linux has */ };

static void list_capabilities(struct buf *b, unsigned long long set) {
    buf_text(b, "capabilities");
    /* the newest may be missing with an older kernel */
    if ((set & ((1ULL << (ALL - 3)) - 1)) == (1ULL << (ALL - 3)) - 1) {
        buf_text(b, " all");
        return;
    }
    size_t before = b->len;
    for (int i = 0; i < USES; i++)
        if ((set >> uses[i].bit & 1) != 0)
            buf_format(b, " %s", uses[i].name);
    unsigned others = (unsigned)__builtin_popcountll(set);
    for (int i = 0; i < USES; i++)
        others -= (unsigned)(set >> uses[i].bit & 1);
    if (b->len == before && others == 0)
        buf_text(b, " none");
    else if (others > 0)
        buf_format(b, "%s %u more", b->len > before ? " and" : "", others);
}

static void check_capabilities(unsigned long long set) {
    for (int i = 0; i < USES; i++) {
        if ((set >> uses[i].bit & 1) != 0)
            continue;
        if (uses[i].needed)
            report_error(
                "capabilities",
                "%s is missing: %s; --cap-add %s, or start bastion as another account than root",
                uses[i].name, uses[i].what, uses[i].name);
        else
            report_warning("capabilities", "%s is missing: %s; --cap-add %s", uses[i].name,
                           uses[i].what, uses[i].name);
    }
}

void check_host(const struct subject *x) {
    struct proc_status status;
    char line[512];
    struct buf b = BUF_ON(line);
    struct statvfs fs;
    struct utsname kernel;
    bool known = proc_status_read(&status);
    unsigned long long set = proc_status_number(&status, "CapEff", 16);
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    if (!known)
        report_unseen("/proc/self/status",
                      "is not there, so that capabilities and the like are not known");
    buf_format(&b, "here: %s, uid %u; ", x->root ? "root" : "an ordinary account",
               (unsigned)geteuid());
    list_capabilities(&b, set);
    buf_format(&b, "; no_new_privs %s",
               proc_status_number(&status, "NoNewPrivs", 10) != 0 ? "on" : "off");
    buf_format(&b, "; / %s",
               statvfs("/", &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0 ? "read-only" : "writable");
    if (abi > 0)
        buf_format(&b, "; Landlock %ld", abi);
    else
        buf_text(&b, "; no Landlock");
    buf_format(&b, "; seccomp %s", proc_status_number(&status, "Seccomp", 10) != 0 ? "on" : "off");
    if (uname(&kernel) == 0)
        buf_format(&b, "; Linux %s", kernel.release);
    report_line("%.*s", (int)b.len, b.at);
    if (access("/dev/log", F_OK) == -1 && !x->container)
        report_line("no /dev/log: where standard error is the client, as under inetd and some web "
                    "servers, nothing can be recorded, and nothing runs (500)");
    if (!seccomp_is_available())
        report_warning("seccomp", "there are no filters of system calls here: what reads the "
                                  "bytes of clients has all that its account has");
    if (x->root && known)
        check_capabilities(set);
}
