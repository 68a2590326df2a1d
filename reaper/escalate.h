/*
 * escalate - the steps by which a session is ended. Pure: what to do next, given what is left of it. Called
 * by reaper/reaper.c, carried out by reaper/act.c. Tested by tests/unit/escalate.c.
 *
 * SIGTERM is never used: git daemon's children ignore it, and a receive-pack inside a ref transaction drops
 * its locks on it and goes on.
 */
#ifndef GG_REAPER_ESCALATE_H
#define GG_REAPER_ESCALATE_H

#include "reaper/policy.h"

enum gg_step {
	GG_STEP_NONE,	    /* wait */
	GG_STEP_HANGUP,	    /* before the pack: tell the client, SIGHUP git's processes */
	GG_STEP_HALF_CLOSE, /* in the pack: tell the client, shutdown(SHUT_RD): git reports and cleans up by
			       itself */
	GG_STEP_SHUTDOWN,   /* not reading: shutdown(SHUT_RDWR) wakes the blocked writer */
	GG_STEP_KILL_HOOK,  /* SIGKILL the hook's whole subtree */
	GG_STEP_KILL_LEAF,  /* SIGKILL what receive-pack waits for; it cleans up and reports */
	GG_STEP_HANGUP_GIT, /* SIGHUP receive-pack and the root */
	GG_STEP_KILL_GIT,   /* SIGKILL everything of the session */
	GG_STEP_FREEZE, /* the hook's subtree outruns its killers: all of the session stands still for a look
			 */
	GG_STEP_KILL_ALL, /* cgroup.kill: whatever is in the session's cgroup, at once */
	GG_STEP_RESUME,	  /* the hook is gone, the session goes on: no step is left to take */
	GG_STEP_STRAY,	  /* it cannot be ended: say so once, go on looking */
	GG_NSTEPS
};

const char *gg_step_name(enum gg_step s);

#define GG_KILL_ROUNDS 50 /* a subtree that forks as fast as it is killed is given up after this many */
#define GG_FREE_ROUNDS 10 /* and after this many, if there is a cgroup, it is frozen for every other one */

struct gg_ending {
	enum gg_reason reason; /* GG_REASON_NONE: it is not being ended */
	int level; /* 0: no step taken; 1 first step, 2 leaves, 3 hang-up, 4 kill, 5 cgroup.kill, 6 given up
		    */
	int64_t acted_ms; /* when the last step was taken; later, if nobody could act on it for a while */
	bool delayed;	  /* acted_ms was moved once since that step */
	pid_t hook_pid;	  /* for GG_REASON_HOOK: whose deadline passed; 0: strays of one that has exited */
	uint64_t hook_tick;
	int rounds;	  /* of killing the hook's subtree */
	int quiet_rounds; /* scans in a row that found nothing of it */
	bool strayed;	  /* GG_STEP_STRAY was returned */
	bool cgroup;	  /* the session has one of its own */
	bool frozen;	  /* the step before was GG_STEP_FREEZE */
	bool no_shut;	  /* the connection is out of our reach: only signals are left */
};

/* The next step, now. ret_next_ms: when to ask again. Updates e. */
enum gg_step gg_escalate(struct gg_ending *e, const struct gg_snap *snap, const struct gg_view *view,
			 const struct gg_limits *lim, int64_t *ret_next_ms);

/*
 * The next step is due, and late_ms late: the machine may have stood still, and git with it. True: it is put
 * off to *ret_next_ms, so that git has its time, and not for longer than a grace; once a step, since a
 * machine that holds us up again and again would spare the stuck for ever. Not while a hook's subtree is
 * being killed, which has no grace and may fork meanwhile.
 */
bool gg_escalate_delay(struct gg_ending *e, int64_t late_ms, int64_t now_ms, int64_t grace_ms,
		       int64_t *ret_next_ms);

/* Is process i the target of the step? */
bool gg_step_target(enum gg_step s, const struct gg_snap *snap, size_t i);

#endif
