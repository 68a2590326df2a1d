/* scanrun - run the scanner on what was laid. See scanrun.h. */
#include "hooks/scanrun.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "hooks/lines.h"
#include "hooks/run.h"

enum { TICK_MS = 5000 };

struct scanner {
	struct gg_scanrun *in;
	char *report; /* stdout, or the file; at most GG_REPORT_MAX bytes */
	size_t nreport, report_room;
	int report_error;     /* 0, or why there is no report */
	struct gg_lines said; /* stderr */
};

static void on_report(void *arg, const char *bytes, size_t n)
{
	struct scanner *s = arg;

	if (!s->report_error && s->nreport + n > GG_REPORT_MAX)
		s->report_error = -EFBIG;
	if (s->report_error)
		return;
	if (s->nreport + n > s->report_room) {
		size_t room = 2 * (s->nreport + n);
		char *more = realloc(s->report, room);

		if (!more) {
			s->report_error = -ENOMEM;
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
	struct scanner *s = arg;
	struct gg_buf *said = &s->in->said;

	if (n) {
		said->len = 0;
		said->cut = false;
		gg_escape(said, line, n, said->size);
	}
	return 0;
}

static void on_said(void *arg, const char *bytes, size_t n)
{
	struct scanner *s = arg;

	gg_lines_feed(&s->said, bytes, n);
}

/* What the scanner wrote into its report file. It could not have been made a link to elsewhere by anything
 * pushed, but then it would not be read either. */
static void read_report(struct scanner *s, const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char part[16384];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		s->report_error = -EIO;
		return;
	}
	while ((n = read(fd, part, sizeof(part))) > 0)
		on_report(s, part, (size_t)n);
	if (n < 0)
		s->report_error = -EIO;
}

struct paths {
	char dir[PATH_MAX + 16], manifest[PATH_MAX + 16], report[PATH_MAX + 16], cwd[PATH_MAX + 16];
	char home[PATH_MAX + 16], tmp[PATH_MAX + 16], path[PATH_MAX];
	char session[100], instance[100]; /* so that the gate knows whose it is once we are killed */
};

static void fill_id(char *ret, size_t size, const char *name)
{
	const char *value = getenv(name);

	snprintf(ret, size, "%s=%s", name, value ? value : "");
}

static void fill_paths(const struct scanner *s, struct paths *p)
{
	const char *path = getenv("PATH");

	snprintf(p->dir, sizeof(p->dir), "%s/objects", s->in->dir);
	snprintf(p->manifest, sizeof(p->manifest), "%s/MANIFEST", s->in->dir);
	snprintf(p->cwd, sizeof(p->cwd), "%s/cwd", s->in->dir);
	snprintf(p->report, sizeof(p->report), "%s/report", s->in->dir);
	snprintf(p->home, sizeof(p->home), "HOME=%s/home", s->in->dir);
	snprintf(p->tmp, sizeof(p->tmp), "TMPDIR=%s/tmp", s->in->dir);
	snprintf(p->path, sizeof(p->path), "PATH=%s", path ? path : "/usr/bin:/bin");
	fill_id(p->session, sizeof(p->session), "GIT_GATE_SESSION");
	fill_id(p->instance, sizeof(p->instance), "GIT_GATE_INSTANCE");
}

static void on_tick(void *arg, int64_t elapsed_ms)
{
	struct scanner *s = arg;

	s->in->tick(s->in->arg, elapsed_ms);
}

static bool on_stop(void *arg)
{
	struct scanner *s = arg;

	return s->in->stop(s->in->arg);
}

static int run_scanner(struct scanner *s, const char *program, const struct gg_list *args, struct paths *p,
		       struct gg_run_end *ret)
{
	char *const envp[] = { p->path,	   p->home,	p->tmp, (char *)"LC_ALL=C.UTF-8",
			       p->session, p->instance, NULL };
	AUTO_FREE char **argv = calloc(args->n + 2, sizeof(*argv));
	bool on_stdout = gg_scanner_reports_on_stdout(s->in->c);
	struct gg_run run = {
		.name = "scanner",
		.argv = argv,
		.envp = envp,
		.cwd = p->cwd,
		.in_fd = -1,
		.out = on_stdout ? on_report : on_said,
		.err = on_said,
		.tick = s->in->tick ? on_tick : NULL,
		.tick_ms = TICK_MS,
		.stop = s->in->stop ? on_stop : NULL,
		.arg = s,
		.limit_ms = gg_deadline_left(&s->in->until),
	};

	if (!argv) {
		*ret = (struct gg_run_end){ .not_started = true, .error = -ENOMEM };
		return -ENOMEM;
	}
	argv[0] = (char *)program;
	memcpy(argv + 1, args->v, args->n * sizeof(*argv));
	s->said = (struct gg_lines){ .line = on_said_line, .arg = s };
	return gg_run(&run, ret);
}

/* Why it is no result, apart from what its status and report say. False: it is one. */
static bool ended_badly(struct scanner *s, int r, const struct gg_run_end *end, struct gg_buf *why,
			const char **ret_key)
{
	*ret_key = end->timed_out ? "deadline.scan" : "hook.scanner";
	if (r < 0 || end->timed_out || end->stopped || end->lost || !WIFEXITED(end->status)) {
		gg_run_why(why, end, &s->in->until);
		return true;
	}
	if (end->stray) {
		/* who leaves work behind may not have looked at everything yet */
		gg_buf_add(why, "ended before what it started: %s", end->stray_text);
		return true;
	}
	if (s->report_error && gg_scanner_exit(s->in->c, WEXITSTATUS(end->status)) != GG_SCAN_FAILED) {
		gg_buf_add(why, "wrote no report that could be read%s",
			   s->report_error == -ENOMEM ? ": out of memory" : "");
		return true;
	}
	return false;
}

static int find_program(struct scanner *s, char *ret, size_t size, struct gg_buf *why)
{
	const char *name = gg_scanner_program(s->in->c);

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
		if (gg_finding_text(&f->v[i]) == GG_TEXT_NONE && gg_objects_find(o, f->v[i].id) < 0)
			return false;
	return true;
}

static int look(struct scanner *s, struct gg_findings *f, struct gg_buf *why, const char **ret_key)
{
	char program[PATH_MAX];
	struct gg_list args = { 0 };
	struct gg_run_end end = { 0 };
	struct paths p = { 0 };
	int r = find_program(s, program, sizeof(program), why);
	enum gg_scanner_verdict v;

	if (r < 0)
		return r;
	fill_paths(s, &p);
	r = gg_scanner_args(s->in->c, p.dir, p.manifest, p.report, p.cwd, &args);
	if (r < 0) {
		gg_buf_add(why, "cannot be run: %s", strerror(-r));
		return r;
	}
	r = run_scanner(s, program, &args, &p, &end);
	gg_list_clear(&args);
	if (r == 0 && !gg_scanner_reports_on_stdout(s->in->c))
		read_report(s, p.report);
	if (ended_badly(s, r, &end, why, ret_key))
		return r < 0 ? r : end.timed_out ? -ETIMEDOUT : -EIO;
	v = gg_scanner_judge(s->in->c, WEXITSTATUS(end.status), s->report, s->nreport, s->in->o->hash, f,
			     why);
	if (v == GG_SCAN_FOUND && !all_known(s->in->o, f)) {
		gg_buf_add(why, "reported something that was not pushed");
		v = GG_SCAN_FAILED;
	}
	return v == GG_SCAN_FAILED ? -EIO : v == GG_SCAN_FOUND ? -EPERM : 0;
}

int gg_scanrun(struct gg_scanrun *in, struct gg_findings *ret, struct gg_buf *ret_why, const char **ret_key)
{
	struct scanner s = { .in = in };
	int r = look(&s, ret, ret_why, ret_key);

	free(s.report);
	return r;
}
