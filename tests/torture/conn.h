/*
 * conn - one TCP connection to the server, with the moment and manner of its end.
 * Every function is bounded by a point in monotonic time (until_ms).
 */
#ifndef GG_TORTURE_CONN_H
#define GG_TORTURE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "tests/torture/torture.h"

struct gg_http_reply;
struct gg_wire;

struct gg_conn {
	int fd;		     /* non-blocking, CLOEXEC; -1: none */
	uint16_t port;	     /* ours */
	bool deaf;	     /* never reads */
	enum gg_ended ended; /* NONE while it is open */
	int64_t end_ms;
	struct gg_wire *wire;	    /* borrowed: gets all that is read */
	struct gg_http_reply *http; /* borrowed: takes the framing off first; NULL over git:// */
};

/*
 * rcvbuf: SO_RCVBUF, set before the connect so that it bounds the window, with small segments; 0: the
 * system's. Returns 0 or -errno (-ETIMEDOUT after timeout_ms).
 */
int gg_conn_open(const struct gg_addr *to, int rcvbuf, int timeout_ms, int *ret_fd, uint16_t *ret_port);
void gg_conn_close(struct gg_conn *c);

/* True: all of it is with the kernel. False: the connection has ended, or the time has passed (NOBODY). */
bool gg_conn_send(struct gg_conn *c, const void *p, size_t n, int64_t until_ms);
/* Wait until the server's kernel has acknowledged all that was sent. As _send. */
bool gg_conn_acked(struct gg_conn *c, int64_t until_ms);
/* Read until the advertisement's flush. As _send. */
bool gg_conn_advert(struct gg_conn *c, int64_t until_ms);
/* Read until the end or the time: false when it has ended. The passing of time is no end here. */
bool gg_conn_wait(struct gg_conn *c, int64_t until_ms);
/*
 * When something last passed between the two kernels, in monotonic time: what the server measures its limits
 * by. Now, where the kernel does not tell. This process may come to look much later: a machine under load
 * stands still.
 */
int64_t gg_conn_last_ms(int fd);
/* What was read. */
void gg_conn_feed(struct gg_conn *c, const char *p, size_t n);
/* Read what is there now. */
void gg_conn_pump(struct gg_conn *c);

#endif
