/* Tests of supervisor/waitroom.h: who is served next. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "supervisor/waitroom.h"

static bool any(const char *host, void *arg)
{
	return !arg || strcmp(host, arg) != 0;
}

/* Waiters "a1 a2 b1 …": letter the peer, digit its number; fd tells them apart. */
static void fill(struct gg_waitroom *room, const char *who)
{
	for (int64_t at = 0; *who; who += 2 + (who[2] == ' '), at++) {
		struct gg_waiter w = { .fd = who[0] * 10 + who[1] - '0', .arrived_ms = at };
		const char *why;
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%d:%d", who[0] - 'a' + 1, 1000 + who[1]);
		cr_assert_eq(gg_addr_parse(text, &w.peer, &why), 0);
		cr_assert_eq(gg_waitroom_add(room, &w), 0);
	}
}

static bool serve_next(struct gg_waitroom *room, const char *not_host, struct gg_waiter *ret)
{
	const struct gg_waiter *w = gg_waitroom_next(room, any, (void *)not_host);

	/* a session that cannot be started: nobody loses his turn */
	if (w != gg_waitroom_next(room, any, (void *)not_host) || !w)
		return false;
	*ret = *w;
	gg_waitroom_take(room, w);
	return true;
}

static void take_all(struct gg_waitroom *room, const char *not_host, char *ret)
{
	struct gg_waiter w;

	*ret = 0;
	while (serve_next(room, not_host, &w)) {
		char one[4] = { (char)(w.fd / 10), (char)('0' + w.fd % 10), ' ', 0 };

		strcat(ret, one);
	}
}

Test(waitroom, order)
{
	static const struct {
		const char *come, *not_host, *served;
	} rows[] = {
		{ "", NULL, "" },
		{ "a1", NULL, "a1 " },
		{ "a1 a2 a3", NULL, "a1 a2 a3 " },
		{ "a1 b1 a2 b2", NULL, "a1 b1 a2 b2 " },
		/* one that floods waits behind itself only */
		{ "a1 a2 a3 a4 a5 b1", NULL, "a1 b1 a2 a3 a4 a5 " },
		{ "a1 a2 a3 b1 c1 b2", NULL, "a1 b1 c1 a2 b2 a3 " },
		/* a peer at its own limit is passed over, and keeps its place */
		{ "a1 a2 b1", "10.0.0.1", "b1 " },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_waitroom *room = gg_waitroom_new();
		char served[100];
		struct gg_waiter w;

		fill(room, rows[i].come);
		take_all(room, rows[i].not_host, served);
		cr_expect_str_eq(served, rows[i].served, "%s: %s", rows[i].come, served);
		while (serve_next(room, NULL, &w))
			;
		cr_expect_eq(gg_waitroom_count(room), 0);
		gg_waitroom_free(room);
	}
}

Test(waitroom, displace)
{
	static const struct {
		const char *there, *comes, *leaves;
	} rows[] = {
		{ "", "a1", "" },
		{ "a1", "b1", "" },
		{ "a1 b1 c1", "d1", "" },
		{ "a1 a2", "b1", "a2" },
		{ "a1 a2", "a3", "" },
		/* the last of the largest, wherever it stands; never for one that would be as large */
		{ "b1 a1 a2 b2 a3", "c1", "a3" },
		{ "b1 a1 a2 b2 a3", "b3", "" },
		{ "b1 a1 a2 a3", "b2", "a3" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_waitroom *room = gg_waitroom_new();
		struct gg_waiter w = { 0 }, out;
		const char *why;
		char text[32];

		fill(room, rows[i].there);
		snprintf(text, sizeof(text), "10.0.0.%d:1", rows[i].comes[0] - 'a' + 1);
		cr_assert_eq(gg_addr_parse(text, &w.peer, &why), 0);
		if (gg_waitroom_displace(room, &w, &out))
			cr_expect(out.fd == rows[i].leaves[0] * 10 + rows[i].leaves[1] - '0',
				  "%s, %s comes: %c%c leaves", rows[i].there, rows[i].comes, out.fd / 10,
				  '0' + out.fd % 10);
		else
			cr_expect_str_empty(rows[i].leaves, "%s, %s comes: nobody leaves", rows[i].there,
					    rows[i].comes);
		for (const struct gg_waiter *next; (next = gg_waitroom_next(room, any, NULL));)
			gg_waitroom_take(room, next);
		gg_waitroom_free(room);
	}
}

static int gone;

static void count_gone(int fd)
{
	gone += fd / 10 == 'b';
}

static bool is_b(int fd)
{
	return fd / 10 == 'b';
}

Test(waitroom, expiry_and_leaving)
{
	struct gg_waitroom *room = gg_waitroom_new();
	struct gg_waiter w;

	fill(room, "a1 b1 a2 b2");
	cr_expect(!gg_waitroom_expired(room, -1, &w));
	cr_expect(gg_waitroom_expired(room, 0, &w));
	cr_expect_eq(w.fd, 'a' * 10 + 1);
	cr_expect(!gg_waitroom_expired(room, 0, &w));
	gg_waitroom_sweep(room, is_b, count_gone);
	cr_expect_eq(gone, 2);
	cr_expect_eq(gg_waitroom_count(room), 1);
	cr_expect(serve_next(room, NULL, &w));
	cr_expect_eq(w.fd, 'a' * 10 + 2);
	gg_waitroom_free(room);
}
