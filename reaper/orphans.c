/* orphans - what sessions left behind, below the gate itself. See orphans.h. */
#include "reaper/orphans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pstat.h"
#include "reaper/classify.h"
#include "reaper/procfs.h"
#include "reaper/proctable.h"

#define ARGV_MAX 1024  /* bytes of a command line that are read */
#define YOUNG_LOOKS 50 /* at an orphan, until what it is counts for good: some seconds */

static const struct gg_orphan *find_orphan(const struct gg_orphans *o, size_t n, pid_t pid, uint64_t tick)
{
	for (size_t i = 0; i < n; i++)
		if (o->v[i].who.pid == pid && o->v[i].who.start_tick == tick)
			return &o->v[i];
	return NULL;
}

/* Whether it is detached gc. False in *ret_sure: its command line cannot be read now, and it may be. */
static bool is_gc(pid_t pid, pid_t sid, bool *ret_sure)
{
	char argv[ARGV_MAX];
	struct gg_pstat st;
	size_t len;
	int r;

	*ret_sure = true;
	if (sid != pid)
		return false;
	r = gg_procfs_argv(pid, argv, sizeof(argv), &len);
	if (r == 0)
		return gg_is_detached_gc(argv, len);
	*ret_sure = r != -EBUSY;
	return r == -EBUSY && gg_pstat_read(pid, &st) == 0 && !strcmp(st.comm, "git");
}

bool gg_orphan_is_gc(pid_t pid, pid_t sid)
{
	bool sure;

	return is_gc(pid, sid, &sure);
}

/* What a new one says of itself. */
static void meet_orphan(pid_t pid, const struct gg_pstat *st, struct gg_orphan *o)
{
	bool sure;
	int r;

	*o = (struct gg_orphan){ .who = { pid, st->start_tick }, .sid = st->sid };
	r = gg_procfs_getenv(pid, "GIT_GATE_SESSION", o->session, sizeof(o->session));
	if (r < 0)
		o->session[0] = 0;
	o->gc = is_gc(pid, st->sid, &sure);
	o->unread = r == -EBUSY || !sure;
}

/* 1: filled; 0: gone; -errno. A zombie is no orphan: the loop reaps it. */
static int look_at_orphan(const struct gg_orphans *old, pid_t pid, struct gg_orphan *ret)
{
	const struct gg_orphan *known;
	struct gg_pstat st;
	bool sure;
	int r = gg_pstat_read(pid, &st);

	if (r == -ENOENT || r == -ESRCH || (r == 0 && st.state == 'Z' && st.nlwp <= 1))
		return 0;
	if (r < 0)
		return r;
	known = find_orphan(old, old->n, pid, st.start_tick);
	if (known && !known->unread) {
		*ret = *known;
		ret->sid = st.sid;
		/* it may have been seen before its setsid(), or before the exec that made it a gc */
		if (!ret->gc && ret->looks < YOUNG_LOOKS) {
			ret->looks++;
			ret->gc = is_gc(pid, st.sid, &sure);
			ret->unread = !sure;
		}
		return 1;
	}
	meet_orphan(pid, &st, ret);
	return 1;
}

static bool is_root(pid_t pid, const pid_t *roots, size_t n)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (roots[mid] == pid)
			return true;
		if (roots[mid] < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

int gg_orphans_read(struct gg_orphans *o, const pid_t *roots, size_t nroots)
{
	AUTO_FREE pid_t *child = NULL;
	AUTO_FREE struct gg_orphan *v = NULL;
	size_t n = 0, size = 0, found = 0;
	int r = gg_children(getpid(), &child, &n, &size);

	if (r < 0)
		return r;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (is_root(child[i], roots, nroots))
			continue;
		r = look_at_orphan(o, child[i], &v[found]);
		if (r < 0)
			return r;
		found += (size_t)r;
	}
	free(o->v);
	o->v = gg_take_ptr(&v);
	o->n = found;
	o->fresh = true;
	return 0;
}

void gg_orphans_free(struct gg_orphans *o)
{
	free(o->v);
	*o = (struct gg_orphans){ 0 };
}
