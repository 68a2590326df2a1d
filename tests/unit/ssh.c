/* Tests of hooks/ssh.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/ssh.h"

Test(ssh, paths_are_quoted_for_ssh_and_for_sh)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{ "/k/id", "-o 'IdentityFile=\"/k/id\"'" },
		{ "/k k/id", "-o 'IdentityFile=\"/k k/id\"'" },
		{ "/it's/id", "-o 'IdentityFile=\"/it'\\''s/id\"'" },
		{ "/a\"b/id", "-o 'IdentityFile=\"/a\\\"b/id\"'" },
		{ "/a\\b", "-o 'IdentityFile=\"/a\\\\b\"'" },
		{ "/100%h", "-o 'IdentityFile=\"/100%%h\"'" },
		{ "/$HOME;`x`#", "-o 'IdentityFile=\"/$HOME;`x`#\"'" },
		{ "/-oProxyCommand=x", "-o 'IdentityFile=\"/-oProxyCommand=x\"'" },
		{ "/\xc3\xa9", "-o 'IdentityFile=\"/\xc3\xa9\"'" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[4096];
		struct gg_buf b = GG_BUF(mem);

		cr_assert_eq(gg_ssh_command(&b, rows[i].path, "/known", 10000), 0, "row %zu", i);
		cr_assert(strstr(mem, rows[i].want), "row %zu: %s", i, mem);
	}
}

Test(ssh, paths_that_cannot_be_given)
{
	static const char *const rows[] = { "", "id", "~/id", "/a\nb", "/a\x7f", "/a${HOME}", "none" };

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[4096];
		struct gg_buf b = GG_BUF(mem);

		cr_assert_eq(gg_ssh_command(&b, rows[i], "/known", 10000), -EINVAL, "row %zu", i);
		cr_assert_eq(gg_ssh_command(&b, "/id", rows[i], 10000), -EINVAL, "row %zu", i);
	}
}

Test(ssh, what_does_not_fit)
{
	char mem[4096], small[200], path[3500] = "/";
	struct gg_buf b = GG_BUF(small), c = GG_BUF(mem);

	cr_assert_eq(gg_ssh_command(&b, "/id", "/known", 10000), -ENAMETOOLONG);
	memset(path + 1, 'x', sizeof(path) - 2);
	cr_assert_eq(gg_ssh_command(&c, path, "/known", 10000), -ENAMETOOLONG);
}

Test(ssh, connect_timeout)
{
	static const struct {
		int64_t ms;
		const char *want;
	} rows[] = {
		{ 10000, " -o 'ConnectTimeout=10'" },
		{ 1, " -o 'ConnectTimeout=1'" },
		{ 1001, " -o 'ConnectTimeout=2'" },
		{ GG_NEVER, NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[4096];
		struct gg_buf b = GG_BUF(mem);
		const char *at;

		cr_assert_eq(gg_ssh_command(&b, "/id", "/known", rows[i].ms), 0);
		at = strstr(mem, " -o 'ConnectTimeout");
		if (rows[i].want)
			cr_assert(at && !strcmp(at, rows[i].want), "row %zu: %s", i, mem);
		else
			cr_assert_null(at, "row %zu: %s", i, mem);
	}
}

/* None of them may be lost: each closes a way to hang, to ask, or to trust someone else. */
Test(ssh, closed_ways)
{
	static const char *const rows[] = {
		"ssh -F none -T ",
		"'BatchMode=yes'",
		"'IdentitiesOnly=yes'",
		"'IdentityAgent=none'",
		"'UserKnownHostsFile=\"/known\"'",
		"'GlobalKnownHostsFile=/dev/null'",
		"'StrictHostKeyChecking=yes'",
		"'UpdateHostKeys=no'",
		"'PasswordAuthentication=no'",
		"'KbdInteractiveAuthentication=no'",
		"'PreferredAuthentications=publickey'",
		"'ControlMaster=no'",
		"'ControlPath=none'",
		"'ProxyCommand=none'",
		"'ForwardAgent=no'",
		"'ClearAllForwardings=yes'",
		"'PermitLocalCommand=no'",
		"'ServerAliveInterval=10'",
		"'ServerAliveCountMax=3'",
	};
	char mem[4096];
	struct gg_buf b = GG_BUF(mem);

	cr_assert_eq(gg_ssh_command(&b, "/id", "/known", 10000), 0);
	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_assert(strstr(mem, rows[i]), "row %zu: %s", i, mem);
}
