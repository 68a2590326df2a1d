/* Tests of reaper/classify.h: what is the root of a session, and whose. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "reaper/classify.h"

Test(classify, root_kind)
{
	static const struct {
		const char *argv; /* words; a space becomes NUL */
		enum gg_root_kind want;
	} rows[] = {
		{ "/usr/lib/git-core/git-daemon --serve --port=1", GG_ROOT_DAEMON },
		{ "git daemon --serve --base-path=/srv", GG_ROOT_DAEMON },
		{ "/usr/lib/git-core/git-daemon --base-path=/srv --export-all", GG_ROOT_NONE }, /* listens */
		{ "git daemon --inetd", GG_ROOT_NONE }, /* ours, or inetd's; its receive-pack will be seen */
		{ "/usr/lib/git-core/git-http-backend", GG_ROOT_BACKEND },
		{ "git http-backend", GG_ROOT_BACKEND },
		{ "git receive-pack /srv/r.git", GG_ROOT_SERVER },
		{ "git-receive-pack /srv/r.git", GG_ROOT_SERVER },
		{ "git-upload-pack /srv/r.git", GG_ROOT_SERVER },
		{ "git upload-archive /srv/r.git", GG_ROOT_SERVER },
		{ "git-shell -c git-receive-pack_/srv/r.git", GG_ROOT_NONE },
		{ "sh -c git-receive-pack_/srv/r.git", GG_ROOT_NONE },
		{ "sshd: git@notty", GG_ROOT_NONE },
		{ "git receive-packs", GG_ROOT_NONE },
		{ "lighttpd -D -f receive-pack", GG_ROOT_NONE },
		{ "", GG_ROOT_NONE },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char argv[200];
		size_t n = strlen(rows[i].argv);

		memcpy(argv, rows[i].argv, n + 1);
		for (size_t k = 0; k < n; k++)
			argv[k] = argv[k] == ' ' ? 0 : argv[k];
		cr_expect_eq(gg_root_kind_of(argv, n ? n + 1 : 0), rows[i].want, "%s", rows[i].argv);
	}
}

Test(classify, a_gates_own)
{
	static const char inetd[] = "/usr/lib/git-core/git-daemon\0--inetd", session[] = "git-gate-session",
			  server[] = "git\0receive-pack\0/srv/r.git", shell[] = "sh\0-c\0git-daemon",
			  gate[] = "/usr/bin/git-gate\0run";

	cr_expect(gg_may_be_gates(inetd, sizeof(inetd)));
	cr_expect(gg_may_be_gates(session, sizeof(session)));
	cr_expect(!gg_may_be_gates(server, sizeof(server)), "whose environment a client of sshd may set");
	cr_expect(!gg_may_be_gates(shell, sizeof(shell)));
	cr_expect(gg_is_gate(gate, sizeof(gate)));
	cr_expect(!gg_is_gate(session, sizeof(session)));
	cr_expect(!gg_is_gate(shell, sizeof(shell)));
}
