/*
 * snapshot - what was seen of one session at one instant. Plain data: filled by reaper/scan.c from /proc and
 * the client's socket, read by the pure modules (classify, policy, escalate). It is also the test seam: unit
 * tests write snapshots by hand.
 */
#ifndef GG_REAPER_SNAPSHOT_H
#define GG_REAPER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Told by argv, never by comm: comm of receive-pack, index-pack and gc is "git" for all of them. */
enum gg_role {
	GG_ROLE_OTHER,	 /* what a hook started, or what is not known */
	GG_ROLE_SESSION, /* git-gate-session, before it becomes git */
	GG_ROLE_DAEMON,	 /* git-daemon --inetd, or --serve of a stand-alone one */
	GG_ROLE_HTTP,	 /* git-gate-http */
	GG_ROLE_BACKEND, /* git http-backend */
	GG_ROLE_RECEIVE_PACK,
	GG_ROLE_UPLOAD_PACK, /* upload-pack, upload-archive */
	GG_ROLE_UNPACKER,    /* index-pack, unpack-objects, upload-archive--writer: reads from the client */
	GG_ROLE_GIT,	     /* another git command: rev-list, pack-objects, gc in the foreground, … */
	GG_ROLE_HOOK,	     /* the process that git started as a hook */
};

enum gg_hook {
	GG_HOOK_NONE,
	GG_HOOK_PRE_RECEIVE,
	GG_HOOK_UPDATE,
	GG_HOOK_PROC_RECEIVE,
	GG_HOOK_REFERENCE_TRANSACTION,
	GG_HOOK_POST_RECEIVE,
	GG_HOOK_POST_UPDATE,
	GG_HOOK_UNKNOWN, /* started by receive-pack, and no git command */
};

/* git-gate-http names its thread after what it waits for. */
enum gg_awaits {
	GG_AWAITS_NONE,
	GG_AWAITS_NEXT, /* the client, between requests */
	GG_AWAITS_HEAD,
	GG_AWAITS_BODY,
	GG_AWAITS_GIT,
	GG_AWAITS_READER, /* the client, who does not read the reply */
};

struct gg_proc {
	pid_t pid, ppid, sid;
	uint64_t start_tick; /* since boot, /proc/PID/stat field 22; (pid, start_tick) is its identity */
	uint64_t cpu_ticks;  /* own user + system time */
	uint64_t io_chars;   /* rchar + wchar of /proc/PID/io; 0 when that cannot be read */
	char state;	     /* of the main thread; a 'Z' with nlwp > 1 still runs */
	int nlwp;	     /* threads */
	enum gg_role role;
	enum gg_hook hook;     /* for GG_ROLE_HOOK */
	enum gg_role named,    /* role by its command line and its parent's role alone */
		parent;	       /* which was this */
	uint64_t image;	       /* that named is of, see base/pstat.h; 0: named is a guess, or may change */
	bool reads_client;     /* a thread is blocked reading what the client sends */
	bool writes_client;    /* a thread is blocked writing to the client */
	bool running;	       /* a thread was on a CPU when looked at: its system call is not shown */
	bool opaque;	       /* its system calls or descriptors cannot be read */
	enum gg_awaits awaits; /* of GG_ROLE_HTTP: what it says that it waits for */
	bool has_in,
		has_out; /* the client's streams are its fd 0 and fd 1; looked for in lent sessions only */
	bool orphan; /* its parent is gone, and it hangs below the session's root, or below the gate itself */
};

/* The client as the kernel knows it (TCP_INFO, SIOCINQ, SIOCOUTQ on the gate's dup of the socket). */
struct gg_tcp {
	bool valid;	      /* false: not TCP, or the call failed */
	uint64_t received;    /* bytes of the client that arrived, ever */
	uint64_t acked;	      /* bytes of ours that the client's kernel acknowledged, ever */
	int64_t recv_age_ms;  /* since data last arrived */
	int64_t sent_age_ms;  /* since data was last sent; window probes do not count */
	uint32_t queued_in;   /* arrived, not yet read by git */
	uint32_t queued_out;  /* written by git, not yet acknowledged */
	uint32_t retransmits; /* of the oldest unacknowledged segment, unanswered so far */
	uint32_t unacked;     /* segments in flight */
	uint32_t probes;      /* keep-alive and zero-window probes, unanswered so far; kept when it is gone */
	int64_t ack_age_ms;   /* since an acknowledgement last arrived; answers to probes count */
	/* The socket's own keep-alive, asked for only when probes are unanswered; 0: not known. */
	uint32_t keep_count; /* so many unanswered ones are the end */
	int64_t keep_ms;     /* and so much silence: TCP_KEEPIDLE + TCP_KEEPCNT * TCP_KEEPINTVL */
	bool local;	     /* a unix socket: received and acked are what the session's processes read and
				wrote, and the rest is not known */
	uint32_t step;	  /* so much may be read before anything of it shows in acked; 0: it shows at once */
	uint64_t takes;	  /* of a unix socket: how often less was queued for the client than before */
	bool peer_closed; /* the client sent FIN, or the connection is gone */
	bool gone;	  /* the connection is gone: reset, or timed out */
};

struct gg_snap {
	int64_t now_ms; /* CLOCK_MONOTONIC, taken before the look */
	struct gg_tcp tcp;
	struct gg_proc *v; /* in no particular order; NULL when /proc was not looked at */
	size_t n;
	bool served; /* receive-pack or upload-pack was there and is gone: what is left of it waits for strays
		      */
	bool cut;    /* there were more processes than the bound, or one could not be read */
};

#endif
