/* Tests of daemon-wrap/httpauth.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon-wrap/httpauth.h"

Test(httpauth, rows)
{
	static const struct {
		const char *value;
		enum gg_auth as;
		const char *name, *token;
	} rows[] = {
		{ NULL, GG_AUTH_NONE, "", "" },
		{ "Basic YW5uOnQ=", GG_AUTH_BASIC, "ann", "t" },
		{ "basic  YW5uOnQ=", GG_AUTH_BASIC, "ann", "t" },
		{ "BASIC YW5uOnR0", GG_AUTH_BASIC, "ann", "tt" },
		{ "Basic YW5uOnR0dA==", GG_AUTH_BASIC, "ann", "ttt" },
		{ "Basic YW5uOmE6Yg==", GG_AUTH_BASIC, "ann", "a:b" },
		{ "Bearer abc_-.~+/=", GG_AUTH_BEARER, "", "abc_-.~+/=" },
		{ "bearer x", GG_AUTH_BEARER, "", "x" },
		{ "", GG_AUTH_BAD, "", "" },
		{ "Basic", GG_AUTH_BAD, "", "" },
		{ "Basic ", GG_AUTH_BAD, "", "" },
		{ "Bearer", GG_AUTH_BAD, "", "" },
		{ "Bearer ", GG_AUTH_BAD, "", "" },
		{ "Bearer a b", GG_AUTH_BAD, "", "" },
		{ "Bearer a\tb", GG_AUTH_BAD, "", "" },
		{ "Bearer \xc3\xa4", GG_AUTH_BAD, "", "" },
		{ "Bearera", GG_AUTH_BAD, "", "" },
		{ "Digest username=\"ann\"", GG_AUTH_BAD, "", "" },
		{ "Negotiate YW5uOnQ=", GG_AUTH_BAD, "", "" },
		{ "Basic YW5uOnQ", GG_AUTH_BAD, "", "" },  /* not padded */
		{ "Basic YW5uOnR=", GG_AUTH_BAD, "", "" }, /* bits that say nothing */
		{ "Basic YW5uOnS=", GG_AUTH_BAD, "", "" },
		{ "Basic YW5uO=Q=", GG_AUTH_BAD, "", "" },
		{ "Basic YW5uOnQ=YW5u", GG_AUTH_BAD, "", "" },
		{ "Basic YW5uOn===", GG_AUTH_BAD, "", "" },
		{ "Basic ====", GG_AUTH_BAD, "", "" },
		{ "Basic YW5 uOnQ=", GG_AUTH_BAD, "", "" },
		{ "Basic YW5uOnQ= ", GG_AUTH_BAD, "", "" },
		{ "Basic YW5u-nQ=", GG_AUTH_BAD, "", "" },
		{ "Basic YW5u", GG_AUTH_BAD, "", "" },	       /* ann */
		{ "Basic YW5uOg==", GG_AUTH_BAD, "", "" },     /* ann: */
		{ "Basic OnQ=", GG_AUTH_BAD, "", "" },	       /* :t */
		{ "Basic YW5uOnQK", GG_AUTH_BAD, "", "" },     /* ann:t, a newline */
		{ "Basic YW5uOgB0", GG_AUTH_BAD, "", "" },     /* ann:, a NUL, t */
		{ "Basic YW4AbjpxcXE=", GG_AUTH_BAD, "", "" }, /* a NUL in the name */
		{ "Basic YSBiOnQ=", GG_AUTH_BAD, "", "" },     /* a space in it */
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_shown s;
		enum gg_auth as = gg_httpauth_parse(rows[i].value, &s);

		cr_expect_eq(as, rows[i].as, "%s: %d", rows[i].value ? rows[i].value : "-", as);
		if (as == GG_AUTH_BAD)
			continue;
		cr_expect_str_eq(s.name, rows[i].name);
		cr_expect_str_eq(s.token, rows[i].token);
		cr_expect_eq(s.ntoken, strlen(rows[i].token));
	}
}

Test(httpauth, longest)
{
	char value[GG_TOKEN_MAX + 16] = "Bearer ";
	struct gg_shown s;

	memset(value + 7, 't', GG_TOKEN_MAX + 1);
	value[7 + GG_TOKEN_MAX + 1] = 0;
	cr_expect_eq(gg_httpauth_parse(value, &s), GG_AUTH_BAD);
	value[7 + GG_TOKEN_MAX] = 0;
	cr_expect_eq(gg_httpauth_parse(value, &s), GG_AUTH_BEARER);
	cr_expect_eq(s.ntoken, (size_t)GG_TOKEN_MAX);
}
