/* act - carry out one step of ending a session. Effect: signals through checked pidfds, the client's socket.
 */
#ifndef GG_REAPER_ACT_H
#define GG_REAPER_ACT_H

#include "reaper/registry.h"

/*
 * c is where the session's cgroup is, if it has one. snap and view are the look that the step was decided on,
 * milliseconds ago. Notes the step in s->steps. Returns how many processes were signalled.
 */
size_t gg_act(const struct gg_cgroup *c, struct gg_session *s, enum gg_step step, const struct gg_snap *snap,
	      const struct gg_view *view);

#endif
