/* health.h: bastion health, for the container's HEALTHCHECK: do the listeners answer? */
#ifndef TOOL_HEALTH_H
#define TOOL_HEALTH_H

int health_main(int argc, char **argv);

#endif
