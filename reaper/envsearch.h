/*
 * envsearch - one variable, out of an environment that comes byte by byte: it may be large, and is not kept.
 * Pure. Used by reaper/procfs.c for /proc/PID/environ, which the process itself may have written over.
 */
#ifndef GG_REAPER_ENVSEARCH_H
#define GG_REAPER_ENVSEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* The caller sets the first three; the rest begins with zeros. */
struct gg_envsearch {
	const char *name;
	char *buf; /* its value, NUL-terminated, once it was found */
	size_t size;
	size_t at;  /* of the entry: how many bytes of "NAME=" it has matched */
	size_t n;   /* of the value, so far */
	bool other; /* this entry is another variable */
	bool value; /* its "NAME=" is over */
};

/* The next byte; the end of the environment is a NUL, too. 1: it was found whole; 0: not yet; -ENODATA: it
 * has no room, and buf is "". */
int gg_envsearch_byte(struct gg_envsearch *e, char c);

#endif
