/* tell - what a client that is ended is told, as bytes of git's protocol. Pure. Tested by tests/unit/wrap.c.
 */
#ifndef GG_REAPER_TELL_H
#define GG_REAPER_TELL_H

#include "base/text.h"
#include "reaper/policy.h"

/* "git-gate: no command for 4s (deadline.commands 4s), session ab12cd34" */
void gg_tell_text(struct gg_buf *b, const struct gg_verdict *v, const char *id);

/*
 * The packet that carries text to the client in this phase, appended to b; nothing when no packet would be
 * understood. request, or a fetch: ERR; commands and pack-start: band 3, since git push misreads ERR behind
 * the advertisement as "bad band #69"; pack: band 2, and only with side-band.
 */
void gg_tell_packet(struct gg_buf *b, const struct gg_view *view, const char *text);

#endif
