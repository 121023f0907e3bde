/* api.h: the version of the engine's API that this client speaks: it stands in the path of each
 * request. */
#ifndef DOCKER_API_H
#define DOCKER_API_H

#include <stdbool.h>

#include "docker/conn.h"

/* What this client knows at most: the newest whose requests it makes. */
#define DOCKER_API_MOST "1.51"

/* Sees to it that there is a version: DOCKER_API_VERSION's, or the lower of the engine's and ours,
 * asked for once over this connection. False: there is none for both; a line has been printed. */
bool docker_api_ready(struct docker_conn *c);

/* "/v1.51", or empty as long as there is none. */
const char *docker_api_path(void);
/* "1.51", or empty. */
const char *docker_api_version(void);

/* Whether it is 1.MINOR or later; else a line says that `flag` needs that. */
bool docker_api_has(struct docker_conn *c, const char *flag, unsigned minor);

#endif
