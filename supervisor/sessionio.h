/*
 * sessionio - what the loop watches for one session. Shared by session.c (our own children) and foster.c
 * (sessions that others began), for nobody else.
 */
#ifndef GG_SUPERVISOR_SESSIONIO_H
#define GG_SUPERVISOR_SESSIONIO_H

#include "daemon-wrap/status.h"
#include "supervisor/loglines.h"
#include "supervisor/rules.h"
#include "supervisor/session.h"

struct gg_io {
	ev_child child;
	ev_io err, status;
	ev_io root;   /* pidfd of a root that is not our child */
	ev_io server; /* pidfd of receive-pack or upload-pack */
	struct gg_loglines lines;
	bool asked;    /* over git://: its request was read, and status is watched no more */
	bool stranger; /* what the client sent is no git request */
	struct gg_addr peer;
	struct gg_status *held; /* the request, while limit.sessionsPerRepo makes it wait; owned */
	struct gg_gate *gate;
	struct gg_session *session;
};

/*
 * In a callback, first: did libev give the watcher up? It stops one that the kernel does not take
 * (fs.epoll.max_user_watches, memory), and calls its callback once with EV_ERROR. True: nothing is known of
 * the descriptor, and gg_sessionio_rewatch is due.
 */
bool gg_sessionio_lost(struct gg_gate *g, int revents);
/* Watch again what is not watched any more. At each pass of the reaper; costs nothing when none was lost. */
void gg_sessionio_rewatch(struct gg_gate *g);

/* To the session's first process, without waiting. False: it did not go. */
bool gg_sessionio_answer(int fd, const char *bytes, size_t n);

/* The root has exited; status as from waitpid, -1: not known. Ends the connection. */
void gg_session_root_gone(struct gg_session *s, int status);
/* 0: there is none; no socket has that number. */
uint64_t gg_socket_inode(int fd);

#endif
