/* init.h: bastion init, process 1 of the container: brings everything up, listens, and keeps
 * house. */
#ifndef INIT_INIT_H
#define INIT_INIT_H

int init_main(int argc, char **argv);

#endif
