/* Tests of hooks/pushconf.h, and of supervisor/hooksettings.h with it: what the gate tells is what the hook
 * reads. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/pushconf.h"
#include "supervisor/hooksettings.h"
#include "tests/unit/conflines.h"

/* What a hook gets for the repository under these settings. */
static void tell(const char *lines, const char *repo, struct gg_push_conf *ret)
{
	struct gg_reader r;
	json_t *j;
	AUTO_FREE char *text = NULL;

	read_lines(&r, lines, &somewhere);
	cr_assert_eq(r.nerror, 0, "%s", r.nerror ? r.error[0] : "");
	j = gg_hook_settings(&r.conf, repo, "127.0.0.1:53211", "git");
	cr_assert(j);
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	gg_reader_free(&r);
	cr_assert_eq(gg_push_conf_parse(text, strlen(text), ret), 0, "%s", text);
}

static void expect_list(const struct gg_list *l, const char *want)
{
	char mem[400];
	struct gg_buf b = GG_BUF(mem);

	for (size_t i = 0; i < l->n; i++)
		gg_buf_add(&b, "%s%s", i ? "|" : "", l->v[i]);
	cr_expect_str_eq(mem, want, "%s", mem);
}

Test(push_conf, defaults)
{
	struct gg_push_conf c;

	tell("", "a \"b\".git", &c);
	cr_expect_str_eq(c.repo, "a \\\"b\\\".git");
	cr_expect_str_eq(c.peer, "127.0.0.1:53211");
	cr_expect_str_eq(c.transport, "git");
	cr_expect_eq(c.scanner, GG_SCANNER_UNSET);
	expect_list(&c.scanner_command, "");
	cr_expect_str_eq(c.scanner_config, "");
	cr_expect_str_eq(c.scratch, "/dev/shm");
	cr_expect_str_eq(c.dir, "/etc/git-gate/hooks");
	cr_expect(c.allow_delete && c.allow_force);
	cr_expect(c.limit_refs == 0 && c.limit_object == 0 && c.limit_scan == 256 << 20);
	expect_list(&c.own, "");
	cr_expect(c.hook_ms == 600000 && c.scan_ms == 300000 && c.step_ms == 60000 && c.forward_ms == 300000);
	cr_expect(c.connect_ms == 10000 && c.refresh_ms == 30000);
	cr_expect(!*c.upstream && !*c.identity_file && !*c.known_hosts_file);
	gg_push_conf_free(&c);
	gg_push_conf_free(&c);
}

Test(push_conf, everything_set)
{
	struct gg_push_conf c;

	tell("hook.scanner=command\nhook.scannerCommand=/bin/x 'a b' "
	     "c\nhook.scannerConfig=/c\nhook.scratch=/s\nhook.dir=/d\n"
	     "hook.allowFinding=f1\nhook.allowFinding=f2\nhook.allowRef=*\nhook.denyRef=refs/"
	     "x\nhook.allowDelete=false\n"
	     "limit.refs=9\nlimit.scan=0\ndeadline.scan=never\ndeadline.hook=never\n"
	     "repo.r.git.upstream=ssh://git@h:22/\xc3\xa4.git\nrepo.r.git.identityFile=/"
	     "k\nrepo.r.git.knownHostsFile=/h\n"
	     "repo.r.git.fresh=7s\nrepo.r.git.onStale=serve\nrepo.r.git.allowRef=refs/heads/"
	     "*\nrepo.r.git.allowRef=refs/tags/*\n"
	     "repo.r.git.allowDelete=true\nrepo.r.git.allowForce=false\nrepo.r.git.object=1k",
	     "r.git", &c);
	cr_expect_eq(c.scanner, GG_SCANNER_COMMAND);
	expect_list(&c.scanner_command, "/bin/x|a b|c");
	cr_expect_str_eq(c.scanner_config, "/c");
	cr_expect_str_eq(c.scratch, "/s");
	cr_expect_str_eq(c.dir, "/d");
	expect_list(&c.allow_finding, "f1|f2");
	expect_list(&c.allow_ref, "refs/heads/*|refs/tags/*");
	expect_list(&c.deny_ref, "refs/x");
	cr_expect(c.allow_delete && !c.allow_force);
	cr_expect(c.limit_refs == 9 && c.limit_object == 1024 && c.limit_scan == 0);
	expect_list(&c.own, "allowRef|allowDelete|allowForce|object");
	cr_expect(c.scan_ms == GG_NEVER && c.hook_ms == GG_NEVER);
	cr_expect_str_eq(c.upstream, "ssh://git@h:22/\xc3\xa4.git");
	cr_expect_str_eq(c.identity_file, "/k");
	cr_expect_str_eq(c.known_hosts_file, "/h");
	cr_expect(c.fresh_ms == 7000 && c.on_stale == GG_STALE_SERVE);
	gg_push_conf_free(&c);
}

Test(push_conf, every_scanner)
{
	static const char *const words[] = { "unset", "none", "gitleaks", "betterleaks" };

	for (int i = 0; i < (int)GG_LEN(words); i++) {
		struct gg_push_conf c;
		char line[64];

		snprintf(line, sizeof(line), "hook.scanner=%s", words[i]);
		tell(line, "r", &c);
		cr_expect_eq(c.scanner, i);
		gg_push_conf_free(&c);
	}
}

/* Whatever is not what the gate says is refused whole: each member missing, and of another type. */
Test(push_conf, protocol_errors)
{
	static const char *const texts[] = { "", "{}", "[]", "null", "{\"repo\":\"r\"}", "{", "\xff" };
	struct gg_push_conf c = { .scan_ms = 7 }, full;
	json_t *j, *v;
	const char *name;

	for (size_t i = 0; i < GG_LEN(texts); i++)
		cr_expect_eq(gg_push_conf_parse(texts[i], strlen(texts[i]), &c), -EPROTO, "%s", texts[i]);
	tell("hook.allowRef=*", "r", &full);
	j = gg_push_conf_dump(&full);
	cr_assert_eq(json_object_size(j), 28);
	json_object_foreach(j, name, v)
	{
		json_t *without = json_deep_copy(j), *other = json_deep_copy(j);

		json_object_del(without, name);
		json_object_set_new(other, name, json_pack("[{}]"));
		cr_expect_eq(gg_push_conf_load(without, &c), -EPROTO, "without %s", name);
		cr_expect_eq(gg_push_conf_load(other, &c), -EPROTO, "another %s", name);
		json_decref(without);
		json_decref(other);
	}
	json_object_set_new(j, "scanner", json_string("other"));
	cr_expect_eq(gg_push_conf_load(j, &c), -EPROTO);
	json_object_set_new(j, "scanner", json_string("none|gitleaks"));
	cr_expect_eq(gg_push_conf_load(j, &c), -EPROTO);
	json_object_set_new(j, "scanner", json_string("none"));
	json_object_set_new(j, "limit_scan", json_integer(-1));
	cr_expect_eq(gg_push_conf_load(j, &c), -EPROTO);
	json_object_set_new(j, "limit_scan", json_integer(1));
	json_object_set_new(j, "more", json_true());
	cr_expect_eq(c.scan_ms, 7);
	cr_expect_eq(gg_push_conf_load(j, &c), 0);
	cr_expect_eq(c.limit_scan, 1);
	gg_push_conf_free(&c);
	gg_push_conf_free(&full);
	json_decref(j);
}
