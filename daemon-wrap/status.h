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

struct gg_status {
	char service[32];  /* "receive-pack"; "" when there was no request */
	char repo[1024];   /* below the base path, or what the client asked for when there is none; cut */
	char refused[512]; /* why the session is not begun; "" it is */
	char found[2];	   /* "1": the repository exists and repo is its git directory; "" */
	uint32_t request_bytes; /* length of the request packet */
};

/* Returns the length written to buf, at most GG_STATUS_MAX. */
size_t gg_status_pack(const struct gg_status *s, char *buf);
/* 0 or -EINVAL. */
int gg_status_unpack(const char *buf, size_t n, struct gg_status *ret);

/* What the gate answers, if it was asked. */
struct gg_answer {
	char refused[512]; /* why the session is not begun; "": it may go on */
	int64_t push_max;  /* repo.NAME.push, in bytes, 0: no limit; -1: limit.push counts */
};

/* As those above; unpack also -ERANGE. */
size_t gg_answer_pack(const struct gg_answer *a, char *buf);
int gg_answer_unpack(const char *buf, size_t n, struct gg_answer *ret);

#endif
