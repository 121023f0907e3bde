/* alert.h: what an error of the TLS engine is to the client, an alert, and to the log, a text. */
#ifndef TLS_ALERT_H
#define TLS_ALERT_H

/* Descriptions of alerts (RFC 5246, section 7.2), as far as they are sent here by name. */
enum { ALERT_CLOSE = 0, ALERT_UNEXPECTED = 10, ALERT_BAD_CERTIFICATE = 42, ALERT_INTERNAL = 80 };

/* The alert that tells the client of an error of BearSSL's, or 0 where there is none to send: no
 * error, one of which the engine has sent an alert already, or an alert that the client sent. */
int alert_number(int error);

/* Writes the error for the log, as one line, into `text` and returns it; NULL for no error. */
enum { ALERT_TEXT = 128 };
const char *alert_text(char text[ALERT_TEXT], int error);

#endif
