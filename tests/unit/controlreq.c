/* Tests of supervisor/controlreq.h: what a line on the control socket comes to. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "supervisor/controlreq.h"

static struct gg_controlreq parse(const char *line)
{
	struct gg_controlreq r;

	gg_controlreq_parse(line, strlen(line), &r);
	return r;
}

Test(controlreq, members)
{
	struct gg_controlreq r =
		parse("{\"cmd\":\"events\",\"id\":\"0a\",\"last\":3,\"after\":-1,\"all\":true,\"x\":[]}");

	cr_expect_str_eq(r.cmd, "events");
	cr_expect_str_eq(r.id, "0a");
	cr_expect_eq(r.last, 3);
	cr_expect_eq(r.after, -1);
	cr_expect(r.all && !r.reason && r.bytes == -1);
	gg_controlreq_free(&r);
	cr_expect(!r.cmd && !r.json);
}

Test(controlreq, no_request)
{
	static const char *const lines[] = { "",
					     "{",
					     "[\"cmd\"]",
					     "{\"cmd\":1}",
					     "\"cmd\"",
					     "{}x",
					     "{\"cmd\":\"a\",\"cmd\":\"a\"}",
					     "{\"cmd\":\"\\u0000\"}" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct gg_controlreq r = parse(lines[i]);

		cr_expect(!r.cmd && !r.id && r.last == -1 && !r.all, "%s", lines[i]);
		gg_controlreq_free(&r);
	}
}

Test(controlreq, steps)
{
	static const char *const good[] = { "", "scan", "a-1", "Abcdefghijklmnopqrstuvwxyz01234" };
	static const char *const bad[] = { "a b", "a.b", "\n", "\xc3\xa4",
					   "Abcdefghijklmnopqrstuvwxyz012345" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect(gg_controlreq_is_step(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(!gg_controlreq_is_step(bad[i]), "%s", bad[i]);
}

Test(controlreq, events)
{
	static const struct {
		const char *line;
		int want; /* -1: none that a hook may have recorded */
	} rows[] = {
		{ "{\"event\":\"push.rejected\"}", GG_EV_PUSH_REJECTED },
		{ "{\"event\":\"refresh.failed\"}", GG_EV_REFRESH_FAILED },
		{ "{\"event\":\"gate.error\"}", -1 },
		{ "{\"event\":\"push.\"}", -1 },
		{ "{\"event\":7}", -1 },
		{ "{}", -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gg_controlreq r = parse(rows[i].line);
		int got = gg_controlreq_event(&r);

		cr_expect(rows[i].want < 0 ? got < 0 : got == rows[i].want, "%s: %d", rows[i].line, got);
		gg_controlreq_free(&r);
	}
}

Test(controlreq, fields)
{
	char line[400], word[GG_HOOK_REASON_MAX + 2];
	struct gg_fields f = { GG_NO_FIELDS, .session = "0a", .reason = "old" };
	struct gg_controlreq r;

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	snprintf(line, sizeof(line), "{\"reason\":\"%s\",\"key\":\"hook.x\",\"refs\":2,\"session\":\"z\"}",
		 word);
	r = parse(line);
	gg_controlreq_fields(&r, &f);
	cr_expect_null(f.reason, "one that is too long is none");
	cr_expect_str_eq(f.key, "hook.x");
	cr_expect_str_eq(f.session, "0a");
	cr_expect(f.refs == 2 && f.commits == -1);
	gg_controlreq_free(&r);
}
