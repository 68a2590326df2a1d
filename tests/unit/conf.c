/* Tests of base/conf.h: the table, the reader, what it says about mistakes, and git as the parser. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "tests/unit/conflines.h"

static enum gg_key key_of(const char *name)
{
	enum gg_key k = 0;

	while (k < GG_NKEYS && strcmp(gg_conf_key_name(k), name) != 0)
		k++;
	cr_assert_lt(k, GG_NKEYS, "%s", name);
	return k;
}

Test(conf, table_is_sound)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		const struct gg_conf_key *key = &gg_conf_keys[k];
		const char *dot = strchr(key->name, '.');

		cr_assert(dot && dot[1] && !strpbrk(key->name, " \n=#"), "%s", key->name);
		for (enum gg_key j = 0; j < k; j++)
			cr_assert_neq(strcasecmp(key->name, gg_conf_keys[j].name), 0, "%s stands twice",
				      key->name);
		cr_assert(key->help[0] && key->help[strlen(key->help) - 1] == '.', "%s", key->name);
		if (key->kind > GG_KIND_COUNT)
			continue;
		for (int i = 0; i < 2; i++) {
			int64_t v = i ? key->host : key->def;

			cr_assert((v >= key->min && v <= key->max) ||
					  (v == GG_NEVER && gg_key_may_be_never(&gg_conf_keys[k])),
				  "%s", key->name);
		}
	}
	cr_assert_str_eq(gg_conf_key_name(GG_KEY_idle_ms), "deadline.idle");
}

Test(conf, values)
{
	static const struct {
		const char *lines, *key, *value, *origin;
	} rows[] = {
		{ "", "deadline.idle", "15s", "default" },
		{ "", "deadline.work", "never", "default" },
		{ "", "rate.min", "1k", "default" },
		{ "", "limit.sessions", "64", "default" },
		{ "", "gate.receivePack", "true", "default" },
		{ "", "gate.log", "auto", "default" },
		{ "", "gate.basePath", "/srv/git", "default" },
		{ "", "listen.git", "127.0.0.1:9418", "default" },
		{ "", "gate.safeDirectory", "", "default" },
		{ "", "gate.control", "/run/user/7/git-gate/control", "default" },
		{ "deadline.idle=90s", "deadline.idle", "90s", "file F" },
		{ "DEADLINE.IDLE=60000ms", "deadline.idle", "1m", "file F" },
		{ "gate.basepath=/x", "gate.basePath", "/x", "file F" },
		{ "deadline.idle=never", "deadline.idle", "never", "file F" },
		{ "deadline.idle=5s\ndeadline.idle=6s", "deadline.idle", "6s", "file F" },
		{ "deadline.idle=5s\n-c deadline.idle=6s", "deadline.idle", "6s", "command line" },
		{ "deadline.drain=0", "deadline.drain", "0", "file F" },
		{ "rate.min=0", "rate.min", "0", "file F" },
		{ "rate.min=1M", "rate.min", "1m", "file F" },
		{ "gate.exportAll", "gate.exportAll", "true", "file F" },
		{ "gate.exportAll=Yes", "gate.exportAll", "true", "file F" },
		{ "gate.receivePack=", "gate.receivePack", "false", "file F" },
		{ "gate.log=json", "gate.log", "json", "file F" },
		{ "reaper.mode=observe", "reaper.mode", "observe", "file F" },
		{ "gate.basePath=repos", "gate.basePath", "/home/u/repos", "file F" },
		{ "gate.control=/tmp/c", "gate.control", "/tmp/c", "file F" },
		{ "gate.basePath=/a b", "gate.basePath", "/a b", "file F" },
		{ "gate.basePath=/a#b", "gate.basePath", "\"/a#b\"", "file F" },
		{ "gate.basePath=/a\x1b[0m", "gate.basePath", "\"/a\\x1b[0m\"", "file F" },
		{ "gate.basePath=/a\xff", "gate.basePath", "\"/a\\xff\"", "file F" },
		/* profile: only what was left at its default changes */
		{ "gate.profile=host", "deadline.idle", "1m", "default" },
		{ "gate.profile=host", "deadline.commands", "2m", "default" },
		{ "gate.profile=host", "deadline.init", "15s", "default" },
		{ "deadline.idle=15s\ngate.profile=host", "deadline.idle", "15s", "file F" },
		{ "gate.profile=host\n-c gate.profile=sidecar", "deadline.idle", "15s", "default" },
		/* lists */
		{ "listen.git=127.0.0.1:1", "listen.git", "127.0.0.1:1", "file F" },
		{ "listen.git=127.0.0.1:1\nlisten.git=[::1]:1", "listen.git", "127.0.0.1:1, [::1]:1",
		  "file F" },
		{ "listen.git=127.0.0.1:1\n-c listen.git=127.0.0.1:2", "listen.git", "127.0.0.1:2",
		  "command line" },
		{ "-c listen.git=127.0.0.1:2\n-c listen.git=127.0.0.1:3", "listen.git",
		  "127.0.0.1:2, 127.0.0.1:3", "command line" },
		{ "listen.git=127.0.0.1:1\nlisten.git=\nlisten.git=127.0.0.1:2", "listen.git", "127.0.0.1:2",
		  "file F" },
		{ "listen.git=127.0.0.1:0\nlisten.git=127.0.0.1:0", "listen.git", "127.0.0.1:0, 127.0.0.1:0",
		  "file F" },
		{ "gate.safeDirectory=*", "gate.safeDirectory", "*", "file F" },
		{ "gate.safeDirectory=*\ngate.safeDirectory=", "gate.safeDirectory", "", "file F" },
		/* not contradictions */
		{ "deadline.session=5s", "deadline.session", "5s", "file F" },
		{ "deadline.session=5s\ndeadline.idle=never", "deadline.idle", "never", "file F" },
		{ "deadline.session=5s\ndeadline.idle=5s", "deadline.idle", "5s", "file F" },
		{ "gate.receivePack=false\ngate.uploadPack=false\ngate.uploadArchive=true", "gate.uploadPack",
		  "false", "file F" },
		/* git has followed it */
		{ "include.path=x\nincludeIf.gitdir:/a.path=y", "deadline.idle", "15s", "default" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		enum gg_key k = key_of(rows[i].key);
		struct gg_reader r;
		char text[256] = "";
		struct gg_buf b = GG_BUF(text);

		read_lines(&r, rows[i].lines, &somewhere);
		cr_assert_eq(r.nerror, 0, "row %zu: %s", i, r.nerror ? r.error[0] : "");
		gg_conf_value(&b, &r.conf, k);
		cr_assert_str_eq(text, rows[i].value, "row %zu: %s", i, text);
		cr_assert_str_eq(r.origin[k], rows[i].origin, "row %zu: %s", i, r.origin[k]);
		gg_reader_free(&r);
	}
}

static const struct {
	const char *lines, *want;
} errors_rows[] = {
	{ "deadline.idel=5s", "F: unknown key 'deadline.idel'; did you mean 'deadline.idle'?" },
	{ "-c deadline.idel=5s", "command line: unknown key 'deadline.idel'; did you mean 'deadline.idle'?" },
	{ "gate.base-path=/x", "F: unknown key 'gate.base-path'; did you mean 'gate.basePath'?" },
	{ "x=1", "F: unknown key 'x'; did you mean 'gate.log'?" },
	{ "-c =1", "command line: unknown key ''; did you mean 'gate.log'?" },
	{ "-c include.path=x", "command line: unknown key 'include.path'; did you mean 'hook.path'?" },
	{ "gate.\x1b]0;x\x07=1", "F: unknown key 'gate.\\x1b]0;x\\x07'; did you mean 'gate.log'?" },
	{ "deadline.idle=15", "F: deadline.idle: '15' has no unit; write 15s, 500ms, 2m or never" },
	{ "deadline.grace=15", "F: deadline.grace: '15' has no unit; write 15s, 500ms or 2m" },
	{ "deadline.idle=soon", "F: deadline.idle: 'soon' is not a duration; write 15s, 500ms, 2m or never" },
	{ "deadline.idle=", "F: deadline.idle: '' is not a duration; write 15s, 500ms, 2m or never" },
	{ "deadline.idle=1ms", "F: deadline.idle: '1ms' is out of range; give 100ms to 1d, or never" },
	{ "deadline.idle=0", "F: deadline.idle: '0' is out of range; give 100ms to 1d, or never" },
	{ "deadline.idle=2d", "F: deadline.idle: '2d' is out of range; give 100ms to 1d, or never" },
	{ "deadline.idle=99999999999999999999d",
	  "F: deadline.idle: '99999999999999999999d' is out of range; give 100ms to 1d, or never" },
	{ "deadline.grace=never", "F: deadline.grace: 'never' is out of range; give 50ms to 10m" },
	{ "tcp.keepIdle=never", "F: tcp.keepIdle: 'never' is out of range; give 1s to 32767s" },
	{ "deadline.idle", "F: deadline.idle: has no value; write 'deadline.idle = VALUE'" },
	{ "rate.min=fast", "F: rate.min: 'fast' is not a size; write 1024, 1k or 16m" },
	{ "rate.min=2g", "F: rate.min: '2g' is out of range; give 0 to 1g" },
	{ "rate.min=-1", "F: rate.min: '-1' is out of range; give 0 to 1g" },
	{ "limit.sessions=0", "F: limit.sessions: '0' is out of range; give 1 to 100000" },
	{ "limit.sessions=many", "F: limit.sessions: 'many' is not a whole number; write digits only" },
	{ "limit.sessions=18446744073709551617",
	  "F: limit.sessions: '18446744073709551617' is out of range; give 1 to 100000" },
	{ "gate.exportAll=maybe", "F: gate.exportAll: 'maybe' is not a boolean; write true or false" },
	{ "gate.log=jsn", "F: gate.log: 'jsn' is no choice; choose auto, journal, text or json; did "
			  "you mean 'json'?" },
	{ "gate.profile=", "F: gate.profile: '' is no choice; choose sidecar or host; did you mean 'host'?" },
	{ "gate.basePath=", "F: gate.basePath: the path is empty" },
	{ "listen.git=localhost:1", "F: listen.git: 'localhost:1' is not an address; the host is not a "
				    "numeric address; names are not looked up" },
	{ "listen.git=127.0.0.1",
	  "F: listen.git: '127.0.0.1' is not an address; no port; write HOST:PORT or [V6]:PORT" },
	{ "listen.git=off\nlisten.http=off", "nothing to listen on: no address in listen.git, listen.http" },
	{ "listen.git=\nlisten.http=", "nothing to listen on: no address in listen.git, listen.http" },
	{ "listen.git=off\nlisten.git=127.0.0.1:1", "listen.git (file F): has both off and an address" },
	{ "listen.git=127.0.0.1:1\nlisten.git=127.0.0.1:1", "listen.git (file F): names one address twice" },
	{ "gate.receivePack=no\ngate.uploadPack=no",
	  "nothing to serve: gate.receivePack, gate.uploadPack and gate.uploadArchive are all "
	  "false" },
	{ "listen.git=0.0.0.0:1",
	  "listen.git (file F): '0.0.0.0:1' is reached by others than this machine; set "
	  "access.allow to who may connect, or gate.public = true" },
	{ "listen.http=127.0.0.1:1\nlisten.http=[::]:1",
	  "listen.http (file F): '[::]:1' is reached by others than this machine; set "
	  "access.allow to who may connect, or gate.public = true" },
	{ "-c listen.admin=10.0.0.1:1",
	  "listen.admin (command line): '10.0.0.1:1' is reached by others than this machine; set "
	  "access.allow to who may connect, or gate.public = true" },
	{ "listen.git=10.0.0.1:1\naccess.allow=10.0.0.0/8\naccess.allow=",
	  "listen.git (file F): '10.0.0.1:1' is reached by others than this machine; set "
	  "access.allow to who may connect, or gate.public = true" },
	{ "access.allow=10.0.0.1/8", "F: access.allow: '10.0.0.1/8' has bits set behind its prefix; "
				     "write 10.0.0.0/8 for the net, or 10.0.0.1 for the address" },
	{ "access.allow=all", "F: access.allow: 'all' is no net; write 10.0.0.0/8, 2001:db8::/32 or an "
			      "address, in numbers: names are not looked up" },
	{ "tcp.keepIdle=1500ms", "tcp.keepIdle (file F): is not in whole seconds" },
	{ "deadline.session=1m\n-c deadline.idle=90s",
	  "deadline.idle (command line): 90s is longer than deadline.session, 1m" },
	{ "gate.control=/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
	  "0123456789/"
	  "0123456789/0123456789/01234567",
	  "gate.control (file F): a socket's path has at most 107 bytes" },
};

Test(conf, errors)
{
	for (size_t i = 0; i < GG_LEN(errors_rows); i++) {
		struct gg_reader r;

		read_lines(&r, errors_rows[i].lines, &somewhere);
		cr_assert_eq(r.nerror, 1, "row %zu: %zu errors, %s", i, r.nerror, r.nerror ? r.error[1] : "");
		cr_assert_str_eq(r.error[0], errors_rows[i].want, "row %zu: %s", i, r.error[0]);
		gg_reader_free(&r);
	}
}

Test(conf, every_error_is_told)
{
	struct gg_reader r;

	read_lines(&r, "a.b=1\ndeadline.idle=1\ngate.log=x\nlimit.sessions=1", &somewhere);
	cr_assert_eq(r.nerror, 3);
	cr_assert_eq(r.conf.sessions, 1);
	cr_assert_eq(r.conf.idle_ms, 15000, "a bad value changes nothing");
	cr_assert_str_eq(r.origin[GG_KEY_idle_ms], "default");
	gg_reader_free(&r);
	gg_reader_free(&r);
	gg_reader_free(NULL);
	gg_conf_free(NULL);
}

Test(conf, errors_are_bounded)
{
	static char key[100000];
	struct gg_reader r;

	memset(key, '\x1b', sizeof(key) - 1);
	memcpy(key, "gate.", 5);
	cr_assert_eq(gg_reader_init(&r), 0);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(gg_reader_feed(&r, key, key, key), 0);
	cr_assert_eq(gg_reader_feed(&r, "file F", "gate.log", key), 0);
	cr_assert_eq(r.nerror, 100);
	cr_assert_str_eq(r.error[99], "too many errors; the rest is not shown");
	cr_assert(strstr(r.error[0], "'; did you mean '"), "%s", r.error[0]);
	gg_reader_free(&r);
}

Test(conf, place)
{
	static const struct {
		const char *lines;
		struct gg_place place;
		const char *control, *base_path, *error;
	} rows[] = {
		{ "", { true, NULL, "/" }, "/run/git-gate/control", "/srv/git", NULL },
		{ "", { true, "/run/user/0", "/" }, "/run/git-gate/control", "/srv/git", NULL },
		{ "", { false, "/run/user/7", "/" }, "/run/user/7/git-gate/control", "/srv/git", NULL },
		{ "", { false, NULL, "/" }, "/run/git-gate/control", "/srv/git", NULL },
		{ "", { false, "", "/" }, "/run/git-gate/control", "/srv/git", NULL },
		{ "", { false, "tmp", "/" }, "/run/git-gate/control", "/srv/git", NULL },
		{ "gate.control=/c", { false, NULL, "/" }, "/c", "/srv/git", NULL },
		{ "gate.control=c\ngate.basePath=g", { false, NULL, "/w" }, "/w/c", "/w/g", NULL },
		{ "gate.control=c\ngate.basePath=g", { false, NULL, "/" }, "/c", "/g", NULL },
		{ "gate.basePath=g",
		  { true, NULL, NULL },
		  "/run/git-gate/control",
		  "g",
		  "gate.basePath (file F): is relative" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;

		read_lines(&r, rows[i].lines, &rows[i].place);
		cr_assert_eq(r.nerror, rows[i].error ? 1 : 0, "row %zu", i);
		if (rows[i].error)
			cr_assert_eq(strncmp(r.error[0], rows[i].error, strlen(rows[i].error)), 0,
				     "row %zu: %s", i, r.error[0]);
		cr_assert_str_eq(r.conf.control, rows[i].control, "row %zu", i);
		cr_assert_str_eq(r.conf.base_path, rows[i].base_path, "row %zu", i);
		gg_reader_free(&r);
	}
}

Test(conf, what_git_prints)
{
	static const struct {
		const char *text;
		size_t n;
		int64_t idle_ms;
		const char *error; /* NULL: none */
	} rows[] = {
#define T(s) s, sizeof(s) - 1
		{ T(""), 15000, NULL },
		{ T("file:/f\0deadline.idle\n5s\0"), 5000, NULL },
		{ T("file:/f\0deadline.idle\n5s\0file:/g\0deadline.idle\n6s\0"), 6000, NULL },
		{ T("file:/f\0gate.exportall\0"), 15000, NULL },
		{ T("file:/f\0gate.basepath\n/a\nb\0"), 15000, NULL },
		{ T("file:/f\0deadline.idle\n5s"), 15000, "cannot understand what git config printed" },
		{ T("file:/f\0"), 15000, "cannot understand what git config printed" },
		{ T("file:/f"), 15000, "cannot understand what git config printed" },
		{ T("\0"), 15000, "cannot understand what git config printed" },
		{ T("warning: x\nfile:/f\0deadline.idle\n5s\0"), 15000,
		  "cannot understand what git config printed: 'warning: x\\nfile:/f'" },
		{ T("command line:\0deadline.idle\n5s\0"), 15000,
		  "cannot understand what git config printed" },
		{ T("file:/f\0deadline.idle\0"), 15000, "/f: deadline.idle: has no value" },
		{ T("file:/f\0repo.a\nb.upstream\nx\0"), 15000, "/f: unknown key 'repo.a'" },
#undef T
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char *copy = malloc(rows[i].n ? rows[i].n
					      : 1); /* no NUL behind it: a sanitizer sees a read too far */
		struct gg_reader r;

		memcpy(copy, rows[i].text, rows[i].n);
		cr_assert_eq(gg_reader_init(&r), 0);
		cr_assert_eq(gg_reader_feed_git(&r, copy, rows[i].n), 0);
		cr_assert_eq(r.nerror, rows[i].error ? 1 : 0, "row %zu: %s", i, r.nerror ? r.error[0] : "");
		if (rows[i].error)
			cr_assert(strstr(r.error[0], rows[i].error), "row %zu: %s", i, r.error[0]);
		cr_assert_eq(r.conf.idle_ms, rows[i].idle_ms);
		gg_reader_free(&r);
		free(copy);
	}
}

Test(conf, difference)
{
	static const char base[] =
		"deadline.idle=5s\ngate.safeDirectory=/a\nservice.x.command=true\nservice.y.command=true";
	static const struct {
		const char *more, *key;
	} rows[] = {
		{ "deadline.idle=6s", "deadline.idle" },
		{ "gate.exportAll=true", "gate.exportAll" },
		{ "hook.path=/elsewhere", "hook.path" },
		{ "reaper.mode=observe", "reaper.mode" },
		{ "gate.safeDirectory=/b", "gate.safeDirectory" },
		{ "listen.git=127.0.0.1:1", "listen.git" },
		{ "deadline.idle=5000ms", NULL },
	};
	struct gg_reader a, b;

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		AUTO_FREE char *lines = NULL;
		char before[4096], after[4096];

		cr_assert_geq(asprintf(&lines, "%s\n%s", base, rows[i].more), 0);
		read_lines(&a, base, &somewhere);
		read_lines(&b, lines, &somewhere);
		for (enum gg_key k = 0; k < GG_NKEYS; k++) {
			struct gg_buf x = GG_BUF(before), y = GG_BUF(after);
			bool differs = rows[i].key && strcmp(gg_conf_key_name(k), rows[i].key) == 0;

			cr_assert_eq(gg_conf_same(&a.conf, &b.conf, k), !differs, "row %zu, %s", i,
				     gg_conf_key_name(k));
			gg_conf_value(&x, &b.conf, k);
			gg_conf_swap(&a.conf, &b.conf, k);
			gg_conf_value(&y, &a.conf, k);
			cr_assert_str_eq(before, after);
			cr_assert_eq(gg_conf_same(&a.conf, &b.conf, k), !differs);
		}
		gg_reader_free(&a);
		gg_reader_free(&b);
	}
}

Test(conf, listings)
{
	AUTO_FREE char *text = NULL, *help = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct gg_reader r;
	const char *line, *origin;

	read_lines(&r, "listen.git=127.0.0.1:1\nlisten.git=[::1]:1\ngate.log=json", &somewhere);
	gg_conf_print(f, &r);
	fclose(f);
	line = strstr(text, "gate.log ");
	cr_assert(line);
	origin = strstr(line, "    # file F\n");
	cr_assert(origin && origin < strchr(line, '\n'), "%s", line);
	cr_assert(strstr(text, "listen.git ") && strstr(text, " = 127.0.0.1:1 ") &&
		  strstr(text, " = [::1]:1 "));
	gg_reader_free(&r);

	f = open_memstream(&help, &n);
	gg_conf_help(f);
	fclose(f);
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		cr_assert(strstr(help, gg_conf_key_name(k)));
	for (char *save = NULL, *l = strtok_r(help, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		cr_assert_leq(strlen(l), 90, "%s", l);
}
