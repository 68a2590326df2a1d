/* ledgercommands - the control requests "report" and "tune": were the verdicts right, and what should the
 * deadlines be? Called by supervisor/commands.c. */
#ifndef GG_SUPERVISOR_LEDGERCOMMANDS_H
#define GG_SUPERVISOR_LEDGERCOMMANDS_H

#include <jansson.h>

#include "supervisor/controlreq.h"
#include "supervisor/state.h"

/* Each answers as a control request is answered. */
json_t *gg_ledger_report(struct gg_gate *g, const struct gg_controlreq *req);
json_t *gg_ledger_tune(struct gg_gate *g, const struct gg_controlreq *req);

#endif
