/*
 * pstat - /proc/PID/stat. The parser is pure; the reader is one open, one read.
 * (pid, start_tick) is a process's identity: a pid alone is reused. Tested by tests/unit/pstat.c.
 */
#ifndef GG_BASE_PSTAT_H
#define GG_BASE_PSTAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gg_pstat {
	pid_t pid, ppid, pgrp, sid;
	char comm[16];	     /* may hold spaces, ')' and newlines: quote before showing */
	char state;	     /* field 3 */
	int nlwp;	     /* threads; a 'Z' with nlwp > 1 still runs */
	uint64_t cpu_ticks;  /* utime + stime, own only: children's time is no activity of this process */
	uint64_t start_tick; /* since boot, field 22 */
	uint64_t image; /* of what it runs: as good as never the same after an exec(); 0: not shown to us */
};

/* text: NUL-terminated contents of the file; comm ends at the LAST ')'. 0 or -EINVAL. */
int gg_pstat_parse(const char *text, struct gg_pstat *ret);

/* Is /proc there, and of our PID namespace? 0 or -ENODEV. */
int gg_pstat_check(void);

/* 0, -ESRCH (gone), -EINVAL (not understood) or another -errno. */
int gg_pstat_read(pid_t pid, struct gg_pstat *ret);

/*
 * Is it still the process that began then? What was read below /proc by the number alone since its identity
 * was, a list of its children for one, is its own only if it is. 0; -ESRCH: it has gone, and the number may
 * be another's; another -errno: not known.
 */
int gg_pstat_still(pid_t pid, uint64_t start_tick);

#endif
