/* addr - see addr.h. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"

static int fail(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* Split "HOST:PORT" or "[HOST]:PORT". The host is copied, the port is what follows the last ':'. */
static int split(const char *s, char *host, size_t size, bool *ret_v6, const char **ret_port,
		 const char **ret_why)
{
	const char *colon = strrchr(s, ':');
	size_t n;

	*ret_v6 = s[0] == '[';
	if (!colon || (*ret_v6 && (colon == s || colon[-1] != ']')))
		return fail(ret_why, "no port; write HOST:PORT or [V6]:PORT");
	n = (size_t)(colon - s);
	if (*ret_v6) {
		s++;
		n -= 2;
	} else if (memchr(s, ':', n)) {
		return fail(ret_why, "an IPv6 address needs brackets; write [V6]:PORT");
	}
	if (n == 0)
		return fail(ret_why, "no host; write 0.0.0.0 or [::] for all addresses");
	if (n >= size)
		return fail(ret_why, "the host is not a numeric address");
	memcpy(host, s, n);
	host[n] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static const char unix_prefix[] = "unix:";

static bool is_unix(const char *s)
{
	return strncmp(s, unix_prefix, strlen(unix_prefix)) == 0;
}

/* What stands in the log is what one connects to. */
static bool is_shown_as_it_is(const char *path)
{
	char shown[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct gg_buf b = GG_BUF(shown);

	gg_escape(&b, path, strlen(path), sizeof(shown));
	return strcmp(shown, path) == 0;
}

static int parse_unix(const char *path, struct gg_addr *ret, const char **ret_why)
{
	struct gg_addr a = { .len = sizeof(struct sockaddr_un) };
	struct sockaddr_un *un = (struct sockaddr_un *)&a.ss;

	if (*path != '/')
		return fail(ret_why, "the path of the unix socket is not absolute; write unix:/PATH");
	if (strlen(path) >= sizeof(un->sun_path))
		return fail(ret_why, "the path of a unix socket has at most 107 bytes");
	if (!is_shown_as_it_is(path))
		return fail(ret_why,
			    "the path of a unix socket is UTF-8 without control characters, quotes and "
			    "backslashes");
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	*ret = a;
	return 0;
}

int gg_addr_parse(const char *s, struct gg_addr *ret_addr, const char **ret_why)
{
	struct gg_addr a = { .len = 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.ss;
	char host[INET6_ADDRSTRLEN];
	const char *port_text;
	int64_t port;
	bool is_v6;

	if (is_unix(s))
		return parse_unix(s + strlen(unix_prefix), ret_addr, ret_why);
	if (split(s, host, sizeof(host), &is_v6, &port_text, ret_why) < 0)
		return -EINVAL;
	if (gg_int_parse(port_text, 0, 65535, &port) < 0 || *port_text == '-')
		return fail(ret_why, "the port is not a number from 0 to 65535");
	if (is_v6) {
		if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
			return fail(ret_why, "the host in brackets is not a numeric IPv6 address");
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		a.len = sizeof(*v6);
	} else {
		if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
			return fail(ret_why, "the host is not a numeric address; names are not looked up");
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		a.len = sizeof(*v4);
	}
	*ret_addr = a;
	return 0;
}

static void add_unix(struct gg_buf *b, const struct gg_addr *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->ss;

	gg_buf_add(b, unix_prefix);
	if (un->sun_path[0])
		gg_escape(b, un->sun_path, strnlen(un->sun_path, sizeof(un->sun_path)), sizeof(un->sun_path));
	else
		gg_buf_add(b, "uid=%u", a->uid);
}

void gg_addr_host(struct gg_buf *b, const struct gg_addr *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->ss;
	char text[INET6_ADDRSTRLEN];

	if (a->ss.ss_family == AF_INET)
		gg_buf_add(b, "%s", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)));
	else if (a->ss.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		gg_buf_add(b, "%s", inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof(text)));
	else if (a->ss.ss_family == AF_INET6)
		gg_buf_add(b, "[%s]", inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)));
	else if (a->ss.ss_family == AF_UNIX)
		add_unix(b, a);
	else
		gg_buf_add(b, "unknown");
}

size_t gg_addr_host_len(const char *text)
{
	const char *port = is_unix(text) ? NULL : strrchr(text, ':');

	return port ? (size_t)(port - text) : strlen(text);
}

void gg_addr_add(struct gg_buf *b, const struct gg_addr *a)
{
	gg_addr_host(b, a);
	if (a->ss.ss_family == AF_INET || a->ss.ss_family == AF_INET6)
		gg_buf_add(b, ":%u", gg_addr_port(a));
}

uint16_t gg_addr_port(const struct gg_addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a->ss)->sin_port);
	if (a->ss.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a->ss)->sin6_port);
	return 0;
}
