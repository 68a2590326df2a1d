/*
 * torture - what the parts of git-gate-torture share: the target, a kind of client, one client and its
 * result.
 *
 * main.c reads the options; run.c makes the scratch repository, forks a process for each client and collects
 * one struct gg_result from each; raw.c plays clients that speak the protocol by hand, relay.c those that are
 * a real `git push` behind a relay; left.c and seen.c look at what the server keeps; report.c prints.
 */
#ifndef GG_TORTURE_H
#define GG_TORTURE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct gg_scratch;

/* The server under test. */
struct gg_target {
	struct gg_addr addr;
	char host[128];	     /* as in the URL, port included: what the request's host= says */
	char path[1024];     /* begins with '/' */
	bool http;	     /* http://, else git:// */
	char repo[PATH_MAX]; /* the bare repository on this machine, resolved; "" when not told */
	int64_t limit_ms;    /* how long a client waits to be ended, from the start of its silence */
	int64_t pause_ms;    /* how long one that pauses does */
};

/* How a client behaves: each step in turn, the rest left out once a step is incomplete. */
enum gg_request {
	GG_REQ_NONE,
	GG_REQ_HALF,
	GG_REQ_TRICKLE,
	GG_REQ_JUNK,
	GG_REQ_PUSH,
	GG_REQ_FETCH,
	GG_REQ_FETCH_V2,
	GG_REQ_ARCHIVE,
	GG_REQ_PIPELINED /* HTTP: one that asks to push, and junk right behind it */
};
/* What it asks for once it has the advertisement. */
enum gg_wants { GG_WANT_NONE, GG_WANT_REFS, GG_WANT_PACK };
enum gg_commands {
	GG_CMD_NONE,
	GG_CMD_HALF,
	GG_CMD_JUNK,
	GG_CMD_ALL,
	GG_CMD_MANY,
	GG_CMD_HEAD, /* HTTP: no byte of the body */
	GG_CMD_RAW   /* HTTP: junk where a chunk should begin */
};
enum gg_pack { GG_PACK_NONE, GG_PACK_JUNK, GG_PACK_SMALL, GG_PACK_LARGE };
enum gg_part { GG_PART_ALL, GG_PART_HALF, GG_PART_HEADER };
enum gg_then {
	GG_THEN_SILENCE,
	GG_THEN_HALF_CLOSE,
	GG_THEN_FIN,
	GG_THEN_RST,
	GG_THEN_TRICKLE,
	GG_THEN_SLOW,	/* a while in small pieces, then all the rest */
	GG_THEN_UNREAD, /* without reading */
	GG_THEN_SIP,	/* reading in drops */
	GG_THEN_SLOW_READ,
	GG_THEN_PAUSE /* stops reading, and goes on */
};
/* For a real `git push`: what the relay or the client does, and after which part of the conversation. */
enum gg_stall {
	GG_STALL_NONE,
	GG_STALL_REQUEST,
	GG_STALL_COMMANDS,
	GG_STALL_PACK,
	GG_STOP_PUSH,
	GG_STOP_PACK_OBJECTS
};

/* Over what it can be played. */
enum gg_over { GG_OVER_BOTH, GG_OVER_GIT, GG_OVER_HTTP };

struct gg_kind {
	const char *name, *help;
	enum gg_over over;
	enum gg_request request;
	enum gg_wants wants;
	enum gg_commands commands;
	enum gg_pack pack;
	enum gg_part part; /* how much of the pack is sent */
	enum gg_then then;
	enum gg_stall stall; /* not NONE: a real push, and nothing of the above counts */
	bool plain;	     /* no side-band-64k */
	bool length;	     /* HTTP: the body has a length, which is never filled; else it is chunked */
	const char *junk;    /* the bytes of the step that is JUNK */
	size_t njunk;
	const char *before, *after; /* the reference: before, tag, after; NULL: "refs/heads/" and "" */
};

extern const struct gg_kind gg_kinds[];
extern const size_t gg_nkinds;

static inline bool gg_kind_is_real(const struct gg_kind *k)
{
	return k->stall != GG_STALL_NONE;
}

static inline bool gg_kind_is_over(const struct gg_kind *k, bool http)
{
	return k->over == GG_OVER_BOTH || (k->over == GG_OVER_HTTP) == http;
}

/* It fetches what the run has pushed before. */
static inline bool gg_kind_is_clone(const struct gg_kind *k)
{
	return k->wants == GG_WANT_PACK;
}

static inline bool gg_kind_needs_scratch(const struct gg_kind *k)
{
	return gg_kind_is_real(k) || gg_kind_is_clone(k) || k->pack == GG_PACK_SMALL ||
	       k->pack == GG_PACK_LARGE;
}

/* Who ended a client. FAILED: it could not be played (no connection, no git); see error. */
enum gg_ended { GG_BY_NONE, GG_BY_SERVER, GG_BY_RESET, GG_BY_CLIENT, GG_BY_NOBODY, GG_FAILED };

enum { GG_LEFT_MAX = 16, GG_LEFT_NAME = 200 };

/* What a client's process hands to its parent, whole, through a pipe. Texts are escaped already. */
struct gg_result {
	enum gg_ended ended;
	uint16_t port;		    /* local port of the connection to the server; 0: never connected */
	int64_t after_ms, total_ms; /* end - start of silence; end - connect */
	int64_t paused_ms;	    /* its longest pause; 0: it made none */
	bool has_exit;
	int status; /* of git push, as from waitpid */
	int procs;  /* server processes left, -1 unknown */
	int nleft;  /* leftovers, -1 unknown; left[] holds the first GG_LEFT_MAX */
	char left[GG_LEFT_MAX][GG_LEFT_NAME];
	char ref[200];
	char said[2048], report[1024], error[256];
};

/* Which quarantine directory belongs to which client: one slot a client, in memory that all of them share. */
struct gg_claim {
	_Atomic bool set;
	char name[64]; /* tmp_objdir-incoming-XXXXXX */
};

struct gg_client {
	const struct gg_target *target;
	const struct gg_kind *kind;
	const struct gg_scratch *scratch; /* NULL when no kind of this run needs it */
	const struct gg_names *before;	  /* leftovers that were there before the run */
	struct gg_claim *claims;
	size_t nclaims, me;
	char tag[96];			       /* torture/KIND-PID-N: in every reference of this client */
	bool seen;			       /* a server process of this connection was found in /proc */
	int64_t connect_ms, silent_ms, end_ms; /* monotonic; 0: not yet */
	int64_t connect_wall_ms;
	struct gg_result *res;
};

#endif
