/* recent - the last events. See recent.h. */
#include "supervisor/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/event.h"

struct kept {
	char *line; /* owned */
	size_t len;
	char id[GG_ID_SIZE]; /* "": of no session */
};

struct gg_recent {
	struct kept v[GG_RECENT_MAX]; /* the n-th event, from 1 on, is at n % GG_RECENT_MAX */
	uint64_t newest, oldest;      /* numbers of those that are kept; oldest > newest: none is */
	size_t bytes;
	char *error; /* owned; NULL: there was none */
};

static void forget_oldest(struct gg_recent *r)
{
	struct kept *k = &r->v[r->oldest++ % GG_RECENT_MAX];

	r->bytes -= k->len;
	free(k->line);
	*k = (struct kept){ 0 };
}

static void keep(struct gg_recent *r, const struct gg_heard *e)
{
	struct kept *k;

	while (r->oldest <= r->newest &&
	       (r->newest - r->oldest + 1 >= GG_RECENT_MAX || r->bytes + e->len > GG_RECENT_BYTES))
		forget_oldest(r);
	k = &r->v[++r->newest % GG_RECENT_MAX];
	k->line = strndup(e->json, e->len);
	k->len = k->line ? e->len : 0; /* without memory its place stays empty */
	r->bytes += k->len;
	if (e->session)
		strncpy(k->id, e->session, sizeof(k->id) - 1);
}

static void on_event(void *arg, const struct gg_heard *e)
{
	struct gg_recent *r = arg;
	char *copy;

	keep(r, e);
	if (e->priority > LOG_ERR)
		return;
	copy = strndup(e->json, e->len);
	if (!copy)
		return;
	free(r->error);
	r->error = copy;
}

int gg_recent_open(struct gg_recent **ret)
{
	struct gg_recent *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->oldest = 1;
	gg_event_listen(on_event, r);
	*ret = r;
	return 0;
}

void gg_recent_free(struct gg_recent *r)
{
	if (!r)
		return;
	gg_event_listen(NULL, NULL);
	while (r->oldest <= r->newest)
		forget_oldest(r);
	free(r->error);
	free(r);
}

static bool wanted(const struct gg_recent *r, uint64_t n, const char *id)
{
	const struct kept *k = &r->v[n % GG_RECENT_MAX];

	return k->line && (!id || !strcmp(id, k->id));
}

/* The number before the last so many that are wanted. */
static uint64_t before_last(const struct gg_recent *r, int64_t last, const char *id)
{
	uint64_t n = r->newest;

	for (; n >= r->oldest && last > 0; n--)
		last -= wanted(r, n, id);
	return n;
}

json_t *gg_recent_answer(const struct gg_recent *r, const struct gg_recent_ask *ask)
{
	json_t *events = json_array();
	uint64_t at = ask->last >= 0 ? before_last(r, ask->last, ask->id) : ask->after, lost = 0;

	if (at > r->newest) /* of another gate, which had more: what this one has is new */
		at = 0;
	if (ask->last < 0 && at + 1 < r->oldest)
		lost = r->oldest - 1 - at;
	if (at + 1 < r->oldest)
		at = r->oldest - 1;
	while (at < r->newest && json_array_size(events) < GG_RECENT_ANSWER) {
		const struct kept *k = &r->v[++at % GG_RECENT_MAX];

		if (wanted(r, at, ask->id))
			json_array_append_new(events, json_loadb(k->line, k->len, 0, NULL));
	}
	return json_pack("{s:o, s:I, s:I, s:b}", "events", events, "next", (json_int_t)at, "lost",
			 (json_int_t)lost, "more", at < r->newest);
}

json_t *gg_recent_error(const struct gg_recent *r)
{
	json_t *j = r && r->error ? json_loads(r->error, 0, NULL) : NULL;

	return j ? j : json_null();
}
