/* Tests of base/upstream.h, and of [repo] sections and what hooks follow in base/conf.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "base/upstream.h"
#include "tests/unit/conflines.h"

Test(repo_conf, upstream)
{
	static const struct {
		const char *text;
		const char *user, *host; /* NULL: an error, in path */
		unsigned port;
		const char *path;
	} rows[] = {
		{ "ssh://git@host/a.git", "git", "host", 0, "/a.git" },
		{ "ssh://host/a", "", "host", 0, "/a" },
		{ "ssh://host:22/a/b c", "", "host", 22, "/a/b c" },
		{ "ssh://host/~u/-a:b@c", "", "host", 0, "/~u/-a:b@c" },
		{ "ssh://u.v-w_x+y@127.0.0.1:65535/a", "u.v-w_x+y", "127.0.0.1", 65535, "/a" },
		{ "ssh://u@[::1]/a", "u", "::1", 0, "/a" },
		{ "ssh://[fe80::1]:2222/a", "", "fe80::1", 2222, "/a" },
		{ "ssh://host/\xc3\xa4", "", "host", 0, "/\xc3\xa4" },
		{ "git@host:a/b.git", NULL, NULL, 0, "write ssh://git@host/a/b.git" },
		{ "host:/a", NULL, NULL, 0, "write ssh://host/a" },
		{ "host:2222/a", NULL, NULL, 0, "write ssh://host/2222/a" },
		{ "https://host/a", NULL, NULL, 0, "only ssh is spoken" },
		{ "SSH://host/a", NULL, NULL, 0, "only ssh is spoken" },
		{ "ssh+git://host/a", NULL, NULL, 0, "only ssh is spoken" },
		{ "ext::sh -c x", NULL, NULL, 0, "write ssh://ext/:sh -c x" },
		{ "/srv/a", NULL, NULL, 0, "is no ssh address; write ssh://[USER@]HOST[:PORT]/PATH" },
		{ "./a:b", NULL, NULL, 0, "is no ssh address; write" },
		{ "", NULL, NULL, 0, "is no ssh address; write" },
		{ ":a", NULL, NULL, 0, "is no ssh address; write" },
		{ "ssh://-oProxyCommand=x/a", NULL, NULL, 0, "no host that can be given to ssh" },
		{ "ssh://-host/a", NULL, NULL, 0, "no host that can be given to ssh" },
		{ "ssh://u@-host/a", NULL, NULL, 0, "no host that can be given to ssh" },
		{ "ssh://-u@host/a", NULL, NULL, 0, "no user that can be given to ssh" },
		{ "ssh://%2Du@host/a", NULL, NULL, 0, "no user that can be given to ssh" },
		{ "ssh://%2Dhost/a", NULL, NULL, 0, "no host that can be given to ssh" },
		{ "ssh://@host/a", NULL, NULL, 0, "no user" },
		{ "ssh://u:p@host/a", NULL, NULL, 0, "has a password" },
		{ "ssh:///a", NULL, NULL, 0, "no host" },
		{ "ssh://u@/a", NULL, NULL, 0, "no host" },
		{ "ssh://u@v@host/a", NULL, NULL, 0, "no host" },
		{ "ssh://ho st/a", NULL, NULL, 0, "no host" },
		{ "ssh://host:a/b", NULL, NULL, 0, "no port" },
		{ "ssh://host:/b", NULL, NULL, 0, "no port" },
		{ "ssh://host:0/b", NULL, NULL, 0, "no port" },
		{ "ssh://host:65536/b", NULL, NULL, 0, "no port" },
		{ "ssh://host:22222222222/b", NULL, NULL, 0, "no port" },
		{ "ssh://[::1/b", NULL, NULL, 0, "closing bracket" },
		{ "ssh://[::1]x/b", NULL, NULL, 0, "something else than a port" },
		{ "ssh://[]/b", NULL, NULL, 0, "no host" },
		{ "ssh://host", NULL, NULL, 0, "no repository there" },
		{ "ssh://host/", NULL, NULL, 0, "no repository there" },
		{ "ssh://", NULL, NULL, 0, "no host" },
		{ "ssh://host/a\nb", NULL, NULL, 0, "no text" },
		{ "ssh://host/\xff", NULL, NULL, 0, "no text" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_upstream u = { .port = 7 };
		char mem[600];
		struct gg_buf why = GG_BUF(mem);
		int e = gg_upstream_parse(rows[i].text, &u, &why);

		cr_expect_eq(e, rows[i].host ? 0 : -EINVAL, "%s", rows[i].text);
		cr_expect_not(why.cut);
		if (!rows[i].host) {
			cr_expect(strstr(mem, rows[i].path), "%s: %s", rows[i].text, mem);
			cr_expect_eq(u.port, 7, "%s", rows[i].text);
		} else if (e == 0) {
			cr_expect_str_eq(u.user, rows[i].user, "%s", rows[i].text);
			cr_expect_str_eq(u.host, rows[i].host, "%s", rows[i].text);
			cr_expect_eq(u.port, rows[i].port, "%s", rows[i].text);
			cr_expect_str_eq(u.path, rows[i].path, "%s", rows[i].text);
		}
	}
}

static void read_settings(struct gg_reader *r, const char *lines)
{
	static const struct gg_place place = { .root = true, .cwd = "/w" };

	read_lines(r, lines, &place);
}

Test(repo_conf, table_is_sound)
{
	for (enum gg_repo_key k = 0; k < GG_NREPO_KEYS; k++) {
		const struct gg_conf_key *key = &gg_repo_keys[k];

		cr_assert(key->help[0] && key->help[strlen(key->help) - 1] == '.', "%s", key->name);
		cr_assert(!strpbrk(key->name, " .\n=#"), "%s", key->name);
		if (key->kind <= GG_KIND_COUNT)
			cr_assert(key->def == GG_INHERIT || (key->def >= key->min && key->def <= key->max),
				  "%s", key->name);
	}
	cr_assert_eq(offsetof(struct gg_repo_conf, name), 0);
	cr_assert_eq(offsetof(struct gg_service_conf, name), 0);
}

Test(repo_conf, values)
{
	static const struct {
		const char *lines, *name;
		enum gg_repo_key key;
		const char *value, *origin;
	} rows[] = {
		{ "repo.r.git.fresh=5s", "r.git", GG_REPO_fresh_ms, "5s", "file F" },
		{ "repo.r.git.fresh=5s", "r.git", GG_REPO_upstream, "", "default" },
		{ "repo.r.git.fresh=5s", "r.git", GG_REPO_push_refs, "inherit", "default" },
		{ "repo.r.git.fresh=5s", "r.git", GG_REPO_allow_delete, "inherit", "default" },
		{ "repo.r.git.fresh=5s", "r.git", GG_REPO_on_stale, "refuse", "default" },
		{ "REPO.team/a b.git.FRESH=0", "team/a b.git", GG_REPO_fresh_ms, "0", "file F" },
		{ "repo.r.fresh=5s\nrepo.R.fresh=6s", "R", GG_REPO_fresh_ms, "6s", "file F" },
		{ "repo..r.fresh=5s", ".r", GG_REPO_fresh_ms, "5s", "file F" },
		{ "repo.....fresh=5s", "...", GG_REPO_fresh_ms, "5s", "file F" },
		{ "repo.r.refs=7\nrepo.r.refs=inherit", "r", GG_REPO_push_refs, "inherit", "file F" },
		{ "repo.r.push=2m\nrepo.r.push=inherit\nrepo.r.push=0", "r", GG_REPO_push_max, "0",
		  "file F" },
		{ "repo.r.refs=0\nrepo.r.object=1k", "r", GG_REPO_object_max, "1k", "file F" },
		{ "repo.r.allowForce=false", "r", GG_REPO_allow_force, "false", "file F" },
		{ "repo.r.allowRef=refs/heads/*\nrepo.r.allowRef=*", "r", GG_REPO_allow_ref,
		  "refs/heads/*, *", "file F" },
		{ "repo.r.identityFile=key", "r", GG_REPO_identity_file, "/w/key", "file F" },
		{ "repo.r.identityFile=key", "r", GG_REPO_known_hosts_file, "", "default" },
		{ "repo.r.identityFile=key\nrepo.r.identityFile=", "r", GG_REPO_identity_file, "", "file F" },
		{ "repo.r.fresh=1s\n-c repo.r.fresh=2s", "r", GG_REPO_fresh_ms, "2s", "command line" },
		{ "repo.r.upstream=ssh://h/p\nrepo.r.identityFile=/k\nrepo.r.knownHostsFile=/h", "r",
		  GG_REPO_upstream, "ssh://h/p", "file F" },
		{ "repo.r\xff.git.fresh=5s", "r\xff.git", GG_REPO_fresh_ms, "5s", "file F" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;
		char text[200];
		struct gg_buf b = GG_BUF(text);
		size_t at;

		read_settings(&r, rows[i].lines);
		cr_assert_eq(r.nerror, 0, "row %zu: %s", i, r.nerror ? r.error[0] : "");
		at = gg_section_find(&r.conf, GG_SECTION_REPO, rows[i].name);
		cr_assert_lt(at, r.conf.nrepo, "row %zu", i);
		gg_key_value(&b, &gg_repo_keys[rows[i].key], &r.conf.repo[at], SIZE_MAX);
		cr_assert_str_eq(text, rows[i].value, "row %zu: %s", i, text);
		cr_assert_str_eq(*gg_section_origin(&r, GG_SECTION_REPO, at, rows[i].key), rows[i].origin,
				 "row %zu", i);
		gg_reader_free(&r);
	}
}

#define BAD_NAME \
	"F: the name of a repository is its path below gate.basePath, as git-gate sessions shows it: no " \
	"'/' at its " \
	"begin or end, no empty, '.' or '..' part, no control characters, at most 510 bytes"

Test(repo_conf, errors)
{
#define UP "repo.r.upstream=ssh://h/p\n"
	static const struct {
		const char *lines, *want;
	} rows[] = {
		{ "repo.r.upsteam=x", "F: unknown key 'repo.r.upsteam'; did you mean 'repo.r.upstream'?" },
		{ "repo.a.b.c.knownhosts=x",
		  "F: unknown key 'repo.a.b.c.knownhosts'; did you mean 'repo.a.b.c.knownHostsFile'?" },
		{ "rep.r.upstream=x", "F: unknown key 'rep.r.upstream'; did you mean 'repo.r.upstream'?" },
		{ "repo.upstream=x", "F: unknown key 'repo.upstream'; did you mean 'repo.NAME.upstream'?" },
		{ "repo.a\x1b.x=1", BAD_NAME },
		{ "repo./r.git.fresh=1s", BAD_NAME },
		{ "repo.r/.fresh=1s", BAD_NAME },
		{ "repo.a//b.fresh=1s", BAD_NAME },
		{ "repo.a/../b.fresh=1s", BAD_NAME },
		{ "repo....fresh=1s", BAD_NAME },
		{ "repo...fresh=1s", BAD_NAME },
		{ "repo..fresh=1s", BAD_NAME },
		{ "repo.a/..fresh=1s", BAD_NAME },
		{ UP, "repo.r.identityFile: is missing, and upstream is set; write the file of the private "
		      "key that "
		      "upstream knows the gate by" },
		{ UP "repo.r.identityFile=/k/${HOME}\nrepo.r.knownHostsFile=/h",
		  "repo.r.identityFile (file F): '/k/${HOME}' is no path that ssh can be given: it has ${ or "
		  "a "
		  "control character in it; write one without" },
		{ UP "repo.r.identityFile=/k",
		  "repo.r.knownHostsFile: is missing, and upstream is set; write the file that "
		  "has the host key of upstream (see ssh-keyscan)" },
		{ "repo.r.upstream=git@h:p",
		  "repo.r.upstream (file F): 'git@h:p' is no address with ssh:// in front; write "
		  "ssh://git@h/p" },
		{ "repo.r.fresh=2", "F: repo.r.fresh: '2' has no unit; write 15s, 500ms or 2m" },
		{ "repo.r.refs=many",
		  "F: repo.r.refs: 'many' is not a whole number; write digits only, or inherit" },
		{ "repo.r.push=big",
		  "F: repo.r.push: 'big' is not a size; write 1024, 1k or 16m, or inherit" },
		{ "repo.r.object=2t",
		  "F: repo.r.object: '2t' is not a size; write 1024, 1k or 16m, or inherit" },
		{ "repo.r.refs=10000001",
		  "F: repo.r.refs: '10000001' is out of range; give 0 to 10000000, or inherit" },
		{ "repo.r.refs=-1", "F: repo.r.refs: '-1' is out of range; give 0 to 10000000, or inherit" },
		{ "repo.r.allowForce=yes",
		  "F: repo.r.allowForce: 'yes' is no choice; choose inherit, true or false; did you "
		  "mean 'true'?" },
		{ "repo.r.allowRef=main",
		  "repo.r.allowRef (file F): 'main' begins neither with refs/ nor with *; write the "
		  "whole name, as refs/heads/main or refs/tags/*" },
		{ "repo.r.denyRef=refs/a b",
		  "repo.r.denyRef (file F): 'refs/a b' has a character that no reference has; "
		  "only * stands for others" },
		{ "repo.r.identityFile=/\xff", "repo.r.identityFile (file F): " GG_NOT_UTF8 },
		{ "hook.allowRef=main",
		  "hook.allowRef (file F): 'main' begins neither with refs/ nor with *; write the "
		  "whole name, as refs/heads/main or refs/tags/*" },
		{ "-c hook.denyRef=refs/?",
		  "hook.denyRef (command line): 'refs/?' has a character that no reference has; "
		  "only * stands for others" },
		{ "hook.scanner=command",
		  "hook.scannerCommand: is missing, and hook.scanner is command; write the program "
		  "to be run" },
		{ "hook.scannerCommand=scan x",
		  "hook.scannerCommand (file F): 'scan' is no absolute path; write the whole "
		  "path of the program" },
		{ "hook.scannerCommand=/a 'b",
		  "hook.scannerCommand (file F): '/a 'b' has an unclosed quote" },
		{ "hook.scratch=/\xff", "hook.scratch (file F): " GG_NOT_UTF8 },
		{ "deadline.scan=11m", "deadline.scan (file F): 11m is longer than deadline.hook, 10m" },
		{ "hook.scaner=none", "F: unknown key 'hook.scaner'; did you mean 'hook.scanner'?" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;

		read_settings(&r, rows[i].lines);
		cr_expect_eq(r.nerror, 1, "row %zu: %s", i, r.nerror ? r.error[r.nerror - 1] : "none");
		if (r.nerror)
			cr_expect_str_eq(r.error[0], rows[i].want, "row %zu: %s", i, r.error[0]);
		gg_reader_free(&r);
	}
}

Test(repo_conf, number_and_names_are_bounded)
{
	struct gg_reader r;
	char key[700];

	cr_assert_eq(gg_reader_init(&r), 0);
	for (int i = 0; i < 1002; i++) {
		snprintf(key, sizeof(key), "repo.d/%d.git.fresh", i);
		cr_assert_eq(gg_reader_feed(&r, "file F", key, "1s"), 0);
	}
	cr_assert_eq(r.conf.nrepo, 1000);
	cr_assert_eq(r.nerror, 2);
	cr_assert_str_eq(r.error[0], "F: repo.d/1000.git: there are 1000 repositories already");
	gg_reader_free(&r);

	for (size_t n = 510; n <= 511; n++) {
		cr_assert_eq(gg_reader_init(&r), 0);
		snprintf(key, sizeof(key), "repo.%0*d.fresh", (int)n, 0);
		cr_assert_eq(gg_reader_feed(&r, "file F", key, "1s"), 0);
		cr_assert_eq(r.nerror, n == 510 ? 0 : 1);
		gg_reader_free(&r);
	}
}

Test(repo_conf, what_applies)
{
	static const char lines[] =
		"hook.allowRef=refs/heads/*\nhook.denyRef=refs/heads/x\nlimit.refs=5\nhook.allowForce=false\n"
		"repo.a.allowRef=*\nrepo.a.allowDelete=false\nrepo.a.allowForce=true\nrepo.a.refs=0\n"
		"repo.b.object=1k\nrepo.b.denyRef=refs/tags/"
		"*\nlimit.push=7\nrepo.b.push=0\nrepo.a.push=inherit";
	static const struct {
		const char *name, *allow, *deny;
		bool own, allow_delete, allow_force;
		int64_t push, refs, object;
		const char *keys; /* the settings that are its own */
	} rows[] = {
		{ "a", "*", "refs/heads/x", true, false, true, 7, 0, 0,
		  " repo.a.allowRef repo.a.allowDelete repo.a.allowForce repo.a.refs" },
		{ "b", "refs/heads/*", "refs/tags/*", true, true, false, 0, 5, 1024,
		  " repo.b.denyRef repo.b.push repo.b.object" },
		{ "A", "refs/heads/*", "refs/heads/x", false, true, false, 7, 5, 0, "" },
		{ "", "refs/heads/*", "refs/heads/x", false, true, false, 7, 5, 0, "" },
	};
	struct gg_reader r;

	read_settings(&r, lines);
	cr_assert_eq(r.nerror, 0, "%s", r.nerror ? r.error[0] : "");
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_repo_rules got;
		char mem[300];
		struct gg_buf keys = GG_BUF(mem);

		gg_conf_rules(&r.conf, rows[i].name, &got);
		cr_expect_eq(got.repo != NULL, rows[i].own, "%s", rows[i].name);
		cr_expect(got.allow_ref->n == 1 && !strcmp(got.allow_ref->v[0], rows[i].allow), "%s",
			  rows[i].name);
		cr_expect(got.deny_ref->n == 1 && !strcmp(got.deny_ref->v[0], rows[i].deny), "%s",
			  rows[i].name);
		cr_expect_eq(got.allow_delete, rows[i].allow_delete, "%s", rows[i].name);
		cr_expect_eq(got.allow_force, rows[i].allow_force, "%s", rows[i].name);
		cr_expect_eq(got.push_max, rows[i].push, "%s", rows[i].name);
		cr_expect_eq(got.push_refs, rows[i].refs, "%s", rows[i].name);
		cr_expect_eq(got.object_max, rows[i].object, "%s", rows[i].name);
		for (enum gg_repo_key k = 0; k < GG_NREPO_KEYS; k++) {
			if (!got.own[k])
				continue;
			gg_buf_add(&keys, " ");
			gg_rule_key(&keys, rows[i].name, true, k);
		}
		cr_expect_str_eq(keys.s, rows[i].keys, "%s", keys.s);
	}
	gg_reader_free(&r);
}

Test(repo_conf, changes)
{
	struct gg_reader a, b;
	struct gg_list l = { 0 }, added = { 0 }, removed = { 0 };
	const struct gg_conf_diff one = { &l, &l, &l }, each = { &added, &removed, &l };

	read_settings(&a, "service.x.command=t\nservice.y.command=t\nrepo.r.git.fresh=1s\nrepo.s.fresh="
			  "1s\nrepo.gone\".fresh=1s");
	read_settings(&b, "service.y.command=t\nservice.x.command=t\nservice.x.burst=7\nrepo.new.fresh="
			  "1s\nrepo.s.fresh=1000ms\n"
			  "repo.r.git.allowRef=*\nrepo.r.git.fresh=1s");
	cr_assert_eq(gg_conf_changed(&a.conf, &b.conf, GG_SECTION_SERVICE, &one), 0);
	cr_assert_eq(l.n, 1);
	cr_assert_str_eq(l.v[0], "service.x");
	gg_list_clear(&l);
	cr_assert_eq(gg_conf_changed(&a.conf, &b.conf, GG_SECTION_REPO, &each), 0);
	cr_assert_eq(l.n, 1);
	cr_assert_str_eq(l.v[0], "repo.r.git");
	cr_assert_eq(removed.n, 1);
	cr_assert_str_eq(removed.v[0], "repo.gone\\\"");
	cr_assert_eq(added.n, 1);
	cr_assert_str_eq(added.v[0], "repo.new");
	gg_list_clear(&l);
	gg_list_clear(&added);
	gg_list_clear(&removed);
	gg_conf_swap_sections(&a.conf, &b.conf, GG_SECTION_REPO);
	cr_assert_eq(gg_section_find(&a.conf, GG_SECTION_REPO, "new"), 0);
	cr_assert_eq(gg_section_find(&b.conf, GG_SECTION_REPO, "new"), b.conf.nrepo);
	/* each is freed with what the other had, as after a reload */
	gg_reader_free(&a);
	gg_reader_free(&b);
}

Test(repo_conf, listings)
{
	AUTO_FREE char *text = NULL, *help = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct gg_reader r;

	read_settings(&r, "repo.team/a \"b\".git.fresh=1s");
	gg_conf_print(f, &r);
	fclose(f);
	cr_assert(strstr(text, "\nrepo.team/a \\\"b\\\".git.fresh ") &&
			  strstr(text, "\nrepo.team/a \\\"b\\\".git.refs "),
		  "%s", text);
	gg_reader_free(&r);
	f = open_memstream(&help, &n);
	gg_conf_help(f);
	fclose(f);
	for (enum gg_repo_key k = 0; k < GG_NREPO_KEYS; k++) {
		char key[64];

		snprintf(key, sizeof(key), "repo.NAME.%s", gg_repo_keys[k].name);
		cr_assert(strstr(help, key), "%s", key);
	}
}
