/*
 * remains - the last thing before the end: whatever is still below the gate when every session and service
 * that it knows of has gone is told to end, waited for, and killed if need be. A hook's process that left its
 * session and cleared its environment before anybody looked is nobody's, but it is our child; a PID 1 that
 * just exited would have the kernel kill it without a word. Detached gc is left alone, but by a PID 1.
 */
#ifndef GG_SUPERVISOR_REMAINS_H
#define GG_SUPERVISOR_REMAINS_H

#include "supervisor/state.h"

/*
 * Before anything is started: who is our child now (of a script that ended in exec) is left alone. 0 or
 * -errno.
 */
int gg_remains_open(struct gg_gate *g);
/*
 * Nothing is left. False the first time that something is: it has been sent SIGTERM, and gg_gate_session_gone
 * is called when it has gone, or could not be ended. SIGKILL follows after deadline.grace.
 */
bool gg_remains_gone(struct gg_gate *g);
/* They are being ended. */
bool gg_remains_begun(const struct gg_gate *g);
/* SIGKILL to all of them, and no waiting. */
void gg_remains_kill(struct gg_gate *g);
void gg_remains_free(struct gg_gate *g);

#endif
