/*
 * git-gate-session - the first process on a git:// client's socket. It peeks at the request, tells the gate
 * what is asked for, refuses what must not be served with a reason that git prints, and becomes git-daemon
 * for the rest. Started by supervisor/session.c with the socket on fd 0 and 1; nothing is read from it that
 * git-daemon would miss, unless it is refused.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon-wrap/repo.h"
#include "daemon-wrap/request.h"
#include "daemon-wrap/status.h"

static char packet[GG_REQUEST_MAX]; /* the request, as peeked at */

struct options {
	int status_fd;
	bool ask; /* the gate answers the report: limit.sessionsPerRepo */
	const char *base_path, *hook_path;
	char *safe[256];
	size_t nsafe;
	char **daemon; /* argv of git-daemon */
};

static int usage(void)
{
	fprintf(stderr, "git-gate-session: started by git-gate for each connection; not for use by hand\n");
	return 2;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "status-fd", required_argument, NULL, 's' },
		{ "base-path", required_argument, NULL, 'b' },
		{ "hook-path", required_argument, NULL, 'h' },
		{ "nofile", required_argument, NULL, 'n' },
		{ "safe-directory", required_argument, NULL, 'd' },
		{ "ask", no_argument, NULL, 'a' },
		{ "init-timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	struct rlimit lim;
	int64_t n;
	int c;

	*o = (struct options){ .status_fd = -1 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's' && gg_int_parse(optarg, 3, 1024, &n) == 0) {
			o->status_fd = (int)n;
		} else if (c == 'b') {
			o->base_path = optarg;
		} else if (c == 'h') {
			o->hook_path = optarg;
		} else if (c == 'n' && gg_int_parse(optarg, 0, INT64_MAX, &n) == 0) {
			if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
				lim.rlim_cur = (rlim_t)n < lim.rlim_max ? (rlim_t)n : lim.rlim_max;
				setrlimit(RLIMIT_NOFILE, &lim);
			}
		} else if (c == 'a') {
			o->ask = true;
		} else if (c == 't' && gg_int_parse(optarg, 0, UINT_MAX, &n) == 0) {
			/* a backstop for when the gate is gone; exec keeps it, and git-daemon sets its own */
			alarm((unsigned)n);
		} else if (c == 'd' && o->nsafe < sizeof(o->safe) / sizeof(o->safe[0])) {
			o->safe[o->nsafe++] = optarg;
		} else {
			return -EINVAL;
		}
	}
	o->daemon = argv + optind;
	return o->base_path && o->hook_path && o->daemon[0] ? 0 : -EINVAL;
}

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
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		got = recv(0, buf, n, MSG_PEEK | MSG_DONTWAIT);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
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

/* Wait until the gate has room for another session of the repository. refused: why it will not have any. */
static void wait_for_room(const struct options *o, struct gg_status *st)
{
	unsigned backstop = alarm(0); /* the wait has its own limit */
	ssize_t n = read(o->status_fd, st->refused, sizeof(st->refused) - 1);

	st->refused[n > 0 ? n : 0] = 0;
	alarm(backstop);
	if (n <= 0)
		snprintf(st->refused, sizeof(st->refused), "the gate has ended, try again later");
}

static void report(const struct options *o, const struct gg_status *s)
{
	char buf[GG_STATUS_MAX];
	size_t n = gg_status_pack(s, buf);

	if (o->status_fd >= 0 && write(o->status_fd, buf, n) != (ssize_t)n)
		fprintf(stderr, "git-gate-session: cannot report the request: %s\n", strerror(errno));
}

/* git silently skips a hook that is missing or cannot be executed, and with it every check: so no push then.
 */
static void check_hook(const struct options *o, struct gg_buf *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/pre-receive", o->hook_path) >= (int)sizeof(path) ||
	    stat(path, &st) < 0)
		gg_buf_add(err, "pushes are refused: the gate's pre-receive hook is missing; see hook.path");
	else if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		gg_buf_add(
			err,
			"pushes are refused: the gate's pre-receive hook cannot be executed; see hook.path");
}

static int refuse(size_t n, const char *why)
{
	char mem[700];
	struct gg_buf b = GG_BUF(mem);

	/* out of the queue: a close with unread bytes would reset the connection and the text with it */
	if (recv(0, packet, n, MSG_DONTWAIT) < 0)
		return 1;
	gg_buf_add(&b, "%04xERR git-gate: %s", (unsigned)(strlen(why) + 18), why);
	(void)!send(1, b.s, b.len, MSG_NOSIGNAL);
	return 1;
}

/* Fill st from the request. Whatever must not be served has a text in st->refused. */
static void examine(const struct options *o, const struct gg_request *req, int known, struct gg_status *st)
{
	struct gg_buf err = GG_BUF(st->refused), repo = GG_BUF(st->repo);
	struct gg_repo found;

	snprintf(st->service, sizeof(st->service), "%s", req->service);
	if (known == -ENOENT) {
		gg_buf_add(&err, "unknown service git-");
		gg_escape(&err, req->service, strlen(req->service), 32);
		gg_buf_put(&repo, req->path, strlen(req->path));
		return;
	}
	gg_repo_find(o->base_path, req->path, o->safe, o->nsafe, &found, &err);
	gg_buf_put(&repo, found.dir[0] ? found.below : req->path,
		   strlen(found.dir[0] ? found.below : req->path));
	strcpy(st->found, found.dir[0] ? "1" : "");
	if (!err.len && !strcmp(req->service, "receive-pack"))
		check_hook(o, &err);
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

int main(int argc, char **argv)
{
	struct gg_status st = { 0 };
	static struct gg_request req;
	struct options o;
	int one = 1;
	size_t n;

	if (parse_options(argc, argv, &o) < 0)
		return usage();
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
			examine(&o, &req, r, &st);
	}
	report(&o, &st);
	if (o.ask && st.service[0] && !st.refused[0])
		wait_for_room(&o, &st);
	if (st.refused[0])
		return refuse(n, st.refused);
	if (o.status_fd >= 0)
		close(o.status_fd);
	answer_soon(st.service);
	/* kept over exec: whatever a hook lets go of stays below git-daemon, where the reaper finds it */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	execv(o.daemon[0], o.daemon);
	fprintf(stderr, "git-gate-session: cannot run %s: %s\n", o.daemon[0], strerror(errno));
	return 1;
}
