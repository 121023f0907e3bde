/* services.h: which ports are served, and by which programs, as the settings have it. */
#ifndef INIT_SERVICES_H
#define INIT_SERVICES_H

#include <stdbool.h>

#include "rundir.h"
#include "supervisor.h"

/* Fills v->listeners from v->settings, none of them open yet, and prepares what their programs
 * need: the certificate of TLS=self-signed, the account and keys of SSH. Returns 0, or the exit
 * code for an error, which then has its line in the log. */
int services_choose(struct supervisor *v, enum rundir rundir);

/* Whether each connection begins with a header of the PROXY protocol. */
bool services_have_header(const struct supervisor *v);

/* Opens the ports, lists them for `bastion health`, and says so in the log. */
void services_open(struct supervisor *v);

#endif
