/*
 * scratch - the private directory into which what a push adds is laid for the scanner. Effect: the file
 * system, below hook.scratch (by default one in memory). Used by hooks/lay and hooks/scan, tested by
 * tests/unit/scratch.c.
 *
 *   objects/ID   one file an object, named by its id: no pushed path can configure, ignore or escape
 *   MANIFEST     a line an object: ID TAB TYPE TAB SIZE TAB PATH TAB COMMIT; the path as git
 *                quotes paths, empty for none, the commit "-" for none; SIZE is the object's own
 *   objects/00…0 the names of refs that the push creates or moves, one a line; of TYPE "refs" in MANIFEST
 *                (those as well that it deletes though they are not there)
 *   objects/00…1 its push options, when there are any, one a line; of TYPE "push-options"
 *   cwd/         the scanner's working directory, empty
 *   home/ tmp/   its HOME and TMPDIR
 *
 * What is in objects/ID (the rendition) is text that a scanner reads line by line and does not take for a
 * binary:
 *   - The first line is filler: GG_LAY_FILLER spaces, one more if a disk image would begin behind it. So no
 *     magic number of the pushed content stands where scanners look for one: gitleaks skips what begins like
 *     an archive, and "ustar" at byte 257 is enough for that. Line N of the object is line N + 1 of the file.
 *   - Commits, tags and blobs follow as they are. With NUL bytes in them (binaries, UTF-16) they come twice:
 *     first each NUL as a line end, then without NULs, which shows the ASCII in UTF-16 and UTF-32.
 *   - Of a tree the names of its entries follow, one a line, and behind the name of a submodule its id: as
 *     bytes, those that are no text as spaces. Whoever pushes may choose them, and 20 bytes are a secret.
 *
 * Space: each file counts in whole pages, as memory file systems do, with the manifest, against limit.scan.
 */
#ifndef GG_HOOKS_SCRATCH_H
#define GG_HOOKS_SCRATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { GG_LAY_FILLER = 511, GG_LAY_PAGE = 4096, GG_LAY_BUF = 65536 };

struct gg_scratch {
	char dir[PATH_MAX]; /* absolute; "" when there is none */
	int dir_fd, objects_fd;
	int64_t limit, used; /* bytes; limit 0: none */
	/* the file being written */
	int fd, second_fd;    /* second_fd: without NULs, once there was one */
	int64_t file, second; /* bytes in them */
	bool begun;	      /* the filler is written */
	size_t nbuf;
	char buf[GG_LAY_BUF];
};

/* Make the directory and all in it but the files. base: hook.scratch; limit: limit.scan. 0 or -errno. */
int gg_scratch_make(struct gg_scratch *s, const char *base, const char *instance, const char *session,
		    int64_t limit);
/* Remove all of it, whatever the scanner left there too; close what is open. Does nothing the second time. 0
 * or -errno. */
int gg_scratch_remove(struct gg_scratch *s);

/*
 * One object: begin, content in any number of pieces, end. hex is its id.
 * 0; -EFBIG: beyond the limit; -ENOSPC, -EDQUOT: no space is left; other -errno.
 */
int gg_scratch_begin(struct gg_scratch *s, const char *hex);
int gg_scratch_put(struct gg_scratch *s, const char *bytes, size_t n);
int gg_scratch_end(struct gg_scratch *s);

/* Any other file below the directory, with text as it is ("MANIFEST"): begin_plain, text, end_plain. The same
 * errors. */
int gg_scratch_begin_plain(struct gg_scratch *s, const char *name);
int gg_scratch_put_plain(struct gg_scratch *s, const char *text, size_t n);
int gg_scratch_end_plain(struct gg_scratch *s);

/* What an object of that size takes at least, before it is laid. */
int64_t gg_scratch_space(int64_t size);

/* A path as git quotes paths with core.quotePath: "a\tb\303\274", or as it is. Pure. */
void gg_scratch_quote(struct gg_buf *b, const char *path);

#endif
