/*
 * waits - what a process waits for: system call, descriptor and wait channel of its threads, read from /proc.
 * Effect: reads only, some ten small reads. Only for a session that is judged, see evidence.h: nothing is
 * decided by it.
 */
#ifndef GG_REAPER_WAITS_H
#define GG_REAPER_WAITS_H

#include "reaper/snapshot.h"

#define GG_WAITS_THREADS 3 /* of a process that are looked at, its main thread first */

/* Outside text: not escaped. */
struct gg_waits {
	struct gg_wait {
		char call[32];	/* the system call's name; "on a CPU"; "" not known */
		int fd;		/* that it is about; -1: none */
		char what[48];	/* the descriptor: "client", "pipe:[123]", a path; "" not known */
		char where[48]; /* the kernel function it sleeps in; "" not known */
	} thread[GG_WAITS_THREADS];
	size_t n;
	char command[64]; /* its command line, cut, without directories and without what may be secret; ""
			     none */
};

/* in_ino, out_ino: of the client's streams. What cannot be read is left empty. */
void gg_waits_read(const struct gg_proc *p, uint64_t in_ino, uint64_t out_ino, struct gg_waits *ret);

#endif
