/*
 * watch - look below a process, again and again, for git sessions that it began: they are judged like our
 * own. Glue between reaper/find.h and supervisor/foster.h.
 */
#ifndef GG_SUPERVISOR_WATCH_H
#define GG_SUPERVISOR_WATCH_H

#include "supervisor/state.h"

struct gg_watch {
	struct gg_gate *gate;
	ev_timer timer;
	char name[GG_WATCH_SIZE]; /* "service git", "pid 4711" */
	pid_t top;		  /* 0: nothing is watched */
	int64_t failed_ms;	  /* when it was last said that looking failed; -1 never */
};

void gg_watch_init(struct gg_watch *w, struct gg_gate *g, const char *name);
/* From now on, eight times in the shortest deadline; the first look is now. */
void gg_watch_start(struct gg_watch *w, pid_t top);
/* Sessions that were found are followed on. */
void gg_watch_stop(struct gg_watch *w);

/*
 * `git-gate watch`: a process that someone else runs. When it ends, the gate ends too once its sessions have.
 * 0 or -errno with err filled.
 */
int gg_watch_open(struct gg_gate *g, pid_t pid, struct gg_buf *err);
void gg_watch_close(struct gg_gate *g);

#endif
