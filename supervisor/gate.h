/*
 * gate - the running gate: loop, listeners, sessions, reaper, control socket, and its end. Called by
 * cli/run.c.
 */
#ifndef GG_SUPERVISOR_GATE_H
#define GG_SUPERVISOR_GATE_H

#include "base/conf.h"

/* What the gate handles: TERM and INT stop it, the others mean nothing and end nobody. */
#define GG_GATE_SIGNALS \
	{ \
		SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGQUIT \
	}

/*
 * Serve until told to stop. The caller has blocked GG_GATE_SIGNALS; they are let through once their handlers
 * stand and the gate is ready. Whatever is wrong before the gate is ready is printed to stderr, naming
 * culprit and cure. conf is borrowed and must outlive the call. Returns the exit code: 0 stopped cleanly, 1
 * could not start, 2 configuration that cannot work (port in use, base path missing, git too old, another
 * gate on the same control socket), 4 an essential service was given up.
 */
int gg_gate_run(const struct gg_conf *conf);

#endif
