/* find - git sessions below a process. See find.h. */
#include "reaper/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/pstat.h"
#include "reaper/procfs.h"

#define ARGV_MAX 1024
#define HOPS 64 /* from a process of a session up to the session's root */

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* By the time that we know what it is, its number may be one of another server's. */
static bool is_below(const struct gg_pstat *who, pid_t top)
{
	struct gg_pstat st = *who;

	for (int hops = 0; hops < HOPS && st.ppid > 0; hops++)
		if (st.ppid == top)
			return true;
		else if (gg_pstat_read(st.ppid, &st) < 0)
			return false;
	return false;
}

static int add(struct gg_found **v, size_t *n, pid_t pid, pid_t top, enum gg_root_kind kind)
{
	struct gg_found *grown = realloc(*v, (*n + 1) * sizeof(**v));
	struct gg_pstat st;

	if (!grown)
		return -ENOMEM;
	*v = grown;
	if (gg_pstat_read(pid, &st) == 0 && (st.state != 'Z' || st.nlwp > 1) && is_below(&st, top))
		grown[(*n)++] = (struct gg_found){ { pid, st.start_tick }, kind };
	return 0;
}

bool gg_find_in_session(const struct gg_proctable_row *v, size_t n, const struct gg_proctable_row *p)
{
	for (int hops = 0; p && hops < HOPS; hops++) {
		pid_t parent = p->ppid;
		char argv[ARGV_MAX];
		size_t len;

		if (gg_procfs_argv(p->pid, argv, sizeof(argv), &len) == 0 &&
		    gg_root_kind_of(argv, len) != GG_ROOT_NONE)
			return true;
		p = NULL;
		for (size_t i = 0; !p && i < n; i++)
			if (v[i].pid == parent)
				p = &v[i];
	}
	return false;
}

static bool parent_is_gate(pid_t pid)
{
	struct gg_pstat st;
	char argv[ARGV_MAX];
	size_t n;

	return gg_pstat_read(pid, &st) == 0 && gg_procfs_argv(st.ppid, argv, sizeof(argv), &n) == 0 &&
	       gg_is_gate(argv, n);
}

/*
 * A gate judges its sessions itself, by its own limits. Clients of other servers cannot claim to be of one,
 * though sshd may let them set an environment: git-daemon's is not theirs, and a gate starts the others.
 */
static bool is_gates(pid_t pid, const char *argv, size_t n)
{
	char id[64];

	if (!gg_may_be_gates(argv, n) && (gg_root_kind_of(argv, n) != GG_ROOT_SERVER || !parent_is_gate(pid)))
		return false;
	return gg_procfs_getenv(pid, "GIT_GATE_SESSION", id, sizeof(id)) == 0;
}

int gg_find_sessions(pid_t top, const pid_t *known, size_t nknown, struct gg_found **ret, size_t *ret_n)
{
	AUTO_FREE struct gg_found *found = NULL;
	AUTO_FREE pid_t *queue = NULL;
	size_t n = 0, size = 0, nfound = 0;
	int r = gg_children(top, &queue, &n, &size);

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	for (size_t i = 0; r == 0 && i < n && i < GG_FIND_MAX; i++) {
		enum gg_root_kind kind;
		char argv[ARGV_MAX];
		size_t len;

		if (bsearch(&queue[i], known, nknown, sizeof(*known), compare_pids))
			continue;
		r = gg_procfs_argv(queue[i], argv, sizeof(argv), &len);
		if (r == 0 && is_gates(queue[i], argv, len))
			continue;
		kind = r == 0 ? gg_root_kind_of(argv, len) : GG_ROOT_NONE;
		if (r == 0)
			r = kind ? add(&found, &nfound, queue[i], top, kind)
				 : gg_children(queue[i], &queue, &n, &size);
		if (r == -ENOENT || r == -ESRCH || r == -EBUSY)
			r = 0; /* it has gone meanwhile, or the next walk finds out */
	}
	if (r < 0)
		return r;
	*ret = gg_take_ptr(&found);
	*ret_n = nfound;
	return 0;
}
