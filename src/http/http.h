/* http.h: bastion http, one HTTP/1.1 connection on descriptors 0 and 1 (RFC 9112). */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

/* Returns the exit status: 0 when the connection ended as it should, 1 when a response was cut (so
 * that `bastion tls` cuts its own ending too). */
int http_main(int argc, char **argv);

#endif
