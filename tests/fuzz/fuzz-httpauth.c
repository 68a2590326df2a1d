/* Fuzz daemon-wrap/httpauth.h: whatever the header, what is taken of it is a name that a token may have and a
 * token of printable characters, and Basic is the only spelling of what it says. */
#include <strings.h>

#include "base/cleanup.h"
#include "daemon-wrap/httpauth.h"
#include "tests/fuzz/fuzz.h"

static void encode(const char *s, size_t n, char *ret)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < n ? (unsigned char)s[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			*ret++ = k > n - i ? '=' : alphabet[bits >> (6 * (3 - k)) & 63];
	}
	*ret = 0;
}

static void look_basic(const char *value, const struct gg_shown *s)
{
	char pair[GG_USER_MAX + GG_TOKEN_MAX + 2], again[2 * sizeof(pair)];

	must(gg_who_is_name(s->name, strlen(s->name)));
	snprintf(pair, sizeof(pair), "%s:%s", s->name, s->token);
	encode(pair, strlen(pair), again);
	must(!strcmp(value + 5 + strspn(value + 5, " "), again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *value = malloc(n + 1);
	struct gg_shown s;
	enum gg_auth as;

	memcpy(value, data, n);
	value[n] = 0;
	as = gg_httpauth_parse(value, &s);
	must(as != GG_AUTH_NONE);
	if (as == GG_AUTH_BAD) {
		came_to("what is none");
		return 0;
	}
	must(s.ntoken == strlen(s.token) && s.ntoken > 0 && s.ntoken <= GG_TOKEN_MAX);
	for (size_t i = 0; i < s.ntoken; i++)
		must(s.token[i] > 0x20 && s.token[i] < 0x7f);
	if (as == GG_AUTH_BASIC) {
		came_to("a name and a token");
		look_basic(value, &s);
		return 0;
	}
	came_to("a token");
	must(!s.name[0] && !strcmp(value + 6 + strspn(value + 6, " "), s.token));
	return 0;
}
