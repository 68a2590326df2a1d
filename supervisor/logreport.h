/*
 * logreport - what the log lost is told, also when no further event comes that would bring it along. Effect:
 * wakes the loop only while there is something to tell.
 */
#ifndef GG_SUPERVISOR_LOGREPORT_H
#define GG_SUPERVISOR_LOGREPORT_H

#include <ev.h>

struct gg_logreport {
	ev_prepare check;
	ev_timer again;
};

void gg_logreport_start(struct gg_logreport *l, struct ev_loop *loop);
void gg_logreport_stop(struct gg_logreport *l, struct ev_loop *loop);

#endif
