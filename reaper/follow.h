/*
 * follow - a session followed to its end, for the ledger. Called by reaper/reaper.c and supervisor/session.c;
 * looks at the client once more where it has to.
 */
#ifndef GG_REAPER_FOLLOW_H
#define GG_REAPER_FOLLOW_H

#include "reaper/registry.h"

/* For how long it has been silent by now. Before anything that may end the silence. */
void gg_follow_silence(struct gg_session *s, int64_t now_ms);
/* A verdict on it is not carried out: session.observed. False: it is the one that was logged before. */
bool gg_follow_verdict(struct gg_session *s, const struct gg_verdict *v, const struct gg_snap *snap);
/* git-gate-http has read a request; same: another one of the same repository and service came before. */
void gg_follow_request(struct gg_session *s, bool same, bool refused);
/* The hook of a push runs: all of it has come. */
void gg_follow_hook(struct gg_registry *r, struct gg_session *s);
/* A whole request over HTTP was answered, and that was all of it; what comes is another. */
void gg_follow_answered(struct gg_registry *r, struct gg_session *s, int64_t now_ms);
/* It has ended. */
void gg_follow_ended(struct gg_registry *r, const struct gg_session *s, int64_t now_ms);

#endif
