/* Tests of base/event.h: the three forms of a record, and sinks that are full, gone or slow. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/eventsink.h"
#include "tests/unit/sink.h"

#define SOON_MS 20000 /* who waits for a reader waits for ever */

static const struct gg_fields none = { GG_NO_FIELDS };

Test(event, table_is_sound)
{
	for (int i = 0; i < GG_NEVENTS; i++) {
		const char *id = gg_event_message_id((enum gg_event_id)i);

		cr_assert_eq(strlen(id), 32);
		cr_assert_eq(strspn(id, "0123456789abcdef"), 32);
		for (int j = 0; j < i; j++) {
			cr_assert_str_neq(id, gg_event_message_id((enum gg_event_id)j));
			cr_assert_str_neq(gg_event_name((enum gg_event_id)i),
					  gg_event_name((enum gg_event_id)j));
		}
	}
	cr_assert_str_eq(gg_event_name(GG_EV_SESSION_REAPED), "session.reaped");
	cr_assert_eq(gg_event_priority(GG_EV_SESSION_REAPED), LOG_NOTICE);
}

Test(event, text)
{
	static const struct {
		const char *message;
		struct gg_fields f;
		const char *want; /* after the name */
	} rows[] = {
		{ "hello", { GG_NO_FIELDS }, "hello\n" },
		{ "", { GG_NO_FIELDS }, "\n" },
		{ "hello",
		  { .session = "ab12", .repo = "x.git", .reason = "idle", GG_NO_FIELDS },
		  "hello session=ab12 repo=x.git reason=idle\n" },
		{ "m",
		  { .limit_ms = 15000,
		    .quiet_ms = 15023,
		    .age_ms = 0,
		    .bytes_in = 5,
		    .bytes_out = 0,
		    GG_NO_STEP_FIELDS },
		  "m limit=15s quiet=15023ms age=0 bytes_in=5 bytes_out=0\n" },
		{ "m", { .peer = "[::1]:5", .repo = "", GG_NO_FIELDS }, "m repo=\"\" peer=[::1]:5\n" },
		{ "m", { .repo = "a b", GG_NO_FIELDS }, "m repo=\"a b\"\n" },
		{ "m",
		  { .repo = "x\" reason=\"operator", GG_NO_FIELDS },
		  "m repo=\"x\\\" reason=\\\"operator\"\n" },
		{ "m", { .repo = "a=b", GG_NO_FIELDS }, "m repo=\"a=b\"\n" },
		{ "m",
		  { .repo = "a\r\n\x1b[31m\xff\xc0\xaf", GG_NO_FIELDS },
		  "m repo=\"a\\r\\n\\x1b[31m\\xff\\xc0\\xaf\"\n" },
		{ "two\nlines\x1b", { GG_NO_FIELDS }, "two\\nlines\\x1b\n" },
		{ "caf\xc3\xa9 \"q\" c:\\ \xff", { GG_NO_FIELDS }, "caf\xc3\xa9 \"q\" c:\\ \\xff\n" },
		{ "\xc2\x9b\x7f", { GG_NO_FIELDS }, "\\xc2\\x9b\\x7f\n" },
		{ "a\u202eb\u2028", { GG_NO_FIELDS }, "a\\u202eb\\u2028\n" },
		/* what a client says cannot be taken for fields */
		{ "x reason=operator",
		  { .session = "ab", GG_NO_FIELDS },
		  "\"x reason=operator\" session=ab\n" },
		{ "\"x\" y", { .session = "ab", GG_NO_FIELDS }, "\"\\\"x\\\" y\" session=ab\n" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_record r = { .id = GG_EV_SESSION_REAPED,
				       .fields = &rows[i].f,
				       .message = rows[i].message,
				       .instance = "gate1",
				       .time_ms = 1700000000007 };
		char line[GG_LINE_MAX], stream[GG_LINE_MAX], want[1024];
		struct gg_buf b = GG_BUF(line), s = GG_BUF(stream);

		gg_record_text(&b, &r, false);
		snprintf(want, sizeof(want), "2023-11-14T22:13:20.007Z session.reaped: %s", rows[i].want);
		cr_assert_str_eq(line, want, "row %zu: %s", i, line);
		gg_record_text(&s, &r, true);
		snprintf(want, sizeof(want), "<5>session.reaped: %s", rows[i].want);
		cr_assert_str_eq(stream, want, "row %zu: %s", i, stream);
		cr_assert(one_valid_line(line, b.len), "row %zu", i);
	}
}

Test(event, json)
{
	static const struct {
		const char *message;
		struct gg_fields f;
		const char *want; /* after the message's name */
	} rows[] = {
		{ "hello", { GG_NO_FIELDS }, "hello\",\"instance\":\"g\"}\n" },
		{ "m",
		  { .session = "ab",
		    .transport = "git",
		    .service = "s",
		    .repo = "r",
		    .peer = "p",
		    .phase = "pack",
		    .reason = "idle",
		    .key = "deadline.idle",
		    .steps = "1",
		    .pids = "2",
		    .limit_ms = 1,
		    .quiet_ms = 2,
		    .age_ms = 3,
		    .bytes_in = 4,
		    .bytes_out = INT64_MAX,
		    GG_NO_STEP_FIELDS },
		  "m\",\"instance\":\"g\",\"session\":\"ab\",\"transport\":\"git\",\"service\":\"s\","
		  "\"repo\":"
		  "\"r\","
		  "\"peer\":\"p\",\"phase\":\"pack\",\"reason\":\"idle\",\"key\":\"deadline.idle\",\"steps\":"
		  "\"1\","
		  "\"pids\":\"2\",\"limit_ms\":1,\"quiet_ms\":2,\"age_ms\":3,\"bytes_in\":4,"
		  "\"bytes_out\":9223372036854775807}\n" },
		{ "q\" b\\ n\n r\r e\x1b d\x7f",
		  { GG_NO_FIELDS },
		  "q\\\" b\\\\ n\\n r\\u000d e\\u001b d\\u007f\",\"instance\":\"g\"}\n" },
		{ "a\u202eb\u2028", { GG_NO_FIELDS }, "a\\u202eb\\u2028\",\"instance\":\"g\"}\n" },
		{ "caf\xc3\xa9 \xc2\x9b \xff \xc0\xaf \xed\xa0\x80",
		  { GG_NO_FIELDS },
		  "caf\xc3\xa9 \\u009b \\ufffd \\ufffd\\ufffd "
		  "\\ufffd\\ufffd\\ufffd\",\"instance\":\"g\"}\n" },
		{ "m",
		  { .repo = "\",\"event\":\"x", GG_NO_FIELDS },
		  "m\",\"instance\":\"g\",\"repo\":\"\\\",\\\"event\\\":\\\"x\"}\n" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_record r = { .id = GG_EV_SESSION_REAPED,
				       .fields = &rows[i].f,
				       .message = rows[i].message,
				       .instance = "g",
				       .time_ms = 1700000000123 };
		char line[GG_LINE_MAX], want[1024];
		struct gg_buf b = GG_BUF(line);

		gg_record_json(&b, &r);
		snprintf(want, sizeof(want),
			 "{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"session.reaped\",\"priority\":"
			 "\"notice\","
			 "\"message\":\"%s",
			 rows[i].want);
		cr_assert_str_eq(line, want, "row %zu: %s", i, line);
		cr_assert(one_valid_line(line, b.len));
	}
}

Test(event, journal)
{
	struct gg_fields f = { .session = "ab",
			       .repo = "x\nPRIORITY=0",
			       .limit_ms = 15000,
			       .quiet_ms = INT64_MAX,
			       .age_ms = -1,
			       .bytes_in = 7,
			       .bytes_out = -1,
			       .upstream = "ssh://u",
			       .duration_ms = 3,
			       .commits = 1,
			       .objects = 0,
			       .refs = -1,
			       .bytes = 9 };
	struct gg_record r = {
		.id = GG_EV_SESSION_REAPED, .fields = &f, .message = "a\nMESSAGE=b\xff \"q\"", .instance = "g"
	};
	static char text[GG_JOURNAL_MAX];
	struct gg_buf b = GG_BUF(text);

	gg_record_journal(&b, &r);
	cr_assert_str_eq(text,
			 "MESSAGE=a\\nMESSAGE=b\\xff \"q\"\n"
			 "MESSAGE_ID=7d6d3520902c47daaa778ee335aa3d6f\n"
			 "PRIORITY=5\n"
			 "SYSLOG_IDENTIFIER=git-gate\n"
			 "GIT_GATE_EVENT=session.reaped\n"
			 "GIT_GATE_INSTANCE=g\n"
			 "GIT_GATE_SESSION=ab\n"
			 "GIT_GATE_REPO=x\\nPRIORITY=0\n"
			 "GIT_GATE_UPSTREAM=ssh://u\n"
			 "GIT_GATE_LIMIT_USEC=15000000\n"
			 "GIT_GATE_QUIET_USEC=9223372036854775807\n"
			 "GIT_GATE_BYTES_IN=7\n"
			 "GIT_GATE_DURATION_USEC=3000\n"
			 "GIT_GATE_COMMITS=1\n"
			 "GIT_GATE_OBJECTS=0\n"
			 "GIT_GATE_BYTES=9\n",
			 "%s", text);
}

Test(event, no_fields)
{
	const struct gg_fields f = { GG_NO_FIELDS };

#define TEXT(name, ...) cr_assert_null(f.name);
#define NUMBER(name, ...) cr_assert_eq(f.name, -1, #name);
#include "base/eventfield.def"
#undef TEXT
#undef NUMBER
}

/* The longest everything: nothing is cut in a way that breaks the form. */
Test(event, worst_case_fits)
{
	static char big[200000], out[GG_JOURNAL_MAX];
	static const char *const fills[] = { "x",	 "\x1b", "\xff", "\"", "\\", "\xf0\x9f\x98\x80",
					     "\xc2\x9b", "\n",	 "=" };

	for (size_t i = 0; i < GG_LEN(fills); i++) {
		struct gg_fields f = {
#define TEXT(name, ...) .name = big,
#define NUMBER(name, ...) .name = INT64_MAX - 1,
#include "base/eventfield.def"
#undef TEXT
#undef NUMBER
			.seen = big, .look_at = big, .advice = big, .evidence = big
		};
		struct gg_record r = {
			.id = GG_EV_CLEANUP_REMOVED, .fields = &f, .message = big, .instance = big
		};
		size_t w = strlen(fills[i]);

		for (size_t at = 0; at + w < sizeof(big); at += w)
			memcpy(big + at, fills[i], w);
		for (int form = 0; form < 4; form++) {
			struct gg_buf b = { .s = out, .size = form == 3 ? GG_JOURNAL_MAX : GG_LINE_MAX };

			if (form < 2)
				gg_record_text(&b, &r, form);
			else if (form == 2)
				gg_record_json(&b, &r);
			else
				gg_record_journal(&b, &r);
			cr_assert(!b.cut, "fill %zu form %d", i, form);
			cr_assert(form == 3 || one_valid_line(out, b.len), "fill %zu form %d", i, form);
			cr_assert_eq(out[b.len - 1], '\n');
			cr_assert(strstr(out, "..."));
		}
	}
}

/* ---- sinks ---- */

static void fill(int n)
{
	for (int i = 0; i < n; i++)
		gg_event(GG_EV_GATE_ERROR, &none, "event number %d, and a text that makes it longer", i);
}

/* After 'lost' events: the next one, then a line that tells the number. */
static void check_report(char *text, uint64_t lost)
{
	char want[64];

	cr_assert_eq(gg_event_dropped(), lost);
	snprintf(want, sizeof(want), "log.dropped: %llu events were lost\n", (unsigned long long)lost);
	cr_assert(strstr(text, want), "%s", text);
	cr_assert(strstr(text, "gate.error: after\n"), "%s", text);
	cr_assert_lt(strstr(text, "gate.error: after\n"), strstr(text, want), "%s", text);
}

static void full_pipe_never_blocks(int fd)
{
	int flags = fcntl(2, F_GETFL);
	int64_t start_ms = gg_now_ms();
	char *text, *last = NULL;

	fill(1000);
	cr_assert_lt(gg_now_ms() - start_ms, SOON_MS);
	cr_assert_gt(gg_event_dropped(), 900);
	cr_assert_eq(fcntl(2, F_GETFL), flags, "the flags others share are as they were");
	text = slurp(fd);
	for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n")) {
		cr_assert(strstr(l, "Z gate.error: event number ") && strstr(l, "makes it longer"), "%s", l);
		last = l;
	}
	cr_assert(last);
	gg_event(GG_EV_GATE_ERROR, &none, "after");
	check_report(slurp(fd), gg_event_dropped());
	gg_event(GG_EV_GATE_ERROR, &none, "more");
	cr_assert(!strstr(slurp(fd), "log.dropped"), "told once");
	close(fd);
}

Test(event, full_pipe)
{
	full_pipe_never_blocks(small_pipe());
}

/* Whoever may not reopen fd 2 polls before it writes. */
Test(event, full_pipe_that_cannot_be_reopened)
{
	int fd = small_pipe();

	if (geteuid() != 0)
		return;
	cr_assert_eq(setresgid(65534, 65534, 65534), 0);
	cr_assert_eq(setresuid(65534, 65534, 0), 0);
	cr_assert_lt(open("/proc/self/fd/2", O_WRONLY | O_CLOEXEC), 0);
	full_pipe_never_blocks(fd);
}

Test(event, reader_gone_and_back)
{
	int fd = small_pipe();

	gg_event(GG_EV_GATE_ERROR, &none, "before");
	cr_assert(strstr(slurp(fd), "before"));
	close(fd);
	fill(3);
	cr_assert_eq(gg_event_dropped(), 3);
	fd = small_pipe(); /* as if fd 2 had been replaced */
	gg_event(GG_EV_GATE_ERROR, &none, "after");
	check_report(slurp(fd), 3);
}

static void full_socket(int type)
{
	int sv[2];
	int64_t start_ms = gg_now_ms();

	cr_assert_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv), 0);
	cr_assert_eq(fcntl(sv[0], F_SETFL, O_NONBLOCK), 0);
	take_stderr(sv[1]);
	close(sv[1]);
	fill(20000);
	cr_assert_lt(gg_now_ms() - start_ms, SOON_MS);
	cr_assert_gt(gg_event_dropped(), 0);
	slurp(sv[0]);
	gg_event(GG_EV_GATE_ERROR, &none, "after");
	check_report(slurp(sv[0]), gg_event_dropped());
	close(sv[0]);
	gg_event(GG_EV_GATE_ERROR, &none, "to nobody"); /* no SIGPIPE either */
}

Test(event, full_stream_socket)
{
	full_socket(SOCK_STREAM);
}

Test(event, full_datagram_socket)
{
	full_socket(SOCK_DGRAM);
}

/* A line that was written in part is lost, and the next one begins on a line of its own. */
Test(event, torn_line)
{
	char path[] = "/tmp/gg-unit-XXXXXX";
	int fd = mkstemp(path);
	struct rlimit lim = { .rlim_cur = 40, .rlim_max = RLIM_INFINITY };
	char *text;

	cr_assert_geq(fd, 0);
	unlink(path);
	signal(SIGXFSZ, SIG_IGN);
	take_stderr(fd);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	fill(2);
	cr_assert_eq(gg_event_dropped(), 2);
	lim.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	gg_event(GG_EV_GATE_ERROR, &none, "after");
	lseek(fd, 0, SEEK_SET);
	text = slurp(fd);
	check_report(text, 2);
	cr_assert_eq(strcspn(text, "\n"), 40, "%s", text);
	cr_assert_eq(strncmp(text + 41, "20", 2), 0, "%s", text);
}

Test(event, regular_file_and_level)
{
	char path[] = "/tmp/gg-unit-XXXXXX";
	int fd = mkstemp(path);
	char *text;

	cr_assert_geq(fd, 0);
	unlink(path);
	take_stderr(fd);
	gg_event_setup(GG_LOG_TEXT, GG_LEVEL_WARNING, "g");
	gg_event(GG_EV_SESSION_REAPED, &none, "too unimportant");
	gg_event(GG_EV_GATE_LIMITED, NULL, "shown %d", 1);
	gg_event_setup(GG_LOG_JSON, GG_LEVEL_DEBUG, "g");
	gg_event(GG_EV_SESSION_ACCEPTED, &none, "shown 2");
	lseek(fd, 0, SEEK_SET);
	text = slurp(fd);
	cr_assert(!strstr(text, "unimportant"));
	cr_assert(strstr(text, "gate.limited: shown 1\n"));
	cr_assert(strstr(text, "\"event\":\"session.accepted\",\"priority\":\"debug\",\"message\":\"shown "
			       "2\",\"instance\":\"g\"}\n"));
	cr_assert_eq(gg_event_dropped(), 0);
}

Test(event, errno_is_kept)
{
	int fd = small_pipe();

	errno = ENOTDIR;
	gg_event(GG_EV_GATE_ERROR, &none, "%m");
	cr_assert_eq(errno, ENOTDIR);
	cr_assert(strstr(slurp(fd), "gate.error: Not a directory\n"));
	close(2);
	errno = ENOTDIR;
	gg_event(GG_EV_GATE_ERROR, &none, "no stderr at all");
	cr_assert_eq(errno, ENOTDIR);
	cr_assert_eq(gg_event_dropped(), 1);
}

static char journal[108];

/* A journald of our own. Its socket, which does not block. */
static int fake_journal(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (!journal[0])
		snprintf(journal, sizeof(journal), "/tmp/gg-unit-journal-%d", (int)getpid());
	memcpy(a.sun_path, journal, sizeof(a.sun_path));
	unlink(journal);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	gg_sink_journal_path(journal);
	return fd;
}

static bool received(int fd, const char *part)
{
	static char text[GG_JOURNAL_MAX];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 && strstr(text, part);
}

Test(event, journal_absent_restarted_stuck)
{
	int err = small_pipe(), fd;
	int64_t start_ms;

	gg_event_setup(GG_LOG_JOURNAL, GG_LEVEL_INFO, "g");
	gg_sink_journal_path("/nonexistent/socket");
	gg_event(GG_EV_GATE_ERROR, &none, "one");
	cr_assert(strstr(slurp(err), "Z gate.error: one\n"), "falls back to text");

	fd = fake_journal();
	gg_event(GG_EV_GATE_ERROR, &none, "two");
	cr_assert(received(fd, "MESSAGE=two\nMESSAGE_ID=4324abd8c81c4179b1718c4c40169acb\nPRIORITY=3\n"));
	cr_assert_str_eq(slurp(err), "");

	close(fd);
	gg_event(GG_EV_GATE_ERROR, &none, "three");
	cr_assert(strstr(slurp(err), "gate.error: three\n"));

	fd = fake_journal(); /* restarted: another socket behind the same name */
	gg_event(GG_EV_GATE_ERROR, &none, "four");
	cr_assert(received(fd, "MESSAGE=four\n"));

	start_ms = gg_now_ms();
	fill(5000); /* nobody reads: first the journal's queue is full, then the pipe */
	cr_assert_lt(gg_now_ms() - start_ms, SOON_MS);
	cr_assert_gt(gg_event_dropped(), 0);
	while (received(fd, "event number"))
		;
	gg_event(GG_EV_GATE_ERROR, &none, "after");
	cr_assert(received(fd, "MESSAGE=after\n"));
	cr_assert(received(fd, "GIT_GATE_EVENT=log.dropped\n"));
	unlink(journal);
}

Test(event, journal_stream)
{
	int err = small_pipe(), fd = fake_journal();
	struct stat st;
	char value[64];
	static const char *const bad[] = { "", ":", "1", "1:", "x:y", "1:2", "1:2:3" };

	cr_assert_eq(fstat(2, &st), 0);
	for (size_t i = 0; i < GG_LEN(bad); i++)
		cr_assert(!gg_sink_is_journal_stream(bad[i]), "%s", bad[i]);
	cr_assert(!gg_sink_is_journal_stream(NULL));
	snprintf(value, sizeof(value), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	cr_assert(gg_sink_is_journal_stream(value));

	unsetenv("JOURNAL_STREAM");
	gg_event_setup(GG_LOG_AUTO, GG_LEVEL_INFO, "g");
	gg_event(GG_EV_GATE_ERROR, &none, "plain");
	cr_assert(strstr(slurp(err), "Z gate.error: plain\n"));
	setenv("JOURNAL_STREAM", value, 1);
	gg_event_setup(GG_LOG_AUTO, GG_LEVEL_INFO, "g");
	gg_event(GG_EV_GATE_ERROR, &none, "fields");
	cr_assert(received(fd, "MESSAGE=fields\n"));
	gg_event_setup(GG_LOG_TEXT, GG_LEVEL_INFO, "g");
	gg_event(GG_EV_GATE_ERROR, &none, "text");
	cr_assert_str_eq(slurp(err), "<3>gate.error: text\n");
	unlink(journal);
}

Test(event, catalog)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	gg_event_catalog(f);
	fclose(f);
	cr_assert(strstr(text, "-- 7d6d3520902c47daaa778ee335aa3d6f\nSubject: git-gate: session.reaped\n"
			       "Defined-By: git-gate\nDocumentation: man:git-gate-events(7)\n\nA half-open "
			       "session was ended."));
}
