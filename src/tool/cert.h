/* cert.h: bastion cert, a key and a certificate that it signs itself. */
#ifndef TOOL_CERT_H
#define TOOL_CERT_H

int cert_main(int argc, char **argv);

#endif
