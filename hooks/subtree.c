/* subtree - see subtree.h. */
#include "hooks/subtree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"
#include "base/pstat.h"

#define ROUNDS 200   /* looks at most: a program that forks without end is not chased for ever */
#define SETTLE_MS 50 /* a killed process is waited for at most this long before the next look */
#define NAMED 4	     /* who is named */

int gg_subtree_adopt(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

void gg_subtree_free(struct gg_subtree *t)
{
	free(t->v);
	*t = (struct gg_subtree){ 0 };
}

static bool has(const struct gg_subtree *t, pid_t pid, uint64_t start_tick)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].pid == pid && t->v[i].start_tick == start_tick)
			return true;
	return false;
}

static int add(struct gg_subtree *t, const struct gg_pstat *st)
{
	if (t->n == t->size) {
		size_t want = t->size ? t->size * 2 : 16;
		struct gg_kin *v = realloc(t->v, want * sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->size = want;
	}
	t->v[t->n] = (struct gg_kin){ .pid = st->pid, .start_tick = st->start_tick };
	memcpy(t->v[t->n++].comm, st->comm, sizeof(st->comm));
	return 0;
}

/* Nothing of it runs any more, not even another thread. */
static bool ended(const struct gg_pstat *st)
{
	return strchr("ZX", st->state) && st->nlwp <= 1;
}

static int children(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	int r = gg_children_read(pid, v, n, size, NULL);

	return (r == -ENOENT || r == -ESRCH) && pid != getpid() ? 0 : r;
}

/* Those of one that is below us. It may go, and its number be another's, whose children are not ours to end.
 */
static int sure_children(const struct gg_pstat *st, pid_t **v, size_t *n, size_t *size)
{
	size_t before = *n;
	int r = children(st->pid, v, n, size);

	if (r == 0 && *n > before && gg_pstat_still(st->pid, st->start_tick) < 0)
		*n = before;
	return r;
}

/* A number that was listed as a child's may be another's by the time that it is looked at. */
static bool is_below_us(const struct gg_subtree *t, pid_t ppid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].pid == ppid)
			return true;
	return ppid == getpid();
}

/* All that live below us, but for elders and what is below those, into *ret; those of our own children that
 * have ended are reaped on the way, *ret_reaped of them. Who was below one that ends meanwhile is ours only
 * after we were listed, and is missed. */
static int find(const struct gg_subtree *elders, struct gg_subtree *ret, size_t *ret_reaped)
{
	AUTO_FREE pid_t *pid = NULL;
	size_t n = 0, size = 0, ours;
	int r = children(getpid(), &pid, &n, &size);

	ours = n;
	*ret_reaped = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct gg_pstat st;

		if (gg_pstat_read(pid[i], &st) < 0 || !is_below_us(ret, st.ppid) ||
		    has(elders, st.pid, st.start_tick))
			continue;
		if (ended(&st)) {
			if (i < ours && st.pid != elders->keep && waitpid(st.pid, NULL, WNOHANG) > 0)
				++*ret_reaped;
			continue;
		}
		r = sure_children(&st, &pid, &n, &size);
		if (r == 0)
			r = add(ret, &st);
	}
	return r;
}

int gg_subtree_elders(struct gg_subtree *ret)
{
	struct gg_subtree t = { .keep = 0 };
	AUTO_FREE pid_t *pid = NULL;
	size_t n = 0, size = 0;
	struct gg_pstat st;
	int r = children(getpid(), &pid, &n, &size);

	/* not find(): it would reap whom the caller wants to wait for, and leave out who has ended, and one
	 * too many harms nobody */
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (gg_pstat_read(pid[i], &st) < 0)
			continue;
		r = children(st.pid, &pid, &n, &size);
		if (r == 0)
			r = add(&t, &st);
	}
	if (r < 0)
		gg_subtree_free(&t);
	else
		*ret = t;
	return r;
}

void gg_subtree_reap(const struct gg_subtree *elders)
{
	AUTO_FREE pid_t *pid = NULL;
	size_t n = 0, size = 0;

	if (children(getpid(), &pid, &n, &size) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct gg_pstat st;

		if (pid[i] != elders->keep && gg_pstat_read(pid[i], &st) == 0 && ended(&st) &&
		    !has(elders, st.pid, st.start_tick))
			waitpid(st.pid, NULL, WNOHANG);
	}
}

static void name_them(struct gg_buf *who, const struct gg_subtree *t)
{
	for (size_t i = 0; i < t->n && i < NAMED; i++) {
		gg_buf_add(who, "%s", i ? ", " : "");
		gg_quote(who, t->v[i].comm, strnlen(t->v[i].comm, sizeof(t->v[i].comm)),
			 sizeof(t->v[i].comm));
		gg_buf_add(who, " (%d)", (int)t->v[i].pid);
	}
	if (t->n > NAMED)
		gg_buf_add(who, " and %zu more", t->n - NAMED);
}

/* Kill all, then give the last of them the time to go: the others had it meanwhile. */
static void kill_all(const struct gg_subtree *t)
{
	AUTO_CLOSE int last = -1;
	struct pollfd p = { .events = POLLIN };

	for (size_t i = 0; i < t->n; i++) {
		int fd = -1;

		if (gg_pidfd_open(t->v[i].pid, t->v[i].start_tick, &fd) < 0)
			continue;
		gg_pidfd_signal(fd, SIGKILL);
		gg_close_fd(&last);
		last = fd;
	}
	p.fd = last; /* -1: all have gone by themselves, or no descriptor was to be had; poll only waits */
	poll(&p, 1, last < 0 ? 1 : SETTLE_MS);
}

int gg_subtree_end(const struct gg_subtree *elders, int64_t patience_ms, struct gg_buf *who, size_t *ret_left)
{
	int64_t end_ms = gg_now_ms() + patience_ms;
	size_t left = 0, reaped;
	int r = 0, quiet = 0;

	/* a look that finds nobody may have missed those that changed parents under it: the next one finds
	 * them */
	for (int round = 0; r == 0 && quiet < 2 && round < ROUNDS; round++) {
		struct gg_subtree t = { .keep = 0 };

		r = find(elders, &t, &reaped);
		left = r == 0 ? t.n : 0;
		quiet = left || reaped ? 0 : quiet + 1;
		if (round == 0)
			name_them(who, &t);
		if (r == 0 && left)
			kill_all(&t);
		gg_subtree_free(&t);
		if (gg_now_ms() >= end_ms)
			break;
	}
	*ret_left = left;
	return r;
}
