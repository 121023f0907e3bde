/* status.h: the status codes that bastion answers with (RFC 9110, section 15; RFC 6585). */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

/* The reason phrase of the status line. A code that is not in the table counts as 500. */
const char *status_phrase(int status);

/* What the client reads as the body, and the log as the reason, where nobody has anything more
 * precise to say: one line without its newline. */
const char *status_text(int status);

#endif
