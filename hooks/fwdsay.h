/*
 * fwdsay - what the client and the gate are told of a forward: one place for the words. Effect: hooks/say.h,
 * hooks/gate.h. Used by hooks/forward.c.
 */
#ifndef GG_HOOKS_FWDSAY_H
#define GG_HOOKS_FWDSAY_H

#include "hooks/gate.h"
#include "hooks/outcome.h"

#define GG_FWDSAY_REFS 20 /* so many references are named, more are counted */

void gg_fwdsay_still(int64_t elapsed_ms);
/* A line of upstream's own, raw. */
void gg_fwdsay_upstream(const char *line);
void gg_fwdsay_done(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p,
		    int64_t took_ms);
struct gg_fwd_failure {
	const char *ref;   /* that it failed for; "": the first, or all */
	const char *why;   /* escaped */
	const char *words; /* upstream's own, for the record: the client has them already; raw, "" none */
	const struct gg_tally *t; /* what upstream has of it; NULL: nothing was sent */
	int64_t took_ms;
};

/* Refused. */
void gg_fwdsay_failed(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p,
		      const struct gg_fwd_failure *f);
/* It failed, and nobody knows what upstream has: it could not be asked, because of that. */
void gg_fwdsay_unknown(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p,
		       const struct gg_fwd_failure *f, const char *that);

#endif
