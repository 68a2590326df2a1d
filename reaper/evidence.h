/*
 * evidence - what a verdict rests on, as lines of text for people: whose turn it was and for how long, what
 * the kernel says of the connection, who waits for what, the session's last log lines. Pure. Called by
 * reaper/record.c. Tested by tests/unit/evidence.c.
 */
#ifndef GG_REAPER_EVIDENCE_H
#define GG_REAPER_EVIDENCE_H

#include "base/text.h"
#include "reaper/story.h"
#include "reaper/waits.h"

#define GG_EVIDENCE_MAX 3000 /* bytes of all lines */
#define GG_EVIDENCE_LINE 220 /* bytes of one line: a catalog's text has room for that */
#define GG_EVIDENCE_PROCS 12 /* processes that are shown */

/* Which process, and how deep below the session's root it stands. */
struct gg_picked {
	size_t at; /* in the snapshot */
	int depth;
};

/* The first GG_EVIDENCE_PROCS of the tree, parents before children; what a parent left behind comes last. */
size_t gg_evidence_pick(const struct gg_snap *snap, pid_t root, struct gg_picked ret[GG_EVIDENCE_PROCS]);

/* All borrowed. */
struct gg_case {
	const struct gg_verdict *verdict;
	const struct gg_view *view;
	const struct gg_snap *snap;
	const struct gg_story *story;
	const char *step;    /* of its hook; "" none */
	const char *outside; /* what could not be seen of a session of others; "" nothing */
	const struct gg_picked *picked;
	const struct gg_waits *waits; /* of picked[i] at i */
	size_t n;		      /* of both */
	int64_t tick_ms;	      /* of CPU time */
};

/* Lines joined by newlines, with none at the end; what has no room in b is left out as whole lines. Outside
 * text is escaped. */
void gg_evidence_write(struct gg_buf *b, const struct gg_case *c);

#endif
