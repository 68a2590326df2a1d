/* Tests of base/event.h: a verdict's evidence in each form of a record, and the rates of records. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/eventsink.h"
#include "tests/unit/sink.h"

static const struct gg_fields none = { GG_NO_FIELDS };

static const struct gg_fields verdict = {
	GG_NO_FIELDS,	       .session = "ab12",
	.reason = "idle",      .key = "deadline.idle",
	.seen = "it was seen", .look_at = "here",
	.advice = "do that",   .evidence = "turn: a\ntcp: b \"c\"\nlog: d"
};

Test(event, evidence_in_json)
{
	struct gg_record r = { .id = GG_EV_SESSION_REAPED, .fields = &verdict, .message = "m" };
	static char line[GG_LINE_MAX], many[20000];
	struct gg_fields f = verdict;
	struct gg_buf b = GG_BUF(line);

	gg_record_json(&b, &r);
	cr_assert(strstr(line,
			 "\"reason\":\"idle\",\"key\":\"deadline.idle\",\"evidence\":[\"turn: a\",\"tcp: b "
			 "\\\"c\\\"\",\"log: d\"]}\n"),
		  "%s", line);
	for (size_t i = 0; i + 1 < sizeof(many); i++)
		many[i] = i % 200 == 199 ? '\n' : 'x';
	f.evidence = many;
	r.fields = &f;
	b = GG_BUF(line);
	gg_record_json(&b, &r);
	cr_assert(!b.cut && one_valid_line(line, b.len));
	cr_assert(b.len > GG_LINE_MAX - 300 && b.len < GG_LINE_MAX, "%zu", b.len);
	cr_assert(strstr(line, "xxx\",\"...\"]}\n"), "%s", line);
}

/* What goes out of it is less than what was seen: each line that is lost is counted. */
Test(event, evidence_that_is_lost)
{
	char path[] = "/tmp/gg-unit-XXXXXX";
	int fd = mkstemp(path);
	struct rlimit lim = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	struct gg_fields f = verdict;
	off_t n;

	cr_assert_geq(fd, 0);
	unlink(path);
	signal(SIGXFSZ, SIG_IGN);
	take_stderr(fd);
	gg_event_setup(GG_LOG_TEXT, GG_LEVEL_INFO, "g");
	f.evidence = NULL;
	gg_event(GG_EV_SESSION_REAPED, &f, "m");
	n = lseek(fd, 0, SEEK_END);
	lim.rlim_cur = (rlim_t)(2 * n + 10);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	gg_event(GG_EV_SESSION_REAPED, &verdict, "m");
	cr_expect_eq(lseek(fd, 0, SEEK_END), 2 * n + 10, "the record is whole, and no line of evidence");
	cr_expect_eq(gg_event_dropped(), 3);
	lim.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	gg_event(GG_EV_SESSION_REAPED, &f, "m");
	lseek(fd, 0, SEEK_SET);
	cr_expect(strstr(slurp(fd), "log.dropped: 3 events were lost\n"));
}

/* A field of several lines, as its length and its bytes; then parts for the catalog, empty where there is no
 * more. */
Test(event, evidence_in_the_journal)
{
	struct gg_record r = { .id = GG_EV_SESSION_REAPED, .fields = &verdict, .message = "m" };
	static char text[GG_JOURNAL_MAX];
	static const char whole[] = "GIT_GATE_EVIDENCE\n\x19\0\0\0\0\0\0\0turn: a\ntcp: b \"c\"\nlog: d\n"
				    "GIT_GATE_EVIDENCE_A\n\x19\0\0\0\0\0\0\0turn: a\ntcp: b \"c\"\nlog: d\n"
				    "GIT_GATE_EVIDENCE_B\n\0\0\0\0\0\0\0\0\n";
	struct gg_fields f = verdict;
	struct gg_buf b = GG_BUF(text);
	char lines[601];

	gg_record_journal(&b, &r);
	cr_assert(strstr(text,
			 "GIT_GATE_BOUND=deadline.idle\nGIT_GATE_SEEN=it was seen\nGIT_GATE_LOOK_AT=here\n"
			 "GIT_GATE_ADVICE=do that\n"));
	cr_assert(memmem(text, b.len, whole, sizeof(whole) - 1));
	cr_assert(memmem(text, b.len, "GIT_GATE_EVIDENCE_H\n", 20));
	for (int i = 0; i < 600; i++)
		lines[i] = i % 100 == 99 ? '\n' : 'x';
	lines[600] = 0;
	f.evidence = lines;
	f.limit_ms = 4000;
	r.fields = &f;
	b = GG_BUF(text);
	gg_record_journal(&b, &r);
	cr_assert(strstr(text, "GIT_GATE_BOUND=deadline.idle, 4s\n"));
	/* two lines to a part: 199 bytes, with the newline between them and without the last one */
	cr_assert(memmem(text, b.len, "GIT_GATE_EVIDENCE_C\n\xc7\0\0\0\0\0\0\0x", 29));
	cr_assert(memmem(text, b.len, "GIT_GATE_EVIDENCE_D\n\0\0\0\0\0\0\0\0\n", 29));
}

/* In text a line for each, with the session's id. */
Test(event, evidence_in_text)
{
	int fd = small_pipe();
	char *text;

	gg_event(GG_EV_SESSION_REAPED, &verdict, "ended");
	text = slurp(fd);
	cr_assert(strstr(text, "session.reaped: ended session=ab12 reason=idle key=deadline.idle\n"), "%s",
		  text);
	cr_assert(strstr(text, "session.evidence: turn: a session=ab12\n"), "%s", text);
	cr_assert(strstr(text, "session.evidence: tcp: b \"c\" session=ab12\n"), "%s", text);
	cr_assert_null(strstr(text, "it was seen"));
}

/* How many log.suppressed told of, in all. */
static uint64_t told_suppressed(const char *text)
{
	static const char lead[] = "log.suppressed: left out for their rate: ";
	uint64_t n = 0;

	for (const char *s = text; (s = strstr(s, lead)); s += sizeof(lead))
		n += strtoull(s + sizeof(lead) - 1, NULL, 10);
	return n;
}

/* What is over the rate of its kind is counted and told once; a verdict is not held up by it. */
Test(event, rates)
{
	int fd = small_pipe();
	uint64_t told = 0, before;
	struct gg_event_own own = { 0 };
	struct gg_fields f = none;
	char *text;

	for (int i = 0; i < 3000; i++) {
		gg_event(GG_EV_SESSION_CLOSED, &none, "closed");
		if (i % 20 == 0)
			told += told_suppressed(slurp(fd));
	}
	cr_assert_geq(gg_event_suppressed(), 500);
	gg_event(GG_EV_SESSION_REAPED, &verdict, "ended");
	text = slurp(fd);
	told += told_suppressed(text);
	cr_assert(strstr(text, "session.reaped: ended"), "%s", text);
	gg_event_report();
	told += told_suppressed(slurp(fd));
	cr_assert(!gg_event_unreported());
	cr_assert_eq(told, gg_event_suppressed());
	cr_assert_eq(gg_event_dropped(), 0);

	/* a command of the operator's that runs for each verdict, and has much to say */
	before = gg_event_suppressed();
	for (int i = 0; i < 3000; i++) {
		gg_event(GG_EV_ONREAP_LOG, &none, "line");
		slurp(fd);
	}
	cr_assert_geq(gg_event_suppressed(), before + 500);

	/* one session's own: its stderr has another rate, its verdict none */
	f.own = &own;
	for (int i = 0; i < 300; i++) {
		gg_event(GG_EV_PUSH_REJECTED, &f, "rejected");
		gg_event(GG_EV_SESSION_LOG, &f, "line");
		gg_event(GG_EV_SESSION_REAPED, &f, "ended");
		slurp(fd);
	}
	cr_assert(own.suppressed >= 50 && own.suppressed <= 100, "%llu", (unsigned long long)own.suppressed);
	gg_event_report();
	text = slurp(fd);
	cr_assert(strstr(text, "log.suppressed: left out for their rate: ") && strstr(text, " push.rejected"),
		  "%s", text);
	cr_assert_null(strstr(text, "session.log"));
}
