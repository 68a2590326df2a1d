/* Tests of supervisor/recent.h: what is kept of many events, and what is answered about them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/event.h"
#include "supervisor/recent.h"

/* Events of the test go nowhere: they are kept all the same. */
static struct gg_recent *begin(void)
{
	struct gg_recent *r = NULL;
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, STDERR_FILENO);
	gg_event_setup(GG_LOG_TEXT, GG_LEVEL_INFO, "i");
	cr_assert_eq(gg_recent_open(&r), 0);
	return r;
}

static void say(const char *session, int n)
{
	struct gg_fields f = { GG_NO_FIELDS, .session = session };

	gg_event(GG_EV_SESSION_LOG, session ? &f : NULL, "%d", n);
}

static int number(const json_t *answer, size_t i)
{
	const json_t *e = json_array_get(json_object_get(answer, "events"), i);

	return atoi(json_string_value(json_object_get(e, "message")) ?: "-1");
}

static void check(const struct gg_recent *r, struct gg_recent_ask ask, int first, size_t n, int next,
		  int lost, bool more)
{
	json_t *j = gg_recent_answer(r, &ask);
	size_t got = json_array_size(json_object_get(j, "events"));

	cr_expect_eq(got, n, "%zu events", got);
	if (n)
		cr_expect_eq(number(j, 0), first, "the first is %d", number(j, 0));
	cr_expect_eq(json_integer_value(json_object_get(j, "next")), next, "next %d",
		     (int)json_integer_value(json_object_get(j, "next")));
	cr_expect_eq(json_integer_value(json_object_get(j, "lost")), lost);
	cr_expect_eq(json_is_true(json_object_get(j, "more")), more);
	json_decref(j);
}

Test(recent, few)
{
	struct gg_recent *r = begin();

	check(r, (struct gg_recent_ask){ .last = -1 }, 0, 0, 0, 0, false);
	check(r, (struct gg_recent_ask){ .last = 10 }, 0, 0, 0, 0, false);
	for (int i = 1; i <= 5; i++)
		say(i % 2 ? "aaaaaaaa" : NULL, i);
	gg_event(GG_EV_SESSION_ACCEPTED, NULL, "6 is of no importance");
	check(r, (struct gg_recent_ask){ .last = -1 }, 1, 5, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = -1, .after = 3 }, 4, 2, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = -1, .after = 5 }, 0, 0, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = -1, .after = 77 }, 1, 5, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = 2 }, 4, 2, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = 0 }, 0, 0, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = 2, .id = "aaaaaaaa" }, 3, 2, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = -1, .id = "aaaaaaaa" }, 1, 3, 5, 0, false);
	check(r, (struct gg_recent_ask){ .last = 9, .id = "bbbbbbbb" }, 0, 0, 5, 0, false);
	gg_recent_free(r);
	say(NULL, 7); /* nobody listens any more */
}

Test(recent, many)
{
	struct gg_recent *r = begin();

	for (int i = 1; i <= 1234; i++)
		say(NULL, i);
	/* 735 to 1234 are kept */
	check(r, (struct gg_recent_ask){ .last = -1 }, 735, 100, 834, 734, true);
	check(r, (struct gg_recent_ask){ .last = -1, .after = 700 }, 735, 100, 834, 34, true);
	check(r, (struct gg_recent_ask){ .last = -1, .after = 1200 }, 1201, 34, 1234, 0, false);
	check(r, (struct gg_recent_ask){ .last = 100000 }, 735, 100, 834, 0, true);
	check(r, (struct gg_recent_ask){ .last = 3 }, 1232, 3, 1234, 0, false);
	gg_recent_free(r);
}

Test(recent, large_ones_push_out_more)
{
	static char text[1100];
	struct gg_recent *r = begin();
	json_t *j;
	struct gg_recent_ask ask = { .last = 100000 };
	size_t kept = 0, bytes = 0;

	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 2000; i++)
		gg_event(GG_EV_SESSION_LOG,
			 &(struct gg_fields){ GG_NO_FIELDS, .repo = text, .upstream = text }, "%s", text);
	do {
		json_t *e;
		size_t i;

		j = gg_recent_answer(r, &ask);
		json_array_foreach(json_object_get(j, "events"), i, e)
		{
			char *line = json_dumps(e, JSON_COMPACT);

			bytes += strlen(line);
			free(line);
			kept++;
		}
		ask = (struct gg_recent_ask){
			.last = -1, .after = (uint64_t)json_integer_value(json_object_get(j, "next"))
		};
		i = json_is_true(json_object_get(j, "more"));
		json_decref(j);
		if (!i)
			break;
	} while (true);
	cr_expect(bytes <= GG_RECENT_BYTES, "%zu bytes", bytes);
	cr_expect(kept > 300 && kept < GG_RECENT_MAX, "%zu kept", kept);
	gg_recent_free(r);
}

Test(recent, the_last_error)
{
	struct gg_recent *r = begin();
	json_t *j = gg_recent_error(r);

	cr_expect(json_is_null(j));
	json_decref(j);
	gg_event(GG_EV_GATE_ERROR, NULL, "first");
	gg_event(GG_EV_SCAN_FAILED, NULL, "sec\xffond \x1b[31m");
	for (int i = 0; i < 1000; i++)
		say(NULL, i);
	j = gg_recent_error(r);
	cr_expect_str_eq(json_string_value(json_object_get(j, "event")), "scan.failed");
	cr_expect_str_eq(json_string_value(json_object_get(j, "message")), "sec\xef\xbf\xbdond \x1b[31m");
	json_decref(j);
	gg_recent_free(r);
}
