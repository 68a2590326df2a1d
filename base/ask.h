/*
 * ask - the client's side of the control socket (supervisor/protocol.md): a line is sent, a line comes back.
 * Bounded in time and size, prints nothing, knows no JSON. Used by cli/client.c and hooks/gate.c. Tested by
 * tests/unit/ask.c.
 */
#ifndef GG_BASE_ASK_H
#define GG_BASE_ASK_H

#include <stddef.h>
#include <stdint.h>

#define GG_ASK_REQUEST_MAX 4096 /* bytes of a request that the gate takes, its newline included */
#define GG_ASK_MS 5000		/* enough for a gate that is well: connect, request and answer together */

/* One that is longer than sun_path has room for: -ENAMETOOLONG. */
#define GG_ASK_PATH_MAX 107

/*
 * Connect to the socket at path.
 * 0 or -errno: -ENOENT, -ENOTDIR and -ECONNREFUSED mean that nobody listens there, -EACCES and -EPERM that we
 * may not ask, -EAGAIN that the gate took no connection in limit_ms.
 */
int gg_ask_connect(const char *path, int64_t limit_ms, int *ret_fd);

/*
 * Send the line, which ends in a newline, and receive one.
 *   deadline_ms  CLOCK_MONOTONIC
 *   max          bytes of an answer
 *   ret          the answer without its newline, NUL-terminated: the caller's to free; untouched on failure
 * 0; -ETIMEDOUT; -EMSGSIZE: the answer is longer than max; -ENODATA: the gate closed without an answer;
 * -errno.
 */
int gg_ask_line(int fd, const char *line, size_t n, int64_t deadline_ms, size_t max, char **ret,
		size_t *ret_len);

/* Both, within limit_ms. */
int gg_ask(const char *path, const char *line, size_t n, int64_t limit_ms, size_t max, char **ret,
	   size_t *ret_len);

#endif
