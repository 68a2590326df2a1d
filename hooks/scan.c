/* scan - hook.scanner on exactly what a push adds. See scan.h. */
#include "hooks/scan.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/lay.h"
#include "hooks/newobj.h"
#include "hooks/say.h"
#include "hooks/scanrun.h"
#include "hooks/scantell.h"

enum { WHY_MAX = 1000 };

struct scan {
	const struct gg_push_conf *c;
	const struct gg_push *p;
	struct gg_scan_tell tell;
	struct gg_gitcmd git;
	struct gg_objects o;
	struct gg_push_options options;
	struct gg_scratch scratch;
	char said[GG_SAID_MAX]; /* the scanner's last line on stderr */
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
	gg_scan_tell_failed(&s->tell, key, why->s, s->said);
	return r;
}

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
	int r = gg_newobj_list(&s->git, s->p, s->c->upstream[0], max_objects(s->c), &s->o, &why);

	if (r == -EFBIG) {
		gg_buf_add(&why, " in one push, each takes %d bytes at least (limit.scan)", GG_LAY_PAGE);
		gg_scan_tell_limit(&s->tell, "limit.scan", why.s);
		return -EPERM;
	}
	if (r == -EIO && strstr(why.s, "error: Could not read ")) {
		gg_scan_tell_limit(
			&s->tell, NULL,
			"history is missing behind what is pushed, as in a shallow clone; run git fetch "
			"--unshallow, then push again");
		return -EPERM;
	}
	return r < 0 ? fail(s, r, r == -ETIMEDOUT ? "deadline.scan" : NULL, &why) : 0;
}

/* Nobody has looked at the path: it is for the client alone, the log has the id. */
static int check_object_size(struct scan *s)
{
	char text[WHY_MAX], hex[GG_HASH_MAX + 1], path_text[WHY_MAX], setting[GG_RULE_KEY_MAX];
	struct gg_buf why = GG_BUF(text), where = GG_BUF(path_text), key = GG_BUF(setting);
	const char *path;

	if (s->c->limit_object <= 0 || s->o.largest <= s->c->limit_object)
		return 0;
	path = gg_objects_path(&s->o, s->o.largest_at);
	if (*path)
		gg_quote(&where, path, strlen(path), 200);
	gg_buf_add(&why, "object %.10s has %lld bytes, more than ",
		   gg_objects_hex(&s->o, s->o.largest_at, hex), (long long)s->o.largest);
	gg_size_add(&why, s->c->limit_object);
	gg_push_conf_key(&key, s->c, GG_REPO_object_max);
	gg_buf_add(&why, " (%s)", key.s);
	gg_scan_tell_limit(&s->tell, key.s, why.s);
	if (*path)
		gg_say_client("  object %.10s is %s", hex, where.s);
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
	r = gg_lay(&s->git, s->p, &s->options, &s->o, &s->scratch, &why);
	if (r == -EFBIG) {
		gg_scan_tell_limit(&s->tell, "limit.scan", why.s);
		return -EPERM;
	}
	if (r < 0)
		return fail(s, r, r == -ETIMEDOUT ? "deadline.scan" : "hook.scratch", &why);
	return 0;
}

static size_t tell_found(struct scan *s, const struct gg_findings *f)
{
	struct gg_found_names names;
	size_t n;

	gg_found_names_read(s->c, &s->o, f, s->scratch.objects_fd, &names);
	n = gg_scan_tell_found(&s->tell, &s->o, f, &names);
	gg_found_names_free(&names);
	return n;
}

static int scan_laid(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	struct gg_scanrun run = {
		.c = s->c,
		.o = &s->o,
		.dir = s->scratch.dir,
		.until = s->git.until,
		.tick = on_scanner_tick,
		.arg = s,
		.said = GG_BUF(s->said),
	};
	struct gg_findings f = { 0 };
	const char *key = "hook.scanner", *name = gg_scanner_name(s->c);
	int r;

	gg_buf_add(&why, "the scanner ");
	gg_quote(&why, name, strlen(name), 60);
	gg_buf_add(&why, " ");
	r = gg_scanrun(&run, &f, &why, &key);
	if (r < 0 && r != -EPERM)
		fail(s, r, key, &why);
	else if (f.n && tell_found(s, &f) == 0)
		r = 0;
	if (r == 0)
		gg_scan_tell_clean(&s->tell, &s->o, f.n);
	gg_findings_free(&f);
	return r;
}

/* They go upstream with the push. */
static int find_options(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	int r = gg_push_options_find(&s->options, &why);

	if (r == -E2BIG) {
		gg_scan_tell_limit(&s->tell, NULL, why.s);
		return -EPERM;
	}
	return r < 0 ? fail(s, r, NULL, &why) : 0;
}

/* A ref's name is something that a push adds, too. */
static bool names_any(const struct gg_push *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (gg_update_names_new(&p->v[i]))
			return true;
	return false;
}

static int scan_all(struct scan *s)
{
	int r = find_options(s);

	r = r ? r : list(s);
	if (r == 0)
		r = check_object_size(s);
	if (r < 0 || s->c->scanner == GG_SCANNER_NONE || (!s->o.n && !names_any(s->p) && !s->options.n))
		return r;
	gg_scan_tell_begin(&s->tell, &s->o, s->options.n);
	r = check_space(s);
	if (r == 0)
		r = lay(s);
	return r < 0 ? r : scan_laid(s);
}

static int begin(struct scan *s)
{
	char text[WHY_MAX];
	struct gg_buf why = GG_BUF(text);
	int r = gg_gitcmd_init(&s->git, gg_deadline_in(s->c->scan_ms, "deadline.scan"));

	s->git.tick = on_git_tick;
	s->git.tick_arg = s;
	if (r == 0)
		return 0;
	gg_buf_add(&why, "git is not in the gate's PATH"); /* what else there is needs no memory */
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

static int refuse_unstarted(const struct gg_scan_tell *t)
{
	gg_scan_tell_failed(t, NULL, "out of memory", "");
	return -ENOMEM;
}

int gg_scan_push(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p)
{
	const struct gg_scan_tell tell = {
		.c = c, .l = l, .session = or_unknown(l->session), .begun_ms = gg_now_ms()
	};
	AUTO_FREE struct scan *s = calloc(1, sizeof(*s));
	sigset_t before;
	int r;

	if (!s)
		return refuse_unstarted(&tell);
	s->c = c;
	s->p = p;
	s->scratch = (struct gg_scratch){ .dir_fd = -1, .objects_fd = -1, .fd = -1, .second_fd = -1 };
	s->tell = tell;
	if (c->scanner == GG_SCANNER_UNSET)
		return refuse_unset(&s->tell);
	if (!p->n || (c->scanner == GG_SCANNER_NONE && !c->limit_object))
		return 0;
	gg_gate_step(l, "scan");
	hold_signals(&before);
	r = begin(s);
	if (r == 0)
		r = scan_all(s);
	if (gg_scratch_remove(&s->scratch) < 0)
		gg_gate_step(l, GG_GATE_LEFT);
	sigprocmask(SIG_SETMASK, &before, NULL);
	gg_push_options_free(&s->options);
	gg_objects_free(&s->o);
	return r;
}
