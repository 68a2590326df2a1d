/*
 * scan - one session's processes, read from /proc, and its client's state, asked of the socket. Effect: reads
 * only. Costs about 20 µs and ten small reads a process, whatever else runs on the machine: it starts at the
 * session's root and follows /proc/PID/task/TID/children; only a kernel without those files needs a pass over
 * all processes.
 */
#ifndef GG_REAPER_SCAN_H
#define GG_REAPER_SCAN_H

#include "reaper/orphans.h"
#include "reaper/snapshot.h"

/* What was learned about a process of a session by the look before: it holds as long as it runs the same. */
struct gg_known {
	struct gg_ident who;
	uint64_t image;
	enum gg_role named, parent;
	enum gg_hook hook;
};

/* Whom to look at. */
struct gg_scan_target {
	const char *id; /* value of GIT_GATE_SESSION in its processes' environment */
	pid_t root;
	uint64_t root_tick;
	uint64_t root_taken_tick; /* since when another session's root has the same number; 0: none has */
	uint64_t in_ino, out_ino; /* of the stream from the client and of the one to it: a socket is both */
	bool http;		  /* the root is git-gate-http: the streams are its pipes to git */
	bool lent;		  /* not our child: see reaper/client.h */
	bool local;		  /* on a unix socket: who holds the streams is to be found too */
	int cgroup;		  /* descriptor of the directory that has its cgroup; -1: none */
	const struct gg_known *known; /* seen in it before; borrowed */
	size_t nknown;
};

#define GG_SCAN_MAX 4096 /* processes of one session that are looked at */

/*
 * Look at the session's processes: root, descendants, and its orphans. Fills snap->v (freed by the caller
 * with free()), n and cut. Processes that vanish while being read are left out. o may be NULL. Returns 0 or
 * -errno (-EMFILE, -ENOMEM, …; -ENODEV: as gg_pstat_check): then nothing may be concluded.
 */
int gg_scan_procs(const struct gg_scan_target *t, const struct gg_orphans *o, struct gg_snap *snap);

/* The client's socket. Never fails: what cannot be told leaves tcp.valid false. */
void gg_scan_tcp(int sock, struct gg_tcp *ret);

/* The same from tcp_info that was got otherwise; size: bytes of it that the kernel filled. */
struct tcp_info;
void gg_scan_tcp_info(const struct tcp_info *info, size_t size, struct gg_tcp *ret);

/* How many files below /proc were opened so far, for the tests of cost. */
uint64_t gg_scan_reads(void);

#endif
