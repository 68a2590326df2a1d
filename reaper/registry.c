/* registry - the sessions that live, and the last ones that ended. See registry.h. */
#include "reaper/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "reaper/client.h"
#include "reaper/follow.h"

int gg_registry_init(struct gg_registry *r)
{
	memset(r, 0, sizeof(*r));
	r->by_itself.v = calloc(GG_HISTORY, sizeof(*r->by_itself.v));
	r->by_us.v = calloc(GG_HISTORY, sizeof(*r->by_us.v));
	return r->by_itself.v && r->by_us.v ? gg_ledger_init(&r->ledger, gg_now_ms()) : -ENOMEM;
}

static void session_free(struct gg_session *s)
{
	gg_story_free(&s->story);
	free(s->known);
	free(s->lent);
	free(s);
}

static void ring_free(struct gg_ring *ring)
{
	for (size_t i = 0; ring->v && i < GG_HISTORY; i++)
		gg_story_free(&ring->v[i].story);
	free(ring->v);
}

void gg_registry_free(struct gg_registry *r)
{
	for (size_t i = 0; i < r->n; i++)
		session_free(r->v[i]);
	free(r->v);
	ring_free(&r->by_itself);
	ring_free(&r->by_us);
	gg_ledger_free(&r->ledger);
	memset(r, 0, sizeof(*r));
}

struct gg_session *gg_registry_find(const struct gg_registry *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->v[i]->id, id))
			return r->v[i];
	return NULL;
}

/* Random, so that ids of two gates, or of one before and after a restart, do not meet in a journal. */
static void make_id(const struct gg_registry *r, char *id)
{
	uint32_t x;

	do {
		if (getrandom(&x, sizeof(x), 0) != (ssize_t)sizeof(x))
			x = (uint32_t)time(NULL) ^ (uint32_t)r->ended_at * 2654435761u ^ (uint32_t)r->n;
		snprintf(id, GG_ID_SIZE, "%08x", x);
	} while (gg_registry_find(r, id));
}

struct gg_session *gg_registry_add(struct gg_registry *r, int64_t now_ms)
{
	struct gg_session *s;

	if (r->n == r->size) {
		size_t want = r->size ? r->size * 2 : 64;
		struct gg_session **v = realloc(r->v, want * sizeof(*v));

		if (!v)
			return NULL;
		r->v = v;
		r->size = want;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	make_id(r, s->id);
	s->transport = "git";
	s->accepted_ms = now_ms;
	s->accepted_real = time(NULL);
	s->ended_ms = s->observed_since = -1;
	s->sock = s->pidfd = s->tell_fd = s->cgroup = -1;
	gg_track_init(&s->track, now_ms);
	r->v[r->n++] = s;
	return s;
}

static const struct gg_ended *remember(struct gg_registry *r, struct gg_session *s, int64_t now_ms)
{
	bool reaped = s->verdict.reason != GG_REASON_NONE;
	struct gg_ring *ring = reaped ? &r->by_us : &r->by_itself;
	struct gg_ended *e = &ring->v[ring->n++ % GG_HISTORY];

	gg_story_free(&e->story);
	*e = (struct gg_ended){
		.transport = s->transport,
		.reason = s->verdict.reason,
		.key = gg_verdict_key(&s->verdict),
		.phase = reaped ? s->verdict_phase : s->view.phase,
		.age_ms = (s->ended_ms >= 0 ? s->ended_ms : now_ms) - s->accepted_ms,
		.quiet_ms = reaped ? s->verdict.quiet_ms : now_ms - s->track.moved_ms,
		.limit_ms = reaped ? s->verdict.limit_ms : -1,
		.time = time(NULL),
		.bytes_in = s->tcp.received,
		.bytes_out = s->tcp.acked,
		.pid = s->root,
		.status = s->root_status,
		.refused = s->refused,
		.nth = r->ended_at++,
	};
	if (reaped || s->service[0]) { /* a stranger, who asked for nothing, has none that anybody asks for */
		e->story = s->story;
		s->story = (struct gg_story){ 0 };
	}
	memcpy(e->id, s->id, sizeof(e->id));
	memcpy(e->peer, s->peer, sizeof(e->peer));
	memcpy(e->user, s->user, sizeof(e->user));
	memcpy(e->service, s->service, sizeof(e->service));
	memcpy(e->repo, s->repo, sizeof(e->repo));
	memcpy(e->steps, s->steps, sizeof(e->steps));
	if (s->lent)
		memcpy(e->watch, s->lent->watch, sizeof(e->watch));
	r->by_reason[s->verdict.reason]++;
	r->reaped += reaped;
	return e;
}

void gg_registry_drop(struct gg_registry *r, struct gg_session *s)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i] != s)
			continue;
		r->v[i] = r->v[--r->n];
		session_free(s);
		return;
	}
}

const struct gg_ended *gg_registry_end(struct gg_registry *r, struct gg_session *s, int64_t now_ms)
{
	const struct gg_ended *e;

	gg_follow_ended(r, s, now_ms);
	e = remember(r, s, now_ms);
	gg_registry_drop(r, s);
	return e;
}

size_t gg_registry_serving(const struct gg_registry *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += !r->v[i]->root_gone && !r->v[i]->held && !r->v[i]->lent;
	return n;
}

uint64_t gg_registry_root_taken(const struct gg_registry *r, const struct gg_session *s)
{
	uint64_t first = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct gg_session *o = r->v[i];

		if (o->root == s->root && o->root_tick > s->root_tick && (!first || o->root_tick < first))
			first = o->root_tick;
	}
	return first;
}

static const struct gg_ended *in_ring(const struct gg_ring *ring, uint64_t i)
{
	return i < ring->n && i < GG_HISTORY ? &ring->v[(ring->n - 1 - i) % GG_HISTORY] : NULL;
}

const struct gg_ended *gg_registry_history(const struct gg_registry *r, struct gg_history *at)
{
	const struct gg_ended *a = in_ring(&r->by_itself, at->itself), *b = in_ring(&r->by_us, at->us);

	if (b && (!a || b->nth > a->nth)) {
		at->us++;
		return b;
	}
	at->itself += a != NULL;
	return a;
}
