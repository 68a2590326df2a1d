/*
 * record - a verdict is kept with its evidence, and said. Glue: called by reaper/reaper.c and supervisor/.
 */
#ifndef GG_REAPER_RECORD_H
#define GG_REAPER_RECORD_H

#include "reaper/registry.h"

struct gg_fields;

/* Fields of the session's events. steps and pids are left out. */
void gg_session_fields(struct gg_session *s, int64_t now_ms, struct gg_fields *ret);
/* And those of a verdict, with its reason's texts and the evidence: of session.reaped and session.observed.
 */
void gg_verdict_fields(struct gg_session *s, const struct gg_verdict *v, int64_t now_ms,
		       struct gg_fields *ret);

/* The evidence of a verdict, as of this look, into the session's story. Without memory there is none. */
void gg_record_evidence(struct gg_session *s, const struct gg_verdict *v, const struct gg_snap *snap);

/* Observe mode: the verdict that would have been carried out. */
void gg_record_observed(struct gg_session *s, const struct gg_verdict *v, const struct gg_snap *snap);

/* A step of ending it was taken, as s->steps says; the name of the last one. */
void gg_record_step(struct gg_session *s, const char *step, int64_t now_ms);

/* Processes of it outlived it, or cannot be ended: what is said of that, once a session. */
void gg_record_stray(struct gg_session *s, const struct gg_snap *snap, const char *what);
/* A deadline passed, but the evidence does not suffice: why. Once for each silence. */
void gg_record_kept(struct gg_session *s, int64_t now_ms, const char *what);

/* It is seen in this phase, with this step of its hook, from now on. */
void gg_record_phase(struct gg_session *s, enum gg_phase phase, const char *step, int64_t now_ms);

#endif
