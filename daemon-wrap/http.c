/*
 * http - one HTTP connection: reads requests, tells the gate what is asked for, refuses what must not be
 * served, and has git http-backend do the rest. See http.h.
 */
#include "daemon-wrap/http.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/httplink.h"
#include "base/stamp.h"
#include "base/text.h"
#include "base/tokenfile.h"
#include "daemon-wrap/httpauth.h"
#include "daemon-wrap/httpcommand.h"
#include "daemon-wrap/httpenv.h"
#include "daemon-wrap/httppump.h"
#include "daemon-wrap/httproute.h"
#include "daemon-wrap/refresh.h"
#include "daemon-wrap/repoconf.h"

#define RETRY_S 5 /* Retry-After of a 503 */
#define FLUSH 4	  /* bytes of a flush packet */

static const char NOT_EXPORTED[] =
	"repository not exported: it has no git-daemon-export-ok, and gate.exportAll is off";

static struct gg_httpclient client;
static struct { /* what came of the last refresh of this connection */
	char repo[sizeof(((struct gg_status *)NULL)->repo)]; /* "": there was none */
	char stale[GG_STALE_MAX];
} asked_for;
static bool failed; /* git did, in some request: the gate looks for what that left behind */

/* What a request needs until it is answered. */
struct request {
	struct gg_route route;
	struct gg_status status;
	struct gg_asked asked;
	int64_t limit;	     /* of the body of a push, in bytes; 0: none */
	char too_large[560]; /* what the client is told of a larger one */
};

static void tell_gate(const struct gg_wrap *o, char what)
{
	if (o->status_fd >= 0)
		(void)!send(o->status_fd, &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* True: a head is complete. False: there will be none, or *ret_err is to be answered. */
static bool read_head(const struct gg_wrap *o, bool first, struct gg_http_error *ret_err)
{
	bool begun = first; /* the gate's clock of the first request runs since the accept */
	const char *body;
	size_t used, nbody;

	for (;;) {
		enum gg_http_event e = gg_http_next(&client.http, client.in + client.at, client.n - client.at,
						    &used, &body, &nbody);

		client.at += used;
		if (e == GG_HTTP_HEAD)
			return true;
		if (e == GG_HTTP_BAD) {
			*ret_err = client.http.error;
			return false;
		}
		if (client.eof || client.hung_up)
			break;
		if (!begun && used) {
			begun = true;
			tell_gate(o, GG_STATUS_HEAD);
		}
		gg_httpclient_wait(&client, begun ? GG_WAIT_HEAD : GG_WAIT_IDLE, true, false, NULL, 0,
				   begun || !o->keep_ms ? -1 : (int)o->keep_ms);
		gg_httpclient_read(&client);
		if (!begun && client.at == client.n && !client.eof && !client.hung_up)
			client.eof = true; /* nothing came in time: a connection that is kept for nobody */
	}
	if (client.told[0] && (begun && !client.gone))
		*ret_err =
			(struct gg_http_error){ .status = 408, .reason = client.told + strlen("git-gate: ") };
	return false;
}

/* For Date: in the form that HTTP has; the locale is C. */
static const char *date_now(void)
{
	static char text[40];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return NULL;
	return text;
}

static void answer(const struct gg_http_error *e, const struct gg_asked *a)
{
	static char mem[GG_REPLY_OUT_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_reply_own(&b, e, a, RETRY_S);
	if (a->keep_alive) {
		gg_httpclient_send_all(&client, b.s, b.len);
		return;
	}
	client.hung_up = false; /* it is the last that we do */
	gg_httpclient_send_all(&client, b.s, b.len);
	if (gg_http_is_cut(&client.http) || client.http.error.status)
		gg_httpclient_discard(&client); /* the rest of a request that was answered before its end */
}

static int status_of(const char *refused)
{
	return strstr(refused, "try again") ? 503 : strcmp(refused, NOT_EXPORTED) == 0 ? 404 : 403;
}

/* git http-backend would say only 404. */
static bool is_exported(const char *dir)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/git-daemon-export-ok", dir);
	return getenv("GIT_HTTP_EXPORT_ALL") || access(path, F_OK) == 0;
}

/* What the repository itself allows. */
static void ask_repository(const struct gg_wrap *o, struct request *q)
{
	struct gg_buf err = GG_BUF(q->status.refused);
	char dir[PATH_MAX];

	gg_wrap_git_dir(o, &q->status, dir, sizeof(dir));
	if (q->status.found[0] && !is_exported(dir))
		gg_buf_add(&err, "%s", NOT_EXPORTED);
	else if (q->status.found[0] && !strcmp(q->route.service, "receive-pack"))
		gg_repoconf_pushable(dir, &err);
}

/* From upstream; when that cannot be, it may be later. */
static void refresh(const struct gg_wrap *o, struct request *q, struct gg_http_error *ret_err)
{
	gg_wrap_refresh(o, &q->status, asked_for.stale);
	snprintf(asked_for.repo, sizeof(asked_for.repo), "%s", q->status.repo);
	if (q->status.refused[0])
		*ret_err = (struct gg_http_error){ .status = 503, .reason = q->status.refused };
}

/* own: that of the repository, -1: it has none. */
static void set_limit(const struct gg_wrap *o, struct request *q, int64_t own)
{
	struct gg_buf b = GG_BUF(q->too_large);
	const char *session = getenv("GIT_GATE_SESSION");

	q->limit = own >= 0 ? own : o->limit_push;
	gg_buf_add(&b, "git-gate: push refused: it is larger than ");
	gg_size_add(&b, q->limit);
	gg_buf_add(&b, " (");
	if (own >= 0) {
		gg_buf_add(&b, "repo.");
		gg_escape(&b, q->status.repo, strlen(q->status.repo), 300);
		gg_buf_add(&b, ".push");
	} else {
		gg_buf_add(&b, "limit.push");
	}
	gg_buf_add(&b, "), session %s", session ? session : "unknown");
}

/*
 * What is sent in reply to a request is as of the advertisement, which clients ask for before, most of them
 * on the same connection. A proxy may have chosen another: then the last refresh counts, whoever it was for.
 */
static void tell_stale(const struct gg_wrap *o, const struct request *q)
{
	AUTO_CLOSE int dirfd = -1;
	char dir[PATH_MAX], text[GG_STALE_MAX];
	struct gg_buf b = GG_BUF(text);
	struct gg_stamp s;

	if (strcmp(asked_for.repo, q->status.repo) == 0) {
		gg_wrap_stale(asked_for.stale);
		return;
	}
	gg_wrap_git_dir(o, &q->status, dir, sizeof(dir));
	dirfd = o->refresh ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	gg_stamp_read(dirfd, &s);
	if (!s.ok && s.at_ms != INT64_MIN)
		gg_stamp_stale(&b, &s, s.why, gg_clock_ms(CLOCK_REALTIME));
	gg_wrap_stale(text);
}

/* What the client shows of who it is, as the gate is told it. 0, or the status of *ret_err. */
static int read_claim(struct request *q, struct gg_http_error *ret_err)
{
	static const char *const how[] = {
		[GG_AUTH_NONE] = "", [GG_AUTH_BASIC] = "B", [GG_AUTH_BEARER] = "T", [GG_AUTH_BAD] = "?"
	};
	struct gg_claim *to = &q->status.claim;
	uint8_t hash[GG_HASH_SIZE];
	struct sha256_ctx sha;
	struct gg_shown shown;
	enum gg_auth as;
	size_t n;

	as = gg_httpauth_parse(gg_http_header(&client.http.head, "Authorization", &n), &shown);
	if (n > 1) {
		*ret_err = (struct gg_http_error){ .status = 400, .reason = "more than one Authorization" };
	} else {
		strcpy(to->how, how[as]);
		strcpy(to->name, shown.name);
	}
	if (n == 1 && shown.ntoken) {
		sha256_init(&sha);
		sha256_update(&sha, shown.ntoken, (const uint8_t *)shown.token);
		sha256_digest(&sha, sizeof(hash), hash);
		gg_hash_hex(hash, to->hash);
	}
	explicit_bzero(&shown, sizeof(shown));
	return ret_err->status;
}

/* Which repository, and may it be served? 0, or the status of *ret_err. */
static int examine(const struct gg_wrap *o, struct request *q, struct gg_http_error *ret_err)
{
	static struct gg_request asked;
	struct gg_answer told;

	q->limit = 0;
	q->status = (struct gg_status){ .request_bytes = 0 };
	if (read_claim(q, ret_err))
		return ret_err->status;
	snprintf(asked.service, sizeof(asked.service), "%s", q->route.service[0] ? q->route.service : "dumb");
	snprintf(asked.path, sizeof(asked.path), "%s", q->route.repo);
	gg_wrap_examine(o, &asked, 0, &q->status);
	if (!q->status.refused[0])
		ask_repository(o, q);
	gg_wrap_report(o, &q->status);
	gg_wrap_ask(o, &q->status, &told);
	q->asked.keep_alive &= !told.last;
	if (q->route.kind == GG_ROUTE_RECEIVE_PACK)
		set_limit(o, q, told.push_max);
	if (q->status.refused[0])
		*ret_err = (struct gg_http_error){ .status = told.status ? (int)told.status
									 : status_of(q->status.refused),
						   .reason = q->status.refused };
	else if (!q->status.found[0])
		*ret_err = (struct gg_http_error){ .status = 404, .reason = "no such repository" };
	/* not before what follows it: references must not change between the advertisement and the request */
	else if (q->route.kind == GG_ROUTE_INFO_REFS)
		refresh(o, q, ret_err);
	else
		tell_stale(o, q);
	return ret_err->status;
}

/* The path that git gets is the one that was examined, not the one that was asked for. False: it is too long.
 */
static bool settle_path(struct request *q)
{
	char rest[sizeof(q->route.path_info)];
	struct gg_buf b = GG_BUF(q->route.path_info);
	size_t n = strlen(q->route.repo);

	if (gg_wrap_is_cut(&q->status))
		return false;
	strcpy(rest, q->route.path_info + n);
	b.len = 0;
	gg_buf_add(&b, "/%s%s", q->status.repo, rest);
	return !b.cut;
}

static enum gg_pumped serve(const struct gg_wrap *o, struct request *q, struct gg_http_error *ret_err)
{
	static struct gg_httpcommand command;
	const struct gg_http_head *h = &client.http.head;
	struct gg_strv env = { 0 };
	struct gg_pump p = { .client = &client,
			     .asked = &q->asked,
			     .has_body = h->has_body,
			     .rpc = q->route.kind == GG_ROUTE_RECEIVE_PACK ||
				    q->route.kind == GG_ROUTE_UPLOAD_PACK,
			     .push = q->route.kind == GG_ROUTE_RECEIVE_PACK,
			     .limit = q->limit,
			     .too_large = q->too_large };
	enum gg_pumped how = GG_PUMPED_OWN;
	int r = gg_httpenv_request(&env, environ, &q->route, h, ret_err);

	p.gzip = p.rpc && gg_httpenv_gzip(h) == 1;
	r = r ? r : gg_httpcommand_choose(o, &q->route, &q->status, p.gzip, &env, &command);
	if (r == -ENOMEM) {
		*ret_err = (struct gg_http_error){ .status = 503, .reason = "out of memory, try again" };
		gg_wrap_record(ret_err->reason);
	}
	if (r == 0 && p.limit && h->content_length > p.limit)
		*ret_err = (struct gg_http_error){ .status = 413,
						   .reason = q->too_large + strlen("git-gate: ") };
	if (!ret_err->status) {
		p.path = command.path;
		p.argv = command.argv;
		p.env = env.v;
		p.cwd = command.cwd;
		p.preface = command.preface;
		if (!h->expect_continue ||
		    gg_httpclient_send_all(&client, GG_REPLY_CONTINUE, strlen(GG_REPLY_CONTINUE)))
			how = gg_pump_run(&p, ret_err);
	}
	if (ret_err->status == 413 || (p.limit && client.http.body > p.limit))
		tell_gate(o, GG_STATUS_LARGE);
	/* more than the probe before a large request */
	if (p.push && (how == GG_PUMPED_KEEP || how == GG_PUMPED_CLOSE) && client.http.body > FLUSH)
		tell_gate(o, GG_STATUS_PUSHED);
	gg_strv_free(&env);
	return how;
}

/* One request, whose head is complete. True: another may follow. */
static bool handle(const struct gg_wrap *o)
{
	static struct request q;
	const struct gg_http_head *h = &client.http.head;
	struct gg_http_error err = { 0 };
	enum gg_pumped how = GG_PUMPED_OWN;
	bool begun = false;

	q.asked = (struct gg_asked){ .minor = h->minor,
				     .head = !strcmp(h->method, "HEAD"),
				     .keep_alive = h->keep_alive,
				     .date = date_now() };
	if (gg_route_parse(h->method, h->target, &q.route, &err) == 0 &&
	    gg_route_check(&q.route, h, &err) == 0 && examine(o, &q, &err) == 0) {
		begun = settle_path(&q);
		if (begun)
			how = serve(o, &q, &err);
		else
			err = (struct gg_http_error){ .status = 414, .reason = "the path is too long" };
	}
	failed |= how == GG_PUMPED_CUT || (how == GG_PUMPED_OWN && begun);
	/* who is asked for a token comes again with it, and may do so at once */
	q.asked.keep_alive &= how == GG_PUMPED_OWN && err.status == 401 && !h->has_body;
	if (how == GG_PUMPED_OWN)
		answer(&err, &q.asked);
	if (how == GG_PUMPED_CLOSE && gg_http_is_cut(&client.http))
		gg_httpclient_discard(&client);
	return how == GG_PUMPED_KEEP || (q.asked.keep_alive && !client.gone && !client.hung_up);
}

/* The end of a request without a body, or of one whose body was pumped. */
static void skip_end(void)
{
	const char *body;
	size_t used, nbody;

	if (!client.http.head.has_body)
		gg_http_next(&client.http, client.in + client.at, 0, &used, &body, &nbody);
}

int gg_http_serve(const struct gg_wrap *o, int sock)
{
	struct gg_http_error err = { 0 };
	struct gg_asked unknown = { .minor = 1 };
	bool first = true;

	failed = false;
	gg_httpclient_open(&client, sock, o->status_fd);
	while (read_head(o, first, &err)) {
		if (!client.http.head.has_body)
			skip_end();
		if (!handle(o))
			return failed;
		tell_gate(o, GG_STATUS_IDLE);
		first = false;
	}
	unknown.date = date_now();
	if (err.status)
		answer(&err, &unknown);
	return failed;
}
