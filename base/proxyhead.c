/* proxyhead - see proxyhead.h. */
#include "base/proxyhead.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"

enum {
	LINE_MAX_1 = 107, /* a line of version 1, its CR LF included */
	FIXED_2 = 16,	  /* of version 2: signature, version and command, family, length */
	AT_COMMAND = 12,
	AT_FAMILY,
	AT_LENGTH,
	LOCAL = 0x20, /* version 2, and the command */
	PROXY = 0x21,
	UNSPEC = 0x00, /* family, and SOCK_STREAM */
	TCP4 = 0x11,
	TCP6 = 0x21,
	UNIX = 0x31,
	SIZE_4 = 12, /* two addresses and two ports */
	SIZE_6 = 36,
	SIZE_UNIX = 216,
};

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n"; /* without the NUL */
static const char begin_1[] = "PROXY ";
static const char no_header[] = "does not begin with a PROXY protocol header";

static int fail(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static void set_peer(struct gg_proxy_head *h, int family, const void *addr, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&h->peer.ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&h->peer.ss;

	h->known = true;
	if (family == AF_INET) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr, sizeof(v4->sin_addr));
		h->peer.len = sizeof(*v4);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, addr, sizeof(v6->sin6_addr));
		h->peer.len = sizeof(*v6);
	}
}

/* Do the bytes that are there agree with those of text? */
static bool begins(const uint8_t *s, size_t n, const char *text, size_t len)
{
	return memcmp(s, text, n < len ? n : len) == 0;
}

/* Digits without more zeros than needed: two programs must not read two numbers in them. */
static bool read_port(const char *s, uint16_t *ret)
{
	int64_t v;

	if ((s[0] == '0' && s[1]) || s[strspn(s, "0123456789")] || gg_int_parse(s, 0, 65535, &v) < 0)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "SOURCE DESTINATION SPORT DPORT", one space between two. It is cut in pieces. */
static int read_fields(char *line, int family, struct gg_proxy_head *ret, const char **why)
{
	uint8_t from[sizeof(struct in6_addr)], to[sizeof(struct in6_addr)];
	uint16_t from_port, to_port;
	char *field[4];
	size_t n = 0;

	for (; line && n < 4; n++)
		field[n] = strsep(&line, " ");
	if (line)
		return fail(why, "has a PROXY line with too many fields");
	if (n < 4)
		return fail(why, "has a PROXY line with too few fields");
	if (inet_pton(family, field[0], from) != 1 || inet_pton(family, field[1], to) != 1)
		return fail(why, "has a PROXY line with an address that is none of its family");
	if (!read_port(field[2], &from_port) || !read_port(field[3], &to_port))
		return fail(why, "has a PROXY line with a port that is none");
	set_peer(ret, family, from, from_port);
	return 0;
}

/* What stands behind "PROXY ", without the end of the line. */
static int read_line(char *line, struct gg_proxy_head *ret, const char **why)
{
	static const char unknown[] = "UNKNOWN";

	if (!strncmp(line, "TCP4 ", 5))
		return read_fields(line + 5, AF_INET, ret, why);
	if (!strncmp(line, "TCP6 ", 5))
		return read_fields(line + 5, AF_INET6, ret, why);
	/* whatever follows is to be ignored */
	if (!strncmp(line, unknown, strlen(unknown)) && (!line[7] || line[7] == ' '))
		return 0;
	return fail(why, "has a PROXY line of a protocol that is not TCP4, TCP6 or UNKNOWN");
}

static int parse_1(const uint8_t *s, size_t n, struct gg_proxy_head *ret, const char **why)
{
	const size_t begin = strlen(begin_1), most = n < LINE_MAX_1 ? n : LINE_MAX_1;
	const uint8_t *end = memchr(s, '\n', most);
	char line[LINE_MAX_1 + 1];
	size_t len;

	if (!end)
		return n < LINE_MAX_1 ? -EAGAIN : fail(why, "has a PROXY line without an end");
	len = (size_t)(end - s) + 1;
	if (len < begin + 2 || s[len - 2] != '\r')
		return fail(why, "has a PROXY line that does not end in CR LF");
	memcpy(line, s + begin, len - begin);
	line[len - begin - 2] = '\0';
	if (strlen(line) != len - begin - 2)
		return fail(why, "has a PROXY line with a NUL in it");
	ret->len = len;
	return read_line(line, ret, why);
}

/* Whose connection it is, from the addresses. They are there, len bytes, and what else follows them. */
static int read_addresses(uint8_t family, const uint8_t *s, size_t len, struct gg_proxy_head *ret,
			  const char **why)
{
	static const char too_short[] = "has a PROXY header that is too short for its addresses";
	uint16_t port;

	switch (family) {
	case UNSPEC:
		return 0;
	case UNIX:
		return len < SIZE_UNIX ? fail(why, too_short) : 0;
	case TCP4:
		if (len < SIZE_4)
			return fail(why, too_short);
		memcpy(&port, s + 8, sizeof(port));
		set_peer(ret, AF_INET, s, ntohs(port));
		return 0;
	case TCP6:
		if (len < SIZE_6)
			return fail(why, too_short);
		memcpy(&port, s + 32, sizeof(port));
		set_peer(ret, AF_INET6, s, ntohs(port));
		return 0;
	default:
		return fail(why,
			    "has a PROXY header of a family that is not TCP over IPv4 or IPv6, nor UNIX");
	}
}

static int parse_2(const uint8_t *s, size_t n, struct gg_proxy_head *ret, const char **why)
{
	size_t len;

	if (n > AT_COMMAND && s[AT_COMMAND] != LOCAL && s[AT_COMMAND] != PROXY)
		return fail(why, "has a PROXY header of a version or command that is not known");
	if (n < FIXED_2)
		return -EAGAIN;
	len = (size_t)s[AT_LENGTH] << 8 | s[AT_LENGTH + 1];
	if (FIXED_2 + len > GG_PROXY_MAX)
		return fail(why, "has a PROXY header that is too long");
	if (n < FIXED_2 + len)
		return -EAGAIN;
	ret->len = FIXED_2 + len;
	/* of a connection of the proxy's own the rest means nothing */
	return s[AT_COMMAND] == LOCAL ? 0 : read_addresses(s[AT_FAMILY], s + FIXED_2, len, ret, why);
}

int gg_proxy_parse(const uint8_t *s, size_t n, struct gg_proxy_head *ret, const char **why)
{
	struct gg_proxy_head h = { .len = 0 };
	int r;

	if (n == 0)
		return -EAGAIN;
	if (begins(s, n, signature, sizeof(signature)))
		r = parse_2(s, n, &h, why);
	else if (begins(s, n, begin_1, strlen(begin_1)))
		r = parse_1(s, n, &h, why);
	else
		r = fail(why, no_header);
	if (r == 0)
		*ret = h;
	return r;
}
