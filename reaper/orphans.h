/*
 * orphans - processes that sessions left behind, and which hang below the gate itself. Effect: reads /proc.
 * Used by reaper/scan.c and whoever must tell them from detached gc.
 */
#ifndef GG_REAPER_ORPHANS_H
#define GG_REAPER_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gg_ident {
	pid_t pid;
	uint64_t start_tick;
};

/*
 * Processes whose parent is the gate itself, and are not the root of a session: what sessions left behind
 * when a parent exited (the gate is a subreaper). Read once for all sessions that are looked at in one pass.
 */
struct gg_orphans {
	struct gg_orphan {
		struct gg_ident who;
		pid_t sid;
		char session[16]; /* GIT_GATE_SESSION of its environment; "" none or unreadable */
		bool gc;	  /* detached gc: left alone */
		bool unread;	  /* gg_procfs_held: session is not known, and gc a guess */
		unsigned looks;
	} * v;
	size_t n;
	bool fresh; /* read in this pass */
};

/* roots: pids that are not orphans, ascending. Keeps what it learned about orphans it knows already. 0 or
 * -errno. */
int gg_orphans_read(struct gg_orphans *o, const pid_t *roots, size_t nroots);
void gg_orphans_free(struct gg_orphans *o);

/* Detached gc, and the like: it outlives its session on purpose. sid: as of its stat. In doubt it is one. */
bool gg_orphan_is_gc(pid_t pid, pid_t sid);

#endif
