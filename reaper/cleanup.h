/*
 * cleanup - remove what dead pushes left in repositories. Effect; blocks on the file system, so it runs as a
 * process of its own: `git-gate cleanup`, started by supervisor/janitor.c, or by hand.
 */
#ifndef GG_REAPER_CLEANUP_H
#define GG_REAPER_CLEANUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct gg_cleanup {
	const char *base; /* absolute path below which repositories live */
	int64_t since_ms; /* only what was born since then (ms of the epoch); 0: anything */
	bool strict;	  /* see leftover.h */
};

/*
 * One repository (its git directory, relative to base), or all below base when repo is NULL.
 * Writes a line for each finding: "removed\tPATH", "kept\tPATH\twhy" (its owner may be alive),
 * "foreign\tPATH\twhy" (not ours to remove), "failed\tPATH\twhy", "unread\tPATH\twhy" (a directory of which
 * it is not known what is in it); PATH relative to base, escaped. Returns how many are left (all but removed
 * and foreign), or -errno when base or /proc cannot be read.
 */
int gg_cleanup_run(const struct gg_cleanup *c, const char *repo, FILE *out);

#endif
