/*
 * cgroup - a cgroup (v2) of each session's own, below the cgroup that the gate was started in, where the
 * kernel and whoever started the gate let it. Effect: small files of cgroupfs. Used by supervisor/cgroups.c,
 * and by scan, act and reaper for one session.
 *
 *   C                       where the gate was started: delegated to it
 *   C/git-gate-INSTANCE     its own
 *         .../gate          the gate, its helpers, and maintenance that outlives its session
 *         .../session-ID    a session: whatever its processes do, those that they start are in it
 *
 * Nothing is in C itself any more, nor in C/git-gate-INSTANCE: so controllers may be enabled in both.
 */
#ifndef GG_REAPER_CGROUP_H
#define GG_REAPER_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GG_CGROUP_NAME 64 /* bytes of a name below C, and of one below base with a file in it */

struct gg_cgroup {
	int parent; /* C; -1: sessions have no cgroup */
	int base;   /* C/git-gate-INSTANCE */
	int before; /* the same of the gate that died before us; -1: there is none */
	char before_name[GG_CGROUP_NAME];
	char path[PATH_MAX]; /* of base */
	char why[256];	     /* parent -1: why */
};

/*
 * Find out, make base and gate, and move there: what is started from now on is in gate. It may take some ten
 * milliseconds. 0; -errno: all is as before, c->why says why not.
 */
int gg_cgroup_open(struct gg_cgroup *c, const char *instance);
/* Back to C, and base is removed; what is in use stays. */
void gg_cgroup_close(struct gg_cgroup *c);

/*
 * What gates that died left below C. Those that nobody is in are removed, whosever they are: a gate that
 * lives is in its own. That of the instance, if there is one, becomes c->before, and whoever is in its leaf
 * gate, no session, comes to ours. 0 or -errno: they cannot be listed.
 */
int gg_cgroup_find_before(struct gg_cgroup *c, const char *instance);
/* No session is left in c->before: it goes. */
void gg_cgroup_drop_before(struct gg_cgroup *c);

/* --- one session: base is a descriptor of the directory that has its cgroup --- */

/* 0 or -errno. */
int gg_cgroup_make(int base, const char *id);
/* Append its processes to *v, which is grown. 0 or -errno; -ENOENT: it has no cgroup (any more). */
int gg_cgroup_procs(int base, const char *id, pid_t **v, size_t *n, size_t *size);
/*
 * SIGKILL to all that is in it, at once, so that nothing forks away; but detached maintenance is let out
 * first, and nobody is killed without the memory to tell which that is. 0 or -errno.
 */
int gg_cgroup_kill(const struct gg_cgroup *c, int base, const char *id);
/* Its processes stand still, soon, until they are let go; a SIGKILL ends them all the same. 0 or -errno. */
int gg_cgroup_freeze(int base, const char *id, bool still);
/* Let maintenance out, and remove it. 0; -EBUSY: somebody else is in it; -errno. */
int gg_cgroup_remove(const struct gg_cgroup *c, int base, const char *id);

/*
 * Call each with the id of every session that has a cgroup in base. 0 or -errno. The callback may remove it.
 */
int gg_cgroup_each(int base, void (*each)(int base, const char *id, void *arg), void *arg);

#endif
