/* report - results for people (an aligned table) and for programs (a JSON array). */
#ifndef GG_TORTURE_REPORT_H
#define GG_TORTURE_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "tests/torture/torture.h"

void gg_report_table(FILE *to, const struct gg_kind *const *kinds, const struct gg_result *res, size_t n);

/*
 * An array, one object a client, in the order of the kinds:
 *   kind, ref       strings; ref: what it pushes to, escaped, "" for none
 *   port            local port of its connection, which is the server's peer; null if it never connected
 *   ended_by        "server", "server-reset", "client", "nobody", "failed"
 *   after_ms        from the client's last act to the end: its last byte was acknowledged, or the
 *                   advertisement read, or its sending side shut; a trickle is no act, so from its
 *                   beginning. null if failed
 *   total_ms        from the connect to the end; null if failed
 *   said            bands 2 and 3, ERR, what is no pkt-line; git push: the end of its stderr. Escaped
 *   report          the report-status lines, escaped
 *   exit            of git push: a status, or a signal's name; null: no git push, or it was ended by us
 *   left            leftovers in the repository, paths; null when unknown (no --repo)
 *   procs           the server's processes of this connection that are still there; null when none was seen
 *   error           why it failed, else null
 * Returns 0, or -EIO.
 */
int gg_report_json(FILE *to, const struct gg_kind *const *kinds, const struct gg_result *res, size_t n);

#endif
