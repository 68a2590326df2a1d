/* deadline - see deadline.h. */
#include "hooks/deadline.h"

#include "base/clock.h"

struct gg_deadline gg_deadline_from(int64_t begun_ms, int64_t limit_ms, const char *key)
{
	struct gg_deadline d = { .limit_ms = limit_ms, .key = key };

	if (limit_ms == GG_NEVER || __builtin_add_overflow(begun_ms, limit_ms, &d.at_ms))
		d.at_ms = GG_NEVER;
	return d;
}

struct gg_deadline gg_deadline_in(int64_t limit_ms, const char *key)
{
	return gg_deadline_from(gg_now_ms(), limit_ms, key);
}

int64_t gg_deadline_left(const struct gg_deadline *d)
{
	int64_t now_ms;

	if (d->at_ms == GG_NEVER)
		return GG_NEVER;
	now_ms = gg_now_ms();
	return d->at_ms > now_ms ? d->at_ms - now_ms : 0;
}

void gg_deadline_add(struct gg_buf *b, const struct gg_deadline *d)
{
	gg_duration_add(b, d->limit_ms);
	if (d->key)
		gg_buf_add(b, " (%s)", d->key);
}
