/*
 * onreap - run reaper.onReap for each session that the gate has ended: an operator's command that gets the
 * record on its stdin, as `git-gate show --json` prints it, and sends it where people look. Nothing waits for
 * it.
 *
 * Bounded: GG_ONREAP_RUNNING at once, GG_ONREAP_WAITING records that wait, deadline.onReap for each run. What
 * goes wrong is an event (onreap.failed), and so is what it prints (onreap.log).
 */
#ifndef GG_SUPERVISOR_ONREAP_H
#define GG_SUPERVISOR_ONREAP_H

#include "supervisor/state.h"

#define GG_ONREAP_RUNNING 4
#define GG_ONREAP_WAITING 256

/* 0 or -ENOMEM. */
int gg_onreap_open(struct gg_gate *g);
/* What runs then is killed. */
void gg_onreap_free(struct gg_gate *g);

/* A session was ended. No effect when reaper.onReap is not set, or it was not ended by us. */
void gg_onreap_add(struct gg_gate *g, const struct gg_ended *e);

/*
 * The gate has no sessions any more, and stops: has every record been seen to? Those that are not get
 * deadline.grace from the first call on; gg_gate_session_gone is called when it is worth asking again.
 */
bool gg_onreap_gone(struct gg_gate *g);

#endif
