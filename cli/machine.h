/*
 * machine - what git-gate doctor says of the machine: from what probe*.c saw to a verdict with its cure.
 * Pure. The lists are in machine.def. Tested by tests/unit/machine.c.
 */
#ifndef GG_CLI_MACHINE_H
#define GG_CLI_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "cli/found.h"

enum gg_call {
#define CALL(ID, ...) GG_CALL_##ID,
#define SPARE CALL
#include "cli/machine.def"
	GG_NCALLS
};

enum gg_seen {
#define SEEN(ID, ...) GG_SEEN_##ID,
#include "cli/machine.def"
	GG_NSEEN
};

enum gg_trouble {
	GG_FINE,
#define TROUBLE(ID, ...) GG_TROUBLE_##ID,
#include "cli/machine.def"
	GG_NTROUBLES
};

/* An errno: 0 is success, -1 that it was not tried. */

struct gg_machine_calls {
	int error[GG_NCALLS];
	int seccomp;	  /* of /proc/self/status: 2 is a filter; -1 unknown */
	int major, minor; /* the kernel; 0: unknown */
};

struct gg_machine_proc {
	bool mounted, own; /* it is procfs; it shows this process under its number */
	char options[64];  /* "hidepid=invisible,subset=pid"; "": nothing is hidden */
};

/* A process of our own that waits for a client. */
struct gg_machine_child {
	int made; /* 0, or why there is none */
	int error[GG_NSEEN];
	bool blind; /* syscall was read, and does not say what the process waits in */
	int children;
};

struct gg_machine_tcp {
	int pair; /* a connection over 127.0.0.1: 0, or why not */
	uint32_t info_size, info_least;
};

struct gg_machine_git {
	char version[64]; /* what it says; "": there is none */
	int major, minor, patch;
	char exec_path[256],
		missing[128]; /* missing: the first program that is not there, or cannot be run */
};

struct gg_machine_clock {
	int64_t resolution_ns, late_ms; /* how late a short wait is, at best of some */
	int64_t now_s, entry_s;		/* wall clock; the newest entry of the journal, 0: none */
	int64_t suspended_ms;		/* CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC */
	int synchronised;		/* 1, 0; -1: not known */
};

struct gg_machine_limits {
	bool gates;		       /* the limits are those of the gate that runs, else of this process */
	uint64_t fds, procs;	       /* hard and soft limit; UINT64_MAX: none */
	uint64_t tasks;		       /* of the cgroup */
	int64_t backlog, want_backlog; /* backlog -1: not known */
	int64_t sessions, waiting;
	uint64_t fds_serve, fds_all; /* what limit.sessions needs; with limit.waiting */
};

struct gg_machine_room {
	const char *dir; /* borrowed */
	int error;	 /* of statfs */
	long type;
	bool read_only;
	int64_t bytes, files; /* free; files -1: the file system does not count them */
};

struct gg_machine_others {
	/* what others may write to, as a path; "": nothing */
	char base[256], settings[256], hooks[256], control[256];
};

struct gg_machine_hook {
	bool ours;	  /* pre-receive is git-gate-hook, and not a program of the operator's own */
	char version[64]; /* "" when it does not say */
};

struct gg_machine_control {
	bool running;
	const char *path; /* of the socket; borrowed */
	int error;	  /* a gate could not make it: why */
	char where[256];  /* the directory that is in the way */
};

struct gg_machine_journal {
	int log;    /* enum gg_log of the settings */
	bool there; /* the socket takes records */
	bool persistent, readable, catalog;
	bool no_library; /* nothing here can read one */
};

/* The steps of ending a session, each tried on a process that was started for it. */
enum gg_tried {
	GG_TRIED_HANGUP,
	GG_TRIED_KILL,
	GG_TRIED_IDENTITY,
	GG_TRIED_HALF_CLOSE,
	GG_TRIED_SUBTREE,
	GG_NTRIED
};

struct gg_machine_steps {
	int error[GG_NTRIED];
	bool adopted; /* what a child let go of came to us */
	bool tried_adoption;
};

/*
 * What is wrong, GG_FINE: nothing.
 *   b  gets what was seen, in a few words, in any case
 */
enum gg_trouble gg_judge_calls(const struct gg_machine_calls *s, struct gg_buf *b);
enum gg_trouble gg_judge_proc(const struct gg_machine_proc *s, struct gg_buf *b);
enum gg_trouble gg_judge_child(const struct gg_machine_child *s, struct gg_buf *b);
enum gg_trouble gg_judge_children(const struct gg_machine_child *s, struct gg_buf *b);
enum gg_trouble gg_judge_tcp(const struct gg_machine_tcp *s, struct gg_buf *b);
/* scope: kernel.yama.ptrace_scope, -1: there is no such rule; capable: CAP_SYS_PTRACE */
enum gg_trouble gg_judge_yama(int scope, bool capable, struct gg_buf *b);
enum gg_trouble gg_judge_git(const struct gg_machine_git *s, struct gg_buf *b);
enum gg_trouble gg_judge_clock(const struct gg_machine_clock *s, struct gg_buf *b);
enum gg_trouble gg_judge_fds(const struct gg_machine_limits *s, struct gg_buf *b);
enum gg_trouble gg_judge_procs(const struct gg_machine_limits *s, struct gg_buf *b);
enum gg_trouble gg_judge_backlog(const struct gg_machine_limits *s, struct gg_buf *b);
/* need: bytes that one push may take; 0: not bounded */
enum gg_trouble gg_judge_room(const struct gg_machine_room *s, int64_t need, struct gg_buf *b);
enum gg_trouble gg_judge_fs(const struct gg_machine_room *s, struct gg_buf *b);
enum gg_trouble gg_judge_others(const struct gg_machine_others *s, struct gg_buf *b);
enum gg_trouble gg_judge_hook(const struct gg_machine_hook *s, struct gg_buf *b);
enum gg_trouble gg_judge_control(const struct gg_machine_control *s, struct gg_buf *b);
enum gg_trouble gg_judge_journal(const struct gg_machine_journal *s, struct gg_buf *b);
enum gg_trouble gg_judge_steps(const struct gg_machine_steps *s, struct gg_buf *b);

/* The name of the row a trouble belongs to, and its words. */
const char *gg_trouble_check(enum gg_trouble t);
bool gg_trouble_is_warning(enum gg_trouble t);
const char *gg_trouble_means(enum gg_trouble t);
const char *gg_trouble_cure(enum gg_trouble t);

/* Fill f in. Returns whether nothing failed. */
bool gg_trouble_found(enum gg_trouble t, const char *seen, struct gg_found *f);

#endif
