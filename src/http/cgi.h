/* cgi.h: bastion cgi, one request behind a web server (RFC 3875). */
#ifndef HTTP_CGI_H
#define HTTP_CGI_H

/* Returns the exit status: 0, or 1 when the response was cut. */
int cgi_main(int argc, char **argv);

#endif
