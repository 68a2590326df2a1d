/* evidence - what a verdict rests on, for people. See evidence.h. */
#include "reaper/evidence.h"

#include <string.h>

enum { LOG_LINES = 3, NAME_MAX_BYTES = 40, INDENT_MAX = 8 };

/* Parents before children: a child's whole subtree follows it. */
static size_t pick_below(const struct gg_snap *snap, struct gg_picked who, struct gg_picked *ret, size_t n)
{
	pid_t pid = snap->v[who.at].pid;

	for (size_t i = 0; i < n; i++)
		if (ret[i].at == who.at)
			return n;
	if (n < GG_EVIDENCE_PROCS)
		ret[n++] = who;
	for (size_t i = 0; i < snap->n && n < GG_EVIDENCE_PROCS; i++)
		if (snap->v[i].ppid == pid)
			n = pick_below(snap, (struct gg_picked){ i, who.depth + 1 }, ret, n);
	return n;
}

size_t gg_evidence_pick(const struct gg_snap *snap, pid_t root, struct gg_picked ret[GG_EVIDENCE_PROCS])
{
	size_t n = 0;

	for (size_t i = 0; i < snap->n; i++)
		if (snap->v[i].pid == root)
			n = pick_below(snap, (struct gg_picked){ i, 0 }, ret, n);
	for (size_t i = 0; i < snap->n && n < GG_EVIDENCE_PROCS; i++)
		if (snap->v[i].orphan)
			n = pick_below(snap, (struct gg_picked){ i, 0 }, ret, n);
	return n;
}

/* A whole line, or nothing of it. */
static bool put_line(struct gg_buf *b, const struct gg_buf *line, size_t reserve)
{
	/* outside text brings its own */
	bool dots = line->cut && !(line->len >= 3 && !strcmp(line->s + line->len - 3, "..."));

	if (b->len + line->len + 5 + reserve > b->size)
		return false;
	gg_buf_add(b, "%s%s%s", b->len ? "\n" : "", line->s, dots ? "..." : "");
	return true;
}

static void put_turn(struct gg_buf *b, const struct gg_case *c)
{
	char mem[GG_EVIDENCE_LINE - 3];
	struct gg_buf line = GG_BUF(mem);
	const struct gg_verdict *v = c->verdict;
	const char *key = gg_verdict_key(v);

	gg_buf_add(&line, "turn: the %s, in phase %s", c->view->client_turn ? "client's" : "gate's",
		   gg_phase_name(c->view->phase));
	if (c->step[0])
		gg_buf_add(&line, " (step %s)", c->step);
	gg_buf_add(&line, v->reason == GG_REASON_INIT || v->reason == GG_REASON_SESSION ? "; open for "
											: "; silent for ");
	gg_human_ms(&line, v->quiet_ms);
	if (v->limit_ms >= 0 && key) {
		gg_buf_add(&line, ", limit ");
		gg_duration_add(&line, v->limit_ms);
		gg_buf_add(&line, " (%s)", key);
	}
	if (!c->view->certain)
		gg_buf_add(&line, "; not all system calls could be read");
	put_line(b, &line, 0);
}

/* What, and since when nothing more; a number of nothing has no last one. */
static void put_count(struct gg_buf *b, const char *what, uint64_t n, int64_t age_ms)
{
	gg_buf_add(b, "%llu %s", (unsigned long long)n, what);
	if (!n)
		return;
	gg_buf_add(b, ", the last ");
	gg_human_ms(b, age_ms);
	gg_buf_add(b, " ago");
}

static void put_tcp(struct gg_buf *b, const struct gg_case *c)
{
	char mem[2][GG_EVIDENCE_LINE - 3];
	struct gg_buf line = GG_BUF(mem[0]), more = GG_BUF(mem[1]);
	const struct gg_tcp *t = &c->snap->tcp;

	if (!t->valid) {
		gg_buf_add(&line, "tcp: not known%s", c->outside);
		put_line(b, &line, 0);
		return;
	}
	gg_buf_add(&line, t->local ? "unix socket: " : "tcp: ");
	put_count(&line, t->local ? "bytes read" : "bytes received", t->received, t->recv_age_ms);
	gg_buf_add(&line, "; ");
	put_count(&line, t->local ? "written" : "acknowledged", t->acked, t->ack_age_ms);
	if (t->acked || t->queued_out) {
		gg_buf_add(&line, "; sent something ");
		gg_human_ms(&line, t->sent_age_ms);
		gg_buf_add(&line, " ago");
	}
	put_line(b, &line, 0);
	if (t->local) {
		gg_buf_add(&more, "unix socket: queued for git %u, for the client %u bytes%s", t->queued_in,
			   t->queued_out, t->gone || t->peer_closed ? "; the client has closed" : "");
		put_line(b, &more, 0);
		return;
	}
	gg_buf_add(&more,
		   "tcp: queued for git %u, for the client %u bytes; in flight %u segments; unanswered: %u "
		   "retransmits, %u probes%s",
		   t->queued_in, t->queued_out, t->unacked, t->retransmits, t->probes,
		   t->gone	    ? "; the connection is gone"
		   : t->peer_closed ? "; the client has closed"
				    : "");
	gg_buf_add(&more, "%s", c->outside);
	put_line(b, &more, 0);
}

static void put_wait(struct gg_buf *line, const struct gg_wait *w)
{
	gg_buf_add(line, "%s", w->call[0] ? w->call : "not known");
	if (w->fd >= 0) {
		gg_buf_add(line, " fd %d", w->fd);
		if (w->what[0]) {
			gg_buf_add(line, " (");
			gg_escape(line, w->what, strlen(w->what), NAME_MAX_BYTES);
			gg_buf_add(line, ")");
		}
	}
	if (w->where[0]) {
		gg_buf_add(line, " in ");
		gg_escape(line, w->where, strlen(w->where), NAME_MAX_BYTES);
	}
}

/* What git's own processes are called is known; of others their command is told. */
static bool is_ours(enum gg_role r)
{
	return r != GG_ROLE_OTHER && r != GG_ROLE_HOOK && r != GG_ROLE_GIT && r != GG_ROLE_UNPACKER;
}

static void describe(struct gg_buf *line, const struct gg_proc *p, const struct gg_waits *w, int64_t tick_ms)
{
	gg_buf_add(line, "%d %c %s", (int)p->pid, p->state, gg_role_name(p->role));
	if (!is_ours(p->role) && w->command[0]) {
		gg_buf_add(line, " [");
		gg_escape(line, w->command, strlen(w->command), NAME_MAX_BYTES);
		gg_buf_add(line, "]");
	}
	gg_buf_add(line, ": ");
	if (!gg_proc_alive(p)) {
		gg_buf_add(line, "has exited");
		return;
	}
	for (size_t i = 0; i < w->n; i++) {
		gg_buf_add(line, i ? " | " : "");
		put_wait(line, &w->thread[i]);
	}
	gg_buf_add(line, "; CPU %lld ms, I/O %llu bytes", (long long)((int64_t)p->cpu_ticks * tick_ms),
		   (unsigned long long)p->io_chars);
	if (p->nlwp > 1)
		gg_buf_add(line, "; %d threads", p->nlwp);
}

static void put_processes(struct gg_buf *b, const struct gg_case *c, size_t reserve)
{
	char mem[GG_EVIDENCE_LINE - 3];
	size_t shown = 0;

	for (; shown < c->n; shown++) {
		const struct gg_picked *p = &c->picked[shown];
		struct gg_buf line = GG_BUF(mem);

		gg_buf_add(&line, "process: %*s", p->depth < INDENT_MAX ? p->depth : INDENT_MAX, "");
		describe(&line, &c->snap->v[p->at], &c->waits[shown], c->tick_ms);
		if (!put_line(b, &line, reserve + 40))
			break;
	}
	if (shown < c->snap->n) {
		struct gg_buf line = GG_BUF(mem);

		gg_buf_add(&line, "process: and %zu more", c->snap->n - shown);
		put_line(b, &line, reserve);
	}
}

/* The first that is shown of the session's last lines. */
static size_t first_line(const struct gg_story *st)
{
	size_t n = 0;

	while (gg_story_line_at(st, n))
		n++;
	return n > LOG_LINES ? n - LOG_LINES : 0;
}

void gg_evidence_write(struct gg_buf *b, const struct gg_case *c)
{
	char mem[GG_EVIDENCE_LINE - 3];
	size_t first = first_line(c->story);
	const char *text;

	put_turn(b, c);
	put_tcp(b, c);
	put_processes(b, c, gg_story_line_at(c->story, 0) ? LOG_LINES * GG_EVIDENCE_LINE : 0);
	for (size_t i = first; (text = gg_story_line_at(c->story, i)); i++) {
		struct gg_buf line = GG_BUF(mem);

		gg_buf_add(&line, "log: ");
		gg_escape(&line, text, strlen(text), SIZE_MAX);
		put_line(b, &line, 0);
	}
}
