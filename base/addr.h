/* addr - numeric socket addresses as text. Never asks a name server. Pure. Tested by tests/unit/addr.c. */
#ifndef GG_BASE_ADDR_H
#define GG_BASE_ADDR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct gg_buf;

struct gg_addr {
	struct sockaddr_storage ss; /* AF_UNIX: where we listen; of a peer the path is empty */
	socklen_t len;
	uint32_t uid; /* of a peer on a unix socket: the user that connected, SO_PEERCRED */
};

/*
 * "unix:/run/git", or
 * "127.0.0.1:9418", "[::1]:9418", "0.0.0.0:0". Host must be numeric (a name would need DNS); port 0 to 65535.
 * A path is absolute, and gg_addr_add shows it as it is.
 *
 * ret_why: on error a static text for the operator that says what is wrong.
 * Returns 0 or -EINVAL.
 */
int gg_addr_parse(const char *s, struct gg_addr *ret_addr, const char **ret_why);

/* "127.0.0.1:53211", "[::1]:53211"; an IPv4 address mapped into IPv6 is shown as IPv4. On a unix socket
 * "unix:/run/git" of ours, "unix:uid=1000" of a peer's: both stand without a port. */
void gg_addr_add(struct gg_buf *b, const struct gg_addr *a);
/* The host alone, IPv6 in brackets as git daemon writes REMOTE_ADDR; and the port. */
void gg_addr_host(struct gg_buf *b, const struct gg_addr *a);
/* How much of such a text is the host: all before the port, if there is one. */
size_t gg_addr_host_len(const char *text);
uint16_t gg_addr_port(const struct gg_addr *a);

#endif
