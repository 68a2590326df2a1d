/*
 * servicestate - a service's life as states and events; when it is started again, and when it is given up.
 * Pure: time and chance are inputs. Called by supervisor/service.c. Tested by tests/unit/service.c.
 *
 * An end counts when the process and all that was left of its process group are gone. It is a failure unless
 * the gate asked for it, or it was exit status 0 of a service that was ready, with restart = on-failure or
 * never. A failure after which there is no restart gives the service up. What the machine lacks is no failure
 * of the service's: it is tried again, with growing waits, for as long as that takes.
 */
#ifndef GG_SUPERVISOR_SERVICESTATE_H
#define GG_SUPERVISOR_SERVICESTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

enum gg_svc_state {
	GG_SVC_WAITING,	 /* for those it comes after */
	GG_SVC_STARTING, /* runs, and is not ready */
	GG_SVC_UP,
	GG_SVC_FAILING,	 /* was not ready in time, and is being ended */
	GG_SVC_BACKOFF,	 /* waits to be started again */
	GG_SVC_STOPPING, /* was told to end */
	GG_SVC_DONE,	 /* has ended well, and is not started again */
	GG_SVC_GAVE_UP,
	GG_SVC_STOPPED,
	GG_NSVC_STATES
};

enum gg_svc_event {
	GG_SVC_GO,     /* its turn to start */
	GG_SVC_READY,  /* it is ready; at once when there is nothing to wait for */
	GG_SVC_OK,     /* it has ended, with exit status 0 */
	GG_SVC_FAILED, /* it has ended otherwise, or could not be started */
	GG_SVC_LACKED, /* it could not be started for want of memory, descriptors or processes */
	GG_SVC_TIMER,  /* due_ms has come */
	GG_SVC_STOP,   /* the gate stops */
	GG_NSVC_EVENTS
};

enum gg_svc_act {
	GG_SVC_NONE,
	GG_SVC_SPAWN,
	GG_SVC_TELL_READY,
	GG_SVC_SIGNAL,	 /* send stopSignal to the process */
	GG_SVC_TOO_LATE, /* the same, because it was not ready in time */
	GG_SVC_KILL,	 /* SIGKILL its process group */
	GG_SVC_SLEEP,	 /* started again at due_ms */
	GG_SVC_FINISH,	 /* ended well: never again */
	GG_SVC_GIVE_UP,
	GG_SVC_END, /* ended because it was told to */
};

#define GG_SVC_BURST_MAX 100 /* the table's maximum of burst */

/* One service. All zero is a new one; times are CLOCK_MONOTONIC in ms. */
struct gg_svc {
	enum gg_svc_state state;
	int64_t since_ms; /* of the state */
	int64_t due_ms;	  /* when TIMER is to come, while timed */
	bool timed;
	bool was_ready, has_failed;	      /* once in its life */
	unsigned attempt;		      /* restarts since the last healthy run */
	int64_t failure_ms[GG_SVC_BURST_MAX]; /* a ring of the last failures */
	unsigned nfailures;
};

/* random: any number, for the jitter. */
enum gg_svc_act gg_svc_step(struct gg_svc *s, const struct gg_service_conf *c, enum gg_svc_event event,
			    int64_t now_ms, uint32_t random);

/* No more patience: one that was asked to end is killed at due_ms, unless that was to come earlier. */
void gg_svc_hurry(struct gg_svc *s, int64_t due_ms);

/* "waiting", "up", "gave-up": for people and JSON. */
const char *gg_svc_state_name(enum gg_svc_state state);

/*
 * Nobody needs to wait for it any more, neither those that come after it nor the gate's READY=1: it has been
 * ready, or has ended for good, or it has failed and is not essential.
 */
bool gg_svc_settled(const struct gg_svc *s, const struct gg_service_conf *c);
/* It has no process, and gets none. */
bool gg_svc_over(const struct gg_svc *s);

/* The wait before restart number 'attempt' (from 0) in a row: backoff doubled each time, up to backoffMax,
 * then 75 to 100 % of it. */
int64_t gg_svc_backoff(const struct gg_service_conf *c, unsigned attempt, uint32_t random);

#endif
