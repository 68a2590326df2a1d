/*
 * scratchdir - private directories for what a push brings, named so that those of dead sessions can be told:
 * git-gate-INSTANCE-SESSION-XXXXXX. Effect: the file system. Made by hooks/scratch, which also removes them;
 * what a killed hook leaves is removed by the gate. Tested by tests/unit/scratchdir.c.
 */
#ifndef GG_BASE_SCRATCHDIR_H
#define GG_BASE_SCRATCHDIR_H

#include <stdbool.h>
#include <stddef.h>

enum { GG_SCRATCHDIR_ID_MAX = 64 }; /* letters and digits of an instance or a session */

/* Make one below base, 0700. ret: its absolute path. 0, -EINVAL (an id that no name is made of),
 * -ENAMETOOLONG, -errno of mkdtemp. */
int gg_scratchdir_make(const char *base, const char *instance, const char *session, char *ret, size_t size);

/* Is it such a name, and whose? ret_*: of GG_SCRATCHDIR_ID_MAX + 1 bytes. */
bool gg_scratchdir_owner(const char *name, char *ret_instance, char *ret_session);

/* Remove it with all that is in it; follows no link, and does not leave its file system. 0 or the first
 * -errno; what can be removed is. */
int gg_scratchdir_remove(const char *path);

/* Remove those below base that are ours (by user) and dead, by what the callback says. Returns how many, or
 * -errno of reading base. */
int gg_scratchdir_sweep(const char *base, bool (*dead)(void *arg, const char *instance, const char *session),
			void *arg);

#endif
