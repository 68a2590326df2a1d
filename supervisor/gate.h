/*
 * gate - the running gate: loop, listeners, sessions, reaper, control socket, and its end. Called by
 * cli/run.c.
 */
#ifndef GG_SUPERVISOR_GATE_H
#define GG_SUPERVISOR_GATE_H

#include <sys/types.h>

#include "base/conf.h"
#include "supervisor/askgit.h"
#include "supervisor/transport.h"

struct gg_gate_start {
	struct gg_conf *conf; /* borrowed; must outlive the call. A reload exchanges values in it */
	/*
	 * Read the configuration again, into ret, which the caller frees in any case. Blocks: for as short a
	 * time as the loop can stand still. What is wrong is in ret->error. 0 or -errno.
	 */
	int (*load)(void *arg, struct gg_reader *ret);
	void *arg;
	bool listen_set[GG_NTRANSPORTS]; /* listen.git, listen.http: set by someone, no default */
	const struct gg_askgit *git;	 /* what it said; NULL for one that only watches */
	pid_t watch; /* 0: serve. Else: only watch that process, which someone else runs */
};

/*
 * Serve until told to stop. The caller has called gg_signals_hold; signals are let through once their
 * handlers stand and the gate is ready. Whatever is wrong before the gate is ready is printed to stderr,
 * naming culprit and cure. Returns the exit code: 0 stopped cleanly, 1 could not start, 2 configuration that
 * cannot work (port in use, base path missing, git too old, another gate on the same control socket), 4 an
 * essential service was given up.
 */
int gg_gate_run(const struct gg_gate_start *start);

#endif
