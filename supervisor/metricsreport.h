/*
 * metricsreport - the gate's metrics as text, and what the admin page shows. Glue between the running gate
 * and metrics.h.
 */
#ifndef GG_SUPERVISOR_METRICSREPORT_H
#define GG_SUPERVISOR_METRICSREPORT_H

#include <jansson.h>

#include "supervisor/controlreq.h"
#include "supervisor/state.h"

/* A session has ended and is about to be forgotten. */
void gg_metrics_ended(struct gg_gate *g, const struct gg_session *s, int64_t now_ms);
/* The step that a session's hook was at is over; none: nothing happens. */
void gg_metrics_step_over(struct gg_gate *g, const struct gg_session *s, int64_t now_ms);

/* The commands metrics and overview: supervisor/protocol.md. */
json_t *gg_metrics_command(struct gg_gate *g, const struct gg_controlreq *req);
json_t *gg_overview_command(struct gg_gate *g, const struct gg_controlreq *req);

#endif
