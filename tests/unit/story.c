/* Tests of reaper/story.h, and of the silence that reaper/policy.h tells of. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "reaper/story.h"
#include "tests/unit/world.h"

Test(story, phases)
{
	struct gg_story st = { 0 };

	gg_story_phase(&st, GG_PHASE_REQUEST, "", 0);
	gg_story_phase(&st, GG_PHASE_REQUEST, "", 10);
	gg_story_phase(&st, GG_PHASE_HOOK, "scan", 20);
	gg_story_phase(&st, GG_PHASE_HOOK, "scan", 30);
	gg_story_phase(&st, GG_PHASE_HOOK, "forward", 40);
	gg_story_phase(&st, GG_PHASE_CLOSING, "", 50);
	cr_assert_eq(st.nspan, 4);
	cr_assert_eq(st.span[1].from_ms, 20);
	cr_assert_str_eq(st.span[2].step, "forward");
	cr_assert_eq(st.span[3].phase, GG_PHASE_CLOSING);
	cr_assert_eq(st.left_out, 0);
	gg_story_free(&st);
}

/* A connection of many requests: the beginning and the end are kept. */
Test(story, many_phases)
{
	struct gg_story st = { 0 };
	int64_t n = 1000;

	for (int64_t i = 0; i < n; i++)
		gg_story_phase(&st, i % 2 ? GG_PHASE_KEEP_ALIVE : GG_PHASE_REQUEST, "", i);
	cr_assert_eq(st.nspan, GG_STORY_SPANS);
	cr_assert_eq(st.left_out, (uint64_t)n - GG_STORY_SPANS);
	for (size_t i = 0; i < GG_STORY_SPANS; i++) {
		int64_t want = i < GG_STORY_FIRST ? (int64_t)i : n - GG_STORY_SPANS + (int64_t)i;

		cr_assert_eq(st.span[i].from_ms, want, "span %zu from %ld", i, (long)st.span[i].from_ms);
	}
	gg_story_free(&st);
}

Test(story, lines)
{
	struct gg_story st = { 0 };
	char line[2 * GG_STORY_LINE_MAX];

	cr_assert_null(gg_story_line_at(&st, 0));
	for (int i = 0; i < GG_STORY_LINES + 3; i++) {
		snprintf(line, sizeof(line), "line %d", i);
		gg_story_line(&st, line);
	}
	for (size_t i = 0; i < GG_STORY_LINES; i++) {
		snprintf(line, sizeof(line), "line %zu", i + 3);
		cr_assert_str_eq(gg_story_line_at(&st, i), line);
	}
	cr_assert_null(gg_story_line_at(&st, GG_STORY_LINES));
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	gg_story_line(&st, line);
	cr_assert_eq(strlen(gg_story_line_at(&st, GG_STORY_LINES - 1)), GG_STORY_LINE_MAX);
	gg_story_free(&st);
}

static struct gg_snap snap_at(int64_t now, uint64_t received)
{
	return (struct gg_snap){ .now_ms = now, .tcp = { .valid = true, .received = received } };
}

/* Whose limit a silence counts against, a look and some time later. */
Test(story, silence)
{
	static const struct {
		const char *name;
		struct gg_view view;
		uint64_t received; /* beyond the request's 100 bytes */
		enum gg_reason want;
	} rows[] = {
		{ "commands",
		  { .phase = GG_PHASE_COMMANDS, .client_turn = true, .push = true },
		  0,
		  GG_REASON_COMMANDS },
		{ "commands, some came",
		  { .phase = GG_PHASE_COMMANDS, .client_turn = true, .push = true },
		  50,
		  GG_REASON_PACK_START },
		{ "pack-start",
		  { .phase = GG_PHASE_PACK_START, .client_turn = true },
		  0,
		  GG_REASON_PACK_START },
		{ "pack", { .phase = GG_PHASE_PACK, .client_turn = true }, 0, GG_REASON_IDLE },
		{ "sending", { .phase = GG_PHASE_SENDING, .client_turn = true }, 0, GG_REASON_NOT_READING },
		{ "hook", { .phase = GG_PHASE_HOOK }, 0, GG_REASON_HOOK },
		{ "work", { .phase = GG_PHASE_WORK }, 0, GG_REASON_WORK },
		{ "kept open", { .phase = GG_PHASE_KEEP_ALIVE, .client_turn = true }, 0, GG_REASON_NONE },
		{ "closing", { .phase = GG_PHASE_CLOSING }, 0, GG_REASON_NONE },
	};
	struct gg_limits lim = scaled();

	lim.pack_start = lim.commands + 1000;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gg_snap snap = snap_at(1000, 100 + rows[i].received);
		struct gg_track t;
		enum gg_reason got;
		int64_t next, ms = -1;

		gg_track_init(&t, 900);
		got = gg_track_silence(&t, 950, &ms);
		cr_assert(got == GG_REASON_INIT && ms == 50, "%s: before its request", rows[i].name);
		t.request_bytes = 100;
		gg_policy_sample(&t, &snap, &lim, &next);
		gg_policy_look(&t, &snap, &rows[i].view, &lim);
		got = gg_track_silence(&t, 1700, &ms);
		cr_assert_eq(got, rows[i].want, "%s: %s", rows[i].name, gg_reason_name(got));
		cr_assert(!got || ms == 700, "%s: %ld", rows[i].name, (long)ms);
		if (rows[i].view.phase == GG_PHASE_HOOK || !got)
			continue;
		snap.now_ms = 1800;
		snap.tcp.acked += 10;
		gg_policy_sample(&t, &snap, &lim, &next);
		cr_assert_eq(gg_track_silence(&t, 1800, &ms), GG_REASON_NONE, "%s: it moved", rows[i].name);
	}
}
