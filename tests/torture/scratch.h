/*
 * scratch - a private repository with random content, made with real git, and packs of it.
 * Histories that share nothing: small (5 blobs, one of 400 KB: unpack-objects), large (200 blobs of 12
 * KB: index-pack) and big (128 blobs of 64 KB, which real pushes send: index-pack); and one like big that is
 * pushed first when there are clients that fetch. Random, so no server has any of it.
 */
#ifndef GG_TORTURE_SCRATCH_H
#define GG_TORTURE_SCRATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { GG_BIG_BYTES = 8 * 1024 * 1024 };

struct gg_packed {
	char oid[65]; /* the commit */
	char *data;   /* mapped, read-only */
	size_t n;
};

struct gg_scratch {
	char dir[PATH_MAX]; /* "" before gg_scratch_make */
	char repo[PATH_MAX];
	char git[PATH_MAX]; /* absolute path of git */
	char *env[16];	    /* of every git that we start; owned */
	struct gg_packed small, large;
	bool clones;	      /* set by the caller before: there are kinds that fetch */
	char fetched_oid[65]; /* what they fetch */
	char fetched[96];     /* where the run has pushed it, below refs/heads/ */
};

/*
 * s: zeroed. On error what was made so far is in s, and ret_why (at least 256 bytes) says what failed.
 * Returns 0 or -errno.
 */
int gg_scratch_make(struct gg_scratch *s, char *ret_why, size_t size);
/* Removes the directory; s may be zeroed or half made. */
void gg_scratch_free(struct gg_scratch *s);

#endif
