/* Tests of base/who.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/who.h"

Test(who, check)
{
	static const struct {
		const char *word, *why; /* NULL: it is right */
	} rows[] = {
		{ "any", NULL },
		{ "10.0.0.0/8", NULL },
		{ "::1", NULL },
		{ "user:*", NULL },
		{ "user:ci-2.x+y@z_1", NULL },
		{ "uid:0", NULL },
		{ "uid:4294967294", NULL },
		{ "uid:git", NULL },
		{ "Any", "is nobody; write a net" },
		{ "", "is nobody" },
		{ "*", "is nobody" },
		{ "alice", "is nobody" },
		{ "user", "is nobody" },
		{ "10.0.0.1/8", "write 10.0.0.0/8" },
		{ "User:x", "is no" },
		{ "user:", "is no name of a token" },
		{ "user:a*", "is no name of a token" },
		{ "user:-a", "is no name of a token" },
		{ "user:a:b", "is no name of a token" },
		{ "user:a b", "is no name of a token" },
		{ "user:a\n", "is no name of a token" },
		{ "uid:", "is no user" },
		{ "uid:4294967295", "is no number of a user" },
		{ "uid:99999999999999999999", "is no number of a user" },
		{ "uid:a b", "is no user" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[256];
		struct gg_buf why = GG_BUF(mem);
		int r = gg_who_check(rows[i].word, &why);

		cr_expect_eq(r, rows[i].why ? -EINVAL : 0, "%s: %s", rows[i].word, mem);
		if (rows[i].why)
			cr_expect(strstr(mem, rows[i].why), "%s: %s", rows[i].word, mem);
	}
}

Test(who, names)
{
	static const struct {
		const char *s;
		bool is;
	} rows[] = {
		{ "a", true },	    { "9", true },	{ "a-_.+@b", true }, { "", false },
		{ ".a", false },    { "@a", false },	{ "a:b", false },    { "a/b", false },
		{ "a\xc3", false }, { "a\x7f", false }, { "a\"", false },
	};
	char long_name[GG_USER_MAX + 2];

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_expect_eq(gg_who_is_name(rows[i].s, strlen(rows[i].s)), rows[i].is, "%s", rows[i].s);
	cr_expect_not(gg_who_is_name("a\0b", 3));
	memset(long_name, 'a', sizeof(long_name));
	cr_expect(gg_who_is_name(long_name, GG_USER_MAX));
	cr_expect_not(gg_who_is_name(long_name, GG_USER_MAX + 1));
}

Test(who, is_one_of)
{
	static const struct {
		const char *addr; /* NULL: a unix socket */
		int64_t uid;
		const char *user, *word;
		bool in;
	} rows[] = {
		{ "127.0.0.1:9", -1, "", "any", true },
		{ NULL, 1000, "", "any", true },
		{ "10.1.2.3:9", -1, "", "10.0.0.0/8", true },
		{ "11.1.2.3:9", -1, "", "10.0.0.0/8", false },
		{ "[::ffff:10.1.2.3]:9", -1, "", "10.0.0.0/8", true },
		{ "10.1.2.3:9", -1, "", "::/0", false },
		{ NULL, 1000, "", "0.0.0.0/0", false },
		{ "10.1.2.3:9", -1, "ci", "user:ci", true },
		{ "10.1.2.3:9", -1, "ci", "user:*", true },
		{ "10.1.2.3:9", -1, "ci", "user:cib", false },
		{ "10.1.2.3:9", -1, "ci", "user:c", false },
		{ "10.1.2.3:9", -1, "", "user:*", false },
		{ "10.1.2.3:9", -1, "", "user:", false },
		{ NULL, 1000, "", "user:*", false }, /* a user of the machine has no token by that */
		{ NULL, 1000, "", "uid:1000", true },
		{ NULL, 1000, "ci", "uid:1000", true },
		{ NULL, 1000, "", "uid:100", false },
		{ NULL, 0, "", "uid:0", true },
		{ NULL, 1000, "", "uid:git", false }, /* its number is not known */
		{ "10.1.2.3:9", -1, "", "uid:0", false },
		{ "10.1.2.3:9", -1, "", "uid:-1", false },
		{ "10.1.2.3:9", -1, "", "nonsense", false },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_addr a = { .len = 0 };
		struct gg_identity w = { .addr = &a, .uid = rows[i].uid, .user = rows[i].user };
		char *list[] = { (char *)"192.0.2.1", (char *)rows[i].word };
		const char *why;

		a.ss.ss_family = AF_UNIX;
		if (rows[i].addr)
			cr_assert_eq(gg_addr_parse(rows[i].addr, &a, &why), 0, "%s", rows[i].addr);
		cr_expect_eq(gg_who_any(&w, list, 2), rows[i].in, "%zu: %s", i, rows[i].word);
		cr_expect_not(gg_who_any(&w, list, 1));
	}
	cr_expect(gg_who_names_users((char *[]){ (char *)"any", (char *)"user:x" }, 2));
	cr_expect_not(gg_who_names_users((char *[]){ (char *)"any", (char *)"uid:7" }, 2));
}
