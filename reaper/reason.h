/*
 * reason - why a session is ended: the list is reaper/reason.def. Pure. Read by the policy, the records, the
 * command line, the manual and the journal's catalog. Tested by tests/unit/reason.c.
 */
#ifndef GG_REAPER_REASON_H
#define GG_REAPER_REASON_H

enum gg_reason {
	GG_REASON_NONE,
#define REASON(ID, ...) GG_REASON_##ID,
#include "reaper/reason.def"
#undef REASON
	GG_NREASONS
};

/* Bytes of each of the texts below. journalctl(1) takes fields of up to 256 bytes into a catalog's text. */
#define GG_REASON_TEXT 230

struct gg_reason_help {
	const char *seen;    /* what led to it */
	const char *look_at; /* in the evidence */
	const char *advice;  /* what to do, and which setting to change */
};

const char *gg_reason_name(enum gg_reason r);
/* The setting that bounds it ("deadline.idle"), NULL for the operator's and a predecessor's own. A verdict's
 * may be another: gg_verdict_key. */
const char *gg_reason_key(enum gg_reason r);
/* For people. Empty texts for GG_REASON_NONE. */
const struct gg_reason_help *gg_reason_help(enum gg_reason r);
/* The gg_reason with this name; -1: there is none. "none" is none. */
int gg_reason_find(const char *name);

#endif
