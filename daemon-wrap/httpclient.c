/* httpclient - git-gate-http's side of its connection. See httpclient.h. */
#include "daemon-wrap/httpclient.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/httplink.h"

#define FDS_MAX 8
#define DISCARD_MS 10000
#define DISCARD_QUIET_MS 5000 /* it may be compressing what comes next */
#define LACKS_MS 5000	      /* the machine lacks memory: it is tried again, for so long */
#define LACKS_PAUSE_NS 10000000

static volatile sig_atomic_t hangups;

static void on_hangup(int sig)
{
	(void)sig;
	hangups = 1;
}

void gg_httpclient_open(struct gg_httpclient *c, int sock, int gate)
{
	struct sigaction sa = { .sa_handler = on_hangup };
	sigset_t set;
	int on = 1, domain = 0;
	socklen_t len = sizeof(domain);

	c->sock = sock;
	/* what is written, and not sent, is counted in /proc/PID/io: the reaper has nothing else to go by */
	c->local = getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
	c->gate = gate;
	c->waits_as = -1;
	c->at = c->n = 0;
	c->lacks_ms = 0;
	c->eof = c->gone = c->hung_up = false;
	c->told[0] = 0;
	gg_http_init(&c->http);
	/* blocked but while we wait: a signal before that is not missed */
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	fcntl(sock, F_SETFL, O_NONBLOCK);
	/* a reply's last chunk must not wait until the client has acknowledged what was before it */
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void name_it(struct gg_httpclient *c, enum gg_http_wait as)
{
	static const char *const names[GG_NWAITS] = {
		[GG_WAIT_IDLE] = "http:idle", [GG_WAIT_HEAD] = "http:head",   [GG_WAIT_BODY] = "http:body",
		[GG_WAIT_GIT] = "http:git",   [GG_WAIT_REPLY] = "http:reply", [GG_WAIT_END] = "http:end"
	};

	if (c->waits_as == (int)as)
		return;
	c->waits_as = (int)as;
	prctl(PR_SET_NAME, names[as]);
}

/* Only one thing is said without having been asked for: why we are being ended. */
static void hear_the_gate(struct gg_httpclient *c)
{
	char buf[sizeof(c->told)];
	ssize_t n = recv(c->gate, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->gate = -1; /* it has gone; whoever comes next ends us by a signal */
		return;
	}
	buf[n] = 0;
	if (buf[0] == GG_STATUS_END)
		strcpy(c->told, buf + 1);
}

bool gg_httpclient_passes(struct gg_httpclient *c, int e)
{
	int64_t now_ms;

	if (e != ENOMEM && e != ENOBUFS) {
		c->lacks_ms = e ? c->lacks_ms : 0;
		return !e || e == EAGAIN || e == EINTR;
	}
	now_ms = gg_now_ms();
	c->lacks_ms = c->lacks_ms ? c->lacks_ms : now_ms;
	if (now_ms - c->lacks_ms > LACKS_MS)
		return false;
	nanosleep(&(struct timespec){ .tv_nsec = LACKS_PAUSE_NS }, NULL);
	return true;
}

short gg_httpclient_wait(struct gg_httpclient *c, enum gg_http_wait as, bool in, bool out, struct pollfd *fds,
			 size_t n, int timeout_ms)
{
	struct timespec t = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
	struct pollfd p[FDS_MAX + 2] = { { .fd = c->gone ? -1 : c->sock,
					   .events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0)) },
					 { .fd = c->gate, .events = POLLIN } };
	sigset_t none;
	int r;

	for (size_t i = 0; i < n; i++)
		p[i + 2] = fds[i];
	sigemptyset(&none);
	name_it(c, as);
	do
		r = ppoll(p, (nfds_t)n + 2, timeout_ms < 0 ? NULL : &t, &none);
	while (r < 0 && errno != EINTR && gg_httpclient_passes(c, errno));
	c->hung_up |= hangups;
	if (c->hung_up && c->gate >= 0)
		hear_the_gate(c); /* why was said before, and an interrupted poll does not show it */
	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			fds[i].revents = 0;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		fds[i] = p[i + 2];
	if (p[1].revents)
		hear_the_gate(c);
	if (p[0].revents & POLLERR)
		c->gone = c->eof = true;
	return p[0].revents;
}

void gg_httpclient_read(struct gg_httpclient *c)
{
	ssize_t n;

	if (c->at == c->n)
		c->at = c->n = 0;
	if (c->n == sizeof(c->in) || c->eof)
		return;
	n = recv(c->sock, c->in + c->n, sizeof(c->in) - c->n, MSG_DONTWAIT);
	if (n > 0)
		c->n += (size_t)n;
	else if (n == 0)
		c->eof = true;
	if (!gg_httpclient_passes(c, n < 0 ? errno : 0))
		c->eof = c->gone = true;
}

size_t gg_httpclient_send(struct gg_httpclient *c, const void *p, size_t n, bool more)
{
	ssize_t k = c->gone    ? -1
		    : c->local ? write(c->sock, p, n)
			       : send(c->sock, p, n, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));

	if (!c->gone && !gg_httpclient_passes(c, k < 0 ? errno : 0))
		c->gone = c->eof = true; /* nor is it polled any more */
	return k < 0 ? 0 : (size_t)k;
}

bool gg_httpclient_send_all(struct gg_httpclient *c, const void *p, size_t n)
{
	const char *at = p;

	while (n && !c->gone && !c->hung_up) {
		size_t k = gg_httpclient_send(c, at, n, false);

		at += k;
		n -= k;
		if (!k && !c->gone)
			gg_httpclient_wait(c, GG_WAIT_REPLY, false, true, NULL, 0, -1);
	}
	return !n;
}

void gg_httpclient_discard(struct gg_httpclient *c)
{
	int64_t end = gg_now_ms() + DISCARD_MS;

	shutdown(c->sock, SHUT_WR);
	while (!c->eof && !c->hung_up && gg_now_ms() < end) {
		c->at = c->n = 0;
		if (!gg_httpclient_wait(c, GG_WAIT_END, true, false, NULL, 0, DISCARD_QUIET_MS))
			return;
		gg_httpclient_read(c);
	}
}
