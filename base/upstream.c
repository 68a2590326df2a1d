/* upstream - see upstream.h. */
#include "base/upstream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char form[] = "ssh://[USER@]HOST[:PORT]/PATH";
static const char scheme[] = "ssh://";

enum { MAX_SHOWN = 100 };

static int wrong(struct gg_buf *why, const char *what)
{
	gg_buf_add(why, "%s; write %s", what, form);
	return -EINVAL;
}

/* "git@host:path", which is said as an address, and everything else that does not begin as one. */
static int no_scheme(const char *s, struct gg_buf *why)
{
	const char *colon = strchr(s, ':'), *slash = strchr(s, '/');

	if (strstr(s, "://"))
		return wrong(why, "is no ssh address, and only ssh is spoken to an upstream");
	if (!colon || colon == s || (slash && slash < colon))
		return wrong(why, "is no ssh address");
	gg_buf_add(why, "is no address with ssh:// in front; write %s", scheme);
	gg_escape(why, s, (size_t)(colon - s), MAX_SHOWN);
	gg_buf_add(why, "%s", colon[1] == '/' ? "" : "/");
	gg_escape(why, colon + 1, strlen(colon + 1), MAX_SHOWN);
	return -EINVAL;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Copy a part that consists of letters, digits and the others, and does not begin with '-'. */
static int take_part(char *ret, size_t size, const char *s, size_t n, const char *others)
{
	if (!n || n >= size || s[0] == '-')
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!is_letter_or_digit(s[i]) && !strchr(others, s[i]))
			return -EINVAL;
	memcpy(ret, s, n);
	ret[n] = '\0';
	return 0;
}

static int take_user(const char *s, size_t n, struct gg_upstream *ret, struct gg_buf *why)
{
	if (memchr(s, ':', n))
		return wrong(why, "has a password, which ssh does not take: identityFile is the key");
	if (take_part(ret->user, sizeof(ret->user), s, n, "-_.+") < 0)
		return wrong(why,
			     "has no user that can be given to ssh: letters, digits, '-', '_', '.' and '+', "
			     "but no '-' at its begin");
	return 0;
}

static int take_port(const char *s, size_t n, struct gg_upstream *ret, struct gg_buf *why)
{
	char digits[8] = "";
	int64_t port;

	if (n < sizeof(digits))
		memcpy(digits, s, n);
	if (gg_int_parse(digits, 1, UINT16_MAX, &port) < 0)
		return wrong(why, "has no port from 1 to 65535 behind its host (a path behind a colon is "
				  "written with a "
				  "slash)");
	ret->port = (uint16_t)port;
	return 0;
}

/* HOST[:PORT], [V6][:PORT] */
static int take_host(const char *s, size_t n, struct gg_upstream *ret, struct gg_buf *why)
{
	bool v6 = n && s[0] == '[';
	const char *end = v6 ? memchr(s, ']', n) : memchr(s, ':', n), *host = s + v6;
	size_t len;

	if (v6 && !end)
		return wrong(why, "has an IPv6 address without its closing bracket");
	len = end ? (size_t)(end - host) : n;
	if (take_part(ret->host, sizeof(ret->host), host, len, v6 ? ":." : "-_.") < 0)
		return wrong(why, "has no host that can be given to ssh: letters, digits, '-', '_' and '.', "
				  "but no '-' at "
				  "its begin, or an IPv6 address in brackets");
	len += 2 * (size_t)v6;
	if (len == n)
		return 0;
	if (s[len] != ':')
		return wrong(why, "has something else than a port behind its host");
	return take_port(s + len + 1, n - len - 1, ret, why);
}

int gg_upstream_parse(const char *s, struct gg_upstream *ret, struct gg_buf *ret_why)
{
	struct gg_upstream u = { .port = 0 };
	const char *host, *at;
	size_t n;
	int e = 0;

	for (size_t i = 0, len; s[i]; i += len) {
		len = gg_utf8_len(s + i, strlen(s + i));
		if (!len || (unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return wrong(ret_why, "has bytes that are no text");
	}
	if (strncmp(s, scheme, strlen(scheme)) != 0)
		return no_scheme(s, ret_why);
	host = s + strlen(scheme);
	n = strcspn(host, "/");
	u.path = host + n;
	at = memchr(host, '@', n);
	if (at) {
		e = take_user(host, (size_t)(at - host), &u, ret_why);
		n -= (size_t)(at - host) + 1;
		host = at + 1;
	}
	e = e ? e : take_host(host, n, &u, ret_why);
	if (e == 0 && (!u.path[0] || !u.path[1]))
		e = wrong(ret_why, "names a host, and no repository there");
	if (e == 0)
		*ret = u;
	return e;
}
