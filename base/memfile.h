/*
 * memfile - a FILE that writes into memory, as open_memstream() does, and knows whether it had enough: there
 * a part for which there was none is missing in the middle of the text, and neither ferror() nor fclose()
 * tells. Tested by tests/unit/alloc.c.
 */
#ifndef GG_BASE_MEMFILE_H
#define GG_BASE_MEMFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct gg_memfile {
	char *text;
	size_t n, room;
	bool lacks; /* there was no memory for a part of it */
};

/* m stays where it is until the FILE is closed. NULL: there is no memory. */
FILE *gg_memfile_open(struct gg_memfile *m);

/*
 * Close f, which may be done by this alone.
 *   ret    the text, NUL-terminated, of *ret_n bytes: the caller's to free; untouched on failure
 * 0; -ENOMEM: not all of it could be kept.
 */
int gg_memfile_close(FILE *f, struct gg_memfile *m, char **ret, size_t *ret_n);

#endif
