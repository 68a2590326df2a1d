/* eventrate - how many records may be written. See eventrate.h. */
#include "base/eventrate.h"

bool gg_bucket_take(struct gg_bucket *b, int64_t now_ms, int64_t burst, int64_t per_s)
{
	int64_t back;

	/* in a thousandth of a second as many thousandths of a record come back as whole ones in a second */
	if (__builtin_mul_overflow(now_ms - b->seen_ms, per_s, &back) || back > b->used_milli)
		back = b->used_milli;
	b->used_milli -= back;
	b->seen_ms = now_ms;
	if (b->used_milli + 1000 > burst * 1000)
		return false;
	b->used_milli += 1000;
	return true;
}
