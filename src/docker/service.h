/* service.h: the services of a Swarm: docker service ls, ps, logs, update. */
#ifndef DOCKER_SERVICE_H
#define DOCKER_SERVICE_H

#include <stdbool.h>

#include "docker/command.h"
#include "wire/slice.h"

extern const struct docker_flag docker_service_ls_flags[], docker_service_ps_flags[],
    docker_service_update_flags[];

int docker_service_ls(int argc, char **argv);     /* no arguments */
int docker_service_ps(int argc, char **argv);     /* names of services */
int docker_service_logs(int argc, char **argv);   /* the name of a service, or the id of a task */
int docker_service_update(int argc, char **argv); /* the name of a service */

/* An image's name as docker(1) shows it: without digest, and without what is Docker's own
 * registry's. `tagged`: one that has no tag stays as it is. */
struct slice docker_image_name(struct slice image, bool tagged);

#endif
