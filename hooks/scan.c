/* scan - hook.scanner on exactly what a push adds. See scan.h. */
#include "hooks/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/spawn.h"
#include "hooks/lay.h"
#include "hooks/newobj.h"
#include "hooks/run.h"
#include "hooks/scanner.h"
#include "hooks/scantell.h"

enum { WHY_MAX = 1000, TICK_MS = 5000 };

struct scan {
	const struct gg_push_conf *c;
	const struct gg_push *p;
	struct gg_scan_tell tell;
	struct gg_gitcmd git;
	struct gg_objects o;
	struct gg_scratch scratch;
	/* of the scanner */
	char *report; /* stdout, or the file; at most GG_REPORT_MAX bytes */
	size_t nreport, report_room;
	bool report_failed;
	struct gg_lines said; /* stderr */
	char last[300];	      /* its last line */
};

static const char *or_unknown(const char *s)
{
	return s && *s ? s : "unknown";
}

static void on_git_tick(void *arg, int64_t elapsed_ms)
{
	struct scan *s = arg;

	(void)elapsed_ms;
	gg_scan_tell_tick(&s->tell, "reading what the push adds");
}

static void on_scanner_tick(void *arg, int64_t elapsed_ms)
{
	struct scan *s = arg;

	(void)elapsed_ms;
	gg_scan_tell_tick(&s->tell, "still scanning");
}

static int fail(struct scan *s, int r, const char *key, const struct gg_buf *why)
{
	gg_scan_tell_failed(&s->tell, key, why->s, s->last);
	return r;
}

/* --- what there is
 * ------------------------------------------------------------------------------------------- */

static size_t max_objects(const struct gg_push_conf *c)
{
	int64_t n = c->limit_scan / GG_LAY_PAGE;

	return c->scanner == GG_SCANNER_NONE || !c->limit_scan || n > GG_OBJECTS_MAX ? GG_OBJECTS_MAX
										     : (size_t)n;
}

static int list(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	int r = gg_newobj_list(&s->git, s->p, max_objects(s->c), &s->o, &why);

	if (r == -EFBIG) {
		gg_buf_add(&why, " in one push, each takes %d bytes at least (limit.scan)", GG_LAY_PAGE);
		gg_scan_tell_limit(&s->tell, "limit.scan", why.s);
		return -EPERM;
	}
	return r < 0 ? fail(s, r, r == -ETIMEDOUT ? "deadline.scan" : NULL, &why) : 0;
}

static int check_object_size(struct scan *s)
{
	char text[WHY_MAX], hex[GG_HASH_MAX + 1];
	struct gg_buf why = GG_BUF(text);
	const char *path;

	if (s->c->limit_object <= 0 || s->o.largest <= s->c->limit_object)
		return 0;
	path = gg_objects_path(&s->o, s->o.largest_at);
	gg_buf_add(&why, "object %.10s", gg_objects_hex(&s->o, s->o.largest_at, hex));
	if (*path) {
		gg_buf_add(&why, " (");
		gg_quote(&why, path, strlen(path), 200);
		gg_buf_add(&why, ")");
	}
	gg_buf_add(&why, " has %lld bytes, more than ", (long long)s->o.largest);
	gg_size_add(&why, s->c->limit_object);
	gg_buf_add(&why, " (limit.object)");
	gg_scan_tell_limit(&s->tell, "limit.object", why.s);
	return -EPERM;
}

/* Before anything is laid. Of trees only the names are, which is less than their size. */
static int check_space(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	int64_t need = 0;

	for (size_t i = 0; i < s->o.n && s->c->limit_scan; i++) {
		need += gg_scratch_space(s->o.v[i].type == GG_OBJECT_TREE ? 0 : s->o.v[i].size);
		if (need <= s->c->limit_scan)
			continue;
		gg_buf_add(&why, "what the push adds takes more than ");
		gg_size_add(&why, s->c->limit_scan);
		gg_buf_add(&why, " to scan (limit.scan)");
		gg_scan_tell_limit(&s->tell, "limit.scan", why.s);
		return -EPERM;
	}
	return 0;
}

static int lay(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	const char *instance = getenv("GIT_GATE_INSTANCE");
	int r = gg_scratch_make(&s->scratch, s->c->scratch, or_unknown(instance), s->tell.session,
				s->c->limit_scan);

	if (r < 0) {
		gg_buf_add(&why, "no directory can be made to scan it in: %s (hook.scratch)", strerror(-r));
		return fail(s, r, "hook.scratch", &why);
	}
	r = gg_lay(&s->git, &s->o, &s->scratch, &why);
	if (r == -EFBIG) {
		gg_scan_tell_limit(&s->tell, "limit.scan", why.s);
		return -EPERM;
	}
	if (r < 0)
		return fail(s, r, r == -ETIMEDOUT ? "deadline.scan" : "hook.scratch", &why);
	return 0;
}

/* --- the scanner
 * --------------------------------------------------------------------------------------------- */

static void on_report(void *arg, const char *bytes, size_t n)
{
	struct scan *s = arg;

	if (s->report_failed || s->nreport + n > GG_REPORT_MAX) {
		s->report_failed = true;
		return;
	}
	if (s->nreport + n > s->report_room) {
		size_t room = 2 * (s->nreport + n);
		char *more = realloc(s->report, room);

		if (!more) {
			s->report_failed = true;
			return;
		}
		s->report = more;
		s->report_room = room;
	}
	memcpy(s->report + s->nreport, bytes, n);
	s->nreport += n;
}

static int on_said_line(void *arg, const char *line, size_t n)
{
	struct scan *s = arg;
	struct gg_buf b = GG_BUF(s->last);

	if (n)
		gg_escape(&b, line, n, sizeof(s->last) - 60);
	return 0;
}

static void on_said(void *arg, const char *bytes, size_t n)
{
	struct scan *s = arg;

	gg_lines_feed(&s->said, bytes, n);
}

/* What the scanner wrote into its report file. It could not have been made a link to elsewhere by anything
 * pushed, but then it would not be read either. */
static void read_report(struct scan *s, const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char part[16384];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		s->report_failed = true;
		return;
	}
	while ((n = read(fd, part, sizeof(part))) > 0)
		on_report(s, part, (size_t)n);
	s->report_failed = s->report_failed || n < 0;
}

struct paths {
	char dir[PATH_MAX + 16], manifest[PATH_MAX + 16], report[PATH_MAX + 16], cwd[PATH_MAX + 16];
	char home[PATH_MAX + 16], tmp[PATH_MAX + 16], path[PATH_MAX];
};

static void fill_paths(const struct scan *s, struct paths *p)
{
	const char *path = getenv("PATH");

	snprintf(p->dir, sizeof(p->dir), "%s/objects", s->scratch.dir);
	snprintf(p->manifest, sizeof(p->manifest), "%s/MANIFEST", s->scratch.dir);
	snprintf(p->cwd, sizeof(p->cwd), "%s/cwd", s->scratch.dir);
	snprintf(p->report, sizeof(p->report), "%s/report", s->scratch.dir);
	snprintf(p->home, sizeof(p->home), "HOME=%s/home", s->scratch.dir);
	snprintf(p->tmp, sizeof(p->tmp), "TMPDIR=%s/tmp", s->scratch.dir);
	snprintf(p->path, sizeof(p->path), "PATH=%s", path ? path : "/usr/bin:/bin");
}

/* The rest of deadline.scan. */
static int64_t time_left(const struct scan *s)
{
	int64_t left_ms = s->git.end_ms == GG_NEVER ? GG_NEVER : s->git.end_ms - gg_now_ms();

	return left_ms > 0 ? left_ms : 1;
}

static int run_scanner(struct scan *s, const char *program, const struct gg_list *args, struct paths *p,
		       struct gg_run_end *ret)
{
	char *const envp[] = { p->path, p->home, p->tmp, (char *)"LC_ALL=C.UTF-8", NULL };
	AUTO_FREE char **argv = calloc(args->n + 2, sizeof(*argv));
	bool on_stdout = gg_scanner_reports_on_stdout(s->c);
	struct gg_run run = {
		.name = "scanner",
		.argv = argv,
		.envp = envp,
		.cwd = p->cwd,
		.in_fd = -1,
		.out = on_stdout ? on_report : on_said,
		.err = on_said,
		.tick = on_scanner_tick,
		.tick_ms = TICK_MS,
		.arg = s,
		.limit_ms = time_left(s),
	};
	int r;

	if (!argv)
		return -ENOMEM;
	argv[0] = (char *)program;
	memcpy(argv + 1, args->v, args->n * sizeof(*argv));
	s->said = (struct gg_lines){ .line = on_said_line, .arg = s };
	r = gg_run(&run, ret);
	return r;
}

/* Why it is no result, apart from what its status and report say. False: it is one. */
static bool ended_badly(struct scan *s, int r, const struct gg_run_end *end, struct gg_buf *why,
			const char **ret_key)
{
	*ret_key = end->timed_out ? "deadline.scan" : "hook.scanner";
	if (r < 0 || end->timed_out || !WIFEXITED(end->status)) {
		gg_run_why(why, end, s->c->scan_ms);
		if (end->timed_out)
			gg_buf_add(why, " (deadline.scan)");
		return true;
	}
	if (end->stray) {
		/* who leaves work behind may not have looked at everything yet */
		gg_buf_add(why, "ended before what it started: %s", end->stray_text);
		return true;
	}
	if (s->report_failed && gg_scanner_exit(s->c, WEXITSTATUS(end->status)) != GG_SCAN_FAILED) {
		gg_buf_add(why, "wrote no report that could be read");
		return true;
	}
	return false;
}

static int find_program(struct scan *s, char *ret, size_t size, struct gg_buf *why)
{
	const char *name = gg_scanner_program(s->c);

	if (*name == '/' && strlen(name) < size) {
		memcpy(ret, name, strlen(name) + 1);
		return 0;
	}
	if (gg_path_search(name, getenv("PATH"), ret, size) == 0)
		return 0;
	gg_buf_add(why, "is not installed: it is not in the gate's PATH (hook.scanner)");
	return -ENOENT;
}

/* Every finding must be about something that was pushed: else the report is of something else. */
static bool all_known(const struct gg_objects *o, const struct gg_findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (gg_objects_find(o, f->v[i].id) < 0)
			return false;
	return true;
}

static int look(struct scan *s, struct gg_findings *f, struct gg_buf *why, const char **ret_key)
{
	char program[PATH_MAX];
	struct gg_list args = { 0 };
	struct gg_run_end end = { 0 };
	struct paths p;
	int r = find_program(s, program, sizeof(program), why);
	enum gg_scanner_verdict v;

	if (r < 0)
		return r;
	fill_paths(s, &p);
	r = gg_scanner_args(s->c, p.dir, p.manifest, p.report, p.cwd, &args);
	if (r < 0)
		return r;
	r = run_scanner(s, program, &args, &p, &end);
	gg_list_clear(&args);
	if (r == 0 && !gg_scanner_reports_on_stdout(s->c))
		read_report(s, p.report);
	if (ended_badly(s, r, &end, why, ret_key))
		return r < 0 ? r : end.timed_out ? -ETIMEDOUT : -EIO;
	v = gg_scanner_judge(s->c, WEXITSTATUS(end.status), s->report, s->nreport, s->o.hash, f, why);
	if (v == GG_SCAN_FOUND && !all_known(&s->o, f)) {
		gg_buf_add(why, "reported something that was not pushed");
		v = GG_SCAN_FAILED;
	}
	return v == GG_SCAN_FAILED ? -EIO : v == GG_SCAN_FOUND ? -EPERM : 0;
}

static int scan_laid(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	struct gg_findings f = { 0 };
	const char *key = "hook.scanner", *name = gg_scanner_name(s->c);
	int r;

	gg_buf_add(&why, "the scanner ");
	gg_quote(&why, name, strlen(name), 60);
	gg_buf_add(&why, " ");
	r = look(s, &f, &why, &key);
	if (r < 0 && r != -EPERM)
		fail(s, r, key, &why);
	else if (f.n && gg_scan_tell_found(&s->tell, &s->o, &f) == 0)
		r = 0;
	if (r == 0)
		gg_scan_tell_clean(&s->tell, &s->o, f.n);
	gg_findings_free(&f);
	return r;
}

/* --- all of it
 * ----------------------------------------------------------------------------------------------- */

static int scan_all(struct scan *s)
{
	int r = list(s);

	if (r == 0)
		r = check_object_size(s);
	if (r < 0 || s->c->scanner == GG_SCANNER_NONE || !s->o.n)
		return r;
	gg_scan_tell_begin(&s->tell, &s->o);
	r = check_space(s);
	if (r == 0)
		r = lay(s);
	return r < 0 ? r : scan_laid(s);
}

static int begin(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	int r = gg_gitcmd_init(&s->git, s->c->scan_ms);

	s->git.tick = on_git_tick;
	s->git.tick_arg = s;
	if (r == 0)
		return 0;
	gg_buf_add(&why, "git is not in the gate's PATH");
	return fail(s, r, NULL, &why);
}

/* The scratch directory is removed on every way out but SIGKILL. */
static void hold_signals(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

static int refuse_unset(const struct gg_scan_tell *t)
{
	gg_scan_tell_limit(t, "hook.scanner", "no scanner is configured (hook.scanner)");
	return -EPERM;
}

int gg_scan_push(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p)
{
	AUTO_FREE struct scan *s = calloc(1, sizeof(*s));
	sigset_t before;
	int r;

	if (!s)
		return -ENOMEM;
	s->c = c;
	s->p = p;
	s->scratch = (struct gg_scratch){ .dir_fd = -1, .objects_fd = -1, .fd = -1, .second_fd = -1 };
	s->tell = (struct gg_scan_tell){
		.c = c, .l = l, .session = or_unknown(l->session), .begun_ms = gg_now_ms()
	};
	if (c->scanner == GG_SCANNER_UNSET)
		return refuse_unset(&s->tell);
	if (!p->n || (c->scanner == GG_SCANNER_NONE && !c->limit_object))
		return 0;
	gg_gate_step(l, "scan");
	hold_signals(&before);
	r = begin(s);
	if (r == 0)
		r = scan_all(s);
	gg_scratch_remove(&s->scratch);
	sigprocmask(SIG_SETMASK, &before, NULL);
	gg_objects_free(&s->o);
	free(s->report);
	return r;
}
