/* stepname - which names in a directory of steps are none. Pure. Used by hooks/steps.c and git-gate doctor.
 */
#ifndef GG_HOOKS_STEPNAME_H
#define GG_HOOKS_STEPNAME_H

#include <stdbool.h>

/* Begins with '.', ends in '~' or '.bak', or contains '.dpkg-'. Tested by tests/unit/hooksteps.c. */
bool gg_step_ignored(const char *name);

#endif
