/* clientsock - what is done to a client's connection whoever serves it: keep-alives, and last words. */
#ifndef GG_SUPERVISOR_CLIENTSOCK_H
#define GG_SUPERVISOR_CLIENTSOCK_H

#include "base/conf.h"
#include "supervisor/transport.h"

/* Have its kernel asked whether it is still there, as tcp.keepIdle and the like say. */
void gg_clientsock_keep_alive(const struct gg_conf *c, int fd);

/* Why a client is not served, for HTTP. */
enum gg_denial {
	GG_LATER,     /* 503: it may try again */
	GG_FORBIDDEN, /* 403 */
	GG_BAD,	      /* 400: what it sent is no request */
};
/* Tell a client whose session is not begun why. fd stays open. */
void gg_clientsock_turn_away(int fd, enum gg_transport transport, enum gg_denial how, const char *why);

#endif
