/* report - the gate's state as JSON, in the form of supervisor/protocol.md. Used by control.c. */
#ifndef GG_SUPERVISOR_REPORT_H
#define GG_SUPERVISOR_REPORT_H

#include <jansson.h>

#include "supervisor/state.h"

/* Each returns a new reference, or NULL without memory. */
json_t *gg_report_session(const struct gg_session *s, int64_t now_ms);
json_t *gg_report_sessions(struct gg_gate *g);
json_t *gg_report_ended(const struct gg_ended *e);
/* all: those that ended by themselves too. */
json_t *gg_report_history(const struct gg_gate *g, bool all);
json_t *gg_report_status(const struct gg_gate *g);
/* A live session with its processes; looks at /proc. */
json_t *gg_report_show(struct gg_gate *g, struct gg_session *s);

#endif
