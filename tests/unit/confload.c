/* Tests of base/conf.h: loading, that is files, git as the parser, and the environment. */
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

static char dir[] = "/tmp/gg-unit-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[64];
	AUTO_FILE FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert(f);
	fputs(text, f);
}

static void enter_dir(void)
{
	cr_assert(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void leave_dir(void)
{
	static const char *const names[] = { "config",	  "more", "repo/config", "repo/HEAD", "repo/objects",
					     "repo/refs", "repo", "x\ny",	 "git" };

	cr_assert_eq(chdir(dir), 0);
	for (size_t i = 0; i < GG_LEN(names); i++)
		remove(names[i]);
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(rmdir(dir), 0);
}

static bool has_error(const struct gg_reader *r, const char *part)
{
	for (size_t i = 0; i < r->nerror; i++)
		if (strstr(r->error[i], part))
			return true;
	return false;
}

Test(conf, load, .init = enter_dir, .fini = leave_dir)
{
	char *set[] = { (char[]){ "deadline.grace=3s" }, (char[]){ "gate.exportAll" } };
	char want[128];
	struct gg_reader r;

	write_file("config", "; comment\n[Deadline]\n\tIdle = 5s\n[include]\n\tpath = "
			     "more\n[gate]\n\tcontrol = \"c#1\"\n");
	write_file("more", "[deadline]\n\tinit = 6s\n");
	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_conf_load(&r, "config", set, 2), 0);
	cr_assert_eq(r.nerror, 0, "%s", r.nerror ? r.error[0] : "");
	cr_assert_eq(r.conf.idle_ms, 5000);
	cr_assert_eq(r.conf.init_ms, 6000);
	cr_assert_eq(r.conf.grace_ms, 3000);
	cr_assert(r.conf.export_all);
	snprintf(want, sizeof(want), "%s/c#1", dir);
	cr_assert_str_eq(r.conf.control, want);
	snprintf(want, sizeof(want), "file %s/config", dir);
	cr_assert_str_eq(r.origin[GG_KEY_idle_ms], want);
	snprintf(want, sizeof(want), "file %s/more", dir);
	cr_assert_str_eq(r.origin[GG_KEY_init_ms], want);
	cr_assert_str_eq(r.origin[GG_KEY_grace_ms], "command line");
	gg_reader_free(&r);
}

Test(conf, load_errors, .init = enter_dir, .fini = leave_dir)
{
	static const struct {
		const char *file, *error;
	} rows[] = {
		{ "missing", "cannot read 'missing': No such file or directory" },
		{ ".", "cannot read '.': not a regular file" },
		{ "config", "bad config line 2 in file " },
		{ "x\ny", "cannot read '" },
		{ "more", "unknown key 'deadline.idel'" },
	};
	char name[64];

	write_file("config", "[gate]\n[x\n");
	write_file("x\ny", "[x\n");
	write_file("more", "[deadline]\nidel = 1s\n");
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;

		cr_assert_eq(gg_reader_init(&r), 0);
		cr_assert_eq(gg_conf_load(&r, rows[i].file, NULL, 0), 0);
		cr_assert_geq(r.nerror, 1, "row %zu", i);
		cr_assert(strstr(r.error[0], rows[i].error), "row %zu: %s", i, r.error[0]);
		cr_assert(!strchr(r.error[0], '\n'));
		gg_reader_free(&r);
	}
	snprintf(name, sizeof(name), "%s/config", dir);
	if (geteuid() != 0) {
		struct gg_reader r;

		chmod(name, 0);
		cr_assert_eq(gg_reader_init(&r), 0);
		cr_assert_eq(gg_conf_load(&r, "config", NULL, 0), 0);
		cr_assert(has_error(&r, "cannot read 'config': Permission denied"));
		gg_reader_free(&r);
	}
}

Test(conf, load_without_git, .init = enter_dir, .fini = leave_dir)
{
	struct gg_reader r;

	write_file("config", "[gate]\n");
	setenv("PATH", "/nonexistent", 1);
	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_conf_load(&r, "config", NULL, 0), -ENOENT);
	cr_assert(has_error(&r, "cannot run git: not found in PATH"));
	gg_reader_free(&r);
}

/* Neither the environment nor a repository around us adds to what the file says, or keeps it from being read.
 */
Test(conf, load_is_not_influenced, .init = enter_dir, .fini = leave_dir)
{
	static const struct {
		const char *name, *value;
	} env[] = {
		{ "GIT_CONFIG_COUNT", "1" },
		{ "GIT_CONFIG_KEY_0", "deadline.idle" },
		{ "GIT_CONFIG_VALUE_0", "7s" },
		{ "GIT_CONFIG_PARAMETERS", "'deadline.idle'='7s'" },
		{ "GIT_CONFIG_GLOBAL", "more" },
		{ "GIT_CONFIG_SYSTEM", "more" },
		{ "GIT_CONFIG", "more" },
		{ "GIT_TRACE", "1" },
		{ "GIT_DIR", "/nonexistent" },
		{ "HOME", dir },
		{ "LC_ALL", "xx" },
	};
	struct gg_reader r;

	write_file("config", "[deadline]\n\tinit = 6s\n");
	write_file("more", "[deadline]\n\tidle = 7s\n");
	mkdir("repo", 0700);
	mkdir("repo/objects", 0700);
	mkdir("repo/refs", 0700);
	write_file("repo/HEAD", "ref: refs/heads/main\n");
	write_file("repo/config", "[core]\n\trepositoryformatversion = 99\n[broken\n");
	cr_assert_eq(chdir("repo"), 0);
	for (size_t i = 0; i < GG_LEN(env); i++)
		setenv(env[i].name, env[i].value, 1);
	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_conf_load(&r, "../config", NULL, 0), 0);
	cr_assert(!has_error(&r, "git"), "%s", r.error[0]);
	cr_assert_eq(r.conf.idle_ms, 15000);
	cr_assert_eq(r.conf.init_ms, 6000);
	gg_reader_free(&r);
}

Test(conf, load_an_empty_file)
{
	char *set[] = { (char[]){ "gate.control=/c" } };
	struct gg_reader r;

	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_conf_load(&r, "/dev/null", set, 1), 0);
	cr_assert_eq(r.nerror, 0, "%s", r.nerror ? r.error[0] : "");
	gg_reader_free(&r);
}

/* git says what is wrong after it has listed a part; only its words are relayed. */
Test(conf, load_error_after_a_listing, .init = enter_dir, .fini = leave_dir)
{
	struct gg_reader r;

	write_file("config", "[deadline]\n\tidle = 5s\n[include]\n\tpath = ~/x\n");
	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_conf_load(&r, "config", NULL, 0), 0);
	cr_assert(has_error(&r, "git says: ") && has_error(&r, "'~/x'"), "%s", r.nerror ? r.error[0] : "");
	cr_assert(!has_error(&r, "deadline.idle"), "%s", r.error[0]);
	gg_reader_free(&r);
}

Test(conf, default_file_may_be_missing)
{
	struct gg_reader r;

	if (access(GG_CONF_FILE, F_OK) == 0)
		return;
	cr_assert_eq(gg_reader_init(&r), 0);
	cr_assert_eq(gg_conf_load(&r, NULL, NULL, 0), 0);
	cr_assert(!has_error(&r, "cannot"));
	gg_reader_free(&r);
}

/* A scanner that is not there is found before any push needs it. */
Test(conf, scanner_runs)
{
	static const struct {
		const char *command, *error; /* NULL: none */
	} rows[] = {
		{ "/bin/true x", NULL },
		{ "/nonexistent/scan x", "hook.scannerCommand (command line): '/nonexistent/scan' cannot be "
					 "run: No such file or directory" },
		{ "/etc/passwd",
		  "hook.scannerCommand (command line): '/etc/passwd' cannot be run: Permission denied" },
	};

	for (size_t i = 0; i < 2 * GG_LEN(rows); i++) {
		bool used = i < GG_LEN(rows);
		const char *error = used ? rows[i].error : NULL;
		char command[200];
		char *const set[] = { command,
				      (char *)(used ? "hook.scanner=command" : "hook.scanner=none") };
		struct gg_reader r;

		snprintf(command, sizeof(command), "hook.scannerCommand=%s", rows[i % GG_LEN(rows)].command);
		cr_assert_eq(gg_reader_init(&r), 0);
		cr_assert_eq(gg_conf_load(&r, "/dev/null", set, 2), 0);
		cr_expect_eq(r.nerror, error ? 1 : 0, "row %zu", i);
		if (error && r.nerror)
			cr_expect(strstr(r.error[0], error), "row %zu: %s", i, r.error[0]);
		gg_reader_free(&r);
	}
}

/* What check-config prints can be read again and means the same. */
Test(conf, print_round_trip, .init = enter_dir, .fini = leave_dir)
{
	struct gg_reader a, b;

	read_lines(&a,
		   "deadline.idle=never\nrate.min=5000\ngate.basePath=/a \"b\" "
		   "\\#;c\ngate.safeDirectory=*\ngate.safeDirectory=/x y",
		   &somewhere);
	cr_assert_eq(a.nerror, 0);
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		const struct gg_list *l = gg_conf_list(&a.conf, k);
		bool is_list = gg_key_is_list(&gg_conf_keys[k]);
		const char *dot = strchr(gg_conf_key_name(k), '.');
		AUTO_FILE FILE *f = fopen("config", k ? "a" : "w");
		char text[256];
		struct gg_buf t = GG_BUF(text);

		if (is_list) {
			for (size_t i = 0; i < l->n; i++)
				fprintf(f, "[%.*s]\n\t%s = %s\n", (int)(dot - gg_conf_key_name(k)),
					gg_conf_key_name(k), dot + 1, l->v[i]);
			continue;
		}
		gg_conf_value(&t, &a.conf, k);
		fprintf(f, "[%.*s]\n\t%s = %s\n", (int)(dot - gg_conf_key_name(k)), gg_conf_key_name(k),
			dot + 1, text);
	}
	cr_assert_eq(gg_reader_init(&b), 0);
	cr_assert_eq(gg_conf_load(&b, "config", NULL, 0), 0);
	cr_assert_eq(b.nerror, 0, "%s", b.nerror ? b.error[0] : "");
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		char x[256] = "", y[256] = "";
		struct gg_buf bx = GG_BUF(x), by = GG_BUF(y);

		gg_conf_value(&bx, &a.conf, k);
		gg_conf_value(&by, &b.conf, k);
		cr_assert_str_eq(x, y, "%s: %s", gg_conf_key_name(k), y);
	}
	gg_reader_free(&a);
	gg_reader_free(&b);
}

/* Settings that git cannot be asked for are refused, in words. */
Test(conf, git_says_nothing, .init = enter_dir, .fini = leave_dir)
{
	static const struct {
		const char *script, *want;
	} rows[] = {
		{ "#!/bin/sh\nkill -9 $$\n", "git says: nothing, it was killed by signal 9" },
		{ "#!/bin/sh\nexit 3\n", "git says: nothing, it ended with status 3" },
		{ "#!/bin/sh\nexec head -c 5000000 /dev/zero\n", "over 4 MiB of settings" },
	};
	char path[64];

	write_file("config", "[deadline]\n\tidle = 5s\n");
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
	setenv("PATH", path, 1);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;

		write_file("git", rows[i].script);
		cr_assert_eq(chmod("git", 0755), 0);
		cr_assert_eq(gg_reader_init(&r), 0);
		cr_expect_eq(gg_conf_load(&r, "config", NULL, 0), 0);
		cr_expect(has_error(&r, rows[i].want), "%s: %s", rows[i].want,
			  r.nerror ? r.error[0] : "no error");
		gg_reader_free(&r);
	}
}

Test(conf, too_large, .init = enter_dir, .fini = leave_dir)
{
	AUTO_FREE char *text = malloc(5 << 20);
	struct gg_reader r;
	size_t n = 0;

	cr_assert(text);
	n = (size_t)sprintf(text, "[repo \"a\"]\n");
	while (n < (5 << 20) - 100)
		n += (size_t)sprintf(text + n, "\tallowPush = uid:%zu\n", n);
	write_file("config", text);
	cr_assert_eq(gg_reader_init(&r), 0);
	cr_expect_eq(gg_conf_load(&r, "config", NULL, 0), 0);
	cr_expect(has_error(&r, "over 4 MiB of settings"), "%s", r.nerror ? r.error[0] : "no error");
	gg_reader_free(&r);
}
