/*
 * scratchdir - private directories for what a push brings, named so that those of dead sessions can be told:
 * git-gate-INSTANCE-SESSION-XXXXXX. Effect: the file system. Made by hooks/scratch, which also removes them;
 * what a killed hook leaves is removed by reaper/sweep. Tested by tests/unit/scratchdir.c.
 *
 * Whoever made one holds a lock on it (flock) as long as it lives: so it is known to be dead also where its
 * processes cannot be seen, in another PID namespace.
 */
#ifndef GG_BASE_SCRATCHDIR_H
#define GG_BASE_SCRATCHDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GG_SCRATCHDIR_ID_MAX = 64 }; /* letters and digits of an instance or a session */

/* Make one below base, 0700. ret: its absolute path. 0, -EINVAL (an id that no name is made of),
 * -ENAMETOOLONG, -errno of mkdtemp. */
int gg_scratchdir_make(const char *base, const char *instance, const char *session, char *ret, size_t size);

/*
 * Lock it, by a descriptor of it, until that is closed. 0; -EAGAIN: somebody else has it, or had it and has
 * removed the directory; -errno.
 */
int gg_scratchdir_hold(int fd);

/* Is it such a name, and whose? ret_*: of GG_SCRATCHDIR_ID_MAX + 1 bytes. */
bool gg_scratchdir_owner(const char *name, char *ret_instance, char *ret_session);

/* Remove it with all that is in it; follows no link, and does not leave its file system. 0 or the first
 * -errno; what can be removed is. */
int gg_scratchdir_remove(const char *path);

struct gg_scratchdir {
	const char *path;
	char instance[GG_SCRATCHDIR_ID_MAX + 1], session[GG_SCRATCHDIR_ID_MAX + 1];
	int64_t changed_ms; /* of the epoch: when an entry of it was last made or removed */
};

/*
 * Those below base that are ours (by user) and that nobody holds. They are held for the time of the call of
 * found(), which may remove them. Where a file system has no locks there are none. 0, or -errno of reading
 * base.
 */
int gg_scratchdir_each_dead(const char *base, void (*found)(void *arg, const struct gg_scratchdir *d),
			    void *arg);

#endif
