/* proxy.h: `bastion proxy`. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

/* Takes a header of the PROXY protocol off the connection on descriptors 0 and 1, if that comes
 * from a trusted proxy, and executes a program that finds the client whom it names in the variables
 * of UCSPI; bastion(8), PROXIES. Returns the exit status where there is none to execute. */
int proxy_main(int argc, char **argv);

#endif
