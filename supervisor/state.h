/*
 * state - the running gate as its parts see it. Only for supervisor/: one struct, passed by pointer, owned by
 * gate.c.
 */
#ifndef GG_SUPERVISOR_STATE_H
#define GG_SUPERVISOR_STATE_H

#include <ev.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "daemon-wrap/argv.h"
#include "reaper/reaper.h"
#include "supervisor/logreport.h"
#include "supervisor/metrics.h"
#include "supervisor/notify.h"
#include "supervisor/transport.h"
#include "supervisor/signals.h"

struct gg_admit;
struct gg_cgroups;
struct gg_proxied;
struct gg_listen;
struct gg_control;
struct gg_janitor;
struct gg_recent;
struct gg_remains;
struct gg_onreap;
struct gg_services;
struct gg_watch_pid;
struct gg_gate_start;

enum gg_stage {
	GG_STARTING,
	GG_SERVING,
	GG_DRAINING, /* TERM: running sessions may finish */
	GG_ENDING,   /* the drain is over, or a second TERM: what is left is being ended */
};

/* What is to follow when deadline.lameDuck is over: supervisor/lameduck. */
enum gg_lame {
	GG_LAME_NOT,
	GG_LAME_DRAIN, /* gg_admit_drain follows */
	GG_LAME_STOP,  /* gg_gate_stop follows */
};

struct gg_gate {
	const struct gg_conf *conf; /* its values change with a reload, but not those that need a restart */
	const struct gg_gate_start *start;
	struct ev_loop *loop;
	enum gg_stage stage;
	bool drained; /* by an operator: no new client is served */
	enum gg_lame lame;
	int64_t lame_until_ms;
	int64_t started_ms;	       /* CLOCK_MONOTONIC */
	int64_t started_real;	       /* the same in seconds since the epoch, for people */
	char instance[33];	       /* random, hex: GIT_GATE_INSTANCE */
	struct gg_predecessor *before; /* owned; NULL: nobody is looked for */
	char predecessor[33];	       /* that of the gate that died on the same control socket; "": none */
	const char *path;	       /* PATH for sessions */
	struct gg_served {
		char prog[PATH_MAX];	/* git-gate-session, git-gate-http */
		char pinned[48];	/* the same file, whatever stands in its place by now; "": not held */
		int fd;			/* which holds it; 0: none does */
		char command[PATH_MAX]; /* git-daemon, git-http-backend */
	} served[GG_NTRANSPORTS];
	bool lost_watch;			     /* see supervisor/sessionio.h */
	bool said_replaced;			     /* gate.outdated was said */
	struct gg_strv session_argv[GG_NTRANSPORTS]; /* the same for every new session */
	size_t room_fds;			     /* descriptors that the waiting room may use */
	uint64_t nofile; /* soft limit of descriptors that we were started with, for sessions */
	struct gg_registry reg;
	struct gg_reaper reaper;
	struct gg_metrics metrics;
	size_t looked_at; /* whose turn it is to be looked at for whoever asks, an index into reg */
	struct gg_listen *listen;
	struct gg_admit *admit;
	struct gg_proxied *proxied;
	struct gg_control *control;
	struct gg_janitor *janitor;
	struct gg_services *services;  /* NULL: none are configured */
	struct gg_service_conf *admin; /* the service of listen.admin; NULL: none */
	struct gg_watch_pid *watch;    /* git-gate watch; NULL: a gate that serves */
	struct gg_cgroups *cgroups;    /* NULL: it serves no sessions of its own, or has not begun */
	struct gg_remains *remains;
	struct gg_onreap *onreap;
	struct gg_recent *recent;
	ev_timer tick;	     /* the reaper's next pass */
	ev_timer drain;	     /* the end of deadline.drain, then of our patience */
	ev_timer lame_timer; /* supervisor/lameduck */
	ev_timer watchdog;
	ev_timer extend; /* asks systemd for time while draining */
	ev_signal sig[GG_NCAUGHT];
	struct gg_notify notify;
	struct gg_logreport logreport;
	int64_t told_ms; /* when STATUS= was last sent, and what it said */
	size_t told_serving;
	uint64_t told_ended;
	int exit_code;
};

/* Have the reaper look again at once: a session changed outside of its passes. */
void gg_gate_wake(struct gg_gate *g);
/* The same before long: for what would fail again at once. */
void gg_gate_wake_soon(struct gg_gate *g);
/* Give the reaper the limits and the mode of conf. */
void gg_gate_set_limits(struct gg_gate *g);
/* g->stage or g->drained has changed: with it how long HTTP connections are kept between requests. */
void gg_gate_keep_or_close(struct gg_gate *g);
/* Others wait for this connection's place, or the gate closes: its next reply is the last. */
bool gg_gate_turn_is_over(const struct gg_gate *g, const struct gg_session *s);
/* A session's process or connection is gone: accept again, or end the drain. */
void gg_gate_session_gone(struct gg_gate *g);
/* Nobody needs to wait for the services any more: serve, and say so. */
void gg_gate_ready(struct gg_gate *g);
/* The watched process has ended: stop once its sessions have, however long that takes. */
void gg_gate_run_out(struct gg_gate *g);
/* deadline.drain starts now; called again, or after it, everything is ended. */
void gg_gate_stop(struct gg_gate *g);

#endif
