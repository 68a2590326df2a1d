/* reaper - look at sessions that are due, judge them, end the stuck ones. See reaper.h. */
#include "reaper/reaper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/text.h"
#include "reaper/act.h"
#include "reaper/client.h"
#include "reaper/follow.h"
#include "reaper/late.h"

#define SCAN_FAILED_EVERY_MS 60000 /* one scan.failed a minute says as much as a thousand */
#define KNOWN_MAX 1024		   /* processes of a session that are remembered */
#define LENT_PEEKS 2		   /* after each arrival of a part of the request */
#define REFRESH_PEEK_MS 200
#define PEEKS_MAX 20 /* looks for the process that serves the request, before it is left to the policy */
#define PACKED_BYTES \
	(256 << 10)	/* a fetch that took more than this has had a pack, or a very long list of refs */
#define UNHEARD_MS 1000 /* for so long the first two retransmissions at least went unanswered */
#define AFTER_MS 20	/* between looks while the rest of an ended session goes away */
#define GONE_MS 20	/* to a second look, when the first finds nobody left */

static void scan_failed(struct gg_reaper *r, struct gg_session *s, int err, int64_t now)
{
	struct gg_fields f;

	if (r->scan_failed_ms >= 0 && now - r->scan_failed_ms < SCAN_FAILED_EVERY_MS)
		return;
	r->scan_failed_ms = now;
	gg_session_fields(s, now, &f);
	gg_event(GG_EV_SCAN_FAILED, &f, "cannot look at the session's processes: %s; it is kept",
		 err == -ENODEV ? "/proc is not there, or another PID namespace's" : strerror(-err));
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* Once in a pass, and only when a session is in a phase in which it may have orphans. */
static int fresh_orphans(struct gg_reaper *r)
{
	AUTO_FREE pid_t *roots = NULL;
	size_t n = 0;

	if (r->orphans.fresh)
		return 0;
	roots = calloc(r->reg->n + 1, sizeof(*roots));
	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < r->reg->n; i++)
		if (!r->reg->v[i]->root_gone) /* else the number may be an orphan's */
			roots[n++] = r->reg->v[i]->root;
	qsort(roots, n, sizeof(*roots), compare_pids);
	return gg_orphans_read(&r->orphans, roots, n);
}

/* Remember who was seen, so that a process that later leaves the tree and its environment behind is still
 * known. */
static void remember(struct gg_session *s, const struct gg_snap *snap)
{
	size_t n = snap->n < KNOWN_MAX ? snap->n : KNOWN_MAX;
	struct gg_known *v = realloc(s->known, (n + 1) * sizeof(*v));

	if (!v)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct gg_proc *p = &snap->v[i];

		v[i] = (struct gg_known){ { p->pid, p->start_tick }, p->image, p->named, p->parent, p->hook };
	}
	s->known = v;
	s->nknown = n;
}

static bool may_have_orphans(const struct gg_session *s)
{
	return s->root_gone || s->served || s->ending.reason || s->view.phase == GG_PHASE_HOOK ||
	       s->view.phase == GG_PHASE_WORK || s->view.phase == GG_PHASE_CLOSING;
}

/* Its exit is the end of the connection, whoever holds git-daemon's pipe still: so it is looked for early. */
static void note_server(struct gg_reaper *r, struct gg_session *s, int64_t now)
{
	if (s->http) { /* its connection does not end with a git command: one look, to know the phase */
		s->peek_ms = now < s->peek_ms ? s->peek_ms : 0;
		return;
	}
	if (s->view.phase == GG_PHASE_HOOK && s->view.hook_pid && !s->view.server_pid) {
		/* upstream is asked first: there is no server yet */
		s->peek_ms = s->peek_ms ? now + REFRESH_PEEK_MS : 0;
		return;
	}
	if (s->view.phase == GG_PHASE_HOOK && !s->view.server_pid && !s->served && !s->root_gone) {
		/* it was quicker than we, and git-daemon waits for what a hook left behind; a second look
		 * agrees */
		if (!s->missed) {
			s->missed = true;
			s->peek_ms = now + AFTER_MS;
			return;
		}
		s->peek_ms = 0;
		r->served(s, 0, 0, r->arg);
	}
	s->missed = false;
	if (!s->peek_ms)
		return;
	if (s->view.server_pid) {
		s->peek_ms = 0;
		r->served(s, s->view.server_pid, s->view.server_tick, r->arg);
	} else if (now >= s->peek_ms) {
		s->peek_ms = s->peeks++ < PEEKS_MAX ? now + GG_PEEK_MS : 0;
	}
}

/* Whoever the session's processes have; its orphans are ours only if it is. */
static int read_procs(struct gg_reaper *r, const struct gg_session *s, bool orphans, struct gg_snap *snap)
{
	const struct gg_lent *l = s->lent;
	struct gg_scan_target t = { .id = s->id,
				    .root = s->root,
				    .root_tick = s->root_tick,
				    .root_taken_tick = orphans ? gg_registry_root_taken(r->reg, s) : 0,
				    .in_ino = l ? l->in_ino : s->sock_ino,
				    .out_ino = l ? l->out_ino : s->sock_ino,
				    .http = s->http,
				    .lent = l,
				    .local = s->local.is,
				    .cgroup = s->cgroup,
				    .known = s->known,
				    .nknown = s->nknown };
	int err = orphans ? fresh_orphans(r) : 0;

	return err ? err : gg_scan_procs(&t, orphans ? &r->orphans : NULL, snap);
}

/* A second look with what the first one taught: that it may have orphans, or which streams are the client's.
 */
static int look_twice(struct gg_reaper *r, struct gg_session *s, bool orphans, struct gg_snap *snap)
{
	uint64_t in = s->lent ? s->lent->in_ino : 0, out = s->lent ? s->lent->out_ino : 0;
	int err = read_procs(r, s, orphans, snap);

	if (err < 0)
		return err;
	gg_classify(snap, &s->view);
	gg_client_note(s, snap, snap->now_ms);
	if (s->lent ? s->lent->in_ino == in && s->lent->out_ino == out : orphans || !may_have_orphans(s))
		return 0;
	free(snap->v);
	err = read_procs(r, s, may_have_orphans(s), snap);
	if (err < 0)
		return err;
	gg_classify(snap, &s->view);
	gg_client_note(s, snap, snap->now_ms);
	return 0;
}

/* What its hook says that it does counts while there is a hook; a refresh goes before git. */
static void note_phase(struct gg_session *s, int64_t now)
{
	bool hook = s->view.phase == GG_PHASE_HOOK || s->view.phase == GG_PHASE_WORK;

	if (s->root_gone)
		return; /* it is closing, whatever is left of it */
	if (s->view.phase == GG_PHASE_HOOK && s->view.server_pid && s->view.hook_pid && s->view.push)
		s->account.asked = true;
	gg_record_phase(s, s->view.phase, hook ? s->step : "", now);
}

static int scan(struct gg_reaper *r, struct gg_session *s, struct gg_snap *snap)
{
	int err;

	snap->served = s->served;
	err = look_twice(r, s, may_have_orphans(s), snap);
	if (err < 0)
		return err;
	remember(s, snap);
	note_phase(s, snap->now_ms);
	for (size_t i = 0; i < snap->n; i++)
		s->packed |= s->view.fetch && snap->v[i].role == GG_ROLE_GIT;
	s->packed |= s->view.fetch && s->tcp.acked > PACKED_BYTES;
	note_server(r, s, snap->now_ms);
	return 0;
}

/* The client, now. False: who held its streams has gone, so that only a look at the processes helps. */
static bool sample(struct gg_session *s, struct gg_snap *snap)
{
	bool there = gg_client_sample(s, snap->now_ms);

	if (s->sock >= 0 || s->lent)
		snap->tcp = s->tcp;
	return there;
}

int gg_reaper_look(struct gg_reaper *r, struct gg_session *s, int64_t now_ms, struct gg_snap *snap)
{
	int err;

	*snap = (struct gg_snap){ .now_ms = now_ms };
	r->orphans.fresh = false;
	sample(s, snap);
	err = scan(r, s, snap);
	if (err < 0)
		snap->v = NULL;
	return err;
}

static void take_step(struct gg_reaper *r, struct gg_session *s, const struct gg_snap *snap)
{
	enum gg_step step;
	size_t noted = strlen(s->steps);

	if (!gg_client_take(s)) {
		s->due_ms = snap->now_ms + r->lim.period;
		return;
	}
	s->ending.cgroup = s->cgroup >= 0;
	s->ending.no_shut = (s->lent || s->adopted) && s->sock < 0;
	step = gg_escalate(&s->ending, snap, &s->view, &r->lim, &s->due_ms);
	gg_act(r->cgroup, s, step, snap, &s->view);
	if (s->frozen && !s->ending.frozen)
		s->frozen = gg_cgroup_freeze(s->cgroup, s->id, false) < 0;
	if (strlen(s->steps) != noted)
		gg_record_step(s, s->steps + noted + (noted != 0), snap->now_ms);
	if (step == GG_STEP_STRAY)
		gg_record_stray(s, snap, "processes of the session cannot be ended");
	if (step == GG_STEP_RESUME) {
		/* the hook is gone, git reports that to the pusher and goes on; session.reaped follows at the
		 * end */
		s->ending = (struct gg_ending){ 0 };
		s->track.since_ms = -1;
		s->due_ms = snap->now_ms + r->lim.period;
	}
}

static void begin_ending(struct gg_reaper *r, struct gg_session *s, const struct gg_verdict *v,
			 const struct gg_snap *snap)
{
	if (!gg_client_take(s)) { /* a verdict is for now: the next look may find otherwise */
		s->track.look_ms = s->due_ms = snap->now_ms + r->lim.period;
		return;
	}
	s->verdict = *v;
	s->verdict_phase = s->view.phase;
	gg_record_evidence(s, v, snap);
	s->ending = (struct gg_ending){ .reason = v->reason,
					.hook_pid = s->view.hook_pid,
					.hook_tick = s->view.hook_tick };
	take_step(r, s, snap);
}

static void observed(struct gg_reaper *r, struct gg_session *s, const struct gg_verdict *v,
		     const struct gg_snap *snap)
{
	s->track.look_ms = snap->now_ms + r->lim.period;
	r->reg->observed += gg_follow_verdict(s, v, snap);
}

/*
 * A v2 client that has its pack keeps the connection open while it resolves deltas, and asks for nothing
 * more: it is not stuck, and its place is wanted. Half-closed it ends as if the client had gone; if it does
 * not, the next verdict counts.
 */
static bool fetched(const struct gg_session *s, const struct gg_verdict *v)
{
	return v->reason == GG_REASON_COMMANDS && !s->http && s->view.fetch && s->packed && !s->half_closed &&
	       !(s->lent && s->lent->pipe);
}

static void end_quietly(const struct gg_reaper *r, struct gg_session *s, int64_t now)
{
	if (r->observe || !gg_client_take(s))
		return;
	s->half_closed = true;
	shutdown(s->sock, SHUT_RD);
	s->track.since_ms = -1;
	s->due_ms = now + AFTER_MS;
}

bool gg_reaper_close_idle(struct gg_session *s, int64_t now, int64_t at_least_ms)
{
	uint64_t received = s->tcp.received;

	if (s->view.phase != GG_PHASE_KEEP_ALIVE || s->root_gone || s->half_closed || s->ending.reason ||
	    now - s->track.accepted_ms < at_least_ms)
		return false;
	/* what has arrived is a request: it is served all the same, for git-gate-http reads it before the end
	 */
	if (!gg_client_sample(s, now) || s->tcp.queued_in || s->tcp.received != received)
		return false;
	s->half_closed = true;
	shutdown(s->sock, SHUT_RD);
	s->track.since_ms = -1;
	s->due_ms = now + AFTER_MS;
	return true;
}

/*
 * Nobody tells us when the client of a lent session has sent its request; what arrives says that it may have.
 */
static void peek_at_request(struct gg_session *s, uint64_t received, int64_t now)
{
	if (!s->lent || s->view.phase != GG_PHASE_REQUEST || s->tcp.received == received)
		return;
	s->peeks = PEEKS_MAX - LENT_PEEKS;
	s->peek_ms = now + GG_PEEK_MS;
}

/*
 * What the client of a pipe takes is not seen in the pipe, see client.c, nor in a socketpair: where the
 * connection behind it is not known, nothing that it does not take may count against it. The same holds for
 * a connection that cannot be borrowed.
 */
static bool unseen(const struct gg_session *s, const struct gg_verdict *v)
{
	return s->lent && !gg_client_seen(s) && s->view.phase == GG_PHASE_SENDING &&
	       (v->reason == GG_REASON_NOT_READING || v->reason == GG_REASON_TRICKLE);
}

static void sample_in_time(struct gg_session *s, int64_t now)
{
	int64_t stream_ms = gg_client_streams(s, now);

	if (s->peek_ms && s->peek_ms < s->due_ms)
		s->due_ms = s->peek_ms;
	if (stream_ms >= 0 && stream_ms < s->due_ms)
		s->due_ms = stream_ms;
}

static void judge(struct gg_reaper *r, struct gg_session *s, struct gg_snap *snap)
{
	uint64_t received = s->tcp.received;
	bool look;
	struct gg_verdict v;
	int err;

	gg_follow_silence(s, snap->now_ms);
	look = !sample(s, snap);
	look |= gg_policy_sample(&s->track, snap, &r->lim, &s->due_ms);
	peek_at_request(s, received, snap->now_ms);
	if (!look && !(s->peek_ms && s->peek_ms <= snap->now_ms))
		return sample_in_time(s, snap->now_ms);
	err = scan(r, s, snap);
	if (err < 0) {
		snap->v = NULL;
		s->due_ms = snap->now_ms + r->lim.period;
		scan_failed(r, s, err, snap->now_ms);
		return;
	}
	/* twice: for a moment of an exec nobody may look into a process */
	s->opaque = s->view.certain ? 0 : s->opaque + 1;
	if (s->opaque > 1 && !r->reduced) {
		r->reduced = true;
		gg_event(GG_EV_SCAN_REDUCED, NULL,
			 "system calls of sessions' processes cannot be read (hidepid, ptrace rules "
			 "or another user); verdicts rest on sockets, CPU time and I/O alone");
	}
	v = gg_policy_look(&s->track, snap, &s->view, &r->lim);
	if (s->held) /* it waits for others, and deadline.wait bounds that; git-gate-http looks as before */
		v = (struct gg_verdict){ 0 };
	s->due_ms = gg_policy_next_sample(&r->lim, snap->now_ms);
	if (s->track.look_ms < s->due_ms)
		s->due_ms = s->track.look_ms;
	sample_in_time(s, snap->now_ms);
	if (unseen(s, &v)) {
		s->track.look_ms = snap->now_ms + r->lim.idle;
		gg_record_kept(s, snap->now_ms, "it cannot be seen what the client takes");
	} else if (v.doubted) {
		gg_record_kept(s, snap->now_ms, "/proc does not show who waits for whom");
	} else if (gg_late_spare(r, s, &v, snap->now_ms))
		s->due_ms = s->spared_ms;
	else if (v.reason && s->view.phase == GG_PHASE_KEEP_ALIVE && !s->half_closed)
		gg_reaper_close_idle(s, snap->now_ms, 0);
	else if (v.reason && fetched(s, &v))
		end_quietly(r, s, snap->now_ms);
	else if (v.reason && r->observe)
		observed(r, s, &v, snap);
	else if (v.reason)
		begin_ending(r, s, &v, snap);
}

/* Only strays of hooks: nothing that git itself waits for. */
static bool only_strays(const struct gg_snap *snap)
{
	for (size_t i = 0; i < snap->n; i++)
		if (gg_proc_alive(&snap->v[i]) && !gg_in_hook(snap, i))
			return false;
	return true;
}

/* The root has exited and the connection was ended. Wait for the rest, or end it. */
static void after_root(struct gg_reaper *r, struct gg_session *s, struct gg_snap *snap)
{
	int64_t now = snap->now_ms, since = now - s->ended_ms;
	bool by_itself = !s->ending.reason && s->root_status == 0 && !s->lent;
	int err = scan(r, s, snap);

	if (err < 0) {
		snap->v = NULL;
		s->due_ms = now + r->lim.period;
		scan_failed(r, s, err, now);
		return;
	}
	if (s->lent && !s->ending.reason && s->view.server_pid && !s->served) {
		/* git-daemon --serve was killed, and its receive-pack goes on */
		r->reroot(s, s->view.server_pid, s->view.server_tick, r->arg);
		s->due_ms = now + r->lim.period;
		return;
	}
	/* who gets another parent while processes are listed is missed: the holder of a push's lock, which
	 * has something to record yet */
	if (!s->view.alive && !s->seen_gone && !s->lent && !strcmp(s->service, "receive-pack")) {
		s->seen_gone = true;
		s->due_ms = now + GONE_MS;
		return;
	}
	/* what hooks of others leave behind is theirs, unless we ended the session */
	if (!s->view.alive || (s->lent && !s->ending.reason && (r->observe || only_strays(snap)))) {
		r->finish(s, r->arg);
		return;
	}
	s->due_ms = now + AFTER_MS;
	if (r->observe && !s->ending.reason) {
		if (since >= r->lim.grace)
			gg_record_stray(s, snap,
					"processes outlived their session; observe mode leaves them alone");
		s->due_ms = now + r->lim.period;
		return;
	}
	if (since < AFTER_MS * 3)
		return; /* they are about to notice that their parent or pipe is gone */
	if (by_itself && only_strays(snap) && since < r->lim.hook) {
		/* a hook left them behind in a push that went well: perhaps on purpose */
		if (since >= r->lim.grace)
			gg_record_stray(s, snap,
					"a hook left processes behind; they are ended after deadline.hook");
		s->due_ms = now + r->lim.period;
		return;
	}
	if (s->ending.level < 2 && !s->ending.rounds)
		s->ending.level = 2; /* the connection is gone: nothing gentler is left than to hang up */
	take_step(r, s, snap);
	if (s->due_ms > now + r->lim.grace)
		s->due_ms = now + r->lim.grace;
}

static void end_further(struct gg_reaper *r, struct gg_session *s, struct gg_snap *snap)
{
	int err;

	sample(s, snap);
	err = scan(r, s, snap);
	if (err < 0) {
		snap->v = NULL;
		s->due_ms = snap->now_ms + AFTER_MS;
		scan_failed(r, s, err, snap->now_ms);
		return;
	}
	if (!s->ending.level && !s->ending.rounds && s->view.alive) {
		/* asked for from outside: this is the first look */
		s->verdict_phase = s->view.phase;
		gg_record_evidence(s, &s->verdict, snap);
	}
	take_step(r, s, snap);
}

/* Of those that may go early, the one longest silent; one a pass, and never more than clients wait for: who
 * is being ended already will make room. */
static void relieve(struct gg_reaper *r, int64_t now)
{
	struct gg_session *longest = NULL;
	int64_t quiet, most = -1;
	size_t going = 0;
	struct gg_snap snap = { .now_ms = now };
	struct gg_verdict v = { .reason = GG_REASON_PRESSURE, .limit_ms = r->lim.idle };

	for (size_t i = 0; i < r->reg->n; i++) {
		struct gg_session *s = r->reg->v[i];

		if (s->lent)
			continue;
		going += !s->root_gone && !s->held &&
			 (s->ending.reason || (s->half_closed && s->view.phase == GG_PHASE_KEEP_ALIVE));
		if (s->root_gone || s->held || s->ending.reason || s->half_closed ||
		    !gg_policy_pressed(&s->track, now, &r->lim, &quiet) || quiet <= most)
			continue;
		most = quiet;
		longest = s;
	}
	if (!longest || going >= r->pressed)
		return;
	/* once more, now: it must still be silent, and the client's turn */
	sample(longest, &snap);
	gg_policy_sample(&longest->track, &snap, &r->lim, &longest->due_ms);
	if (scan(r, longest, &snap) < 0)
		return;
	gg_policy_look(&longest->track, &snap, &longest->view, &r->lim);
	if (longest->view.certain && gg_policy_pressed(&longest->track, now, &r->lim, &v.quiet_ms)) {
		if (longest->view.phase == GG_PHASE_KEEP_ALIVE)
			gg_reaper_close_idle(longest, now, 0);
		else if (r->observe)
			observed(r, longest, &v, &snap);
		else
			begin_ending(r, longest, &v, &snap);
	}
	free(snap.v);
}

int64_t gg_reaper_pass(struct gg_reaper *r, int64_t now_ms)
{
	int64_t next = GG_NEVER;

	gg_late_pass(r, now_ms);
	r->orphans.fresh = false;
	/* backwards: finish() takes the session out by moving the last one, already seen, into its place */
	for (size_t i = r->reg->n; i-- > 0;) {
		struct gg_session *s = r->reg->v[i];
		struct gg_snap snap = { .now_ms = now_ms };

		if (s->due_ms <= now_ms) {
			if (s->root_gone)
				after_root(r, s, &snap);
			else if (s->ending.reason)
				end_further(r, s, &snap);
			else
				judge(r, s, &snap);
			free(snap.v);
		}
	}
	/* only now: a session may have gone, and its place been given to another, while we went through them
	 */
	for (size_t i = 0; i < r->reg->n; i++)
		if (r->reg->v[i]->due_ms < next)
			next = r->reg->v[i]->due_ms;
	if (r->pressed) {
		relieve(r, now_ms);
		if (next > gg_policy_next_sample(&r->lim, now_ms))
			next = gg_policy_next_sample(&r->lim, now_ms);
	}
	/* when the next pass can be at the earliest: what was due before is no delay of ours */
	r->next_ms = next == GG_NEVER ? 0 : next > now_ms ? next : now_ms;
	return next;
}

void gg_reaper_disconnected(struct gg_reaper *r, struct gg_session *s, int64_t now_ms)
{
	/* what is left of a session that was served may look like one whose request has not come */
	bool turn = s->service[0] ? s->view.client_turn && s->view.phase != GG_PHASE_REQUEST : true;
	struct gg_snap snap = { .now_ms = now_ms, .tcp = s->tcp }; /* its processes are gone */
	struct gg_verdict v;

	gg_follow_silence(s, now_ms);
	if (s->verdict.reason || s->ending.reason)
		return;
	s->peer_gone = gg_policy_unanswered(&s->track, &s->tcp, now_ms, &r->lim, UNHEARD_MS);
	/* git read the error before we could act: the verdict is the kernel's */
	if (!r->observe && turn && gg_policy_given_up(&s->tcp, &v)) {
		s->verdict = v;
		s->verdict_phase = s->view.phase;
		gg_record_evidence(s, &v, &snap);
	}
}

void gg_reaper_end(struct gg_session *s, enum gg_reason reason, int64_t limit_ms, int64_t now_ms)
{
	if (s->ending.reason)
		return;
	s->due_ms = now_ms;
	s->ending = (struct gg_ending){ .reason = reason };
	if (s->root_gone)
		return; /* it has ended; what it left behind goes now */
	s->verdict = (struct gg_verdict){ .reason = reason,
					  .limit_ms = limit_ms,
					  .quiet_ms = now_ms - s->track.moved_ms };
	s->verdict_phase = s->view.phase;
}
