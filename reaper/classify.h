/*
 * classify - which phase a session is in, and whose turn it is. Pure. Called by reaper/reaper.c and by the
 * control server. Tested by tests/unit/classify.c. The signatures come from measurements of git 2.39 on
 * Linux 6.18: receive-pack waits in read(0) on the socket with one thread before the commands and with two
 * after them (the second copies the side-band), index-pack or unpack-objects reads the socket itself while
 * the pack comes.
 */
#ifndef GG_REAPER_CLASSIFY_H
#define GG_REAPER_CLASSIFY_H

#include "reaper/snapshot.h"

enum gg_phase {
	GG_PHASE_REQUEST,
	GG_PHASE_KEEP_ALIVE, /* HTTP, between two requests */
	GG_PHASE_COMMANDS,
	GG_PHASE_PACK_START,
	GG_PHASE_PACK,
	GG_PHASE_WORK,
	GG_PHASE_HOOK,
	GG_PHASE_SENDING,
	GG_PHASE_CLOSING, /* no process of it is left */
	GG_NPHASES
};

const char *gg_phase_name(enum gg_phase p);
const char *gg_role_name(enum gg_role r);

struct gg_view {
	enum gg_phase phase;
	bool client_turn;
	bool certain;	      /* the system calls of everything that matters could be read */
	bool sideband;	      /* receive-pack has its copying thread: text on band 2 reaches the pusher */
	bool ref_transaction; /* inside the reference-transaction hook: ref locks are held */
	bool fetch;	      /* upload-pack or upload-archive */
	bool push;	      /* receive-pack runs */
	pid_t server_pid; /* the process that talks to the client for git: receive-pack, upload-pack; 0: not
			     there */
	uint64_t server_tick;
	pid_t hook_pid; /* the oldest live hook, 0: none, or only strays of one that has exited */
	uint64_t hook_tick;
	uint64_t cpu_ticks, io_chars; /* sums over the session's live processes */
	size_t alive;		      /* processes that are not zombies */
};

/* argv: /proc/PID/cmdline's bytes (NUL-separated), n of them. parent: role of its parent. ret_hook: for
 * GG_ROLE_HOOK. */
enum gg_role gg_role_of(const char *argv, size_t n, enum gg_role parent, enum gg_hook *ret_hook);

/* A git command that detaches itself and outlives its session on purpose: gc, maintenance, repack, and their
 * helpers. */
bool gg_is_detached_gc(const char *argv, size_t n);

/* The topmost process of a session that is not ours: what is below it belongs to it. */
enum gg_root_kind {
	GG_ROOT_NONE,
	GG_ROOT_DAEMON,	 /* git-daemon --serve: from the accept on */
	GG_ROOT_BACKEND, /* git http-backend: one request */
	GG_ROOT_SERVER,	 /* receive-pack, upload-pack, upload-archive: sshd, or whoever started it */
};
enum gg_root_kind gg_root_kind_of(const char *argv, size_t n);

/* Could it be the root of a gate's session, by its name alone? Its environment says so: GIT_GATE_SESSION. */
bool gg_may_be_gates(const char *argv, size_t n);

/* Is it a gate? */
bool gg_is_gate(const char *argv, size_t n);

void gg_classify(const struct gg_snap *snap, struct gg_view *ret);

/*
 * Is process i of the snapshot part of the hook: the hook itself, what descends from it, and orphans of the
 * session that are not git's own? Used to end a hook with its whole subtree.
 */
bool gg_in_hook(const struct gg_snap *snap, size_t i);

/* Is anything of the process still running? */
static inline bool gg_proc_alive(const struct gg_proc *p)
{
	return p->state != 'X' && (p->state != 'Z' || p->nlwp > 1);
}

#endif
