/* init.h: bastion init, process 1 of the container: prepares what is served, then listens, serves
 * and ends. */
#ifndef INIT_INIT_H
#define INIT_INIT_H

int init_main(int argc, char **argv);

#endif
