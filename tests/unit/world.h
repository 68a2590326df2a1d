/*
 * world - a session played from its start, for the tests of reaper/policy.h: what the client does when, what
 * git's processes show meanwhile, and what the kernel knows of the client's host. The policy is driven as the
 * reaper drives it.
 */
#ifndef GG_TESTS_WORLD_H
#define GG_TESTS_WORLD_H

#include <string.h>

#include "base/text.h"
#include "reaper/policy.h"

/* The deadlines of the tests. */
static inline struct gg_limits scaled(void)
{
	struct gg_limits lim = { .init = 2000,
				 .commands = 3000,
				 .pack_start = 3000,
				 .idle = 2000,
				 .hook = 5000,
				 .work = GG_NEVER,
				 .session = GG_NEVER,
				 .grace = 500,
				 .rate_min = 1024,
				 .rate_window = 8000 };

	lim.period = gg_policy_period(&lim);
	return lim;
}

/* One stretch of a session's life. */
struct stretch {
	int64_t ms; /* how long */
	enum gg_phase phase;
	bool client;  /* whose turn */
	int every_ms; /* the client sends (or, in sending, takes) bytes this often; 0: never */
	int bytes;    /* each time */
	bool busy;    /* git's processes use CPU */
};

/* The client's host, and the keep-alive that asks for it. */
struct host {
	int64_t idle, interval;
	uint32_t count;
	bool dies; /* with the last stretch: its kernel answers nothing then */
};

struct result {
	enum gg_reason reason;
	const char *key;
	int64_t at_ms, quiet_ms, limit_ms;
	int looks, samples;
};

/*
 * What TCP_INFO says of probes at now. last: when data last moved; *heard: kept by the caller, when anything
 * last came from the client's kernel. While it lives it answers each probe at once.
 */
static inline void probe(const struct host *h, bool dead, enum gg_phase phase, int64_t now, int64_t last,
			 int64_t *heard, struct gg_tcp *tcp)
{
	int64_t silent;

	if (!dead)
		*heard = now - (now - last) % h->idle;
	silent = now - *heard;
	tcp->ack_age_ms = silent;
	if (dead && phase == GG_PHASE_SENDING) { /* data is in flight: no keep-alive */
		tcp->unacked = 10;
		for (int64_t rto = 200, at = rto; at <= silent; rto *= 2, at += rto)
			tcp->retransmits++;
		return;
	}
	if (silent < h->idle)
		return;
	tcp->probes = 1 + (uint32_t)((silent - h->idle) / h->interval);
	if (tcp->probes > h->count)
		tcp->probes = h->count;
	tcp->keep_count = h->count;
	tcp->keep_ms = h->idle + h->count * h->interval;
	/* its timers are late */
	tcp->gone = tcp->peer_closed = silent >= tcp->keep_ms + tcp->keep_ms / 32;
}

/* Play for at most total ms; stops at the first verdict. step: see struct gg_tcp. */
static inline struct result play_in_steps(uint32_t step, const struct host *host, const struct stretch *s,
					  size_t n, const struct gg_limits *lim, int64_t total, bool opaque)
{
	struct result r = { 0 };
	struct gg_track t;
	int64_t now = 100000, start = now, next = now, last = now, begun = now, heard = now;
	uint64_t received = 0, acked = 0, cpu = 0;
	size_t at = 0;
	pid_t hook = 1000;

	gg_track_init(&t, now);
	for (; now - start < total; now++) {
		struct gg_snap snap = { .now_ms = now };
		struct gg_view view;
		struct gg_verdict v;

		while (at + 1 < n && now - begun >= s[at].ms) {
			begun += s[at].ms;
			hook += s[at].phase == GG_PHASE_HOOK;
			at++;
		}
		if (s[at].every_ms && (now - begun) % s[at].every_ms == 0) {
			if (s[at].phase == GG_PHASE_SENDING)
				acked += (uint64_t)s[at].bytes;
			else
				received += (uint64_t)s[at].bytes;
			last = now;
			t.request_bytes = s[at].phase == GG_PHASE_REQUEST ? 0 : 50;
		}
		cpu += s[at].busy;
		if (s[at].phase != GG_PHASE_REQUEST && !t.request_bytes)
			t.request_bytes = 50;
		snap.tcp = (struct gg_tcp){ .valid = true,
					    .received = received,
					    .acked = acked,
					    .step = step,
					    .recv_age_ms = now - last,
					    .sent_age_ms = now - last };
		if (host)
			probe(host, host->dies && at + 1 == n, s[at].phase, now, last, &heard, &snap.tcp);
		if (now < next)
			continue;
		r.samples++;
		if (!gg_policy_sample(&t, &snap, lim, &next))
			continue;
		view = (struct gg_view){ .phase = s[at].phase,
					 .client_turn = s[at].client,
					 .certain = !opaque,
					 .push = true,
					 .cpu_ticks = cpu,
					 .alive = 2,
					 .hook_pid = s[at].phase == GG_PHASE_HOOK ? hook : 0 };
		v = gg_policy_look(&t, &snap, &view, lim);
		r.looks++;
		next = t.look_ms < gg_policy_next_sample(lim, now) ? t.look_ms
								   : gg_policy_next_sample(lim, now);
		if (next <= now)
			next = now + 1;
		if (v.reason) {
			r.reason = v.reason;
			r.key = gg_verdict_key(&v);
			r.at_ms = now - start;
			r.quiet_ms = v.quiet_ms;
			r.limit_ms = v.limit_ms;
			return r;
		}
	}
	return r;
}

static inline struct result play_on(const struct host *host, const struct stretch *s, size_t n,
				    const struct gg_limits *lim, int64_t total, bool opaque)
{
	return play_in_steps(0, host, s, n, lim, total, opaque);
}

static inline struct result play(const struct stretch *s, size_t n, const struct gg_limits *lim,
				 int64_t total, bool opaque)
{
	return play_on(NULL, s, n, lim, total, opaque);
}

#define REQUEST(ms) \
	{ \
		ms, GG_PHASE_REQUEST, true, 0, 0, false \
	}
#define COMMANDS(ms) \
	{ \
		ms, GG_PHASE_COMMANDS, true, 0, 0, false \
	}
#define PACK(ms, every, bytes) \
	{ \
		ms, GG_PHASE_PACK, true, every, bytes, false \
	}
#define WORK(ms, busy) \
	{ \
		ms, GG_PHASE_WORK, false, 0, 0, busy \
	}
#define HOOK(ms) \
	{ \
		ms, GG_PHASE_HOOK, false, 0, 0, false \
	}
#define LONG 1000000

#endif
