/* room.h: room for a client (connection_limits.h), made where that takes the end of another's
 * connection. And clients whom a trusted proxy names once their connection is served already
 * (`bastion proxy`, base/init_link.h): those are judged by what counts for a client alone, after
 * the connection itself, the proxy's, has been judged by what counts for a listener. */
#ifndef INIT_ROOM_H
#define INIT_ROOM_H

#include "connection_limits.h"
#include "listen.h"

/* Judges a connection. Whoever has to go for it is ended, unless it turns out that he is known:
 * then another one. request->random is filled in here. `links`: links.h. */
struct connection_verdict room_judge(struct listener *l, int links,
                                     struct connection_request *request, int64_t now);

enum room_answer { ROOM_YES, ROOM_NO, ROOM_WAIT };

/* The proxy of that connection says where its client is: `address` as in struct source. With
 * ROOM_YES the connection is that client's from now on; ROOM_NO is in the log; with ROOM_WAIT it is
 * to ask again in *ms milliseconds. To be called for a connection that is_proxied. */
enum room_answer room_ask(struct connection *c, struct listener *l, int links,
                          const unsigned char address[SOURCE_ADDRESS], uint32_t *ms, int64_t now);

#endif
