/*
 * reload - read the configuration again and apply it live: SIGHUP, and the control command. All or nothing:
 * with any error every setting is as before. Running sessions go on; the reaper judges them by the new limits
 * from its next look on. Blocks the loop while git reads the file.
 */
#ifndef GG_SUPERVISOR_RELOAD_H
#define GG_SUPERVISOR_RELOAD_H

#include "supervisor/state.h"

struct gg_reload {
	struct gg_list errors;	       /* for the user, a line each */
	struct gg_list changed;	       /* keys, and "repo.NAME", that have other values now */
	struct gg_list added, removed; /* "repo.NAME" of sections that are new, and that are gone */
	struct gg_list
		restart; /* keys, and "service.NAME", that were changed and need a restart: as before */
};

/* Says what came of it as events, too. Returns 0, or -errno with at least one error; ret is freed in any
 * case. */
int gg_reload(struct gg_gate *g, struct gg_reload *ret);
void gg_reload_free(struct gg_reload *r);

#endif
