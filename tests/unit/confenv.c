/* Settings from environment variables: how they are spelled, what wins, what is refused and how that is told.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"

static const struct gg_place place = { .root = true, .cwd = "/w" };

/* lines: "NAME=VALUE", one a line; an environment of them. */
static void feed(struct gg_reader *r, const char *lines)
{
	char text[1024], *env[16], *save = NULL;
	size_t n = 0;

	cr_assert_lt(strlen(lines), sizeof(text));
	strcpy(text, lines);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		cr_assert_lt(n, 15);
		env[n++] = line;
	}
	env[n] = NULL;
	cr_assert_eq(gg_reader_feed_env(r, env), 0);
}

static void all_errors(const struct gg_reader *r, struct gg_buf *b)
{
	for (size_t i = 0; i < r->nerror; i++)
		gg_buf_add(b, "%s%s", i ? "\n" : "", r->error[i]);
}

Test(confenv, values)
{
	static const struct {
		const char *env;
		enum gg_key key;
		const char *value, *origin;
	} rows[] = {
		{ "GIT_GATE_DEADLINE__IDLE=30s", GG_KEY_idle_ms, "30s",
		  "environment GIT_GATE_DEADLINE__IDLE" },
		{ "GIT_GATE_deadline__idle=30s", GG_KEY_idle_ms, "30s",
		  "environment GIT_GATE_deadline__idle" },
		{ "GIT_GATE_GATE__BASEPATH=repos", GG_KEY_base_path, "/w/repos",
		  "environment GIT_GATE_GATE__BASEPATH" },
		{ "GIT_GATE_GATE__basePath=/r=/s", GG_KEY_base_path, "/r=/s",
		  "environment GIT_GATE_GATE__basePath" },
		{ "GIT_GATE_GATE__EXPORTALL=true", GG_KEY_export_all, "true",
		  "environment GIT_GATE_GATE__EXPORTALL" },
		{ "GIT_GATE_LISTEN__GIT=127.0.0.1:1 [::1]:2", GG_KEY_listen_git, "127.0.0.1:1, [::1]:2",
		  "environment GIT_GATE_LISTEN__GIT" },
		{ "GIT_GATE_HOOK__ALLOWFINDING=a 'b c' d\\ e", GG_KEY_allow_finding, "a, b c, d e",
		  "environment GIT_GATE_HOOK__ALLOWFINDING" },
		{ "GIT_GATE_HOOK__SCANNERCONFIG=", GG_KEY_scanner_config, "",
		  "environment GIT_GATE_HOOK__SCANNERCONFIG" },
		/* what is no setting */
		{ "GIT_GATE_SESSION=ab12\nGIT_GATE_INSTANCE=x\nGIT_GATE_CONTROL=/c", GG_KEY_idle_ms, "15s",
		  "default" },
		{ "GIT_GATE_PORT=tcp://"
		  "10.0.0.1:9418\nGIT_GATE_SERVICE_HOST=10.0.0.1\nGIT_GATE_PORT_9418_TCP=x",
		  GG_KEY_idle_ms, "15s", "default" },
		{ "XGIT_GATE_DEADLINE__IDLE=1s\ngit_gate_DEADLINE__IDLE=1s\nGIT_GATE_DEADLINE__IDLE",
		  GG_KEY_idle_ms, "15s", "default" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;
		char text[256] = "", errors[1024] = "";
		struct gg_buf b = GG_BUF(text), eb = GG_BUF(errors);

		cr_assert_eq(gg_reader_init(&r), 0);
		feed(&r, rows[i].env);
		cr_assert_eq(gg_reader_settle(&r, &place), 0);
		all_errors(&r, &eb);
		cr_assert_str_eq(errors, "", "row %zu: %s", i, errors);
		gg_conf_value(&b, &r.conf, rows[i].key);
		cr_assert_str_eq(text, rows[i].value, "row %zu: %s", i, text);
		cr_assert_str_eq(r.origin[rows[i].key], rows[i].origin, "row %zu", i);
		gg_reader_free(&r);
	}
}

Test(confenv, errors)
{
	static const struct {
		const char *env, *error;
	} rows[] = {
		{ "GIT_GATE_DEADLINE__IDEL=1s",
		  "GIT_GATE_DEADLINE__IDEL: unknown key 'deadline.idel'; did you mean 'deadline.idle'?" },
		{ "GIT_GATE_GATE__BASE_PATH=/x",
		  "GIT_GATE_GATE__BASE_PATH: unknown key 'gate.base_path'; did you mean 'gate.basePath'?" },
		{ "GIT_GATE_DEADLINE__IDLE=30",
		  "GIT_GATE_DEADLINE__IDLE: deadline.idle: '30' has no unit; write 15s, 500ms, 2m or never" },
		{ "GIT_GATE_DEADLINE__IDLE=", "GIT_GATE_DEADLINE__IDLE: deadline.idle: '' is not a duration; "
					      "write 15s, 500ms, 2m or never" },
		{ "GIT_GATE_LISTEN__GIT=127.0.0.1:1 x",
		  "GIT_GATE_LISTEN__GIT: listen.git: 'x' is not an address" },
		{ "GIT_GATE_HOOK__ALLOWREF=refs/heads/* 'x",
		  "GIT_GATE_HOOK__ALLOWREF: hook.allowRef: 'refs/heads/* 'x' has an unclosed quote; the "
		  "items of a "
		  "list are separated by spaces" },
		{ "GIT_GATE_INCLUDE__PATH=/x", "GIT_GATE_INCLUDE__PATH: unknown key 'include.path'" },
		{ "GIT_GATE___IDLE=1s", "GIT_GATE___IDLE: unknown key '.idle'" },
		{ "GIT_GATE_DEADLINE__=1s", "GIT_GATE_DEADLINE__: unknown key 'deadline.'" },
		{ "GIT_GATE_DEADLINE_IDLE=1s",
		  "GIT_GATE_DEADLINE_IDLE: is no setting; write GIT_GATE_DEADLINE__IDLE" },
		{ "GIT_GATE_DEADLINE__IDLE=1s\nGIT_GATE_DEADLINE__idle=2s",
		  "GIT_GATE_DEADLINE__idle: deadline.idle is set by another variable too; keep one of them" },
		{ "GIT_GATE_REPO__APP__FRESH=1s",
		  "GIT_GATE_REPO__APP__FRESH: is of which one? Write its name in GIT_GATE_REPO__APP__NAME" },
		{ "GIT_GATE_REPO__FRESH=1s", "GIT_GATE_REPO__FRESH: is of which one? Write its name in "
					     "GIT_GATE_REPO__1__NAME, and set GIT_GATE_REPO__1__FRESH" },
		{ "GIT_GATE_SERVICE____COMMAND=x",
		  "GIT_GATE_SERVICE____COMMAND: is of which one? Write its name in "
		  "GIT_GATE_SERVICE__1__NAME, and set GIT_GATE_SERVICE__1__COMMAND" },
		{ "GIT_GATE_REPO__A__NAME=app.git\nGIT_GATE_REPO__A__FERSH=1s",
		  "GIT_GATE_REPO__A__FERSH: unknown key 'repo.app.git.fersh'; did you mean "
		  "'repo.app.git.fresh'?" },
		{ "GIT_GATE_REPO__A__NAME=/x\nGIT_GATE_REPO__A__FRESH=1s",
		  "GIT_GATE_REPO__A__FRESH: the name of a repository is its path" },
		{ "GIT_GATE_REPO__A__NAME=app.git\nGIT_GATE_REPO__A__FRESH=1s\nGIT_GATE_REPO__B__NAME=app."
		  "git\n"
		  "GIT_GATE_REPO__B__FRESH=2s",
		  "GIT_GATE_REPO__B__FRESH: repo.app.git.fresh is set by another variable too" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;

		cr_assert_eq(gg_reader_init(&r), 0);
		feed(&r, rows[i].env);
		cr_assert_eq(r.nerror, 1, "row %zu: %zu errors", i, r.nerror);
		cr_assert_eq(strncmp(r.error[0], rows[i].error, strlen(rows[i].error)), 0, "row %zu: %s", i,
			     r.error[0]);
		gg_reader_free(&r);
	}
}

/* file, then environment, then command line; of lists too, whole */
Test(confenv, order)
{
	struct gg_reader r;
	char text[256] = "";
	struct gg_buf b = GG_BUF(text);

	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "deadline.idle", "1s"), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "deadline.init", "1s"), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "listen.git", "127.0.0.1:1"), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "listen.http", "127.0.0.1:2"), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "hook.allowRef", "refs/x"), 0);
	feed(&r, "GIT_GATE_DEADLINE__IDLE=2s\nGIT_GATE_DEADLINE__INIT=2s\nGIT_GATE_LISTEN__GIT=127.0.0.1:3 "
		 "127.0.0.1:4\nGIT_GATE_LISTEN__HTTP=127.0.0.1:5\nGIT_GATE_HOOK__ALLOWREF=");
	cr_assert_eq(gg_reader_feed(&r, "command line", "deadline.init", "3s"), 0);
	cr_assert_eq(gg_reader_feed(&r, "command line", "listen.http", "127.0.0.1:6"), 0);
	cr_assert_eq(gg_reader_settle(&r, &place), 0);
	cr_assert_eq(r.nerror, 0);
	cr_assert_eq(r.conf.idle_ms, 2000);
	cr_assert_eq(r.conf.init_ms, 3000);
	cr_assert_str_eq(r.origin[GG_KEY_init_ms], "command line");
	gg_conf_value(&b, &r.conf, GG_KEY_listen_git);
	cr_assert_str_eq(text, "127.0.0.1:3, 127.0.0.1:4");
	cr_assert_eq(r.conf.listen_http.n, 1);
	cr_assert_str_eq(r.conf.listen_http.v[0], "127.0.0.1:6");
	cr_assert_eq(r.conf.allow_ref.n, 0);
	cr_assert_str_eq(r.origin[GG_KEY_allow_ref], "environment GIT_GATE_HOOK__ALLOWREF");
	gg_reader_free(&r);
}

/* a section's name is what another variable says, in its own case; a label is only that */
Test(confenv, sections)
{
	struct gg_reader r;

	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "repo.Team/App.git.fresh", "1s"), 0);
	feed(&r, "GIT_GATE_REPO__MY__APP__FRESH=9s\nGIT_GATE_REPO__MY__APP__NAME=Team/App.git\n"
		 "GIT_GATE_repo__MY__APP__AllowRef=refs/heads/* refs/tags/*\n"
		 "GIT_GATE_SERVICE__1__NAME=tunnel\nGIT_GATE_SERVICE__1__COMMAND=/bin/sleep 9");
	cr_assert_eq(r.nerror, 0, "%s", r.nerror ? r.error[0] : "");
	cr_assert_eq(r.conf.nrepo, 1);
	cr_assert_eq(r.conf.repo[0].fresh_ms, 9000);
	cr_assert_eq(r.conf.repo[0].allow_ref.n, 2);
	cr_assert_str_eq(*gg_section_origin(&r, GG_SECTION_REPO, 0, GG_REPO_fresh_ms),
			 "environment GIT_GATE_REPO__MY__APP__FRESH");
	cr_assert_eq(r.conf.nservice, 1);
	cr_assert_str_eq(r.conf.service[0].name, "tunnel");
	cr_assert_str_eq(r.conf.service[0].command, "/bin/sleep 9");
	gg_reader_free(&r);
}
