#include "tests/torture/raw.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "tests/torture/conn.h"
#include "tests/torture/fetch.h"
#include "tests/torture/http.h"
#include "tests/torture/left.h"
#include "tests/torture/scratch.h"
#include "tests/torture/seen.h"
#include "tests/torture/torture.h"
#include "tests/torture/wire.h"

enum {
	CONNECT_MS = 10000,
	REQUEST_MS = 200,
	PACK_MS = 300,		      /* between two bytes of a trickle */
	TRICKLE_REQUEST_BYTES = 1000, /* 200 s */
	PACK_HEADER = 12,
	SEEN_MS = 500,
	QUARANTINE_MS = 2000, /* to find the server's processes, with --repo */
	UNREAD_WINDOW = 4096, /* SO_RCVBUF of a client that does not read, or little */
	UNREAD_POLL_MS = 50,
	SIP = 225, /* bytes, and every so often */
	SIP_MS = 250,
	SIP_WINDOW = 1, /* the least there is: a window opens in steps, here of 1 KB */
	SLOW_MS = 6000, /* how long what is slow at first is slow */
	SLOW_EVERY_MS = 250,
	SLOW_SEND = 2048,
	SLOW_READ = 4096,
	WIDE_WINDOW = 1 << 20,
	PAUSES = 3,
	READ_BETWEEN = 1 << 20, /* bytes between two pauses */
	UNREAD_DRAIN_MS = 2000,
	/* the answer to these commands, about 12 MB, is more than the 4 MB that a send buffer may grow to */
	NEVER_FILLED = 1 << 30, /* bytes of a body */
	MANY = 2500,
	MANY_NAME = 2500
};

/* Where no object is needed. */
#define NO_OID "1111111111111111111111111111111111111111"
#define BANDED " side-band-64k quiet"
#define ZERO_OID "0000000000000000000000000000000000000000"

struct talk {
	struct gg_client *c;
	struct gg_conn conn;
	int64_t until_ms; /* of the step at hand */
};

/* A step is done: if the client does nothing more, its silence starts here. */
static bool step_done(struct talk *t)
{
	t->c->silent_ms = gg_conn_last_ms(t->conn.fd);
	return true;
}

static bool send_all(struct talk *t, const void *p, size_t n)
{
	return gg_conn_send(&t->conn, p, n, t->until_ms) && gg_conn_acked(&t->conn, t->until_ms) &&
	       step_done(t);
}

/* Send one byte at a time until the end, the limit or the last byte but one; then stay silent. */
static void trickle(struct talk *t, const char *p, size_t n, int every_ms, bool body)
{
	bool chunked = body && t->conn.http && !t->c->kind->length;
	int64_t next = gg_now_ms();
	char chunk[] = "1\r\nx\r\n";

	for (size_t i = 0; i + 1 < n && next < t->until_ms; i++) {
		chunk[3] = p[i];
		if (!gg_conn_send(&t->conn, chunked ? chunk : p + i, chunked ? sizeof(chunk) - 1 : 1,
				  t->until_ms))
			return;
		next += every_ms;
		if (!gg_conn_wait(&t->conn, next < t->until_ms ? next : t->until_ms))
			return;
	}
	gg_conn_wait(&t->conn, t->until_ms);
}

/* Part of what is a body over HTTP: a chunk, or bytes of one with a length. */
static bool send_body(struct talk *t, const void *p, size_t n)
{
	char size[GG_CHUNK_MAX];
	int k = snprintf(size, sizeof(size), "%zx\r\n", n);

	if (!t->conn.http || t->c->kind->length)
		return send_all(t, p, n);
	return gg_conn_send(&t->conn, size, (size_t)k, t->until_ms) &&
	       gg_conn_send(&t->conn, p, n, t->until_ms) && send_all(t, "\r\n", 2);
}

/* All of it was sent. */
static bool end_body(struct talk *t)
{
	return !t->conn.http || t->c->kind->length || send_all(t, "0\r\n\r\n", 5);
}

static const struct gg_packed *pack_of(const struct gg_client *c)
{
	return c->kind->pack == GG_PACK_SMALL	? &c->scratch->small
	       : c->kind->pack == GG_PACK_LARGE ? &c->scratch->large
						: NULL;
}

static bool is_fetch(const struct talk *t)
{
	enum gg_request r = t->c->kind->request;

	return r == GG_REQ_FETCH || r == GG_REQ_FETCH_V2 || r == GG_REQ_ARCHIVE;
}

static struct gg_http_ask ask_of(const struct talk *t)
{
	const struct gg_kind *k = t->c->kind;

	return (struct gg_http_ask){ .path = t->c->target->path,
				     .host = t->c->target->host,
				     .service = is_fetch(t) ? "git-upload-pack" : "git-receive-pack",
				     .v2 = k->request == GG_REQ_FETCH_V2,
				     .length = k->length ? NEVER_FILLED : 0 };
}

/* A head, and what a kind sends right behind it. */
static size_t build_http(const struct talk *t, char *buf, size_t size)
{
	const struct gg_kind *k = t->c->kind;
	struct gg_http_ask ask = ask_of(t);
	char more[TRICKLE_REQUEST_BYTES] = "";
	struct gg_buf b = { .s = buf, .size = size };

	if (k->request == GG_REQ_TRICKLE)
		snprintf(more, sizeof(more), "X-Long: %0*d\r\n", (int)sizeof(more) - 16, 0);
	gg_http_get(&b, &ask, more);
	if (k->request == GG_REQ_PIPELINED)
		gg_buf_put(&b, k->junk, k->njunk);
	return b.len;
}

static size_t build_request(const struct talk *t, char *buf, size_t size)
{
	const struct gg_target *to = t->c->target;
	char line[sizeof(to->path) + sizeof(to->host) + TRICKLE_REQUEST_BYTES];
	enum gg_request r = t->c->kind->request;
	const char *service = r == GG_REQ_ARCHIVE ? "git-upload-archive"
			      : is_fetch(t)	  ? "git-upload-pack"
						  : "git-receive-pack";
	struct gg_buf b = GG_BUF(line);
	size_t at = 0;

	if (to->http)
		return build_http(t, buf, size);
	/* each parameter ends with a NUL */
	gg_buf_add(&b, "%s %s", service, to->path);
	gg_buf_put(&b, "", 1);
	gg_buf_add(&b, "host=%s", to->host);
	gg_buf_put(&b, "", 1);
	if (r == GG_REQ_FETCH_V2)
		gg_buf_put(&b, "\0version=2", sizeof("\0version=2"));
	while (r == GG_REQ_TRICKLE && b.len < TRICKLE_REQUEST_BYTES)
		gg_buf_put(&b, "x", 1);
	gg_wire_put(buf, size, &at, line, b.len);
	return at;
}

static bool do_request(struct talk *t)
{
	const struct gg_kind *k = t->c->kind;
	char buf[4096];
	size_t n = build_request(t, buf, sizeof(buf));

	switch (k->request) {
	case GG_REQ_NONE:
		return false;
	case GG_REQ_JUNK:
		send_all(t, k->junk, k->njunk);
		return false;
	case GG_REQ_HALF:
		send_all(t, buf, n / 2);
		return false;
	case GG_REQ_TRICKLE:
		trickle(t, buf, n, REQUEST_MS, false);
		return false;
	default:
		break;
	}
	if (k->request == GG_REQ_PIPELINED) {
		send_all(t, buf, n);
		return false;
	}
	if (is_fetch(t) && k->wants == GG_WANT_NONE && k->then == GG_THEN_UNREAD) {
		t->conn.deaf = true; /* not even the advertisement */
		return send_all(t, buf, n);
	}
	/* upload-archive has none */
	return send_all(t, buf, n) &&
	       (k->request == GG_REQ_ARCHIVE || gg_conn_advert(&t->conn, t->until_ms)) && step_done(t);
}

/* Over HTTP what comes after the advertisement is another request. */
static bool post(struct talk *t, uint64_t length)
{
	struct gg_http_ask ask = ask_of(t);
	char head[sizeof(t->c->target->path) + 512];
	struct gg_buf b = GG_BUF(head);

	if (!t->conn.http)
		return true;
	ask.length = length ? length : ask.length;
	gg_http_post(&b, &ask);
	return send_all(t, b.s, b.len);
}

/* What comes after the advertisement of a fetch. */
static bool do_wants(struct talk *t)
{
	const struct gg_kind *k = t->c->kind;
	const struct gg_scratch *s = t->c->scratch;
	char buf[1024];
	size_t n = 0;

	if (k->wants == GG_WANT_REFS) {
		n = gg_fetch_refs(buf, sizeof(buf));
		t->conn.wire->advert_done = false;
		t->conn.wire->mode = GG_WIRE_ADVERT;
		return send_all(t, buf, n) && gg_conn_advert(&t->conn, t->until_ms) && step_done(t);
	}
	if (k->request == GG_REQ_ARCHIVE)
		n = gg_fetch_archive(buf, sizeof(buf), s->fetched);
	else if (k->request == GG_REQ_FETCH_V2)
		n = gg_fetch_v2(buf, sizeof(buf), s->fetched_oid);
	else
		n = gg_fetch_v0(buf, sizeof(buf), s->fetched_oid);
	t->conn.wire->mode = GG_WIRE_PACK;
	t->conn.deaf = k->then != GG_THEN_SILENCE;
	return post(t, n) && send_all(t, buf, k->part == GG_PART_HALF ? n / 2 : n);
}

static void build_ref(const struct gg_client *c, char *buf, size_t size)
{
	const struct gg_kind *k = c->kind;

	snprintf(buf, size, "%s%s%s", k->before ? k->before : "refs/heads/", c->tag,
		 k->after ? k->after : "");
}

/* One command packet; the first carries the capabilities. */
static bool put_command(const struct talk *t, char *buf, size_t size, size_t *at, const char *ref, bool first)
{
	const struct gg_packed *pack = pack_of(t->c);
	char line[MANY_NAME + 512];
	struct gg_buf b = GG_BUF(line);

	gg_buf_add(&b, "%s %s %s", ZERO_OID, pack ? pack->oid : NO_OID, ref);
	if (first) {
		gg_buf_put(&b, "", 1);
		gg_buf_add(&b, " report-status%s agent=git-gate-torture", t->c->kind->plain ? "" : BANDED);
	}
	return gg_wire_put(buf, size, at, line, b.len);
}

/* References that no git creates (".." in them): each is answered twice, and none is left behind. */
static bool send_many(struct talk *t, const char *ref)
{
	size_t size = (size_t)MANY * (MANY_NAME + 256), at = 0;
	AUTO_FREE char *buf = malloc(size);
	char name[MANY_NAME];

	for (int i = 0; buf && i < MANY; i++) {
		int n = snprintf(name, sizeof(name), "%s%05d", ref, i);

		memset(name + n, 'x', sizeof(name) - (size_t)n - 1);
		name[sizeof(name) - 1] = '\0';
		put_command(t, buf, size, &at, name, i == 0);
	}
	return buf && send_body(t, buf, at) && send_body(t, "0000", 4);
}

static bool do_commands(struct talk *t)
{
	const struct gg_kind *k = t->c->kind;
	char ref[256], buf[1024];
	size_t n = 0;

	build_ref(t->c, ref, sizeof(ref));
	if (k->commands != GG_CMD_NONE && !post(t, 0))
		return false;
	if (k->commands == GG_CMD_MANY)
		return send_many(t, ref);
	put_command(t, buf, sizeof(buf), &n, ref, true);
	switch (k->commands) {
	case GG_CMD_ALL:
		memcpy(buf + n, "0000", 4);
		return send_body(t, buf, n + 4);
	case GG_CMD_HALF:
		send_body(t, buf, n / 2);
		return false;
	case GG_CMD_JUNK:
		send_body(t, k->junk, k->njunk);
		return false;
	case GG_CMD_RAW:
		send_all(t, k->junk, k->njunk);
		return false;
	default:
		return false;
	}
}

static void do_pack(struct talk *t)
{
	const struct gg_kind *k = t->c->kind;
	const struct gg_packed *p = pack_of(t->c);

	if (k->pack == GG_PACK_JUNK)
		send_body(t, k->junk, k->njunk);
	else if (p && k->part == GG_PART_HEADER)
		send_body(t, p->data, PACK_HEADER);
	else if (p)
		send_body(t, p->data, k->part == GG_PART_HALF ? p->n / 2 : p->n);
	if (k->pack == GG_PACK_JUNK || (p && k->part == GG_PART_ALL))
		end_body(t);
}

static void close_by_us(struct talk *t, bool reset)
{
	struct linger at_once = { .l_onoff = 1 };

	if (reset)
		setsockopt(t->conn.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	else
		gg_conn_pump(&t->conn); /* a close with unread input would be a reset */
	if (t->conn.ended != GG_BY_NONE)
		return;
	gg_conn_close(&t->conn);
	t->conn.ended = GG_BY_CLIENT;
	t->conn.end_ms = gg_now_ms();
}

/* Read n bytes at most, now; false at the end. */
static bool sip(struct gg_conn *conn, size_t n)
{
	char buf[SLOW_READ];
	ssize_t k = recv(conn->fd, buf, n < sizeof(buf) ? n : sizeof(buf), MSG_DONTWAIT);

	if (k > 0)
		gg_conn_feed(conn, buf, (size_t)k);
	return k > 0 || (k < 0 && (errno == EAGAIN || errno == EINTR));
}

/*
 * Never read, or in drops. The server's FIN waits behind what we do not read, so its end is seen from its
 * side of the connection, if it is on this machine, else only as a reset.
 */
static void wait_unread(struct talk *t, bool drops)
{
	struct pollfd p = { .fd = t->conn.fd, .events = POLLRDHUP };
	struct gg_conn *conn = &t->conn;
	int64_t next = gg_now_ms() + SIP_MS;
	bool known = false;

	while (conn->ended == GG_BY_NONE && gg_now_ms() < t->until_ms) {
		if (drops && gg_now_ms() >= next) {
			sip(conn, SIP);
			next += SIP_MS;
		}
		int n = poll(&p, 1, UNREAD_POLL_MS), state = gg_seen_tcp(conn->fd);

		known = known || state == TCP_ESTABLISHED;
		if (n > 0 && (p.revents & POLLERR))
			conn->ended = GG_BY_RESET;
		else if (n > 0 ||
			 (known && state >= 0 && state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT))
			conn->ended = GG_BY_SERVER;
		conn->end_ms = gg_now_ms();
	}
	if (conn->ended == GG_BY_RESET)
		return;

	/* now read what it said; without a view of the other side this alone tells whether it has gone */
	enum gg_ended by = conn->ended;
	int64_t end_ms = conn->end_ms;

	conn->deaf = false;
	conn->ended = GG_BY_NONE;
	if (by == GG_BY_NONE && known)
		return;
	gg_conn_wait(conn, gg_now_ms() + UNREAD_DRAIN_MS);
	if (by != GG_BY_NONE) {
		conn->ended = by;
		conn->end_ms = end_ms;
	}
}

/* Do nothing for ms; false when the connection has ended. */
static bool rest(struct talk *t, int64_t ms)
{
	int64_t begun = gg_now_ms(), took;
	bool open = gg_conn_wait(&t->conn, begun + ms);

	took = gg_now_ms() - begun;
	if (took > t->c->res->paused_ms)
		t->c->res->paused_ms = took;
	return open;
}

static void send_slowly(struct talk *t, const char *p, size_t n)
{
	int64_t until = gg_now_ms() + SLOW_MS;

	for (; gg_now_ms() < until && n > SLOW_SEND; p += SLOW_SEND, n -= SLOW_SEND)
		if (!send_body(t, p, SLOW_SEND) || !rest(t, SLOW_EVERY_MS))
			return;
	if (send_body(t, p, n) && end_body(t))
		gg_conn_wait(&t->conn, t->until_ms);
}

/* Its reader is slow, or pauses, and then reads all the rest. */
static void read_haltingly(struct talk *t, bool slow)
{
	int64_t until = gg_now_ms() + SLOW_MS;
	struct gg_conn *conn = &t->conn;
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	int window = WIDE_WINDOW;

	while (slow && gg_now_ms() < until && rest(t, SLOW_EVERY_MS))
		sip(conn, SLOW_READ);
	for (int i = 0; !slow && i < PAUSES; i++) {
		uint64_t enough = conn->wire->pack + READ_BETWEEN;

		if (!rest(t, t->c->target->pause_ms))
			return;
		while (conn->wire->pack < enough && poll(&p, 1, PACK_MS * 10) > 0 && sip(conn, SLOW_READ))
			;
	}
	setsockopt(conn->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	conn->deaf = false;
	step_done(t);
	gg_conn_wait(conn, t->until_ms);
}

/* Everything is sent that will be. */
static void do_then(struct talk *t)
{
	const struct gg_kind *k = t->c->kind;

	switch (k->then) {
	case GG_THEN_HALF_CLOSE:
		shutdown(t->conn.fd, SHUT_WR);
		step_done(t);
		break;
	case GG_THEN_FIN:
	case GG_THEN_RST:
		close_by_us(t, k->then == GG_THEN_RST);
		return;
	case GG_THEN_TRICKLE:
		trickle(t, pack_of(t->c)->data + PACK_HEADER, pack_of(t->c)->n - PACK_HEADER, PACK_MS, true);
		return;
	case GG_THEN_SLOW:
		send_slowly(t, pack_of(t->c)->data + PACK_HEADER, pack_of(t->c)->n - PACK_HEADER);
		return;
	case GG_THEN_UNREAD:
	case GG_THEN_SIP:
		wait_unread(t, k->then == GG_THEN_SIP);
		return;
	case GG_THEN_SLOW_READ:
	case GG_THEN_PAUSE:
		read_haltingly(t, k->then == GG_THEN_SLOW_READ);
		return;
	default:
		break;
	}
	gg_conn_wait(&t->conn, t->until_ms);
}

static void talk(struct talk *t)
{
	const struct gg_kind *k = t->c->kind;
	bool incomplete = k->part != GG_PART_ALL;

	gg_left_learn_wait(t->c, false, t->conn.fd, SEEN_MS);
	if (do_request(t) && (is_fetch(t) ? k->wants && do_wants(t) : do_commands(t)))
		do_pack(t);
	t->until_ms = t->c->silent_ms + t->c->target->limit_ms;
	if (t->conn.ended != GG_BY_NONE)
		return;
	/* while the pack is incomplete, its quarantine is there to be found */
	if (incomplete)
		gg_left_learn_wait(t->c, true, t->conn.fd, QUARANTINE_MS);
	else if (!t->c->seen)
		gg_left_learn(t->c, false);
	if (k->then == GG_THEN_UNREAD)
		t->conn.deaf = true;
	do_then(t);
}

static void record(struct talk *t, const struct gg_tail *said, const struct gg_tail *report)
{
	struct gg_result *res = t->c->res;
	struct gg_buf s = GG_BUF(res->said), r = GG_BUF(res->report);

	if (t->conn.http)
		gg_http_reply_end(t->conn.http);
	gg_escape(&s, said->s, said->n, sizeof(said->s));
	gg_escape(&r, report->s, report->n, sizeof(report->s));
	if (t->conn.wire->pack)
		gg_buf_add(&r, "pack %llu bytes, %s", (unsigned long long)t->conn.wire->pack,
			   t->conn.wire->pack_done ? "complete" : "cut");
	res->ended = t->conn.ended == GG_BY_NONE ? GG_BY_NOBODY : t->conn.ended;
	t->c->end_ms = t->conn.ended == GG_BY_NONE ? gg_now_ms() : t->conn.end_ms;
}

static void name_ref(struct gg_client *c)
{
	char ref[256];
	struct gg_buf b = GG_BUF(c->res->ref);

	if (c->kind->commands == GG_CMD_NONE || c->kind->commands == GG_CMD_JUNK)
		return;
	build_ref(c, ref, sizeof(ref));
	gg_escape(&b, ref, strlen(ref), sizeof(ref));
}

void gg_raw_run(struct gg_client *c)
{
	enum gg_then then = c->kind->then;
	int window = then == GG_THEN_SIP				   ? SIP_WINDOW
		     : then == GG_THEN_UNREAD || then == GG_THEN_SLOW_READ ? UNREAD_WINDOW
									   : 0;
	struct gg_tail said = { 0 }, report = { 0 };
	struct gg_wire wire, inner;
	struct gg_http_reply http = { 0 };
	struct talk t = { .c = c,
			  .conn = { .fd = -1, .wire = &wire, .http = c->target->http ? &http : NULL } };
	int r;

	gg_wire_init(&wire, &inner, !c->kind->plain, &said, &report);
	gg_http_reply_init(&http, &wire);
	http.advert = true;
	name_ref(c);
	r = gg_conn_open(&c->target->addr, window, CONNECT_MS, &t.conn.fd, &t.conn.port);
	if (r < 0) {
		c->res->ended = GG_FAILED;
		snprintf(c->res->error, sizeof(c->res->error), "cannot connect: %s", strerror(-r));
		return;
	}
	c->connect_wall_ms = gg_clock_ms(CLOCK_REALTIME);
	c->connect_ms = c->silent_ms = gg_now_ms();
	c->res->port = t.conn.port;
	t.until_ms = c->connect_ms + c->target->limit_ms;
	talk(&t);
	record(&t, &said, &report);
	gg_conn_close(&t.conn);
}
