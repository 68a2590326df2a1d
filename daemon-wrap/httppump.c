/* httppump - one request's git http-backend. See httppump.h. */
#include "daemon-wrap/httppump.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "base/httplink.h"
#include "daemon-wrap/wrap.h"

/*
 * git writes packets of 8 kB. A reader that takes each as it comes is woken for each and sends it by itself;
 * a short wait lets the pipe fill. Measured with a pull of 315 MB: 1.3 times the time of a bare copy
 * without, 1.03 with, at a quarter of the CPU time. Only after the first part of a reply, so that small ones
 * do not wait.
 */
#define PIPE_SIZE (256 * 1024)
#define FILL_FROM (128 * 1024)
#define FILL_NS 300000

/*
 * The same the other way: git reads a pack in pieces of 4 kB, and each makes room in a pipe that is full.
 * Measured with a push of 64 MB: half the CPU time of this process, and a twentieth of its wake-ups.
 */
#define DRAIN_NS 500000

/*
 * The first part waits too, if git may be done soon: a small reply is written in five or six pieces, and then
 * one wake-up and one segment do for it. Looked at in steps, so that a pack which fills the pipe goes on.
 */
#define SOON_MS 4
#define SOON_STEPS 5
#define SOON_BYTES (16 * 1024)

#define PIECE (PIPE_SIZE) /* of the reply */
#define HEAD_ROOM GG_CHUNK_HEAD_MAX

struct run {
	const struct gg_pump *p;
	struct gg_httpclient *c;
	int in, out, pidfd; /* the backend's stdin and stdout, our ends; -1: closed */
	pid_t pid;
	int status;
	bool exited;
	const char *body; /* a span of it that is not written yet */
	size_t nbody;
	bool body_over;		  /* all of it has come, or no more will */
	bool body_whole;	  /* all of it has come */
	struct gg_http_error bad; /* of the body's framing; status 0: none */
	struct gg_reply reply;
	bool head_done, head_bad, head_sent;
	bool unfit; /* its body is not what git's client can be given */
	enum gg_frame frame;
	bool keep_alive;
	bool looked, banded; /* the client's capabilities were looked at; it knows side-band-64k */
	int64_t sent;	     /* bytes of the reply's body */
	bool fills;	     /* the pipe has room for FILL_FROM */
	bool drains;	     /* the other for what git reads within DRAIN_NS */
	int soon;	     /* steps that were waited for git to be done */
	const char *h;	     /* what goes to the client next: the head, */
	size_t nh;
	const char *o; /* and a piece of the body */
	size_t no;
	char first[GG_REPLY_OUT_MAX + 1024];
	char piece[HEAD_ROOM + PIECE + 2];
};

static void record(const char *what, int e)
{
	char mem[100];
	struct gg_buf why = GG_BUF(mem);

	gg_buf_add(&why, "%s: %s", what, strerror(e));
	gg_wrap_record(mem);
}

/* To a number that the gate knows; if that is taken, to one above: the gate then does not know it, and keeps
 * the session. */
static int move_fd(int *fd, int to)
{
	int r = *fd == to ? to : fcntl(*fd, F_DUPFD_CLOEXEC, to);

	if (r < 0)
		return -errno;
	if (r != *fd)
		close(*fd);
	*fd = r;
	return fcntl(r, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int start(struct run *r)
{
	AUTO_CLOSE int in_r = -1, in_w = -1, out_r = -1, out_w = -1;
	struct gg_spawn sp = { .path = r->p->path,
			       .argv = r->p->argv,
			       .envp = r->p->env,
			       .cwd = r->p->cwd,
			       .in = -1,
			       .err = 2,
			       .extra = -1 };
	int p[2], e;

	if (r->p->has_body) {
		if (pipe2(p, O_CLOEXEC) < 0)
			return -errno;
		in_r = p[0], in_w = p[1];
		r->drains = fcntl(in_w, F_SETPIPE_SZ, PIPE_SIZE) >= PIPE_SIZE;
	}
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	out_r = p[0], out_w = p[1];
	r->fills = fcntl(out_r, F_SETPIPE_SZ, PIPE_SIZE) >= PIPE_SIZE;
	sp.in = in_r;
	sp.out = out_w;
	r->in = gg_take_fd(&in_w);
	r->out = gg_take_fd(&out_r);
	/* what can fail does so before there is a child */
	if (r->in >= 0 && (e = move_fd(&r->in, GG_HTTP_FD_BODY)) < 0)
		return e;
	e = move_fd(&r->out, GG_HTTP_FD_REPLY);
	return e < 0 ? e : gg_spawn(&sp, &r->pid, &r->pidfd);
}

/* --- the body, client to git --- */

static void end_body(struct run *r, bool whole)
{
	r->body_over = true;
	r->body_whole = whole;
}

/* What git does not want any more is still taken from the client, which else would not read the reply. */
static void stop_feeding(struct run *r)
{
	gg_close_fd(&r->in);
	r->nbody = 0;
}

/* The first packet of a push names what the client can do. */
static void look_at_capabilities(struct run *r)
{
	static const char word[] = " side-band-64k";

	if (r->looked || !r->nbody)
		return;
	r->looked = true;
	r->banded = r->p->push && memmem(r->body, r->nbody < 4096 ? r->nbody : 4096, word, sizeof(word) - 1);
}

/* Up to the next span of it. */
static void parse_body(struct run *r)
{
	struct gg_httpclient *c = r->c;

	while (!r->nbody && !r->body_over) {
		size_t used;
		enum gg_http_event e =
			gg_http_next(&c->http, c->in + c->at, c->n - c->at, &used, &r->body, &r->nbody);

		c->at += used;
		if (e == GG_HTTP_END) {
			end_body(r, true);
		} else if (e == GG_HTTP_BAD) {
			r->bad = c->http.error;
			end_body(r, false);
		} else if (e == GG_HTTP_MORE) {
			if (c->eof)
				end_body(r, false);
			break;
		}
		if (r->p->limit && c->http.body > r->p->limit && !r->bad.status) {
			r->bad = (struct gg_http_error){ .status = 413,
							 .reason = r->p->too_large + strlen("git-gate: ") };
			end_body(r, false);
		}
		look_at_capabilities(r);
		if (r->in < 0)
			r->nbody = 0; /* it is thrown away */
	}
}

static void write_body(struct run *r)
{
	while (r->nbody && r->in >= 0) {
		ssize_t n = write(r->in, r->body, r->nbody);

		if (n < 0 && gg_httpclient_passes(r->c, errno))
			return;
		if (n < 0 && errno != EPIPE)
			record("git cannot be given what the client sends", errno);
		if (n < 0)
			return stop_feeding(r); /* git has closed it: it reports, or has died */
		r->body += n;
		r->nbody -= (size_t)n;
	}
}

/* All that has come: many chunks may be in the buffer, and the client sends no more before it is answered. */
static void feed(struct run *r)
{
	do {
		parse_body(r);
		if (!r->nbody)
			break;
		write_body(r);
	} while (!r->nbody);
	if (!r->nbody && r->body_over)
		gg_close_fd(&r->in);
}

/* --- the reply, git to client --- */

/*
 * What the gate said, as a packet that git's client shows. A pack that is cut is cut before git has said
 * anything: so it comes first of all, and never inside a packet of git's. Returns its length, at p.
 */
static size_t put_told(const struct run *r, char *p, size_t size)
{
	struct gg_buf b = { .s = p, .size = size };
	const char *text = r->c->told[0] ? r->c->told : r->bad.status == 413 ? r->p->too_large : NULL;

	if (!r->banded || !text || r->sent)
		return 0;
	gg_buf_add(&b, "%04x\002%s\n", (unsigned)strlen(text) + 6, text);
	return b.cut ? 0 : b.len;
}

/* Frame n bytes of body that stand at HEAD_ROOM of r->piece. */
static void put_piece(struct run *r, size_t n)
{
	char *at = r->piece + HEAD_ROOM, head[GG_CHUNK_HEAD_MAX];
	size_t nhead;

	/* more than it said would be taken for another reply */
	if (r->frame == GG_FRAME_LENGTH && (int64_t)n > r->reply.length - r->sent)
		n = (size_t)(r->reply.length - r->sent), r->unfit = true;
	r->sent += (int64_t)n;
	if (!n)
		return;
	if (r->frame == GG_FRAME_NONE)
		return; /* HEAD: git http-backend sends a body all the same */
	r->o = at;
	r->no = n;
	if (r->frame != GG_FRAME_CHUNKED)
		return;
	nhead = gg_chunk_head(head, n);
	memcpy(at - nhead, head, nhead);
	memcpy(at + n, "\r\n", 2);
	r->o = at - nhead;
	r->no = nhead + n + 2;
}

/* The head goes out with the first of the body, or with its end: until then another status can be given. */
static void put_head(struct run *r)
{
	struct gg_buf b = GG_BUF(r->first);
	struct gg_asked a = *r->p->asked;

	a.keep_alive = a.keep_alive && (r->body_whole || !r->body_over);
	r->frame = gg_reply_build(&b, &r->reply, &a, &r->keep_alive);
	r->head_sent = true;
	r->h = r->first;
	r->nh = b.len;
}

/* Bytes that git has written and nobody has read. */
static int queued(const struct run *r)
{
	int n = 0;

	return ioctl(r->out, FIONREAD, &n) == 0 ? n : 0;
}

/* Nothing of the reply has gone yet, and git may be done before it has written much. */
static bool done_soon(const struct run *r)
{
	return r->soon < SOON_STEPS && r->body_over && !r->head_sent && !r->exited && r->out >= 0 &&
	       (!r->soon || queued(r) < SOON_BYTES);
}

static ssize_t read_more(struct run *r)
{
	const char *preface = r->head_done || !r->p->preface ? "" : r->p->preface;
	size_t npreface = strlen(preface);
	ssize_t n;

	if (r->fills && r->sent > FILL_FROM && r->body_over && !r->exited && queued(r) < FILL_FROM)
		nanosleep(&(struct timespec){ .tv_nsec = FILL_NS }, NULL);
	n = read(r->out, r->piece + HEAD_ROOM + npreface, PIECE - npreface);
	if (n <= 0)
		return n;
	memcpy(r->piece + HEAD_ROOM, preface, npreface);
	return n + (ssize_t)npreface;
}

/* Bytes of the reply's body that came with its head: kept in r->piece until the head has gone. */
static size_t take_head(struct run *r, size_t n)
{
	size_t used;
	enum gg_reply_event e = gg_reply_feed(&r->reply, r->piece + HEAD_ROOM, n, &used);

	if (e == GG_REPLY_BAD) {
		r->head_bad = true;
		gg_close_fd(&r->out);
		return 0;
	}
	r->head_done = e == GG_REPLY_HEAD;
	memmove(r->piece + HEAD_ROOM, r->piece + HEAD_ROOM + used, n - used);
	return n - used;
}

/*
 * May the client be given what stands first in the reply's body? Not behind a request that was no good, or
 * was cut: of a push only git's own report may be, which says so. Nor what is no packet: git http-backend,
 * when it fails behind its head, writes another one there, and exits with 0.
 */
static bool is_fit(const struct run *r)
{
	const char c = r->piece[HEAD_ROOM];
	bool packet = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

	if (r->bad.status && !(r->bad.status == 413 && r->banded))
		return false;
	if (r->p->rpc && r->body_over && !r->body_whole && !r->p->push)
		return false;
	return packet || !r->p->rpc || r->reply.status != 200;
}

/* Read from git, when there is nothing else to send. */
static void take(struct run *r)
{
	char told[600];
	size_t k, ntold;
	ssize_t n;

	if (r->out < 0 || r->nh || r->no)
		return;
	if (r->c->gone && !r->p->push)
		return gg_close_fd(&r->out); /* nobody reads on: it need not be made */
	if (done_soon(r))
		return;
	n = read_more(r);
	if (n < 0 && gg_httpclient_passes(r->c, errno))
		return;
	if (n < 0)
		record("what git says cannot be read", errno);
	if (n <= 0) {
		gg_close_fd(&r->out);
		return;
	}
	k = r->head_done ? (size_t)n : take_head(r, (size_t)n);
	if (!k)
		return;
	if (r->head_sent)
		return put_piece(r, k);
	r->unfit |= !is_fit(r);
	if (r->unfit)
		return;
	put_head(r);
	ntold = put_told(r, told, sizeof(told));
	if (ntold + k <= PIECE) {
		memmove(r->piece + HEAD_ROOM + ntold, r->piece + HEAD_ROOM, k);
		memcpy(r->piece + HEAD_ROOM, told, ntold);
		k += ntold;
	}
	put_piece(r, k);
}

static void send_some(struct run *r)
{
	while (r->nh && !r->c->gone) {
		size_t n = gg_httpclient_send(r->c, r->h, r->nh, r->no);

		if (!n && !r->c->gone)
			return;
		r->h += n;
		r->nh -= n;
	}
	while (r->no && !r->c->gone) {
		/* a last chunk follows at once, or the end */
		bool more = r->exited && r->frame == GG_FRAME_CHUNKED;
		size_t n = gg_httpclient_send(r->c, r->o, r->no, more);

		if (!n && !r->c->gone)
			return;
		r->o += n;
		r->no -= n;
	}
	if (r->c->gone)
		r->nh = r->no = 0; /* a push goes on to its end, as it would behind git:// */
}

/* --- both --- */

static enum gg_http_wait waits_for(const struct run *r)
{
	if (r->nh || r->no)
		return GG_WAIT_REPLY;
	return !r->body_over && !r->nbody ? GG_WAIT_BODY : GG_WAIT_GIT;
}

static void wait_for_something(struct run *r)
{
	bool pending = r->nh || r->no, soon = !pending && done_soon(r);
	struct pollfd fds[] = { { .fd = r->nbody ? r->in : -1, .events = POLLOUT },
				{ .fd = pending || soon ? -1 : r->out, .events = POLLIN },
				{ .fd = r->exited ? -1 : r->pidfd, .events = POLLIN } };
	bool in = !r->body_over && !r->nbody;
	short got;

	if (r->nbody && r->in >= 0 && r->drains && !r->exited)
		nanosleep(&(struct timespec){ .tv_nsec = DRAIN_NS }, NULL);
	got = gg_httpclient_wait(r->c, waits_for(r), in && !r->c->eof, pending, fds, 3, soon ? SOON_MS : -1);
	r->soon += soon;
	if (in && (got & (POLLIN | POLLHUP | POLLERR)))
		gg_httpclient_read(r->c);
	if (got & POLLHUP)
		r->c->gone = r->c->eof = true;
	if (fds[2].revents && waitpid(r->pid, &r->status, WNOHANG) == r->pid)
		r->exited = true;
}

/* Over when git has ended and all of what it said is with the client. A stray may hold the pipe open. */
static bool over(const struct run *r)
{
	return (r->exited && !r->nh && !r->no && (r->out < 0 || r->head_bad)) || r->c->hung_up;
}

static void drained(struct run *r)
{
	if (r->exited && r->out >= 0 && !r->nh && !r->no && !queued(r))
		gg_close_fd(&r->out);
}

static void exchange(struct run *r)
{
	while (!over(r)) {
		feed(r);
		take(r);
		send_some(r);
		drained(r);
		if (!over(r) && !r->nh && !r->no && r->out >= 0 && r->exited)
			continue; /* what is left in the pipe */
		if (!over(r))
			wait_for_something(r);
	}
}

static bool failed(const struct run *r)
{
	return !r->exited || !WIFEXITED(r->status) || WEXITSTATUS(r->status);
}

/* Nothing has been sent yet: why there is no reply of git's. */
static enum gg_pumped answer_for(struct run *r, struct gg_http_error *ret)
{
	if (r->c->told[0])
		*ret = (struct gg_http_error){ .status = 408, .reason = r->c->told + strlen("git-gate: ") };
	else if (r->bad.status)
		*ret = r->bad;
	else if (r->c->hung_up)
		*ret = (struct gg_http_error){ .status = 503, .reason = "the session was ended" };
	else if (!r->body_whole && r->body_over)
		*ret = (struct gg_http_error){ .status = 400, .reason = "the request's body was cut" };
	else if (r->head_bad || (!r->head_done && !failed(r)))
		*ret = (struct gg_http_error){
			.status = 502, .reason = "git http-backend gave no reply that can be passed on"
		};
	else
		*ret = (struct gg_http_error){ .status = 500,
					       .reason = "git failed; the gate's log has its words" };
	return GG_PUMPED_OWN;
}

/*
 * Only four bytes, the probe before a large request, are answered by nothing; and a push that wants no
 * report. But git http-backend also says nothing, and exits with 0, when it cannot inflate what it got; and
 * nobody compresses a probe.
 */
static bool may_be_empty(const struct run *r)
{
	return !r->p->rpc || (r->body_whole && !r->p->gzip && (r->p->push || r->c->http.body <= 4));
}

/* git http-backend says no with a status alone. */
static const char *reason_of(int status)
{
	return status == 403   ? "the service is not enabled here"
	       : status == 404 ? "nothing is there by that name"
			       : "git does not serve this request; the gate's log has its words";
}

/* The reply has no body: its head, or what says more than that. */
static bool send_empty(struct run *r)
{
	struct gg_buf b = GG_BUF(r->first);
	struct gg_http_error e = { .status = r->reply.status, .reason = reason_of(r->reply.status) };
	struct gg_asked a = *r->p->asked;

	if (r->reply.status < 400) {
		put_head(r);
		return gg_httpclient_send_all(r->c, r->h, r->nh);
	}
	r->keep_alive = a.keep_alive = a.keep_alive && r->body_whole;
	r->frame = GG_FRAME_NONE;
	gg_reply_own(&b, &e, &a, 0);
	return gg_httpclient_send_all(r->c, b.s, b.len);
}

static enum gg_pumped finish(struct run *r, struct gg_http_error *ret_err)
{
	if (!r->head_sent && (r->unfit || r->bad.status || r->head_bad || !r->head_done || failed(r) ||
			      (r->reply.status < 400 && !may_be_empty(r))))
		return answer_for(r, ret_err);
	if (!r->head_sent && !send_empty(r))
		return GG_PUMPED_CUT;
	/* without its last chunk, or shorter than it said, the client knows that the reply is cut */
	if (failed(r) || r->c->gone || r->c->hung_up || (r->bad.status && r->bad.status != 413) ||
	    (r->frame == GG_FRAME_LENGTH && (r->unfit || r->sent != r->reply.length)))
		return GG_PUMPED_CUT;
	if (r->frame == GG_FRAME_CHUNKED &&
	    !gg_httpclient_send_all(r->c, GG_CHUNK_LAST, strlen(GG_CHUNK_LAST)))
		return GG_PUMPED_CUT;
	return r->keep_alive && r->body_whole && !r->bad.status ? GG_PUMPED_KEEP : GG_PUMPED_CLOSE;
}

/* The head of an answer is known, and may be all that there is: to a probe, or a push that wants no report.
 */
static void begin_reply(struct run *r)
{
	size_t n = r->p->rpc && r->p->preface ? strlen(r->p->preface) : 0;

	if (!n)
		return;
	memcpy(r->piece + HEAD_ROOM, r->p->preface, n);
	take_head(r, n);
}

enum gg_pumped gg_pump_run(const struct gg_pump *p, struct gg_http_error *ret_err)
{
	static struct run r; /* too large for a stack; one request at a time */
	enum gg_pumped how;
	int e;

	memset(&r, 0, offsetof(struct run, first));
	r.p = p;
	r.c = p->client;
	r.in = r.out = r.pidfd = -1;
	r.body_over = r.body_whole = !p->has_body;
	e = start(&r);
	if (e < 0) {
		record("git cannot be started", -e);
		*ret_err = (struct gg_http_error){ .status = 503,
						   .reason = "git cannot be started now, try again" };
		how = GG_PUMPED_OWN;
	} else {
		begin_reply(&r);
		exchange(&r);
		how = finish(&r, ret_err);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* what hooks left behind is our child now */
	gg_close_fd(&r.in);
	gg_close_fd(&r.out);
	gg_close_fd(&r.pidfd);
	return how;
}
