/* pushlimit - limit.push of a session's repository. See pushlimit.h. */
#include "supervisor/pushlimit.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"

int64_t gg_pushlimit_own(const struct gg_conf *c, const struct gg_session *s)
{
	struct gg_repo_rules rules;

	gg_conf_rules(c, s->repo, &rules);
	return s->found && rules.own[GG_REPO_push_max] ? rules.push_max : -1;
}

void gg_pushlimit_record(const struct gg_conf *c, struct gg_session *s)
{
	char name[4 * GG_REPO_MAX], key[4 * GG_REPO_MAX + 32], size[32];
	struct gg_buf n = GG_BUF(name), k = GG_BUF(key), max = GG_BUF(size);
	struct gg_repo_rules rules;
	struct gg_fields f;

	gg_conf_rules(c, s->repo, &rules);
	gg_escape(&n, s->repo, strlen(s->repo), GG_REPO_MAX);
	gg_rule_key(&k, name, rules.own[GG_REPO_push_max], GG_REPO_push_max);
	gg_size_add(&max, rules.push_max);
	gg_session_fields(s, gg_now_ms(), &f);
	f.phase = NULL;
	f.reason = "limit";
	f.key = key;
	f.limit_ms = f.quiet_ms = f.age_ms = f.bytes_in = f.bytes_out = -1;
	gg_event(GG_EV_PUSH_REJECTED, &f, "the push is larger than %s (%s)", size, key);
}

void gg_pushlimit_ended(const struct gg_conf *c, struct gg_session *s)
{
	struct gg_repo_rules rules;

	/* on a unix socket what came is not told from other files that git read: nothing is better than wrong
	 */
	if (s->http || s->local.is || s->lent || s->adopted || s->refused || s->account.asked || !s->found ||
	    strcmp(s->service, "receive-pack") != 0 || s->verdict.reason != GG_REASON_NONE)
		return;
	gg_conf_rules(c, s->repo, &rules);
	if (rules.push_max && s->tcp.received > (uint64_t)rules.push_max + s->track.request_bytes)
		gg_pushlimit_record(c, s);
}
