/*
 * httpclient - git-gate-http's side of its connection: the client's socket with what was read from it, what
 * the gate says meanwhile, and the one place where it waits. Effect.
 *
 * The gate looks at us from outside: the name of our thread (/proc/PID/comm) says what we wait for. It bounds
 * the time, tells us why it ends us, and then closes the reading half of the connection, or sends SIGHUP.
 */
#ifndef GG_WRAP_HTTPCLIENT_H
#define GG_WRAP_HTTPCLIENT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon-wrap/httpparse.h"

/* What we wait for; the names are read by reaper/scan.c. */
enum gg_http_wait {
	GG_WAIT_IDLE,  /* the client, between requests */
	GG_WAIT_HEAD,  /* the rest of a request's head */
	GG_WAIT_BODY,  /* more of a body, or of a body that nobody wants */
	GG_WAIT_GIT,   /* git */
	GG_WAIT_REPLY, /* the client, who does not read */
	GG_WAIT_END,   /* the client, who has its answer and sends on; bounded here */
	GG_NWAITS
};

#define GG_HTTP_IN 65536

struct gg_httpclient {
	int sock, gate; /* gate: the status socket, -1: none */
	struct gg_http http;
	char in[GG_HTTP_IN]; /* read from the client; at..n is not parsed yet */
	size_t at, n;
	bool local;	  /* a unix socket */
	bool eof;	  /* no more will come from the client */
	bool gone;	  /* nor will anything reach it */
	bool hung_up;	  /* SIGHUP: the gate ends us */
	char told[512];	  /* why; "" it did not say so */
	int waits_as;	  /* enum gg_http_wait that our name says now; -1: none */
	int64_t lacks_ms; /* since when the machine lacks memory for what we do; 0: it does not */
};

/* Once; signals are as they must be from here on. */
void gg_httpclient_open(struct gg_httpclient *c, int sock, int gate);

/*
 * Wait for events of fds[0..n), of the gate, of a SIGHUP, and for the socket to become readable (in) or
 * writable (out). timeout_ms: -1 for ever. as: what for. Takes in what the gate says. Returns poll's revents
 * of the socket; 0 after a signal or the time.
 */
short gg_httpclient_wait(struct gg_httpclient *c, enum gg_http_wait as, bool in, bool out, struct pollfd *fds,
			 size_t n, int timeout_ms);

/*
 * Does an error of reading or writing pass? When there is nothing to read or no room yet; and, for some
 * seconds, when the machine lacks memory for it, after a short pause: a client that gets no answer to its
 * push does not know that it was taken. e: errno; 0: it went well.
 */
bool gg_httpclient_passes(struct gg_httpclient *c, int e);

/* Read what there is, into what room there is. Sets eof, gone. */
void gg_httpclient_read(struct gg_httpclient *c);

/* How many bytes went out, 0 when none can now. Sets gone. more: they go together with what follows at once.
 */
size_t gg_httpclient_send(struct gg_httpclient *c, const void *p, size_t n, bool more);

/* All of it, however long the client takes; false when it is gone, or the gate ends us. */
bool gg_httpclient_send_all(struct gg_httpclient *c, const void *p, size_t n);

/*
 * The last answer has gone out while the client still sends. Closed now, its next byte would bring a reset,
 * and it would read of that in place of the answer. So throw away what it sends: until it ends, is silent for
 * five seconds, or has sent for ten.
 */
void gg_httpclient_discard(struct gg_httpclient *c);

#endif
