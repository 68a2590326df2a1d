/*
 * account - what is kept of a session, or over HTTP of one request, to tell later whether a verdict on it was
 * right: its longest silences, the verdicts that observe mode did not carry out, and how it ended. Pure.
 * Filled by reaper/follow.c. Tested by tests/unit/ledger.c.
 */
#ifndef GG_REAPER_ACCOUNT_H
#define GG_REAPER_ACCOUNT_H

#include "reaper/tune.h"

#define GG_FIN_BYTES 1	 /* that the kernel counts for the end of a stream */
#define GG_FLUSH_BYTES 4 /* of a flush packet */

struct gg_account {
	bool named;	/* its request is known */
	bool asked;	/* a hook ran: all that the client had to send had come */
	bool refused;	/* the request was not served */
	bool advertise; /* over HTTP: the first request of a repository on its connection, which has no turn
			   of the client's but to read */
	/* The longest silence that counted against each reason's limit, as in struct gg_story. */
	int64_t silence_ms[GG_NREASONS];
	/* Verdicts that were not carried out. */
	struct gg_verdict first; /* reason NONE: there is none */
	enum gg_phase first_phase;
	int64_t first_time;	  /* seconds since the epoch */
	unsigned reasons, clocks; /* bits: those of all of them; clocks by their keys */
	enum gg_reason last;	  /* the reason of the last one, */
	uint64_t received, acked; /* and the client's bytes at that moment */
};

/* A silence that counts against this reason's limit has lasted so long. */
void gg_account_silence(struct gg_account *a, enum gg_reason reason, int64_t ms);
/* One more verdict that is not carried out. time: seconds since the epoch. */
void gg_account_verdict(struct gg_account *a, const struct gg_verdict *v, enum gg_phase phase,
			const struct gg_tcp *tcp, int64_t time);

/* How a session, or a request, has ended. */
struct gg_finish {
	int status;    /* wait status of its root; -1: not known */
	bool answered; /* over HTTP: the request had come whole, and the reply was passed on whole */
	bool http, push;
	bool peer_gone;		  /* its client's host had fallen silent */
	bool stopped;		  /* the gate ended it: it stopped itself, or an operator said so */
	bool hooks_ask;		  /* the hooks of this gate tell it when they run */
	uint64_t received, acked; /* bytes of the client at the end */
	uint64_t request_bytes;	  /* of git://: its request */
};

enum gg_fate {
	GG_FATE_WELL,	 /* it ended by itself, and as it should; after a verdict: it had gone on */
	GG_FATE_FAILED,	 /* it never went on, or its client left, or git failed */
	GG_FATE_UNKNOWN, /* nobody can tell: a watched server's, or the gate ended it after it had gone on */
	GG_NFATES
};

const char *gg_fate_name(enum gg_fate o);

/*
 * Exit status 0 does not say that a session went well: upload-pack exits so when its client leaves between
 * two requests, receive-pack when the pack was cut. So after a verdict the client must have moved: more than
 * the one byte that the end of a connection counts for; and a push must have come so far that a hook ran, or
 * have consisted of a flush, which is how a client says that it has nothing to push. Over HTTP a whole reply
 * to a whole request says all that.
 */
enum gg_fate gg_fate(const struct gg_account *a, const struct gg_finish *f);

#endif
