/* forward - see forward.h. */
#include "hooks/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/doubt.h"
#include "hooks/fwddir.h"
#include "hooks/fwdsay.h"
#include "hooks/prepush.h"
#include "hooks/pushoption.h"
#include "hooks/remote.h"
#include "hooks/say.h"

enum {
	TICK_MS = 5000, /* "still forwarding" */
	ASKS = 3,	/* when no answer came, and upstream does not have it yet: it may still be at work */
	ASK_PAUSE_MS = 1000,
	TELL_MS = 1000, /* of deadline.hook, for the client and the gate to be told */
	ATTEMPTS = 2,	/* the whole, then what is missing */
};

struct forward {
	const struct gg_push_conf *c;
	const struct gg_gate_link *l;
	const struct gg_push *all;
	struct gg_remote up;
	struct gg_doubter doubter;
	char hook[PATH_MAX];
	struct gg_push_options options;
	int64_t begun_ms;
	struct gg_deadline until, ask_until; /* for pushing; for asking afterwards */
	struct gg_push_report said;	     /* of the last push */
	char why[512], ref[256]; /* of the last failure: for people; the reference, "" for all of it */
};

/* What became of one git push. */
enum attempt {
	DONE,
	NOTHING_SENT, /* it failed before upstream could change anything */
	NOT_KNOWN,
};

static int64_t after(int64_t at_ms, int64_t ms)
{
	int64_t sum;

	return ms == GG_NEVER || __builtin_add_overflow(at_ms, ms, &sum) ? INT64_MAX : sum;
}

static int64_t min_ms(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* hook_ms is what is left of deadline.hook: of that, half at most is kept for asking, and an eighth for
 * telling. */
static void set_limits(struct forward *f, int64_t hook_ms)
{
	int64_t ask_ms = f->c->connect_ms == GG_NEVER ? 30000 : f->c->connect_ms + GG_FORWARD_ASK_MORE_MS;
	int64_t most_ms = hook_ms == GG_NEVER ? GG_NEVER : hook_ms - min_ms(TELL_MS, hook_ms / 8);
	int64_t push_ms = hook_ms == GG_NEVER ? GG_NEVER : most_ms - min_ms(ask_ms, most_ms / 2);

	f->begun_ms = gg_now_ms();
	f->until = gg_deadline_in(min_ms(push_ms, f->c->forward_ms),
				  push_ms < f->c->forward_ms ? "deadline.hook" : "deadline.forward");
	f->ask_until.at_ms = min_ms(after(f->until.at_ms, ask_ms), after(f->begun_ms, most_ms));
}

static void fail(struct forward *f, const char *ref, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void fail(struct forward *f, const char *ref, const char *fmt, ...)
{
	struct gg_buf why = GG_BUF(f->why), name = GG_BUF(f->ref);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&why, fmt, ap);
	va_end(ap);
	gg_escape(&name, ref, strlen(ref), sizeof(f->ref));
}

static struct gg_fwd_failure failure_of(const struct forward *f, const char *ref, const struct gg_tally *t)
{
	return (struct gg_fwd_failure){ .ref = ref,
					.why = f->why,
					.words = f->said.words,
					.t = t,
					.took_ms = gg_now_ms() - f->begun_ms };
}

static void tell_failed(const struct forward *f, const char *ref, const struct gg_tally *t)
{
	const struct gg_fwd_failure failure = failure_of(f, ref, t);

	gg_fwdsay_failed(f->c, f->l, f->all, &failure);
}

static void on_out(void *arg, const char *bytes, size_t n)
{
	gg_push_report_out(&((struct forward *)arg)->said, bytes, n);
}

static void on_err(void *arg, const char *bytes, size_t n)
{
	gg_push_report_err(&((struct forward *)arg)->said, bytes, n);
}

static void on_tick(void *arg, int64_t elapsed_ms)
{
	(void)elapsed_ms;
	gg_fwdsay_still(gg_now_ms() - ((struct forward *)arg)->begun_ms);
}

static void on_remote(void *arg, const char *line)
{
	(void)arg;
	gg_fwdsay_upstream(line);
}

static int find_options(struct forward *f)
{
	struct gg_buf why = GG_BUF(f->why);
	int r = gg_push_options_find(&f->options, &why);

	for (size_t i = 0; i < f->options.n && r == 0; i++) {
		if (strpbrk(f->options.v[i], "\r\n")) {
			fail(f, "", "a push option has a line end in it");
			r = -EINVAL;
		}
	}
	return r;
}

static int open_forward(struct forward *f)
{
	const char *dir = getenv("GIT_DIR");
	struct gg_buf why = GG_BUF(f->why);
	ssize_t n = readlink("/proc/self/exe", f->hook, sizeof(f->hook) - 1);

	if (n < 0 || !dir) {
		fail(f, "",
		     n < 0 ? "/proc/self/exe cannot be read" : "git did not say where the repository is");
		return -EINVAL;
	}
	f->hook[n] = '\0';
	return gg_remote_open(&f->up, f->c, dir, &why);
}

/* Until the references here have followed. */
static int doubt(struct forward *f)
{
	int r = gg_doubt_begin(f->up.git.gitdir, &f->doubter);

	if (r < 0)
		fail(f, "", "the gate's repository cannot be written to: %s", strerror(-r));
	return r;
}

/* What git said, or how it ended. */
static void explain(struct forward *f, const struct gg_fwddir *d, const struct gg_run_end *end)
{
	char stale[512], mem[512] = "";
	struct gg_buf b = GG_BUF(mem);
	char *lf;

	if (gg_fwddir_left(d, GG_PREPUSH_STALE, stale, sizeof(stale)) && (lf = strchr(stale, '\n'))) {
		*lf = '\0';
		fail(f, stale, "%s; fetch first", lf + 1);
	} else if (f->said.refused && f->said.ref[0]) {
		gg_escape(&b, f->said.reason, strlen(f->said.reason), sizeof(f->said.reason));
		fail(f, f->said.ref, "%s", mem);
	} else {
		gg_remote_why(&f->up, &b, "git push", &f->said, end, &f->until);
		fail(f, "", "%s", mem);
	}
}

static enum attempt run_push(struct forward *f, const struct gg_push *p, const struct gg_fwddir *d)
{
	const char *args[8] = { "push", "--porcelain" };
	struct gg_git_call call = {
		.args = args,
		.git_dir = d->path,
		.config = d->global,
		.hooks = d->hooks,
		.quarantine = true,
		.out = on_out,
		.err = on_err,
		.tick = on_tick,
		.arg = f,
		.tick_ms = TICK_MS,
		.limit_ms = gg_deadline_left(&f->until),
	};
	struct gg_run_end end;
	size_t n = 2;

	if (p->n > 1) /* for one it says nothing, and there are upstreams that do not know it */
		args[n++] = "--atomic";
	if (d->prune)
		args[n++] = "--prune";
	args[n] = GG_FWDDIR_REMOTE;
	f->said = (struct gg_push_report){ .remote = on_remote, .arg = f };
	gg_git_run(&f->up.git, &call, &end);
	if (gg_run_ok(&end))
		return DONE;
	explain(f, d, &end);
	return gg_fwddir_left(d, GG_PREPUSH_SENT, NULL, 0) ? NOT_KNOWN : NOTHING_SENT;
}

static enum attempt try_push(struct forward *f, const struct gg_push *p)
{
	struct gg_fwd w = { .gitdir = f->up.git.gitdir,
			    .url = f->c->upstream,
			    .hook = f->hook,
			    .push = p,
			    .options = f->options.v };
	struct gg_heads heads = { .text = NULL };
	struct gg_fwddir d;
	struct gg_buf why = GG_BUF(f->why);
	enum attempt a = NOTHING_SENT;
	int r = 0;

	f->ref[0] = '\0';
	if (gg_fwd_deletions(p) > GG_FWDDIR_DELETIONS) {
		r = gg_remote_list(&f->up, &f->until, false, &heads, &why);
		w.upstream = &heads.l;
	}
	r = r ? r : gg_fwddir_make(&w, &d, &why);
	if (r == 0) {
		a = run_push(f, p, &d);
		gg_fwddir_remove(f->up.git.gitdir);
	}
	gg_heads_free(&heads);
	return a;
}

/* What does upstream have now? */
static int ask(struct forward *f, const struct gg_push *p, unsigned char *seen, struct gg_tally *t,
	       enum gg_outcome *ret, struct gg_buf *why)
{
	struct gg_deadline until = f->ask_until;
	struct gg_heads heads;
	int r;

	until.limit_ms = gg_deadline_left(&until); /* from now on */
	r = gg_remote_list(&f->up, &until, false, &heads, why);
	if (r < 0)
		return r;
	*ret = gg_outcome(p, &heads.l, seen, t);
	gg_heads_free(&heads);
	return 0;
}

/* When no answer came, upstream may still be at work: it is given some seconds. Not asked again when there is
 * hardly time for the answer: the last one would be lost, too. */
static int settle(struct forward *f, const struct gg_push *p, unsigned char *seen, struct gg_tally *t,
		  enum gg_outcome *ret, struct gg_buf *why)
{
	const struct timespec pause = { .tv_sec = ASK_PAUSE_MS / 1000 };
	int64_t begun_ms = gg_now_ms();
	int r = ask(f, p, seen, t, ret, why);
	int64_t took_ms = gg_now_ms() - begun_ms + ASK_PAUSE_MS;

	for (int i = 1; r == 0 && *ret == GG_OUTCOME_OLD && !f->said.refused && i < ASKS &&
			gg_deadline_left(&f->ask_until) > took_ms;
	     i++) {
		nanosleep(&pause, NULL);
		r = ask(f, p, seen, t, ret, why);
	}
	return r;
}

/* What is missing of p, in place of it. The names stay where they are. */
static void keep_missing(struct gg_push *p, const unsigned char *seen)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (seen[i] == GG_SEEN_OLD)
			p->v[n++] = p->v[i];
	p->n = n;
}

/* After a push of which it is not known how it ended. True: what p has become is to be pushed again. */
static bool look_after(struct forward *f, struct gg_push *p, unsigned char *seen, int attempt, int *ret)
{
	char mem[512];
	struct gg_buf why = GG_BUF(mem);
	enum gg_outcome o;
	struct gg_tally t;

	*ret = settle(f, p, seen, &t, &o, &why);
	if (*ret < 0) {
		const struct gg_fwd_failure failure = failure_of(f, f->ref, NULL);

		gg_fwdsay_unknown(f->c, f->l, f->all, &failure, mem);
		return false;
	}
	if (o == GG_OUTCOME_NEW) {
		gg_say_client("upstream has taken it, though its answer did not arrive");
		return false;
	}
	if (o == GG_OUTCOME_PART && attempt + 1 < ATTEMPTS && gg_deadline_left(&f->until) > 0) {
		gg_say_client("upstream has %zu of %zu references; the rest is pushed again",
			      t.n[GG_SEEN_NEW], p->n);
		keep_missing(p, seen);
		return true;
	}
	*ret = -EIO;
	tell_failed(f, o == GG_OUTCOME_OTHER && !f->ref[0] ? p->v[t.at[GG_SEEN_OTHER]].ref : f->ref, &t);
	return false;
}

static int push_all(struct forward *f)
{
	AUTO_FREE unsigned char *seen = malloc(f->all->n + 1);
	AUTO_FREE struct gg_update *v = malloc((f->all->n + 1) * sizeof(*v));
	struct gg_push p = { .v = v, .n = f->all->n, .hash = f->all->hash };
	int r = -ENOMEM;

	if (!seen || !v) {
		fail(f, "", "not enough memory");
		tell_failed(f, "", NULL);
		return r;
	}
	memcpy(v, f->all->v, p.n * sizeof(*v));
	for (int i = 0; i < ATTEMPTS; i++) {
		enum attempt a = try_push(f, &p);

		if (a == DONE)
			return 0;
		if (a == NOTHING_SENT && i == 0) {
			if (!f->ref[0]) /* nor was anything of upstream's references seen */
				gg_doubt_end(f->up.git.gitdir, &f->doubter);
			tell_failed(f, f->ref, NULL);
			return -EIO;
		}
		if (!look_after(f, &p, seen, i, &r))
			return r;
	}
	return r;
}

int gg_forward(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p, int lock,
	       const struct gg_deadline *hook)
{
	struct forward f = {
		.c = c, .l = l, .all = p, .doubter = { .pid = getpid(), .session = l->session }
	};
	int r;

	if (!*c->upstream || !p->n)
		return 0;
	set_limits(&f, gg_deadline_left(hook));
	gg_gate_step(l, "forward");
	r = open_forward(&f);
	f.up.git.lock_fd = lock;
	r = r ? r : find_options(&f);
	r = r ? r : doubt(&f);
	if (r < 0) {
		tell_failed(&f, "", NULL);
	} else {
		gg_say_client("forwarding to upstream…");
		r = push_all(&f);
	}
	if (r == 0)
		gg_fwdsay_done(c, l, p, gg_now_ms() - f.begun_ms);
	gg_push_options_free(&f.options);
	return r;
}
