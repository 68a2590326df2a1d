/* policy - is this session stuck? See policy.h. */
#include "reaper/policy.h"

#include <string.h>

#include "base/text.h"

/* A kernel answers no more than one probe in this time (net.ipv4.tcp_invalid_ratelimit); window probes come
 * faster at first. */
#define ANSWERS_MS 500
#define RATE_MS 1000
#define PAUSES 2 /* looks of a phase that found silence, and it was over before a deadline */

const char *gg_verdict_key(const struct gg_verdict *v)
{
	return v->key ? v->key : gg_reason_key(v->reason);
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* now + ms without overflow for GG_NEVER. */
static int64_t after(int64_t now, int64_t ms)
{
	return ms == GG_NEVER ? GG_NEVER : now + ms;
}

int64_t gg_policy_period(const struct gg_limits *lim)
{
	int64_t shortest = min64(min64(lim->init, lim->commands), min64(lim->pack_start, lim->idle));

	shortest = min64(shortest, min64(lim->hook, lim->rate_min ? lim->rate_window / GG_SLICES : GG_NEVER));
	return min64(max64(shortest / 8, 50), 1000);
}

int64_t gg_policy_next_sample(const struct gg_limits *lim, int64_t now_ms)
{
	return (now_ms / lim->period + 1) * lim->period;
}

void gg_track_init(struct gg_track *t, int64_t now_ms)
{
	memset(t, 0, sizeof(*t));
	t->accepted_ms = t->moved_ms = t->slice_ms = now_ms;
	t->looked_ms = t->since_ms = t->probed_ms = -1;
	t->rate_from_ms = t->rate_in = t->rate_out = -1;
	t->phase = GG_PHASE_REQUEST;
}

void gg_track_new_limits(struct gg_track *t, int64_t now_ms)
{
	t->look_ms = now_ms;
	t->slow_pending = false;
	t->slices = 0;
	t->slice_ms = now_ms;
	t->slice_bytes = t->received + t->acked;
}

void gg_track_delay(struct gg_track *t, int64_t lost_ms, int64_t now_ms)
{
	int64_t *const since[] = { &t->accepted_ms, &t->since_ms, &t->moved_ms, &t->slice_ms, &t->probed_ms };

	for (size_t i = 0; i < sizeof(since) / sizeof(since[0]); i++)
		if (*since[i] >= 0) /* one may have begun since then */
			*since[i] = min64(*since[i] + lost_ms, now_ms);
	if (t->look_ms < GG_NEVER - lost_ms)
		t->look_ms += lost_ms;
}

enum gg_reason gg_track_silence(const struct gg_track *t, int64_t now_ms, int64_t *ret_ms)
{
	if (t->phase == GG_PHASE_REQUEST && !t->request_bytes) {
		*ret_ms = now_ms - t->accepted_ms;
		return GG_REASON_INIT;
	}
	*ret_ms = t->since_ms >= 0 ? now_ms - t->since_ms : 0;
	return t->since_ms >= 0 ? t->bound : GG_REASON_NONE;
}

/*
 * deadline.idle for a client that reads. Where its reading shows in steps, one that reads as fast as rate.min
 * asks for is silent for as long as a step takes it.
 */
static int64_t reading_limit(const struct gg_track *t, const struct gg_limits *lim)
{
	return lim->rate_min ? max64(lim->idle, (int64_t)t->step * 1000 / lim->rate_min) : lim->idle;
}

static int64_t limit_of(const struct gg_track *t, const struct gg_limits *lim, enum gg_reason r)
{
	switch (r) {
	case GG_REASON_INIT:
		return lim->init;
	case GG_REASON_COMMANDS:
		return lim->commands;
	case GG_REASON_PACK_START:
		return lim->pack_start;
	case GG_REASON_IDLE:
		return lim->idle;
	case GG_REASON_NOT_READING:
		return reading_limit(t, lim);
	case GG_REASON_HOOK:
		return lim->hook;
	case GG_REASON_WORK:
		return lim->work;
	default:
		return GG_NEVER;
	}
}

enum gg_reason gg_track_deadline(const struct gg_track *t, int64_t now_ms, const struct gg_limits *lim,
				 int64_t *ret_limit_ms, int64_t *ret_used_ms)
{
	int64_t used, age = now_ms - t->accepted_ms;
	enum gg_reason r = gg_track_silence(t, now_ms, &used);
	int64_t limit = limit_of(t, lim, r);

	if (t->phase == GG_PHASE_KEEP_ALIVE && t->client_turn && t->since_ms >= 0) {
		r = GG_REASON_INIT;
		limit = lim->keep;
	}
	if (lim->session != GG_NEVER && (limit == GG_NEVER || lim->session - age < limit - used)) {
		r = GG_REASON_SESSION;
		limit = lim->session;
		used = age;
	}
	if (limit == GG_NEVER)
		return GG_REASON_NONE;
	*ret_limit_ms = limit;
	*ret_used_ms = max64(used, 0);
	return r;
}

/* A rate for people: of a second at least, so that one packet is no speed. */
static void measure(struct gg_track *t, int64_t now)
{
	int64_t elapsed = now - t->rate_from_ms;

	if (t->rate_from_ms >= 0 && elapsed < RATE_MS)
		return;
	if (t->rate_from_ms >= 0) {
		t->rate_in = (int64_t)(t->received - t->rate_in_from) * 1000 / elapsed;
		t->rate_out = (int64_t)(t->acked - t->rate_out_from) * 1000 / elapsed;
	}
	t->rate_from_ms = now;
	t->rate_in_from = t->received;
	t->rate_out_from = t->acked;
}

/* Nothing seen so far agrees with what is now. */
static void start_again(struct gg_track *t)
{
	t->since_ms = -1;
	t->looks = 0;
}

/*
 * A pause between two drops of a trickle counts as part of it where the client should be sending, or reading,
 * all the time. Before the pack it may count objects for as long as deadline.packStart says, and a few
 * commands followed by silence are no trickle.
 */
static bool may_not_pause(enum gg_phase phase)
{
	return phase == GG_PHASE_PACK || phase == GG_PHASE_SENDING;
}

static void add_slice(struct gg_track *t, uint64_t moved)
{
	t->moved[t->slices++ % GG_SLICES] = moved;
}

static bool trickles(const struct gg_track *t, const struct gg_limits *lim)
{
	/* what it has read may show only later */
	uint64_t sum = t->phase == GG_PHASE_SENDING ? t->step : 0;

	if (t->slices < GG_SLICES)
		return false;
	for (int i = 0; i < GG_SLICES; i++)
		sum += t->moved[i];
	return sum * 1000 < (uint64_t)lim->rate_min * (uint64_t)lim->rate_window;
}

/*
 * Close a slice of rate.window when it is over. What was too slow must be looked at before it counts. A slice
 * that was fast counts too, or bursts with long pauses between them would pass for more than they are; one
 * that has all the bytes that a window needs ends the row.
 */
static void judge_rate(struct gg_track *t, int64_t now, const struct gg_limits *lim)
{
	int64_t elapsed = now - t->slice_ms;
	uint64_t moved = t->received + t->acked - t->slice_bytes;

	if (!lim->rate_min || elapsed < lim->rate_window / GG_SLICES || t->slow_pending)
		return;
	if (moved * 1000 >= (uint64_t)lim->rate_min * (uint64_t)lim->rate_window) {
		t->slices = 0;
	} else if (moved * 1000 >= (uint64_t)lim->rate_min * (uint64_t)elapsed) {
		add_slice(t, moved);
	} else if (moved || (t->slices && may_not_pause(t->phase))) {
		t->slow_pending = true;
		return;
	}
	t->slice_ms = now;
	t->slice_bytes = t->received + t->acked;
}

static void finish_slice(struct gg_track *t, bool clients_fault, int64_t now)
{
	t->slow_pending = false;
	if (clients_fault)
		add_slice(t, t->received + t->acked - t->slice_bytes);
	else
		t->slices = 0;
	t->slice_ms = now;
	t->slice_bytes = t->received + t->acked;
}

/* For how long nothing at all came from the client's kernel. Data alone may leave ack_age_ms as it was. */
static int64_t unheard(const struct gg_tcp *tcp)
{
	return min64(tcp->recv_age_ms, tcp->ack_age_ms);
}

/*
 * Everything that tcp.keepIdle, keepInterval and keepCount allow has passed unanswered, or our kernel said
 * so. With something to send the probes are of the window, further and further apart, and deadline.idle
 * bounds it.
 */
static bool out_of_probes(const struct gg_tcp *tcp)
{
	return tcp->valid && tcp->keep_count && tcp->probes >= tcp->keep_count &&
	       (tcp->gone || (!tcp->queued_out && unheard(tcp) >= tcp->keep_ms));
}

bool gg_policy_unanswered(const struct gg_track *t, const struct gg_tcp *tcp, int64_t now_ms,
			  const struct gg_limits *lim, int64_t quiet_ms)
{
	if ((tcp->unacked && tcp->retransmits >= 2 && unheard(tcp) >= quiet_ms) || out_of_probes(tcp))
		return true;
	if (!tcp->probes || (tcp->probes == 1 && t->maybe_limited))
		return false;
	/* a single sample may fall between a probe and its answer */
	return t->probed_ms >= 0 && now_ms - t->probed_ms >= lim->period;
}

static struct gg_verdict peer_gone(const struct gg_tcp *tcp)
{
	return (struct gg_verdict){ .reason = GG_REASON_PEER_GONE,
				    .limit_ms = tcp->keep_ms,
				    .quiet_ms = unheard(tcp) };
}

bool gg_policy_given_up(const struct gg_tcp *tcp, struct gg_verdict *ret)
{
	if (!tcp->gone || !out_of_probes(tcp))
		return false;
	*ret = peer_gone(tcp);
	return true;
}

/* In the client's turn, as far as that was seen: when to look because probes are unanswered. */
static int64_t probes_due(const struct gg_track *t, const struct gg_tcp *tcp, int64_t now)
{
	if (!tcp->probes || !tcp->keep_count || !(t->client_turn || t->phase == GG_PHASE_REQUEST))
		return GG_NEVER;
	if (out_of_probes(tcp))
		return now;
	/* the last probe may be late: then one of the samples finds it */
	return unheard(tcp) < tcp->keep_ms ? now + tcp->keep_ms - unheard(tcp) : GG_NEVER;
}

/*
 * Silence counts from the first look that shows it, so each moment by which that comes later is one by which
 * the end is late. While something moves a look finds nothing out, and costs more than many samples. So who
 * moves is sampled twice in a period, and looked at when nothing moved between two samples; who often pauses
 * for so long, when nothing moved for a whole period. So is a reader: what it takes shows in lumps, as its
 * window opens.
 */
static bool moves(const struct gg_track *t, const struct gg_tcp *tcp, int64_t now,
		  const struct gg_limits *lim)
{
	if (!tcp->valid)
		return false;
	if ((t->pauses >= PAUSES || t->reads) && now - t->moved_ms < lim->period)
		return true;
	/* samples may be close together, and a sample may come just after the last byte */
	return now == t->moved_ms || min64(tcp->recv_age_ms, tcp->sent_age_ms) < lim->period / 4;
}

/* The same instants for all, so that they share their wake-ups. */
static int64_t half_a_period(const struct gg_limits *lim, int64_t now)
{
	int64_t half = max64(lim->period / 2, 1);

	return ((now + half / 2) / half + 1) * half;
}

bool gg_policy_sample(struct gg_track *t, const struct gg_snap *snap, const struct gg_limits *lim,
		      int64_t *ret_next_ms)
{
	const struct gg_tcp *tcp = &snap->tcp;
	int64_t now = snap->now_ms, due;
	bool look;

	if (tcp->valid) {
		bool read_some = tcp->acked != t->acked || tcp->takes != t->takes,
		     sent_some = tcp->received != t->received;

		/* a client that does not read is not excused by what it sends into our buffer meanwhile */
		if (read_some || (sent_some && t->phase != GG_PHASE_SENDING)) {
			t->moved_ms = now;
			t->reads = read_some;
			if (t->phase != GG_PHASE_REQUEST && t->phase != GG_PHASE_HOOK) {
				t->pauses += t->since_ms >= 0;
				start_again(t);
			}
		}
		t->received = tcp->received;
		t->acked = tcp->acked;
		t->takes = tcp->takes;
		t->step = tcp->step;
		measure(t, now);
	}
	if (!tcp->probes) {
		t->probed_ms = -1;
	} else if (t->probed_ms < 0) {
		t->probed_ms = now;
		t->maybe_limited = tcp->queued_out && unheard(tcp) < ANSWERS_MS + lim->period;
	}
	judge_rate(t, now, lim);
	if (t->phase == GG_PHASE_REQUEST && !t->request_bytes)
		due = t->looks ? t->look_ms : after(t->accepted_ms, lim->init);
	else if (t->since_ms >= 0)
		due = t->look_ms;
	else
		due = moves(t, tcp, now, lim) ? half_a_period(lim, now) : now;
	due = min64(min64(due, probes_due(t, tcp, now)), after(t->accepted_ms, lim->session));
	look = due <= now || t->slow_pending;
	*ret_next_ms = min64(gg_policy_next_sample(lim, now), max64(due, now + 1));
	return look;
}

/* The limit of a phase in the client's turn, and the reason to give. */
static int64_t client_limit(const struct gg_track *t, const struct gg_snap *snap, const struct gg_view *view,
			    const struct gg_limits *lim, enum gg_reason *ret)
{
	switch (view->phase) {
	case GG_PHASE_COMMANDS:
		*ret = GG_REASON_COMMANDS;
		/*
		 * Some commands have come. A client without side-band that has sent all of them looks the
		 * same and may be counting objects: the longer of the two limits holds.
		 */
		if (view->push && lim->pack_start > lim->commands &&
		    (t->request_unknown || (t->request_bytes && snap->tcp.received > t->request_bytes))) {
			*ret = GG_REASON_PACK_START;
			return lim->pack_start;
		}
		return lim->commands;
	case GG_PHASE_PACK_START:
		*ret = GG_REASON_PACK_START;
		return lim->pack_start;
	case GG_PHASE_PACK:
		*ret = GG_REASON_IDLE;
		return lim->idle;
	default:
		*ret = GG_REASON_NOT_READING;
		return reading_limit(t, lim);
	}
}

/* A deadline has passed, and the client's kernel is silent too, not only its program: that is the reason. */
static struct gg_verdict name(const struct gg_track *t, const struct gg_snap *snap,
			      const struct gg_limits *lim, struct gg_verdict v)
{
	if (gg_policy_unanswered(t, &snap->tcp, snap->now_ms, lim, v.quiet_ms / 4 * 3)) {
		v.key = gg_reason_key(v.reason);
		v.reason = GG_REASON_PEER_GONE;
	}
	return v;
}

static struct gg_verdict judge_request(struct gg_track *t, const struct gg_snap *snap,
				       const struct gg_view *view, const struct gg_limits *lim)
{
	int64_t now = snap->now_ms, age = now - t->accepted_ms;
	bool gone = out_of_probes(&snap->tcp);

	t->look_ms = max64(after(t->accepted_ms, lim->init), now + lim->period);
	if ((age < lim->init && !gone) || !view->client_turn) {
		t->looks = 0;
		return (struct gg_verdict){ 0 };
	}
	t->looks++;
	if (t->looks < 2)
		return (struct gg_verdict){ 0 };
	return gone ? peer_gone(&snap->tcp)
		    : name(t, snap, lim,
			   (struct gg_verdict){
				   .reason = GG_REASON_INIT, .limit_ms = lim->init, .quiet_ms = age });
}

static struct gg_verdict judge_client(struct gg_track *t, const struct gg_snap *snap,
				      const struct gg_view *view, const struct gg_limits *lim)
{
	struct gg_verdict v = { 0 };
	enum gg_reason reason;
	int64_t now = snap->now_ms, limit = client_limit(t, snap, view, lim, &reason);

	t->bound = reason;
	t->look_ms = after(t->since_ms, limit);
	if (trickles(t, lim))
		v = (struct gg_verdict){ .reason = GG_REASON_TRICKLE,
					 .limit_ms = lim->rate_window,
					 .quiet_ms = now - t->moved_ms };
	else if (out_of_probes(&snap->tcp) && t->looks >= 2)
		v = peer_gone(&snap->tcp);
	else if (limit != GG_NEVER && now - t->since_ms >= limit && t->looks >= 2)
		v = (struct gg_verdict){ .reason = reason, .limit_ms = limit, .quiet_ms = now - t->since_ms };
	if (!v.reason)
		return v;
	/* who trickled was there a moment ago */
	if (v.reason != GG_REASON_PEER_GONE && v.reason != GG_REASON_TRICKLE)
		v = name(t, snap, lim, v);
	/*
	 * Without the processes' system calls "it reads the client" is a guess. It is good enough when
	 * nothing moved at all between two looks, nothing is queued, and nobody else of the session could be
	 * the one that waits.
	 */
	if (!view->certain &&
	    (snap->cut || !snap->tcp.valid || snap->tcp.queued_in || (view->push && view->hook_pid))) {
		t->look_ms = after(now, limit);
		v.reason = GG_REASON_NONE;
		v.doubted = true;
	}
	return v;
}

/*
 * The turn may go back to the client without a sign on the wire: look again, eight times in deadline.idle, or
 * nearly: together with a sample, or each session that runs a hook would wake the gate at moments of its own.
 */
static int64_t look_again(const struct gg_limits *lim, int64_t now)
{
	int64_t every = max64(lim->period, lim->idle / 8);

	return gg_policy_next_sample(lim, now + every - lim->period / 2 - 1);
}

static struct gg_verdict judge_server(struct gg_track *t, int64_t now, const struct gg_view *view,
				      const struct gg_limits *lim)
{
	int64_t limit = view->phase == GG_PHASE_HOOK ? lim->hook : lim->work;

	t->bound = view->phase == GG_PHASE_HOOK ? GG_REASON_HOOK : GG_REASON_WORK;
	t->look_ms = min64(look_again(lim, now), max64(now + 1, after(t->since_ms, limit)));
	if (limit == GG_NEVER || now - t->since_ms < limit || t->looks < 2)
		return (struct gg_verdict){ 0 };
	return (struct gg_verdict){ .reason = t->bound, .limit_ms = limit, .quiet_ms = now - t->since_ms };
}

/* Between two requests: whatever comes begins one. */
static struct gg_verdict judge_idle(struct gg_track *t, int64_t now, const struct gg_view *view,
				    const struct gg_limits *lim)
{
	t->look_ms = max64(after(t->since_ms, lim->keep), now + lim->period);
	if (!view->client_turn || t->looks < 2 || now - t->since_ms < lim->keep)
		return (struct gg_verdict){ 0 };
	return (struct gg_verdict){ .reason = GG_REASON_INIT,
				    .limit_ms = lim->keep,
				    .quiet_ms = now - t->since_ms };
}

struct gg_verdict gg_policy_look(struct gg_track *t, const struct gg_snap *snap, const struct gg_view *view,
				 const struct gg_limits *lim)
{
	int64_t now = snap->now_ms;
	bool same = t->looked_ms >= 0 && t->since_ms >= 0 && t->phase == view->phase &&
		    t->client_turn == view->client_turn && t->hook_pid == view->hook_pid &&
		    t->hook_tick == view->hook_tick;
	bool busy = t->cpu_ticks != view->cpu_ticks || t->io_chars != view->io_chars;

	/* a hook has one limit however busy it is; everything else is excused by work of the session's
	 * processes */
	if (!same || (busy && view->phase != GG_PHASE_HOOK)) {
		t->since_ms = now;
		if (view->phase != GG_PHASE_REQUEST || t->phase != GG_PHASE_REQUEST)
			t->looks = 0;
	}
	if (t->phase != view->phase)
		t->pauses = 0;
	if (t->slow_pending)
		finish_slice(t,
			     view->client_turn &&
				     (view->phase == GG_PHASE_COMMANDS || may_not_pause(view->phase)),
			     now);
	t->phase = view->phase;
	t->client_turn = view->client_turn;
	t->hook_pid = view->hook_pid;
	t->hook_tick = view->hook_tick;
	t->cpu_ticks = view->cpu_ticks;
	t->io_chars = view->io_chars;
	t->looked_ms = now;
	t->bound = GG_REASON_NONE;

	if (now - t->accepted_ms >= lim->session)
		return (struct gg_verdict){ .reason = GG_REASON_SESSION,
					    .limit_ms = lim->session,
					    .quiet_ms = now - t->accepted_ms };
	if (view->phase == GG_PHASE_REQUEST)
		return judge_request(t, snap, view, lim);
	t->looks++;
	if (view->phase == GG_PHASE_CLOSING) {
		t->look_ms = look_again(lim, now);
		return (struct gg_verdict){ 0 };
	}
	if (view->phase == GG_PHASE_KEEP_ALIVE)
		return judge_idle(t, now, view, lim);
	return view->client_turn ? judge_client(t, snap, view, lim) : judge_server(t, now, view, lim);
}

bool gg_policy_pressed(const struct gg_track *t, int64_t now_ms, const struct gg_limits *lim,
		       int64_t *ret_quiet_ms)
{
	if (t->phase == GG_PHASE_KEEP_ALIVE) {
		/* the first to go: nothing is lost with it */
		*ret_quiet_ms = INT64_MAX / 2 + (now_ms - t->since_ms);
		return t->client_turn && t->since_ms >= 0 && now_ms - t->since_ms >= lim->grace;
	}
	if (t->phase != GG_PHASE_COMMANDS && t->phase != GG_PHASE_PACK_START)
		return false;
	if (!t->client_turn || t->since_ms < 0 || lim->idle == GG_NEVER || now_ms - t->since_ms < lim->idle)
		return false;
	*ret_quiet_ms = now_ms - t->since_ms;
	return true;
}
