/* prereceive - what happens to a push before git accepts it. See prereceive.h. */
#include "hooks/prereceive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/gitdir.h"
#include "hooks/forward.h"
#include "hooks/gate.h"
#include "hooks/locals.h"
#include "hooks/lock.h"
#include "hooks/refrule.h"
#include "hooks/rewind.h"
#include "hooks/say.h"
#include "hooks/scan.h"
#include "hooks/stale.h"
#include "hooks/steps.h"

enum { WHY_MAX = 1000 };

#define LET_GO_MS 10000 /* the holder compares the references before it lets go */

struct push {
	struct gg_gate_link link;
	struct gg_push_conf conf;
	struct gg_push p;
	struct gg_deadline until; /* deadline.hook */
};

/* reason, key: fields of the event; NULL: none. */
static int refuse(const struct push *h, const char *reason, const char *key, const char *why)
{
	gg_say_client("push refused: %s, session %s", why, h->link.session);
	gg_gate_event_about(&h->link, "push.rejected", reason, key, "%s", why);
	return 1;
}

/* The setting behind a failure of what runs until then, NULL: none. */
static const char *key_of(const struct push *h, int r)
{
	return r == -ETIMEDOUT ? h->until.key : NULL;
}

/* Rules about references and numbers. */
static int check_rules(const struct push *h)
{
	AUTO_FREE bool *rewinds = NULL;
	char mem[WHY_MAX], key_mem[GG_RULE_KEY_MAX];
	struct gg_buf why = GG_BUF(mem), key = GG_BUF(key_mem);
	int r;

	if (gg_refrule_check_count(&h->conf, h->p.n, &why, &key) < 0)
		return refuse(h, "limit", key.s, why.s);
	if (!h->conf.allow_force) {
		rewinds = calloc(h->p.n, sizeof(*rewinds));
		if (!rewinds)
			return refuse(h, NULL, NULL, "out of memory, try again");
		r = gg_rewind_find(&h->p, h->until, rewinds, &why);
		if (r < 0)
			return refuse(h, NULL, key_of(h, r), why.s);
	}
	for (size_t i = 0; i < h->p.n; i++)
		if (gg_refrule_check(&h->conf, &h->p.v[i], rewinds && rewinds[i], &why, &key) < 0)
			return refuse(h, "rule", *key.s ? key.s : NULL, why.s);
	return 0;
}

static void step_failed(void *arg, const char *step, const char *why)
{
	const struct push *h = arg;

	gg_gate_event(&h->link, "push.step-failed", "%s: %s", step, why);
}

static void step_stray(void *arg, const char *step, const char *who)
{
	const struct push *h = arg;

	gg_gate_event(&h->link, "push.step-stray", "%s ended, but %s held its output and was ended too", step,
		      who);
}

static void step_begun(void *arg, const char *step)
{
	const struct push *h = arg;

	(void)step;
	gg_gate_step(&h->link, "step");
}

static int run_steps(struct push *h, bool post)
{
	struct gg_steps s = { .dir = h->conf.dir,
			      .post = post,
			      .push = &h->p,
			      .repo = h->conf.repo,
			      .env = environ,
			      .limit_ms = h->conf.step_ms,
			      .begun = step_begun,
			      .failed = step_failed,
			      .stray = step_stray,
			      .arg = h };

	return gg_steps_run(&s);
}

/* Nothing may be forwarded that git could not do here afterwards; nobody else changes the repository
 * meanwhile. */
static int forward(struct push *h)
{
	AUTO_CLOSE int lock = -1;
	char mem[WHY_MAX];
	struct gg_buf why = GG_BUF(mem);
	int r;

	gg_gate_step(&h->link, "lock");
	r = gg_lock_take(".", gg_deadline_left(&h->until), &lock);
	if (r < 0) {
		if (r == -ETIMEDOUT)
			return refuse(h, NULL, h->until.key,
				      "another push to this repository is being forwarded, try again");
		gg_buf_add(&why, "the repository cannot be locked: %s", strerror(-r));
		return refuse(h, NULL, NULL, why.s);
	}
	r = gg_locals_check(".", &h->p, &h->until, &why);
	if (r < 0)
		return refuse(h, NULL, key_of(h, r), why.s);
	if (gg_forward(&h->conf, &h->link, &h->p, lock, &h->until) < 0)
		return 1;
	r = gg_lock_hold(lock, ".", &h->p, &h->link, &h->until);
	if (r == -ESRCH)
		gg_gate_event(&h->link, "push.diverged",
			      "upstream has taken it, and git receive-pack has ended before the references "
			      "here moved; the next fetch or push heals it");
	else if (r < 0) /* upstream has it: to refuse now would be a lie, and what may go wrong heals */
		gg_gate_event(&h->link, "push.step-failed", "the repository's lock is not kept: %s",
			      strerror(-r));
	return 0;
}

/* Not to be pushed to: what it took would not go upstream. */
static int check_mirror(const struct push *h)
{
	char mem[WHY_MAX];
	struct gg_buf why = GG_BUF(mem);
	int e;

	e = h->conf.upstream[0] ? ENOENT : access(GG_MIRROR_MARK, F_OK) < 0 ? errno : 0;
	if (e == ENOENT)
		return 0;
	if (e)
		gg_buf_add(&why, "it cannot be told whether this is the mirror of an upstream: %s, try again",
			   strerror(e));
	else
		gg_buf_add(
			&why,
			"this is the mirror of an upstream that the gate has not been told of, or no longer "
			"has; the operator can run git-gate reload, see git-gate doctor");
	return refuse(h, NULL, NULL, why.s);
}

static int accept_or_refuse(struct push *h)
{
	int r = check_mirror(h);

	r = r ? r : check_rules(h);
	if (r == 0)
		r = gg_scan_push(&h->conf, &h->link, &h->p) < 0;
	if (r == 0)
		r = run_steps(h, false) < 0;
	if (r == 0 && h->conf.upstream[0])
		r = forward(h);
	return r;
}

static int open_push(struct push *h, struct gg_buf *why)
{
	int64_t begun_ms = gg_now_ms();
	int r;

	h->link = gg_gate_link();
	r = gg_push_read(0, 0, &h->p, why);
	if (r == 0) {
		r = gg_gate_settings(&h->link, &h->conf, why);
		if (r < 0)
			gg_push_free(&h->p);
	}
	h->until = gg_deadline_from(begun_ms, h->conf.hook_ms, "deadline.hook");
	return r;
}

static void close_push(struct push *h)
{
	gg_gate_step(&h->link, "");
	gg_push_conf_free(&h->conf);
	gg_push_free(&h->p);
}

int gg_prereceive(void)
{
	struct push h = { 0 };
	char mem[WHY_MAX];
	struct gg_buf why = GG_BUF(mem);
	int code, r;

	r = open_push(&h, &why);
	if (r < 0) {
		gg_say_client("push refused: %s", why.s);
		gg_gate_event(&h.link, "push.rejected", "%s", why.s); /* it may be there, and know nothing */
		return 1;
	}
	gg_stale_say();
	code = accept_or_refuse(&h);
	close_push(&h);
	return code;
}

int gg_postreceive(void)
{
	struct push h = { 0 };
	char mem[WHY_MAX];
	struct gg_buf why = GG_BUF(mem);
	int r = open_push(&h, &why);

	if (r < 0) {
		gg_say_client("the push is accepted, but what follows it was not done: %s", why.s);
		gg_gate_event(&h.link, "push.step-failed", "post-receive: %s", why.s);
		return 1;
	}
	if (h.conf.upstream[0])
		gg_lock_let_go(".", h.link.session, LET_GO_MS);
	run_steps(&h, true);
	close_push(&h);
	return 0;
}
