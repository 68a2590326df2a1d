/*
 * sweep - remove the private directories of those who were killed: of hooks below hook.scratch
 * (base/scratchdir.h), of git-gate add and remove below gate.basePath (base/room.h). Effect; blocks on the
 * file system, so it runs in the process of `git-gate cleanup`. Tested by tests/process/t0091-aftercare.py.
 *
 * Both write a line for each finding, as reaper/cleanup.h, and return how many are left (kept or failed) or
 * -errno. A directory that a process still uses is kept: it is looked at again later.
 */
#ifndef GG_REAPER_SWEEP_H
#define GG_REAPER_SWEEP_H

#include <stdint.h>
#include <stdio.h>

#define GG_SWEEP_AGE_MS 86400000 /* what nobody is known to have died over has to be older than this */

/*
 * dir: hook.scratch. What a hook holds is not touched, whoever's it is.
 *   instances   "ID" or "ID,ID": gates whose hooks this machine shows, or that are known to be dead: theirs
 *               go as soon as no process of the session is left. Others may live where we see no processes,
 *               so theirs have to be a day old besides. NULL: none.
 */
int gg_sweep_scratch(const char *dir, const char *instances, FILE *out);

/* base: gate.basePath. No add takes a day. What remove had taken out of its place, but not yet out of the
 * settings, is the only copy there is, and stays. */
int gg_sweep_rooms(const char *base, FILE *out);

#endif
