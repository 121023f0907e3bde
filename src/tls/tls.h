/* tls.h: bastion tls, TLS before a program that speaks clear text on descriptors 0 and 1. */
#ifndef TLS_TLS_H
#define TLS_TLS_H

int tls_main(int argc, char **argv);

#endif
