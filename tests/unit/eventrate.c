/* Tests of base/eventrate.h. */
#include <criterion/criterion.h>

#include "base/eventrate.h"

static int take(struct gg_bucket *b, int64_t now_ms, int n)
{
	int got = 0;

	while (n--)
		got += gg_bucket_take(b, now_ms, 10, 2);
	return got;
}

Test(eventrate, bursts_and_refills)
{
	struct gg_bucket b = { 0 };

	cr_assert_eq(take(&b, 5000000, 25), 10, "a new one is full");
	cr_assert_eq(take(&b, 5000000, 5), 0);
	cr_assert_eq(take(&b, 5000499, 5), 0, "two a second");
	cr_assert_eq(take(&b, 5000500, 5), 1);
	cr_assert_eq(take(&b, 5002000, 5), 3);
	cr_assert_eq(take(&b, 5002000 + 3600000, 25), 10, "no more than a full one");
}

/* Time that passes in small parts is not lost. */
Test(eventrate, counts_every_millisecond)
{
	struct gg_bucket b = { 0 };
	int got = 0;

	take(&b, 1, 10);
	for (int64_t now = 2; now <= 10001; now++)
		got += gg_bucket_take(&b, now, 10, 2);
	cr_assert_eq(got, 20);
}

Test(eventrate, far_away)
{
	struct gg_bucket b = { 0 };

	cr_assert_eq(take(&b, INT64_MAX, 12), 10);
	cr_assert_eq(take(&b, INT64_MAX, 1), 0);
}
