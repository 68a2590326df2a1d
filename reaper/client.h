/*
 * client - the client's side of a session, as far as the gate can reach it. Effect.
 *
 * Of a session of ours the gate holds a dup of the client's socket. A session that was found below a watched
 * process is *lent*: its streams (one socket, or two pipes of sshd or of a web server) belong to others. They
 * are borrowed for the moment of a look and given back, because whoever holds a dup delays the end that the
 * client waits for. Only when such a session is being ended its socket is taken for good.
 */
#ifndef GG_REAPER_CLIENT_H
#define GG_REAPER_CLIENT_H

#include "base/addr.h"
#include "base/text.h"
#include "reaper/registry.h"

/* What is known of the streams of a lent session. */
struct gg_lent {
	char watch[GG_WATCH_SIZE];    /* who is watched: "service git", "pid 4711" */
	uint64_t in_ino, out_ino;     /* of the client's streams; 0: not found yet */
	bool pipe;		      /* pipes: no TCP_INFO, no half-close */
	bool pair;		      /* a socket within this machine: no TCP_INFO */
	pid_t in_pid, out_pid;	      /* whose fd 0 and fd 1 they are, as of the last look; 0: nobody's */
	struct gg_addr local, remote; /* of the connection that carries the pipes' bytes; len 0: not known */
	bool linked;		      /* the kernel told about it at the last sample */
	bool known;		      /* it was, be it now or before */
	int entering;		      /* looks that found it not in its repository yet */
	int refused;		      /* errno of the last attempt to borrow that was not allowed; 0: none */
	/* pipes: bytes that git took from the client and gave to it, from /proc/PID/io of who does that */
	uint64_t taken, given;
	uint64_t in_chars, out_chars; /* rchar of in_pid, wchar of out_pid at the last sample */
	int64_t taken_ms, given_ms;   /* when they last grew */
};

/* Its socket is known: s->sock. On a unix socket other evidence counts than on TCP. */
void gg_client_found(struct gg_session *s, int64_t now_ms);

/* Sample the client into s->tcp. Of a lent session: false when its streams' holders are gone, so look again.
 */
bool gg_client_sample(struct gg_session *s, int64_t now_ms);

/* After a look at the processes: who holds the streams now, of a lent session and of one on a unix socket. */
void gg_client_note(struct gg_session *s, const struct gg_snap *snap, int64_t now_ms);

/*
 * Lent only. Take the socket for good: s->sock. No effect on pipes, and where it is not allowed. False: not
 * now, others need the descriptors that are left; some of those that are being ended will give theirs back.
 */
bool gg_client_take(struct gg_session *s);

/* Lent only. Can it be seen what the client takes of what it is sent? */
bool gg_client_seen(const struct gg_session *s);

/*
 * Tell git-gate-http why its session is about to be ended: it knows where in which reply that can be said.
 * False: there is no git-gate-http.
 */
bool gg_client_tell(struct gg_session *s, const char *text);

/*
 * A fetch over git:// begins with small answers, which are sent at once: git-gate-session has set
 * TCP_NODELAY. Its pack is a stream of writes of 8 kB, and sent one by one these cost a local link a third
 * more CPU time, so the option goes once it streams. After each sample. The result: when to sample next for
 * this; -1: no need.
 */
int64_t gg_client_streams(struct gg_session *s, int64_t now_ms);

/* Write all of the bytes or none, without blocking. */
bool gg_client_write(struct gg_session *s, const char *data, size_t n);

/* For people: what could not be known or done, because the session is not ours. Nothing for one of ours. */
void gg_client_explain(const struct gg_session *s, struct gg_buf *b);

#endif
