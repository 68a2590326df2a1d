/*
 * doctorscan - does the scanner run, find a planted secret, and let pass what has none? It is run as the hook
 * runs it (hooks/scan.c): on a directory of hooks/scratch.h, with the adapters of hooks/scanner.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/service.h"
#include "base/spawn.h"
#include "cli/doctor.h"
#include "hooks/run.h"
#include "hooks/scanner.h"
#include "hooks/scratch.h"

/* In two parts each, so that no scanner takes this file for what it is about. */
#define KEY_ID \
	"AKIA" \
	"Q4VJ7T2NXW5ZKR3M"
#define KEY \
	"u8Rf2LqZx9" \
	"vT4mWc7YpKd3HsJ6nBgE1aQzXo5Vw+"

static const char planted[] = "[default]\naws_access_key_id = " KEY_ID "\naws_secret_access_key = " KEY "\n";
static const char plain[] = "Nothing is hidden here.\n";

static const char object[] = "1111111111111111111111111111111111111111"; /* its id: nobody has it */

enum { HASH = 40, REPORT_MAX = 1 << 20, STOP_MS = 100 };

/* One run of the scanner on one object. */
struct trial {
	const struct gg_push_conf *c;
	const struct gg_doctor *d;
	struct gg_scratch scratch;
	struct gg_run run;
	struct gg_run_end end;
	char *report; /* REPORT_MAX bytes */
	size_t nreport;
	char said[600]; /* its last words */
	struct gg_buf words;
};

static void on_report(void *arg, const char *bytes, size_t n)
{
	struct trial *t = arg;
	size_t room = REPORT_MAX - t->nreport;

	n = n < room ? n : room;
	memcpy(t->report + t->nreport, bytes, n);
	t->nreport += n;
}

static void on_said(void *arg, const char *bytes, size_t n)
{
	gg_buf_put(&((struct trial *)arg)->words, bytes, n);
}

static void on_tick(void *arg, int64_t elapsed_ms)
{
	struct trial *t = arg;

	(void)elapsed_ms;
	if (gg_stop_wanted())
		t->run.limit_ms = 0; /* gg_run asks for it each time */
}

static int lay(struct trial *t, const char *text)
{
	char line[200];
	struct gg_buf b = GG_BUF(line);
	struct gg_scratch *s = &t->scratch;
	int e = gg_scratch_begin(s, object);

	gg_buf_add(&b, "%s\tblob\t%zu\tplanted.txt\t-\n", object, strlen(text));
	e = e ? e : gg_scratch_put(s, text, strlen(text));
	e = e ? e : gg_scratch_end(s);
	e = e ? e : gg_scratch_begin_plain(s, "MANIFEST");
	e = e ? e : gg_scratch_put_plain(s, line, b.len);
	return e ? e : gg_scratch_end_plain(s);
}

/* "DIR/NAME", and what a variable is set to in front of it. */
static void below(char *ret, size_t size, const char *front, const struct trial *t, const char *name)
{
	snprintf(ret, size, "%s%s/%s", front, t->scratch.dir, name);
}

static void read_report(struct trial *t, const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, t->report + t->nreport, REPORT_MAX - t->nreport)) > 0)
		t->nreport += (size_t)n;
}

/* The program with the arguments that its adapter gives it. NULL: no memory. */
static char **make_argv(const char *program, const struct gg_list *args)
{
	char **argv = calloc(args->n + 2, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[0] = (char *)program;
	memcpy(argv + 1, args->v, args->n * sizeof(*argv));
	return argv;
}

static int start(struct trial *t, const char *program)
{
	enum { SIZE = PATH_MAX + 32 };
	char dir[SIZE], manifest[SIZE], report[SIZE], cwd[SIZE], home[SIZE], tmp[SIZE], path[SIZE];
	char *const envp[] = { path, home, tmp, (char *)"LC_ALL=C.UTF-8", NULL };
	AUTO_FREE char **argv = NULL;
	struct gg_list args = { 0 };
	bool on_stdout = gg_scanner_reports_on_stdout(t->c);
	int e;

	below(dir, sizeof(dir), "", t, "objects");
	below(manifest, sizeof(manifest), "", t, "MANIFEST");
	below(report, sizeof(report), "", t, "report");
	below(cwd, sizeof(cwd), "", t, "cwd");
	below(home, sizeof(home), "HOME=", t, "home");
	below(tmp, sizeof(tmp), "TMPDIR=", t, "tmp");
	snprintf(path, sizeof(path), "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	e = gg_scanner_args(t->c, dir, manifest, report, cwd, &args);
	argv = e ? NULL : make_argv(program, &args);
	if (!argv) {
		gg_list_clear(&args);
		return e ? e : -ENOMEM;
	}
	t->words = (struct gg_buf)GG_BUF(t->said);
	t->run = (struct gg_run){ .name = "scanner",
				  .argv = argv,
				  .envp = envp,
				  .cwd = cwd,
				  .in_fd = -1,
				  .out = on_stdout ? on_report : on_said,
				  .err = on_said,
				  .arg = t,
				  .tick = on_tick,
				  .tick_ms = STOP_MS,
				  .limit_ms = t->d->c->scan_ms };
	e = gg_run(&t->run, &t->end);
	if (e == 0 && !on_stdout)
		read_report(t, report);
	gg_list_clear(&args);
	return e;
}

/* What came of it; GG_SCAN_FAILED with the reason in f. */
static enum gg_scanner_verdict judge(struct trial *t, const char *program, struct gg_found *f)
{
	char mem[500];
	struct gg_buf why = GG_BUF(mem);
	struct gg_findings found = { 0 };
	enum gg_scanner_verdict v = GG_SCAN_FAILED;

	if (!t->end.not_started && !t->end.timed_out && !t->end.stray && WIFEXITED(t->end.status))
		v = gg_scanner_judge(t->c, WEXITSTATUS(t->end.status), t->report, t->nreport, HASH, &found,
				     &why);
	else
		gg_run_why(&why, &t->end, t->d->c->scan_ms);
	gg_findings_free(&found);
	if (v != GG_SCAN_FAILED)
		return v;
	gg_found_bad(f, "%s %s%s%s", program, mem, *t->said ? ": " : "", t->said);
	gg_found_cure(f, "every push is refused until it runs; see hook.scanner");
	return v;
}

static enum gg_scanner_verdict try(const struct gg_doctor *d, const struct gg_push_conf *c,
				   const char *program, const char *text, struct gg_found *f)
{
	AUTO_FREE char *report = malloc(REPORT_MAX);
	AUTO_FREE struct trial *t = calloc(1, sizeof(*t));
	enum gg_scanner_verdict v = GG_SCAN_FAILED;
	char name[32];
	int e;

	if (!report || !t) {
		gg_found_bad(f, "out of memory");
		return v;
	}
	t->c = c;
	t->d = d;
	t->report = report;
	snprintf(name, sizeof(name), "%d", getpid());
	e = gg_scratch_make(&t->scratch, d->c->scratch, "doctor", name, d->c->scan_max);
	e = e ? e : lay(t, text);
	e = e ? e : start(t, program);
	if (e == 0 || t->end.not_started) {
		v = judge(t, program, f);
	} else {
		gg_found_bad(f, "%s: %s", d->c->scratch, strerror(-e));
	}
	gg_scratch_remove(&t->scratch);
	return v;
}

static bool prove(const struct gg_doctor *d, const struct gg_push_conf *c, const char *program,
		  struct gg_found *f)
{
	enum gg_scanner_verdict v = try(d, c, program, planted, f);

	if (v == GG_SCAN_FAILED)
		return false;
	if (v == GG_SCAN_CLEAN) {
		gg_found_bad(f, "%s runs, and does not find a planted AWS key", program);
		return gg_found_cure(f, "look at its rules; those that come with it find one");
	}
	v = try(d, c, program, plain, f);
	if (v == GG_SCAN_FAILED)
		return false;
	if (v == GG_SCAN_FOUND) {
		gg_found_bad(f, "%s finds a secret where there is none", program);
		return gg_found_cure(f, "every push will be refused; look at its rules");
	}
	return gg_found_ok(f, "%s finds a planted secret, and nothing where there is none", program);
}

/* As supervisor/hooks.c tells the hook. 0; -EINVAL: f has why. */
static bool fill(const struct gg_conf *conf, struct gg_push_conf *c, struct gg_found *f)
{
	const char *why = NULL;
	int e = 0;

	c->scanner = (int)conf->scanner;
	c->scanner_config = conf->scanner_config;
	c->limit_scan = conf->scan_max;
	if (conf->scanner == GG_SCANNER_COMMAND)
		e = gg_split_words(conf->scanner_command, &c->scanner_command, &why);
	if (e < 0)
		return gg_found_bad(f, "hook.scannerCommand: %s", why ? why : strerror(-e));
	return true;
}

bool gg_doctor_scanner(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_push_conf c = { 0 };
	char program[PATH_MAX];
	const char *path = getenv("PATH");
	bool ok = false;

	if (d->c->scanner == GG_SCANNER_UNSET) {
		gg_found_bad(f, "hook.scanner is not set: every push is refused");
		return gg_found_cure(
			f, "set it to gitleaks, betterleaks or command; none accepts pushes unscanned");
	}
	if (d->c->scanner == GG_SCANNER_NONE)
		return gg_found_skip(f, "hook.scanner is none: pushes are accepted unscanned");
	if (d->no_scratch)
		return gg_found_skip(f, "needs scratch");
	if (fill(d->c, &c, f)) {
		if (gg_path_search(gg_scanner_program(&c), path, program, sizeof(program)) == 0) {
			ok = prove(d, &c, program, f);
		} else {
			gg_found_bad(f, "%s cannot be run: not there, or not executable",
				     gg_scanner_program(&c));
			gg_found_cure(
				f,
				"install it, in the PATH of the gate too; until then every push is refused");
		}
	}
	gg_list_clear(&c.scanner_command);
	return ok;
}
