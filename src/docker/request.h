/* request.h: requests to the engine as commands make them: the response is read as a whole, and a
 * failure is reported in the words of docker(1). */
#ifndef DOCKER_REQUEST_H
#define DOCKER_REQUEST_H

#include "docker/conn.h"

/* The path /KIND/NAME and what follows it; `rest` is the program's own text, which needs no
 * escapes. Slashes around the name do not count, since inspect prints one before it. Returns `out`,
 * or "/" when the name is too long to be anybody's. */
const char *docker_path(char out[LIMIT_DOCKER_PATH], const char *kind, const char *name,
                        const char *rest);

enum docker_request_option {
    DOCKER_UPGRADE = 1, /* asks for a stream of both directions (status 101) */
    DOCKER_QUIET = 2    /* a failure is not reported */
};

/* Sends a request and reads the head of its response; `body` may be NULL for none, `options` are
 * those above. Returns the status, or DOCKER_NO_RESPONSE when the engine can't be reached or does
 * not speak as it should: that has been reported. */
int docker_request(struct docker_conn *c, const char *method, const char *path,
                   const struct buf *body, unsigned options);

/* Reports a head that docker_frames_read has refused. */
void docker_report_bad_frame(const struct docker_frames *f);

/* Reports that a request got no connection to the engine, and why (errno). */
void docker_report_unreachable(const struct docker_conn *c, const char *method, const char *path);

/* Whether a status that docker_request has returned is one of success, below 300. If not, the
 * failure has been reported: by docker_request, or here by docker_report_refusal. */
bool docker_succeeded(struct docker_conn *c, int status, const char *kind, const char *name);

/* Reads a response of status 400 or above and reports what it says, as docker(1) does: "Error
 * response from daemon: ..."; where `kind` is not NULL and the status is 404, "Error: No such KIND:
 * NAME". Returns 1, an exit status. */
int docker_report_refusal(struct docker_conn *c, const char *kind, const char *name);

/* Reads the body as a whole, at most LIMIT_DOCKER_RESPONSE bytes, into a buffer that all
 * connections share: it stays until the next body is read by one of these functions. at = NULL when
 * it breaks off or is longer. */
struct slice docker_body_whole(struct docker_conn *c);

/* The same for a response in JSON, which is valid then; at = NULL when there is none, which has
 * been reported. */
struct slice docker_read_json(struct docker_conn *c);

/* The same for what a command can do without: the body is read to its end, and used if the status
 * is 200 and it is valid JSON. Else at = NULL, and nothing is reported. */
struct slice docker_read_optional_json(struct docker_conn *c, int status);

/* All of it for the common case: GET PATH. Returns the response's JSON; at = NULL when there is
 * none, and then the failure has been reported, as by docker_succeeded. */
struct slice docker_get(struct docker_conn *c, const char *path, const char *kind,
                        const char *name);

/* A buffer to put a request's body together in: the same one at each call. */
struct buf docker_request_buffer(void);

/* Reports the texts of the array "Warnings" that some responses have, a line each. */
void docker_report_warnings(struct slice response);

#endif
