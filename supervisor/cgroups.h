/*
 * cgroups - when sessions get a cgroup of their own, and when it goes (reaper/cgroup.h): at the gate's start
 * and end, at a session's, and what a gate that died has left. Glue.
 */
#ifndef GG_SUPERVISOR_CGROUPS_H
#define GG_SUPERVISOR_CGROUPS_H

#include "supervisor/state.h"

/*
 * reaper.cgroup: move to a cgroup of our own, if that can be, before anything is started; says whether, and
 * why not. g->predecessor is known. 0 or -ENOMEM.
 */
int gg_cgroups_open(struct gg_gate *g);
/* Back to where we came from; everything is removed that nobody is in. */
void gg_cgroups_close(struct gg_gate *g);

/*
 * A cgroup for a session that is about to be started, if there can be one: s->cgroup. ret_dir, of PATH_MAX,
 * is its directory, for the session's first process to join; "": there is none.
 */
void gg_cgroups_begin(struct gg_gate *g, struct gg_session *s, char *ret_dir);
/* A session of the gate that died: its cgroup, if it has one, is ours to end it with. */
void gg_cgroups_adopt(const struct gg_gate *g, struct gg_session *s);
/*
 * Nothing of the session is left, but maintenance perhaps. If its cgroup cannot be removed now, that is tried
 * again until it can: it is in no list, but belongs to no session. What else is in it is killed then.
 */
void gg_cgroups_end(struct gg_gate *g, struct gg_session *s);
/* All sessions of the gate that died are adopted that can be: what else there is in cgroups of it is killed.
 */
void gg_cgroups_end_before(struct gg_gate *g);

/* Where sessions have theirs; NULL: they have none, and *ret_why says why. */
const char *gg_cgroups_path(const struct gg_gate *g, const char **ret_why);

#endif
