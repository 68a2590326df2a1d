/*
 * tool - run git, ssh-keygen and the like for a command of ours: with an environment of its own, in a session
 * of its own, bounded in time and in what is kept of its output. Effect.
 */
#ifndef GG_CLI_TOOL_H
#define GG_CLI_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct gg_tool {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it is absolute */
	const char *env;	 /* one KEY=VALUE more; NULL: none */
	int64_t limit_ms;	 /* then it is ended with all that it started */
	bool undoes;		 /* it goes on also when we were told to stop */
};

struct gg_tool_end {
	int code;	    /* exit status; 128 + n: killed by signal n; -errno: it was not started */
	bool timed_out;	    /* code is then no news */
	bool stopped;	    /* we were told to stop, see gg_stop_hold */
	char out[16 << 10]; /* the beginning of what it wrote */
	char err[4 << 10];
};

/*
 * The environment is PATH, LC_ALL=C, HOME, no configuration of a user or of the machine, no prompt.
 * Returns whether it exited with 0.
 */
bool gg_tool_run(const struct gg_tool *t, struct gg_tool_end *ret);

/* Why it did not: "git: no answer within 10s", or what it wrote, in one line. */
void gg_tool_why(struct gg_buf *b, const struct gg_tool *t, const struct gg_tool_end *end);

/* From now on ^C, TERM and HUP end the tool that runs, not us: there is something to undo first. */
void gg_stop_hold(void);
bool gg_stop_wanted(void);

#endif
