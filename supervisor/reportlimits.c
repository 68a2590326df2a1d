/* reportlimits - how much of each limit is in use, as JSON. See report.h. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "supervisor/admit.h"
#include "base/jsonmem.h"
#include "supervisor/report.h"

/* Bytes of the peer's address, without its port. */
static size_t host_len(const struct gg_session *s)
{
	return gg_addr_host_len(s->peer);
}

static int by_peer(const void *a, const void *b)
{
	const struct gg_session *const *x = a, *const *y = b;
	size_t n = host_len(*x), m = host_len(*y);
	int r = strncmp((*x)->peer, (*y)->peer, n < m ? n : m);

	return r ? r : (n > m) - (n < m);
}

static int by_repo(const void *a, const void *b)
{
	const struct gg_session *const *x = a, *const *y = b;

	return strcmp((*x)->repo, (*y)->repo);
}

/* The longest row of sessions that are equal: how long, and one of them. */
static size_t longest_run(const struct gg_session **v, size_t n, int (*order)(const void *, const void *),
			  const struct gg_session **ret)
{
	size_t most = 0, run = 0;

	qsort(v, n, sizeof(*v), order);
	for (size_t i = 0; i < n; i++) {
		run = i && order(&v[i - 1], &v[i]) == 0 ? run + 1 : 1;
		if (run > most) {
			most = run;
			*ret = v[i];
		}
	}
	return most;
}

static json_t *row(const char *key, size_t used, int64_t limit, json_t *who)
{
	return json_pack("{s:s, s:I, s:I, s:o}", "key", key, "used", (json_int_t)used, "limit",
			 (json_int_t)limit, "who", who);
}

/* What counts for limit.sessionsPerPeer and limit.sessionsPerRepo: our own that run. */
static const struct gg_session **served(const struct gg_gate *g, bool with_repo, size_t *ret_n)
{
	const struct gg_session **v = calloc(g->reg.n + 1, sizeof(*v));

	*ret_n = 0;
	if (!v)
		gg_jsonmem_lack();
	for (size_t i = 0; v && i < g->reg.n; i++) {
		const struct gg_session *s = g->reg.v[i];

		if (!s->root_gone && !s->lent && (!with_repo || (!s->held && s->repo[0])))
			v[(*ret_n)++] = s;
	}
	return v;
}

static void add_per_peer(json_t *to, const struct gg_gate *g)
{
	size_t n, most;
	AUTO_FREE const struct gg_session **v = served(g, false, &n);
	const struct gg_session *one = NULL;

	if (!v || !g->conf->sessions_per_peer)
		return;
	most = longest_run(v, n, by_peer, &one);
	json_array_append_new(to, row("limit.sessionsPerPeer", most, g->conf->sessions_per_peer,
				      one ? json_stringn(one->peer, host_len(one)) : json_null()));
}

static void add_per_repo(json_t *to, const struct gg_gate *g)
{
	size_t n, most;
	AUTO_FREE const struct gg_session **v = served(g, true, &n);
	const struct gg_session *one = NULL;

	if (!v || !g->conf->sessions_per_repo)
		return;
	most = longest_run(v, n, by_repo, &one);
	json_array_append_new(to, row("limit.sessionsPerRepo", most, g->conf->sessions_per_repo,
				      one ? gg_report_text(one->repo) : json_null()));
}

json_t *gg_report_limits(const struct gg_gate *g)
{
	json_t *a = json_array();

	json_array_append_new(
		a, row("limit.sessions", gg_registry_serving(&g->reg), g->conf->sessions, json_null()));
	json_array_append_new(a, row("limit.waiting", gg_admit_waiting(g), g->conf->waiting, json_null()));
	add_per_peer(a, g);
	add_per_repo(a, g);
	return a;
}
