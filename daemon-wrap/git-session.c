/*
 * git-gate-session - the first process on a git:// client's socket. It peeks at the request, tells the gate
 * what is asked for, refuses what must not be served with a reason that git prints, and becomes git
 * upload-pack for a fetch that nothing speaks against, git-daemon for the rest. Started by
 * supervisor/session.c with the socket on fd 0 and 1; nothing is read from it that git-daemon would miss.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon-wrap/fetch.h"
#include "daemon-wrap/refresh.h"
#include "daemon-wrap/request.h"
#include "daemon-wrap/status.h"
#include "daemon-wrap/wrap.h"

static char packet[GG_REQUEST_MAX]; /* the request, as peeked at */

/*
 * Wait until n bytes can be peeked at, without reading them. The kernel wakes us when they are all there
 * (SO_RCVLOWAT), so a trickle costs nothing. The reaper bounds the time. Returns how many are there: fewer
 * than n after the client's FIN.
 */
static ssize_t peek(char *buf, size_t n)
{
	for (;;) {
		struct pollfd p = { .fd = 0, .events = POLLIN };
		int low = (int)n;
		ssize_t got;

		setsockopt(0, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
		if (poll(&p, 1, -1) < 0 && !gg_wrap_passes(errno))
			return -errno;
		got = recv(0, buf, n, MSG_PEEK | MSG_DONTWAIT);
		if (got < 0 && !gg_wrap_passes(errno))
			return -errno;
		if (got >= (ssize_t)n || got == 0)
			return got;
		/* fewer, and yet awake: after a FIN no more will come; else the queue is being refilled */
		if (got > 0 && (p.revents & (POLLHUP | POLLERR)))
			return got;
		if (got > 0) {
			struct pollfd fin = { .fd = 0, .events = POLLRDHUP };

			if (poll(&fin, 1, 0) > 0 && fin.revents)
				return got;
			poll(NULL, 0, 20); /* awake without need, whatever for: never at full speed */
		}
	}
}

/* The request packet, whole; *ret_n is 0 when what comes is no request, which git-daemon then answers in its
 * way. */
static int read_request(size_t *ret_n)
{
	ssize_t got = peek(packet, 4);
	int len;

	*ret_n = 0;
	if (got < 0)
		return (int)got;
	len = gg_request_length(packet, (size_t)got);
	if (len <= 0)
		return 0;
	got = peek(packet, (size_t)len);
	if (got < 0)
		return (int)got;
	if (got == len)
		*ret_n = (size_t)len;
	return 0;
}

/* n: bytes of the request that are still in the queue */
static int refuse(size_t n, const char *why)
{
	char mem[700];
	struct gg_buf b = GG_BUF(mem);

	/* out of the queue: a close with unread bytes would reset the connection and the text with it */
	while (n && recv(0, packet, n, MSG_WAITALL) < 0)
		if (!gg_wrap_passes(errno))
			return 1;
	gg_buf_add(&b, "%04xERR git-gate: %s", (unsigned)(strlen(why) + 18), why);
	(void)!send(1, b.s, b.len, MSG_NOSIGNAL);
	return 1;
}

/*
 * upload-pack writes the start of its answer in small pieces; without this the second waits until the
 * client's kernel has acknowledged the first, 40 ms later. Not for receive-pack: it writes each ref apart,
 * and nobody waits for the first.
 */
static void answer_soon(const char *service)
{
	int on = 1;

	if (strcmp(service, "receive-pack"))
		setsockopt(0, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* n: bytes of the request, 0: it is none. Returns only when nothing can be started. */
static int become_git(const struct gg_wrap *o, const struct gg_request *req, const struct gg_status *st,
		      size_t n)
{
	static struct gg_fetch fetch;
	bool taken = false;
	int r = 0;

	answer_soon(st->service);
	/* kept over exec: whatever a hook lets go of stays below git, where the reaper finds it */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (n && gg_fetch_prepare(o, req, st, packet, n, &fetch))
		r = gg_fetch_exec(&fetch, n, &taken);
	if (!taken) {
		execv(o->command[0], o->command);
		r = -errno;
	}
	fprintf(stderr, "git-gate-session: cannot run %s: %s\n", taken ? fetch.git : o->command[0],
		strerror(-r));
	return n ? refuse(taken ? 0 : n, "git cannot be started now, try again later") : 1;
}

int main(int argc, char **argv)
{
	struct gg_status st = { 0 };
	static struct gg_request req;
	char stale[GG_STALE_MAX] = "";
	struct gg_answer told;
	struct gg_wrap o;
	int one = 1;
	size_t n;

	prctl(PR_SET_NAME, "git-gate-session"); /* the gate starts us by a descriptor's number */
	gg_wrap_join("git-gate-session");
	if (gg_wrap_options("git-gate-session", argc, argv, &o) < 0)
		return 2;
	alarm(o.init_s); /* exec keeps it, and git-daemon sets its own */
	if (read_request(&n) < 0)
		return 1; /* the connection is gone */
	setsockopt(0, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	if (n) {
		int r = gg_request_parse(packet, n, &req);

		st.request_bytes = (uint32_t)n;
		if (r == -EINVAL)
			snprintf(st.refused, sizeof(st.refused),
				 "malformed request, or a path of more than %d bytes", GG_PATH_MAX - 1);
		else
			gg_wrap_examine(&o, &req, r, &st);
	}
	gg_wrap_report(&o, &st);
	if (st.service[0] || st.refused[0])
		gg_wrap_ask(&o, &st, &told);
	if (st.service[0] && !st.refused[0])
		gg_wrap_refresh(&o, &st, stale);
	if (st.refused[0])
		return refuse(n, st.refused);
	if (gg_wrap_stale(stale) < 0)
		fprintf(stderr, "git-gate-session: no memory to tell the client: %s\n", stale);
	if (o.status_fd >= 0)
		close(o.status_fd);
	return become_git(&o, &req, &st, n);
}
