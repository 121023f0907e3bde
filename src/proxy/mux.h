/* mux.h: `bastion mux`. */
#ifndef PROXY_MUX_H
#define PROXY_MUX_H

/* Looks at the first bytes of the connection on descriptors 0 and 1, without taking them, and
 * executes the program of their protocol; bastion(8), MUX. Returns the exit status where there is
 * none to execute. */
int mux_main(int argc, char **argv);

#endif
