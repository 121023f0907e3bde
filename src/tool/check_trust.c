#include "core/protect.h"
#include "core/runas.h"
#include "tool/check_parts.h"
#include "tool/report.h"

extern char **environ;

static void report_finding(void *context, enum protect_finding finding, const char *path,
                           const char *text) {
    (void)context;
    if (finding == PROTECT_REFUSED)
        report_error(path, "%s", text);
    else if (finding == PROTECT_CLOSED)
        report_line("closed: %s: %s", path, text);
    else
        report_warning(path, "%s", text);
}

void check_trust(const struct subject *x) {
    const char *lacks = runas_lacks(x->settings, x->files ? NULL : environ);
    if (lacks != NULL)
        report_warning("DOCKER_GROUP", "%s", lacks);
    protect_report(report_finding, NULL);
    report_line("commands: no_new_privs %s%s", x->no_new_privs != NULL ? "on: " : "off",
                x->no_new_privs != NULL ? x->no_new_privs : "");
    report_line("commands: %s", runas_is_apart(x->settings)
                                    ? "kept apart from one another (Landlock)"
                                    : "not kept apart from one another: the memory and the "
                                      "terminal of each are open to all");
}
