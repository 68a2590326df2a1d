/*
 * hookword - did the hook of a push say how that went? A hook that could not be started, was killed, or does
 * not reach the control socket cannot tell the gate so: the gate notes what it has not heard. Pure. Called by
 * supervisor/session.c. Tested by tests/unit/hookword.c.
 */
#ifndef GG_SUPERVISOR_HOOKWORD_H
#define GG_SUPERVISOR_HOOKWORD_H

#include <stdbool.h>

/* What the gate has seen of a push that is over; over HTTP of one request. */
struct gg_push_seen {
	bool push;    /* a push to a repository that is there, served by this gate */
	bool stopped; /* the gate ended it: session.reaped says why */
	int status;   /* wait status of what served it */
	bool left;    /* its client's host had fallen silent */
	bool came;    /* the client has sent more than that it has nothing to push */
	bool told;    /* the hook has said something */
	bool at_work; /* and last, what it does: not that this was over */
};

enum gg_hookword {
	GG_HOOKWORD_WELL,  /* all that was to be heard was heard */
	GG_HOOKWORD_LOST,  /* the hook began, and nobody knows how it ended */
	GG_HOOKWORD_NEVER, /* it never said a word: git has refused the push before, or the hook has failed */
};

/*
 * NEVER only when git ended well, with an answer to the client: how else it ended is in session.closed, and
 * who has cut his own push need not be recorded.
 */
enum gg_hookword gg_hookword(const struct gg_push_seen *p);

#endif
