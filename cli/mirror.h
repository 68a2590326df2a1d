/*
 * mirror - a bare repository below gate.basePath: made in a directory that nobody asks for, and moved to its
 * name when it is whole; taken away by its name first. Effect. All but the first has to be called as the
 * owner of gate.basePath (cli/owner.h).
 */
#ifndef GG_CLI_MIRROR_H
#define GG_CLI_MIRROR_H

#include <limits.h>
#include <stdbool.h>

#include "cli/found.h"
#include "cli/link.h"

struct gg_mirror {
	const char *base, *name; /* borrowed */
	char dir[PATH_MAX];	 /* base/name */
	char room[PATH_MAX];	 /* a directory of our own in base, by a name that nobody guesses */
	char work[PATH_MAX];	 /* the repository in it */
	char taken[PATH_MAX];	 /* in it too: one that may have to be put back */
};

/* Fill in the names. It looks at nothing: whoever is to act then knows them, in whatever process. */
bool gg_mirror_name(struct gg_mirror *m, struct gg_found *f);
/* Make the room. */
bool gg_mirror_begin(const struct gg_mirror *m, struct gg_found *f);
/* An empty one in the room. */
bool gg_mirror_init(const struct gg_mirror *m, const struct gg_link_remote *r, bool local,
		    struct gg_found *f);
/* What upstream has. */
bool gg_mirror_fetch(const struct gg_mirror *m, const struct gg_link *l, struct gg_found *f);
/* From the room to its name, which must be free. */
bool gg_mirror_place(const struct gg_mirror *m, struct gg_found *f);
/* From its name to the room; and back. */
bool gg_mirror_take(const struct gg_mirror *m, struct gg_found *f);
bool gg_mirror_put_back(const struct gg_mirror *m, struct gg_found *f);
/* Remove the room with what is in it. A room of a killed process is removed by the gate (reaper/sweep.h). */
bool gg_mirror_discard(const struct gg_mirror *m, struct gg_found *f);

#endif
