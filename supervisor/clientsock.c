/* clientsock - what is done to a client's connection whoever serves it. See clientsock.h. */
#include "supervisor/clientsock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

#define RETRY_S "5" /* Retry-After of a client that is turned away */

void gg_clientsock_keep_alive(const struct gg_conf *c, int fd)
{
	int on = 1, idle = (int)(c->keep_idle_ms / 1000), interval = (int)(c->keep_interval_ms / 1000),
	    count = (int)c->keep_count;

	/* on a Unix socket these fail, and nothing is lost */
	/* an urgent byte is a byte like any other: apart from the queue it would wake whoever peeks, again
	 * and again */
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

void gg_clientsock_turn_away(int fd, enum gg_transport transport, enum gg_denial how, const char *why)
{
	static const char *const status[] = {
		[GG_LATER] = ("503 Service Unavailable\r\nRetry-After: " RETRY_S),
		[GG_FORBIDDEN] = "403 Forbidden",
		[GG_BAD] = "400 Bad Request",
	};
	char mem[400];
	struct gg_buf b = GG_BUF(mem);

	if (transport == GG_HTTP)
		gg_buf_add(&b,
			   "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nConnection: close\r\n"
			   "Content-Length: %zu\r\n\r\ngit-gate: %s\n",
			   status[how], strlen(why) + strlen("git-gate: \n"), why);
	else
		gg_buf_add(&b, "%04xERR git-gate: %s", (unsigned)strlen(why) + 18, why);
	(void)!send(fd, b.s, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}
