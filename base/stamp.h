/*
 * stamp - what came of the last refresh of a mirror: git-gate.fresh in the repository. Effect: reads and
 * writes that file. Written by hooks/refresh.c, with the repository's lock held; read there, and by
 * git-gate-http. Tested by tests/unit/stamp.c and tests/process/t0087-refresh.py.
 */
#ifndef GG_BASE_STAMP_H
#define GG_BASE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define GG_STAMP_FILE "git-gate.fresh"
#define GG_STALE_ENV "GIT_GATE_STALE" /* what a client of a session is to be told, for hooks/stale.h */

enum { GG_STAMP_WHY_MAX = 300, GG_STALE_MAX = 400 };

/* Exit statuses of `git-gate-hook refresh`. UNTOLD: the gate could not be asked, and so knows nothing of it.
 */
enum { GG_REFRESH_DONE, GG_REFRESH_FAILED, GG_REFRESH_UNTOLD };

/* Results are compared between processes that live shortly, and after a restart: wall-clock time, in ms.
 * INT64_MIN: never, or not known. */
struct gg_stamp {
	bool ok;
	int64_t at_ms, head_ms;	    /* when it ended; when HEAD was last asked for */
	int64_t good_ms;	    /* when one last ended well */
	char why[GG_STAMP_WHY_MAX]; /* of a failure, one line */
};

/* What is no stamp reads as one that never was. */
void gg_stamp_read(int dirfd, struct gg_stamp *ret);
/* In one step, so that nobody reads a part. Best effort: without it the next one asks again. */
void gg_stamp_write(int dirfd, const struct gg_stamp *s);

/*
 * For a client that is served what is there: "upstream could not be asked (WHY), what is here is as of 12m00s
 * ago". In GG_STALE_MAX bytes there is room for it.
 */
void gg_stamp_stale(struct gg_buf *b, const struct gg_stamp *s, const char *why, int64_t now_ms);

#endif
