/* httpauth - see httpauth.h. */
#include "daemon-wrap/httpauth.h"

#include <string.h>
#include <strings.h>

enum { PAIR_MAX = GG_USER_MAX + 1 + GG_TOKEN_MAX };

static int digit(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Four digits to 1 to 3 bytes. Returns how many; 0: they are none. */
static size_t decode_group(const char *s, bool last, unsigned char ret[3])
{
	size_t n = s[3] != '=' || !last ? 3 : s[2] != '=' ? 2 : 1;
	unsigned bits = 0;

	for (size_t i = 0; i <= n; i++) {
		int d = digit(s[i]);

		if (d < 0)
			return 0;
		bits |= (unsigned)d << (6 * (3 - i));
	}
	for (size_t i = 0; i < 3; i++)
		ret[i] = (unsigned char)(bits >> (8 * (2 - i)));
	return (n < 3 && ret[n]) ? 0 : n; /* bits that say nothing have to be 0 */
}

/* Returns the length, 0 when s is no base64, empty, or of more than size bytes. */
static size_t decode(const char *s, unsigned char *ret, size_t size)
{
	size_t n = strlen(s), len = 0;

	if (n % 4)
		return 0;
	for (size_t i = 0; i < n; i += 4) {
		unsigned char group[3];
		size_t k = decode_group(s + i, i + 4 == n, group);

		if (!k || len + k > size)
			return 0;
		memcpy(ret + len, group, k);
		len += k;
	}
	return len;
}

static enum gg_auth take_token(const char *s, size_t n, enum gg_auth as, struct gg_shown *ret)
{
	if (!n || n > GG_TOKEN_MAX)
		return GG_AUTH_BAD;
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x21 || s[i] > 0x7e)
			return GG_AUTH_BAD;
	memcpy(ret->token, s, n);
	ret->token[n] = 0;
	ret->ntoken = n;
	return as;
}

static enum gg_auth take_pair(const char *s, size_t n, struct gg_shown *ret)
{
	const char *colon = memchr(s, ':', n);
	size_t name = colon ? (size_t)(colon - s) : 0;
	enum gg_auth as;

	if (!colon || !gg_who_is_name(s, name))
		return GG_AUTH_BAD;
	as = take_token(colon + 1, n - name - 1, GG_AUTH_BASIC, ret);
	if (as == GG_AUTH_BASIC) {
		memcpy(ret->name, s, name);
		ret->name[name] = 0;
	}
	return as;
}

static bool is_scheme(const char *s, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(s, name, n) == 0;
}

enum gg_auth gg_httpauth_parse(const char *value, struct gg_shown *ret)
{
	unsigned char pair[PAIR_MAX];
	size_t scheme, n;
	const char *rest;

	ret->name[0] = ret->token[0] = 0;
	ret->ntoken = 0;
	if (!value)
		return GG_AUTH_NONE;
	scheme = strcspn(value, " ");
	rest = value + scheme + strspn(value + scheme, " ");
	if (is_scheme(value, scheme, "Bearer"))
		return take_token(rest, strlen(rest), GG_AUTH_BEARER, ret);
	if (!is_scheme(value, scheme, "Basic"))
		return GG_AUTH_BAD;
	n = decode(rest, pair, sizeof(pair));
	return take_pair((const char *)pair, n, ret);
}
