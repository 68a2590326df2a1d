/*
 * predecessor - a gate that died (SIGKILL, a crash) leaves sessions that nobody watches. Whoever takes its
 * lock finds them by the instance id in their environment, adopts and ends them. Sessions of other gates have
 * another id and are not touched; detached gc is left alone. Whom it cannot look into then (gg_procfs_held)
 * it looks at again, each second.
 */
#ifndef GG_SUPERVISOR_PREDECESSOR_H
#define GG_SUPERVISOR_PREDECESSOR_H

#include "supervisor/state.h"

/* instance: the dead gate's id, as its lock file had it. Returns how many sessions were adopted, or -errno.
 */
int gg_predecessor_end(struct gg_gate *g, const char *instance);
void gg_predecessor_free(struct gg_gate *g);

#endif
