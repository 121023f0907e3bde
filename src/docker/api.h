/* api.h: the version of the engine's API that this client speaks: it stands in the path of each
 * request. */
#ifndef DOCKER_API_H
#define DOCKER_API_H

#include <stdbool.h>

#include "docker/conn.h"

/* The newest version 1.MINOR whose requests this client makes, by its minor number. */
enum { DOCKER_API_MOST = 51 };

/* Settles the version, once for the whole process: that of the variable DOCKER_API_VERSION, else
 * the lower of the engine's and this client's, for which the engine is asked over `c`. False: there
 * is no version that both know, or no connection; a line has been printed. */
bool docker_api_ready(struct docker_conn *c);

/* What the path of a request begins with, such as "/v1.51"; empty until docker_api_ready has
 * settled the version. */
const char *docker_api_path(void);
/* The version alone, such as "1.51"; empty before that. */
const char *docker_api_version(void);

/* Whether the version is 1.`needed` or later, as --`flag` wants it. False: it is not, or there is
 * none; a line has been printed. */
bool docker_api_has(struct docker_conn *c, const char *flag, unsigned needed);

#endif
