/*
 * linger - end a connection so that the client reads git's last words: SHUT_WR, throw away what it still
 * sends for a while, then close. A close with unread input would reset the connection, and the client would
 * lose the text.
 */
#ifndef GG_SUPERVISOR_LINGER_H
#define GG_SUPERVISOR_LINGER_H

#include <stdbool.h>

#include "supervisor/state.h"

/*
 * Takes fd. The client sees the end at once; the descriptor is held for
 *   1 s or 256 KiB of input, or, when the session was ended by the reaper, 10 s or 4 MiB: a client that was
 * stopped needs time to read why. half_closed  SHUT_RD was done: nothing more can be taken in, so it is
 * closed at once At most 256 connections linger at once; the oldest makes room.
 */
void gg_linger(struct gg_gate *g, int fd, bool half_closed, bool reaped);
/* Close all that linger. */
void gg_linger_stop(struct gg_gate *g);

#endif
