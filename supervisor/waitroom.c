/* waitroom - accepted connections that wait for a session to become free. See waitroom.h. */
#include "supervisor/waitroom.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/text.h"

struct entry {
	struct gg_waiter w;
	struct peer *peer;
	TAILQ_ENTRY(entry) of_peer, of_all;
};

struct peer {
	char host[64];
	TAILQ_HEAD(entries, entry) entries;
	size_t n;
	TAILQ_ENTRY(peer) ring;
};

struct gg_waitroom {
	TAILQ_HEAD(, peer) peers; /* whose turn comes first is at the head */
	TAILQ_HEAD(, entry) all;  /* by arrival */
	size_t count;
};

struct gg_waitroom *gg_waitroom_new(void)
{
	struct gg_waitroom *room = calloc(1, sizeof(*room));

	if (!room)
		return NULL;
	TAILQ_INIT(&room->peers);
	TAILQ_INIT(&room->all);
	return room;
}

void gg_waitroom_free(struct gg_waitroom *room)
{
	free(room);
}

size_t gg_waitroom_count(const struct gg_waitroom *room)
{
	return room->count;
}

static struct peer *find_peer(struct gg_waitroom *room, const char *host)
{
	struct peer *p;

	TAILQ_FOREACH(p, &room->peers, ring)
	if (!strcmp(p->host, host))
		return p;
	return NULL;
}

static struct peer *get_peer(struct gg_waitroom *room, const char *host)
{
	struct peer *p = find_peer(room, host);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	TAILQ_INIT(&p->entries);
	strcpy(p->host, host);
	TAILQ_INSERT_TAIL(&room->peers, p, ring);
	return p;
}

int gg_waitroom_add(struct gg_waitroom *room, const struct gg_waiter *w)
{
	char mem[sizeof(((struct peer *)0)->host)];
	struct gg_buf host = GG_BUF(mem);
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	gg_addr_host(&host, &w->peer);
	e->peer = get_peer(room, host.s);
	if (!e->peer) {
		free(e);
		return -ENOMEM;
	}
	e->w = *w;
	TAILQ_INSERT_TAIL(&e->peer->entries, e, of_peer);
	TAILQ_INSERT_TAIL(&room->all, e, of_all);
	e->peer->n++;
	room->count++;
	return 0;
}

/* e leaves; its peer too, when it was the last. */
static void take(struct gg_waitroom *room, struct entry *e, struct gg_waiter *ret)
{
	struct peer *p = e->peer;

	*ret = e->w;
	TAILQ_REMOVE(&p->entries, e, of_peer);
	TAILQ_REMOVE(&room->all, e, of_all);
	p->n--;
	room->count--;
	free(e);
	if (TAILQ_EMPTY(&p->entries)) {
		TAILQ_REMOVE(&room->peers, p, ring);
		free(p);
	}
}

bool gg_waitroom_displace(struct gg_waitroom *room, const struct gg_waiter *w, struct gg_waiter *ret)
{
	char mem[sizeof(((struct peer *)0)->host)];
	struct gg_buf host = GG_BUF(mem);
	struct peer *p, *most = NULL, *own;

	gg_addr_host(&host, &w->peer);
	own = find_peer(room, host.s);
	TAILQ_FOREACH(p, &room->peers, ring)
	if (!most || p->n > most->n)
		most = p;
	if (!most || most->n < (own ? own->n : 0) + 2)
		return false;
	take(room, TAILQ_LAST(&most->entries, entries), ret);
	return true;
}

const struct gg_waiter *gg_waitroom_next(const struct gg_waitroom *room,
					 bool (*may)(const char *host, void *arg), void *arg)
{
	struct peer *p;

	TAILQ_FOREACH(p, &room->peers, ring)
	if (may(p->host, arg))
		return &TAILQ_FIRST(&p->entries)->w;
	return NULL;
}

void gg_waitroom_take(struct gg_waitroom *room, const struct gg_waiter *w)
{
	struct entry *e = (struct entry *)((char *)(uintptr_t)w - offsetof(struct entry, w));
	struct peer *p = e->peer;
	struct gg_waiter out;

	/* behind all others, before it may vanish with its last entry */
	TAILQ_REMOVE(&room->peers, p, ring);
	TAILQ_INSERT_TAIL(&room->peers, p, ring);
	take(room, e, &out);
}

bool gg_waitroom_expired(struct gg_waitroom *room, int64_t before_ms, struct gg_waiter *ret)
{
	struct entry *e = TAILQ_FIRST(&room->all);

	if (!e || e->w.arrived_ms > before_ms)
		return false;
	take(room, e, ret);
	return true;
}

void gg_waitroom_delay(struct gg_waitroom *room, int64_t lost_ms, int64_t now_ms)
{
	struct entry *e;

	TAILQ_FOREACH(e, &room->all, of_all)
	e->w.arrived_ms = e->w.arrived_ms + lost_ms < now_ms ? e->w.arrived_ms + lost_ms : now_ms;
}

int64_t gg_waitroom_oldest(const struct gg_waitroom *room)
{
	const struct entry *e = TAILQ_FIRST(&room->all);

	return e ? e->w.arrived_ms : -1;
}

void gg_waitroom_sweep(struct gg_waitroom *room, bool (*left)(int fd), void (*gone)(int fd))
{
	struct entry *e = TAILQ_FIRST(&room->all);

	while (e) {
		struct entry *next = TAILQ_NEXT(e, of_all);
		struct gg_waiter w;

		if (left(e->w.fd)) {
			take(room, e, &w);
			gone(w.fd);
		}
		e = next;
	}
}
