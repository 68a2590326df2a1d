/*
 * control - the control socket: who may ask, and what is answered. The protocol is in supervisor/protocol.md.
 * Clients cannot hold up the loop: requests are bounded in size and time, answers are written as they are
 * taken.
 */
#ifndef GG_SUPERVISOR_CONTROL_H
#define GG_SUPERVISOR_CONTROL_H

#include "base/text.h"
#include "supervisor/state.h"

/*
 * Take the lock beside the socket, then make it. 0 or -errno with a text in err.
 * ret_predecessor: the instance id of whoever had the lock before, and is dead; "": nobody.
 */
int gg_control_open(struct gg_gate *g, char ret_predecessor[static 33], struct gg_buf *err);
/*
 * Write our instance id into the lock, in the place of the predecessor's, which stays there until it has been
 * seen to: a start that fails must not make it unknown to the next. 0 or -errno with a text in err.
 */
int gg_control_sign(const struct gg_gate *g, struct gg_buf *err);
void gg_control_close(struct gg_gate *g);

#endif
