/*
 * registry - the sessions that live, and the last ones that ended. Owned by the gate; filled by
 * supervisor/session.c; judged by reaper/reaper.c; shown by supervisor/report.c.
 */
#ifndef GG_REAPER_REGISTRY_H
#define GG_REAPER_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"
#include "reaper/cgroup.h"
#include "reaper/escalate.h"
#include "reaper/ledger.h"
#include "reaper/scan.h"
#include "reaper/story.h"

/*
 * Of a session on a unix socket, whose kernel counts no bytes: who of its processes reads from the client and
 * who writes to it, and what these have read and written (/proc/PID/io), other files of theirs included.
 */
struct gg_local {
	bool is;
	pid_t in_pid, out_pid; /* as of the last look; 0: nobody */
	uint64_t taken, given; /* by them and those before them */
	uint64_t in_chars, out_chars;
	int64_t taken_ms, given_ms; /* when they last grew */
	uint64_t in;		    /* taken, and what is queued, at the last sample */
	uint64_t received;	    /* by how much that has grown, ever */
	uint32_t out_queue;
	uint64_t takes;
};

#define GG_ID_SIZE 9 /* eight hex digits and the NUL */
#define GG_WATCH_SIZE 48
#define GG_USER_SIZE 72
#define GG_REPO_MAX 512 /* bytes of a repository's name that are kept */
#define GG_STEPS_MAX 160
#define GG_HISTORY 1000 /* sessions ended by us that are remembered, and as many others */

struct gg_lent; /* reaper/client.h */
struct gg_io;	/* the session's watchers: supervisor/session.c */

struct gg_session {
	char id[GG_ID_SIZE];
	char peer[64];		 /* "127.0.0.1:53211" */
	char user[GG_USER_SIZE]; /* who the client is: the name of its token, over HTTP of the last request;
				    "uid:1000" on a unix socket; "": not known */
	const char *transport;	 /* "git", "http", "ssh", "pipe"; static */
	char service[32];	 /* "receive-pack", …; "" until the request is known */
	char repo[GG_REPO_MAX];	 /* git directory below gate.basePath, or what the client asked for; "" until
				    known */
	int64_t accepted_ms, ended_ms; /* CLOCK_MONOTONIC; ended: -1 while it runs */
	int64_t held_ms;	       /* while it was held: for so long the gate stood still */
	int64_t accepted_real;	       /* seconds since the epoch, for display */
	pid_t root; /* the process on the client's socket, leader of the session's own sid */
	uint64_t root_tick;
	int pidfd;	 /* of the root */
	int root_status; /* wait status, once root_gone; -1: not our child, so not known */
	bool root_gone;
	bool served;	     /* receive-pack or upload-pack was seen, and has exited */
	size_t header_bytes; /* that its connection had received before it was the client's */
	int64_t peek_ms;     /* look for it then; 0: it was found, or there is no request yet */
	int peeks;
	bool missed;   /* the last look found its strays, and not it */
	bool adopted;  /* of a gate that died: its root is not our child */
	bool packed;   /* a fetch that has had its pack */
	bool streams;  /* a fetch that is sent much: see gg_client_streams */
	bool held;     /* its request is known, but limit.sessionsPerRepo makes it wait: it runs nothing */
	uint64_t turn; /* with limit.sessionsPerRepo: its place in the order of its repository, see
			  supervisor/admit.c */
	bool found;    /* the repository exists: repo is its git directory, not only what the client said */
	bool refused;  /* git-gate-session said no: session.refused was logged */
	bool opened;   /* session.opened was logged for its request */
	bool http;     /* git-gate-http is its root */
	int tell_fd;   /* where git-gate-http is told what the client is to be told; -1: there is none */
	int sock;      /* our dup of the client's socket; -1 once the connection was ended */
	uint64_t sock_ino;
	int cgroup;  /* descriptor of the directory that has its cgroup; borrowed. -1: it has none of its own
		      */
	bool frozen; /* its cgroup stands still, until the next step */
	struct gg_lent *lent; /* of a session that is not our own child: owned. NULL: it is ours */
	struct gg_local local;
	struct gg_io *io;
	struct gg_track track;
	struct gg_ending ending;
	struct gg_verdict verdict; /* what it is, or was, ended for */
	enum gg_phase verdict_phase;
	char steps[GG_STEPS_MAX]; /* "half-close,kill-leaf" */
	bool half_closed;	  /* SHUT_RD was done on the socket */
	bool peer_gone;		  /* it ended by itself, and its client's kernel had fallen silent */
	int64_t observed_since;	  /* observe mode: the silence that was reported already; -1 none */
	enum gg_reason observed_reason;
	int64_t spared_ms; /* until when a verdict waits because the gate was held up; 0: none does */
	bool doubt_logged; /* session.kept was logged for this silence */
	bool stray_logged;
	struct gg_tcp tcp;   /* the last sample */
	struct gg_view view; /* the last look */
	int64_t due_ms;	     /* when the reaper wants to see it again */
	struct gg_known
		*known; /* processes seen in it, so that strays without our environment are known; owned */
	size_t nknown;
	uint64_t log_dropped;	       /* stderr lines over the rate */
	struct gg_event_own own;       /* what its records may not exceed */
	char step[GG_STORY_STEP_SIZE]; /* what its hook says it does: "scan"; "": nothing */
	int64_t step_ms;	       /* since when, CLOCK_MONOTONIC */
	struct gg_story story;	       /* owned; handed to history at the end */
	struct gg_account account;     /* over HTTP: of the present request */
	bool hook_died; /* of an earlier request of the connection: it never said that it was done */
	bool seen_gone; /* a look has found nobody left of it */
	int opaque;	/* looks in a row that found a process whose system call cannot be read */
	bool dirty; /* something may be left of it though it ends well: a failed refresh, a scratch directory
		     */
	unsigned told;	       /* events that its hooks had recorded, of the present request */
	uint64_t told_dropped; /* and those that were too many, of all */
};

/* What is kept of an ended session. reason NONE: it ended by itself. */
struct gg_ended {
	char id[GG_ID_SIZE], peer[64], user[GG_USER_SIZE], service[32], repo[GG_REPO_MAX],
		steps[GG_STEPS_MAX];
	char watch[GG_WATCH_SIZE]; /* "": it was ours */
	const char *transport;
	enum gg_reason reason;
	const char *key; /* static; NULL: none */
	enum gg_phase phase;
	int64_t age_ms, quiet_ms, limit_ms;
	int64_t time; /* seconds since the epoch, of the end */
	uint64_t bytes_in, bytes_out;
	pid_t pid;
	int status; /* wait status of the root */
	bool refused;
	uint64_t nth;	       /* how many had ended before it */
	struct gg_story story; /* owned by the ring */
};

/* A ring of GG_HISTORY; the newest is at (n - 1) % GG_HISTORY. */
struct gg_ring {
	struct gg_ended *v;
	uint64_t n;
};

struct gg_registry {
	struct gg_session **v; /* owned, no order */
	size_t n, size;
	struct gg_ring by_itself, by_us; /* two, so that no flood of others makes us forget who was stuck */
	uint64_t ended_at;		 /* how many ended, ever */
	uint64_t reaped, observed;	 /* how many by us; how many would have been */
	uint64_t by_reason[GG_NREASONS];
	struct gg_ledger ledger;
	bool hooks_ask; /* some hook of a session has said that it runs */
};

/* 0 or -ENOMEM. */
int gg_registry_init(struct gg_registry *r);
void gg_registry_free(struct gg_registry *r);

/* A new session with an id that no live one has, sock and the rest unset. NULL without memory. The registry
 * owns it. */
struct gg_session *gg_registry_add(struct gg_registry *r, int64_t now_ms);
/* Forget it, after copying what history keeps, which is returned and stays until as many others have ended.
 * Watchers and descriptors must be gone. */
const struct gg_ended *gg_registry_end(struct gg_registry *r, struct gg_session *s, int64_t now_ms);
/* Forget one that was never begun. */
void gg_registry_drop(struct gg_registry *r, struct gg_session *s);
struct gg_session *gg_registry_find(const struct gg_registry *r, const char *id);
/* Sessions whose root process runs, held and lent ones left out: what limit.sessions bounds. */
size_t gg_registry_serving(const struct gg_registry *r);
/* When the root of a session that came later began, by its start time, and that has the number which s's root
 * had; 0: none has. */
uint64_t gg_registry_root_taken(const struct gg_registry *r, const struct gg_session *s);
/* Those that are remembered, the newest first: *at is { 0 } at the beginning; NULL past the end. */
struct gg_history {
	uint64_t itself, us; /* how many of each were seen */
};
const struct gg_ended *gg_registry_history(const struct gg_registry *r, struct gg_history *at);

#endif
