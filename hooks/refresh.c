/* refresh - see refresh.h. */
#include "hooks/refresh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/stamp.h"
#include "hooks/doubt.h"
#include "hooks/lock.h"
#include "hooks/remote.h"

#define HEAD_EVERY_MS 300000
#define UNBORN_EVERY_MS 10000

static int64_t wall_ms(void)
{
	return gg_clock_ms(CLOCK_REALTIME);
}

/* No longer ago than limit_ms. A time to come is the work of a clock that was set. */
static bool is_recent(int64_t at_ms, int64_t now_ms, int64_t limit_ms)
{
	return at_ms != INT64_MIN && at_ms <= now_ms && now_ms - at_ms < limit_ms;
}

static void on_err(void *arg, const char *bytes, size_t n)
{
	gg_push_report_err(arg, bytes, n);
}

static int fetch(const struct gg_remote *u, const struct gg_deadline *until, struct gg_buf *ret_why)
{
	const char *args[] = { "fetch",
			       "--quiet",
			       "--prune",
			       "--no-tags",
			       "--force",
			       "--update-head-ok",
			       "--no-write-fetch-head",
			       "--no-auto-maintenance",
			       "--no-recurse-submodules",
			       "--no-show-forced-updates",
			       "--",
			       u->c->upstream,
			       GG_REFRESH_REFSPECS,
			       NULL };
	struct gg_push_report said = { 0 };
	struct gg_git_call call = {
		.args = args,
		.err = on_err,
		.arg = &said,
		.limit_ms = gg_deadline_left(until),
		.gentle = true,
	};
	struct gg_run_end end;

	gg_git_run(&u->git, &call, &end);
	if (gg_run_ok(&end))
		return 0;
	gg_remote_why(u, ret_why, "git fetch", &said, &end, until);
	return end.not_started ? end.error : end.timed_out ? -ETIMEDOUT : -EIO;
}

static int run_local(const struct gg_git *g, const char *const *args)
{
	struct gg_git_call call = { .args = args, .limit_ms = 10000 };
	struct gg_run_end end;

	gg_git_run(g, &call, &end);
	return gg_run_ok(&end) ? 0 : -EIO;
}

/* The default branch. What it is matters little, so a failure is none of the refresh. */
static void follow_head(const struct gg_remote *u, const struct gg_deadline *until, struct gg_stamp *s)
{
	const char *born[] = { "rev-parse", "--quiet", "--verify", "HEAD", NULL };
	const char *set[] = { "symbolic-ref", "HEAD", NULL, NULL };
	int64_t now = wall_ms();
	char mem[256];
	struct gg_buf why = GG_BUF(mem);
	struct gg_heads heads;

	if (is_recent(s->head_ms, now, UNBORN_EVERY_MS) ||
	    (is_recent(s->head_ms, now, HEAD_EVERY_MS) && run_local(&u->git, born) == 0))
		return;
	if (gg_deadline_left(until) == 0 || gg_remote_list(u, until, true, &heads, &why) < 0)
		return;
	s->head_ms = wall_ms();
	set[2] = heads.head;
	if (!strncmp(heads.head, "refs/heads/", 11))
		run_local(&u->git, set);
	gg_heads_free(&heads);
}

static int ask_upstream(const char *gitdir, const struct gg_push_conf *c, const struct gg_gate_link *l,
			int lock, const struct gg_deadline *until, struct gg_stamp *s, struct gg_buf *ret_why)
{
	int64_t begun_ms = gg_now_ms();
	struct gg_told what = { GG_TOLD, .upstream = c->upstream };
	char took[32];
	struct gg_buf t = GG_BUF(took);
	struct gg_remote u;
	int r = gg_remote_open(&u, c, gitdir, ret_why);

	u.git.lock_fd = lock; /* a fetch that goes on without us moves references */
	if (r == 0)
		r = fetch(&u, until, ret_why);
	if (r == 0)
		follow_head(&u, until, s);
	s->ok = r == 0;
	s->at_ms = wall_ms();
	if (s->ok)
		s->good_ms = s->at_ms;
	snprintf(s->why, sizeof(s->why), "%.290s", r ? ret_why->s : "");
	what.duration_ms = gg_now_ms() - begun_ms;
	what.event = r == 0 ? "refresh.done" : "refresh.failed";
	gg_human_ms(&t, what.duration_ms);
	if (r == 0)
		gg_gate_tell(l, &what, "fetched from %s in %s", c->upstream, took);
	else
		gg_gate_tell(l, &what, "%s: %s, after %s", c->upstream, s->why, took);
	return r;
}

/* Somebody else asked while we waited for it, and this is what came of it. */
static bool is_theirs(const struct gg_stamp *s, bool waited, int64_t since_ms)
{
	return waited && s->at_ms != INT64_MIN && s->at_ms >= since_ms && s->at_ms <= wall_ms();
}

/* Upstream was not even asked. */
static int give_up(const struct gg_push_conf *c, const struct gg_gate_link *l, int r, const char *why)
{
	const struct gg_told what = { GG_TOLD, .event = "refresh.failed", .upstream = c->upstream };

	gg_gate_tell(l, &what, "%s is not asked: %s", c->upstream, why);
	return r;
}

/* A push that is under way is not waited for: what is here is as recent as was promised. */
static bool is_doubtful(const char *gitdir)
{
	AUTO_CLOSE int lock = -1;

	return gg_doubt_is(gitdir) && gg_lock_wait(gitdir, 0, &lock, NULL) == 0;
}

static int with_lock(const char *gitdir, int dirfd, const struct gg_push_conf *c,
		     const struct gg_gate_link *l, struct gg_buf *ret_why)
{
	AUTO_CLOSE int lock = -1;
	const struct gg_deadline until = gg_deadline_in(c->refresh_ms, "deadline.refresh");
	int64_t since_ms = wall_ms();
	struct gg_stamp s;
	bool waited;
	int r;

	r = gg_lock_wait(gitdir, c->refresh_ms, &lock, &waited);
	if (r < 0) {
		if (r == -ETIMEDOUT)
			gg_buf_add(ret_why, "a push or another fetch has kept the repository busy (%s)",
				   until.key);
		else
			gg_buf_add(ret_why, "the repository cannot be locked: %s", strerror(-r));
		return give_up(c, l, r == -ETIMEDOUT ? -EBUSY : r, ret_why->s);
	}
	gg_stamp_read(dirfd, &s);
	if (is_theirs(&s, waited, since_ms)) {
		if (!s.ok)
			gg_buf_add(ret_why, "%s", s.why);
		return s.ok ? 0 : -EIO;
	}
	if (s.ok && is_recent(s.at_ms, wall_ms(), c->fresh_ms) && !gg_doubt_is(gitdir))
		return 0;
	r = ask_upstream(gitdir, c, l, lock, &until, &s, ret_why);
	if (r == 0)
		gg_doubt_clear(gitdir);
	gg_stamp_write(dirfd, &s);
	return r;
}

int gg_refresh(const char *gitdir, const struct gg_push_conf *c, const struct gg_gate_link *l,
	       struct gg_buf *ret_why)
{
	AUTO_CLOSE int dirfd = -1;
	struct gg_stamp s;
	int r;

	if (!*c->upstream)
		return 0;
	dirfd = open(gitdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		r = -errno;
		gg_buf_add(ret_why, "the repository cannot be opened: %s", strerror(-r));
		return give_up(c, l, r, ret_why->s);
	}
	gg_stamp_read(dirfd, &s);
	if (s.ok && is_recent(s.at_ms, wall_ms(), c->fresh_ms) && !is_doubtful(gitdir))
		return 0;
	return with_lock(gitdir, dirfd, c, l, ret_why);
}

void gg_refresh_stale(const char *gitdir, const char *why, struct gg_buf *b)
{
	AUTO_CLOSE int dirfd = open(gitdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct gg_stamp s;

	gg_stamp_read(dirfd, &s);
	gg_stamp_stale(b, &s, why, wall_ms());
}
