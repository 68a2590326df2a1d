/* request - the first packet of a git:// connection. See request.h. */
#include "daemon-wrap/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int gg_request_length(const char *bytes, size_t n)
{
	int len = 0;

	for (size_t i = 0; i < 4; i++) {
		int d;

		if (i == n)
			return 0;
		d = hex(bytes[i]);
		if (d < 0)
			return -EINVAL;
		len = len * 16 + d;
	}
	return len < 5 || len > 65520 ? -EINVAL : len;
}

int gg_request_parse(const char *packet, size_t n, struct gg_request *ret)
{
	static const char *const services[] = { "receive-pack", "upload-pack", "upload-archive" };
	const char *line = packet + 4, *end, *space;
	size_t len;

	if (n < 5 || gg_request_length(packet, n) != (int)n)
		return -EINVAL;
	end = memchr(line, 0, n - 4);
	end = end ? end : packet + n;
	if (end > line && end[-1] == '\n')
		end--;
	space = memchr(line, ' ', (size_t)(end - line));
	if (!space || space - line < 5 || strncmp(line, "git-", 4))
		return -EINVAL;
	len = (size_t)(space - line) - 4;
	if (len >= sizeof(ret->service) || (size_t)(end - space) > sizeof(ret->path))
		return -EINVAL;
	memcpy(ret->service, line + 4, len);
	ret->service[len] = 0;
	memcpy(ret->path, space + 1, (size_t)(end - space) - 1);
	ret->path[end - space - 1] = 0;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (!strcmp(ret->service, services[i]))
			return 0;
	return -ENOENT;
}

/* Past "host=NAME" and its NUL. An address in brackets is checked by git-daemon, which may end for it. */
static const char *skip_host(const char *s, const char *end)
{
	if (end - s < 5 || strncmp(s, "host=", 5))
		return s;
	return strchr(s, '[') ? NULL : s + strlen(s) + 1;
}

int gg_request_protocol(const char *packet, size_t n, char *ret, size_t size)
{
	const char *end = packet + n, *s = memchr(packet + 4, 0, n - 4);
	size_t len = 0;

	*ret = 0;
	if (!s || s + 1 == end)
		return 0;
	if (end[-1])
		return -EINVAL; /* from here on each string ends inside of the packet */
	s = skip_host(s + 1, end);
	if (!s || (s < end && *s))
		return -EINVAL;
	for (; s < end; s += strlen(s) + 1) {
		int k = *s ? snprintf(ret + len, size - len, "%s%s", len ? ":" : "", s) : 0;

		if ((size_t)k >= size - len)
			return -EINVAL;
		len += (size_t)k;
	}
	return 0;
}
