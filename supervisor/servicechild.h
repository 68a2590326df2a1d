/*
 * servicechild - one run of a service: its process with the process group that it leads, its output, and
 * whether it is ready. Effect. Used by supervisor/service.c, which decides.
 */
#ifndef GG_SUPERVISOR_SERVICECHILD_H
#define GG_SUPERVISOR_SERVICECHILD_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/conf.h"
#include "supervisor/loglines.h"
#include "supervisor/serviceprobe.h"

struct gg_child;

struct gg_child_calls {
	void (*line)(struct gg_child *c, const char *line); /* of its output */
	void (*ready)(struct gg_child *c);
	void (*gone)(struct gg_child *c); /* the process and its group are gone; c->status is set */
};

struct gg_child {
	const struct gg_service_conf *conf;
	const struct gg_child_calls *calls;
	void *arg; /* for the caller */
	struct ev_loop *loop;
	pid_t last_pid; /* of this run, or the last one */
	pid_t pid;	/* 0: no process; the leader may have exited, while its group is being cleared */
	int pidfd;
	int64_t started_ms, ended_ms;
	int status;  /* as from waitpid */
	bool exited; /* the leader has */
	int asked;   /* the signal that asked it to end: its group has time to follow; 0: none */
	bool told;   /* and so has been what was left of its group */
	bool killed;
	int64_t clear_ms; /* since when its group is waited for after it was killed */
	ev_child child;
	ev_io ended; /* on pidfd */
	ev_io out;
	ev_timer calm;	/* while out pauses because of a flood */
	ev_timer clear; /* next look at the group */
	struct gg_probe probe;
	struct gg_loglines lines;
	uint64_t told_dropped; /* of lines.dropped */
	int64_t told_ms;
};

void gg_child_init(struct gg_child *c, struct ev_loop *loop, const struct gg_service_conf *conf,
		   const struct gg_child_calls *calls, void *arg);
/*
 * Start it.
 *   path, instance  PATH (unless .environment has one) and GIT_GATE_INSTANCE of its environment
 * 0 or -errno: there is no process then, and no call comes. ready() is called only if there is something to
 * wait for.
 */
int gg_child_start(struct gg_child *c, const char *path, const char *instance);
/* Ask the process to end; what is left of its group then is asked in its turn. */
void gg_child_ask(struct gg_child *c, int sig);
/* SIGKILL to the group. */
void gg_child_kill(struct gg_child *c);
/* Forget it, without waiting; what runs is killed. */
void gg_child_close(struct gg_child *c);

/* "exit status 3", "ended by signal 9 (Killed)". */
void gg_child_add_status(struct gg_buf *b, int status);

#endif
