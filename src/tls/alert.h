/* alert.h: what the TLS engine's errors mean to the client and to the log. */
#ifndef TLS_ALERT_H
#define TLS_ALERT_H

/* The alert (RFC 5246, section 7.2) that tells the client of an error of BearSSL's, or 0 where
 * there is none to send: no error, one that the engine has told already, or one that the client
 * told us. */
int alert_number(int error);

/* One line for the log, or NULL for no error; good until the next call. */
const char *alert_text(int error);

#endif
