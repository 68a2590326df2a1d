/*
 * status - what git-gate-session tells the gate about the request it read, as one message on fd 3,
 * a Unix socket that exec closes, and what the gate answers. The gate itself parses nothing that a client
 * sends. Pure. Tested by tests/unit/wrap.c.
 */
#ifndef GG_WRAP_STATUS_H
#define GG_WRAP_STATUS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define GG_STATUS_MAX PIPE_BUF /* so that the write is atomic */

/* The token that a client shows, if it does: never the token itself. */
struct gg_claim {
	char how[2]; /* "": none is shown; "B" with a name (Basic), "T" alone (Bearer), "?" none that could be
		      */
	char name[65]; /* of "B" */
	char hash[65]; /* of "B" and "T": its SHA-256 in hexadecimal digits */
};

struct gg_status {
	char service[32];  /* "receive-pack"; "" when there was no request */
	char repo[1024];   /* below the base path, or what the client asked for when there is none; cut */
	char refused[512]; /* why the session is not begun; "" it is */
	char found[2];	   /* "1": the repository exists and repo is its git directory; "" */
	char asked[256];   /* the path that the client gave; cut */
	struct gg_claim claim;
	uint32_t request_bytes; /* length of the request packet */
};

/* Returns the length written to buf, at most GG_STATUS_MAX. */
size_t gg_status_pack(const struct gg_status *s, char *buf);
/* 0 or -EINVAL. */
int gg_status_unpack(const char *buf, size_t n, struct gg_status *ret);

/* What the gate answers. */
struct gg_answer {
	char refused[512]; /* why the session is not begun; "": it may go on */
	int64_t status;	   /* with refused: how HTTP says so, 401, 403 or 404; 0: as the text says */
	char user[72];	   /* who it is: the name of a token, or "uid:NUMBER"; "": nobody knows */
	int64_t push_max;  /* repo.NAME.push, in bytes, 0: no limit; -1: limit.push counts */
	int64_t last;	   /* 1: an HTTP connection ends with the reply to this request, others wait; 0 */
};

/* As those above; unpack also -ERANGE. */
size_t gg_answer_pack(const struct gg_answer *a, char *buf);
int gg_answer_unpack(const char *buf, size_t n, struct gg_answer *ret);

#endif
