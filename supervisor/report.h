/* report - the gate's state as JSON, in the form of supervisor/protocol.md. Used by
 * commands.c, ledgercommands.c, metricsreport.c and onreap.c. */
#ifndef GG_SUPERVISOR_REPORT_H
#define GG_SUPERVISOR_REPORT_H

#include <jansson.h>

#include "supervisor/state.h"

/* Each returns a new reference, or NULL without memory. */

/* Text from outside may be no UTF-8, which JSON cannot hold: escaped then. */
json_t *gg_report_text(const char *s);
/* null for what is not known (negative) and for GG_NEVER. */
json_t *gg_report_number(int64_t n);
/* The pieces of a text, as an array; NULL, "": none. */
json_t *gg_report_split(const char *s, char by);

/* A look at a session for someone who asks: the answer is fresh, and the policy's own record stays as it is.
 */
void gg_report_look(struct gg_gate *g, struct gg_session *s, int64_t now_ms);

json_t *gg_report_session(const struct gg_gate *g, const struct gg_session *s, int64_t now_ms);
json_t *gg_report_sessions(struct gg_gate *g);
json_t *gg_report_ended(const struct gg_ended *e);
/* The same with its story. */
json_t *gg_report_ended_whole(const struct gg_ended *e);
/* Adds to an object what "show" tells of a session's past: timeline, log, evidence, silences. */
void gg_report_story(json_t *to, const struct gg_story *st);
/* all: those that ended by themselves too. */
json_t *gg_report_history(const struct gg_gate *g, bool all);
/* How much of each limit is in use: an array of { key, used, limit, who }. */
json_t *gg_report_limits(const struct gg_gate *g);
json_t *gg_report_status(const struct gg_gate *g);
/* A live session with its processes; looks at /proc. */
json_t *gg_report_show(struct gg_gate *g, struct gg_session *s);

#endif
