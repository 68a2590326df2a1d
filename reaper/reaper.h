/*
 * reaper - look at sessions that are due, judge them, end the stuck ones. Glue between scan, classify,
 * policy, escalate and act. Driven by a timer of the supervisor: call gg_reaper_pass, call again at the time
 * it returns.
 */
#ifndef GG_REAPER_REAPER_H
#define GG_REAPER_REAPER_H

#include "reaper/record.h"

#define GG_PEEK_MS 50 /* from the request to the first look for the process that serves it */

struct gg_reaper {
	struct gg_registry *reg;
	struct gg_limits lim;
	const struct gg_cgroup *cgroup; /* where sessions have theirs, if they have */
	size_t pressed; /* clients that wait while every place is taken; set before each pass */
	bool observe;	/* log verdicts, touch nothing */
	struct gg_orphans orphans;
	int64_t scan_failed_ms; /* when scan.failed was last logged; -1 never */
	int64_t next_ms;	/* when the last pass asked for the next one */
	int64_t doubt_ms;	/* no verdict before: the gate itself was held up */
	bool reduced;		/* some process could not be looked into */
	/* Nothing of the session is left and its root is gone: release it. Called from within gg_reaper_pass.
	 */
	void (*finish)(struct gg_session *s, void *arg);
	/*
	 * The process that talks to the client was found; pid 0: it was there, and is gone. Called from
	 * within gg_reaper_pass, and from gg_reaper_look.
	 */
	void (*served)(struct gg_session *s, pid_t pid, uint64_t start_tick, void *arg);
	/*
	 * The root of a lent session is gone, but the process that talks to the client lives and takes its
	 * place. Called from within gg_reaper_pass.
	 */
	void (*reroot)(struct gg_session *s, pid_t pid, uint64_t start_tick, void *arg);
	void *arg;
};

/* now_ms: CLOCK_MONOTONIC. Returns when to be called next; GG_NEVER when no session lives. */
int64_t gg_reaper_pass(struct gg_reaper *r, int64_t now_ms);

/*
 * Have a session ended by someone's will: GG_REASON_OPERATOR, or GG_REASON_DRAIN with its limit (-1: none).
 * The next pass takes the first step. No effect on one that is being ended already; of one that has ended,
 * its strays go.
 */
void gg_reaper_end(struct gg_session *s, enum gg_reason reason, int64_t limit_ms, int64_t now_ms);

/*
 * Close an HTTP connection that has been between two requests for so long, quietly: nothing is lost with it,
 * so it is no session that was ended, and observe mode has it too. A request that has arrived is served
 * first. False: it is not idle, or is closing already.
 */
bool gg_reaper_close_idle(struct gg_session *s, int64_t now_ms, int64_t at_least_ms);

/*
 * Its connection is about to be closed because git has ended, and s->tcp was sampled for the last time. If it
 * was the client's turn and our kernel has given the client up, which git may learn before a look does, the
 * session counts as ended for that: peer-gone. If git was at work it has finished in peace, and only
 * s->peer_gone is set.
 */
void gg_reaper_disconnected(struct gg_reaper *r, struct gg_session *s, int64_t now_ms);

/* Look at the session now, for someone who asks. Fills snap (owned by the caller: free(snap->v)) and s->view.
 * 0 or -errno. */
int gg_reaper_look(struct gg_reaper *r, struct gg_session *s, int64_t now_ms, struct gg_snap *snap);

#endif
