/* Tests of hooks/sayfilter.h, and of hooks/say.h with a client that does not read. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/say.h"

struct shown {
	char text[65536];
	size_t n, lines;
};

static void on_line(void *arg, const char *line)
{
	struct shown *s = arg;
	size_t n = strlen(line);

	cr_assert(!strchr(line, '\n') && n < 4096);
	cr_assert_lt(s->n + n + 1, sizeof(s->text));
	memcpy(s->text + s->n, line, n);
	s->n += n;
	s->text[s->n++] = '\n';
	s->text[s->n] = 0;
	s->lines++;
}

/* bytes in pieces of 'piece' each */
static void filter(struct shown *s, const char *bytes, size_t n, size_t piece)
{
	struct gg_say_filter f;

	memset(s, 0, sizeof(*s));
	gg_say_begin(&f, on_line, s);
	for (size_t i = 0; i < n; i += piece)
		gg_say_feed(&f, bytes + i, n - i < piece ? n - i : piece);
	gg_say_end(&f);
	gg_say_end(&f); /* once more says nothing */
}

#define TEXT(s) s, sizeof(s) - 1

Test(hooksay, filter_rows)
{
	static const struct {
		const char *in;
		size_t n;
		const char *want;
	} rows[] = {
		{ TEXT(""), "" },
		{ TEXT("one\n"), "  one\n" },
		{ TEXT("one\ntwo"), "  one\n  two\n" },
		{ TEXT("\n\r\n\none\n\n"), "  one\n" },
		{ TEXT("dos\r\nfile\r\n"), "  dos\n  file\n" },
		{ TEXT("a\rb\n"), "  a\\rb\n" }, /* would hide the a */
		{ TEXT("a\r"), "  a\\r\n" },
		{ TEXT("\tsay \"no\" to C:\\\n"), "   say \"no\" to C:\\\n" },
		{ TEXT("\033[2J\033]0;title\a\n"), "  \\x1b[2J\\x1b]0;title\\x07\n" },
		{ TEXT("nul\0nul\177\n"), "  nul\\x00nul\\x7f\n" },
		{ TEXT("caf\303\251 \342\202\254\n"), "  caf\303\251 \342\202\254\n" },
		{ TEXT("c1 \302\233 raw \233\n"), "  c1 \\xc2\\x9b raw \\x9b\n" },
		{ TEXT("bad \377 \300\257 \342\202\n"), "  bad \\xff \\xc0\\xaf \\xe2\\x82\n" },
		{ TEXT("git-gate: forwarded main\n"), "  git-gate: forwarded main\n" }, /* not one of ours */
		{ TEXT("remote: x\n"), "  remote: x\n" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		for (size_t piece = 1; piece < 8; piece++) {
			struct shown s;

			filter(&s, rows[i].in, rows[i].n, piece);
			cr_assert_str_eq(s.text, rows[i].want, "row %zu by %zu: '%s'", i, piece, s.text);
		}
}

Test(hooksay, long_lines_are_cut_at_whole_characters)
{
	static const struct {
		const char *name, *fill; /* repeated to n bytes, then tail */
		size_t n;
		const char *tail, *want_end, *want_said;
	} rows[] = {
		{ "fits", "x", 400, "", "x", NULL },
		{ "fits, with its end", "x", 400, "\n", "x", NULL },
		{ "fits, with its CR", "x", 400, "\r\n", "x", NULL },
		{ "one over", "x", 401, "\n", "x...", "git-gate: … 1 byte more not shown" },
		{ "three over", "x", 403, "\r\n", "x...", "git-gate: … 3 bytes more not shown" },
		{ "five over", "x", 404, "\r\n", "x...", "git-gate: … 5 bytes more not shown" },
		{ "much over", "x", 2400, "\nnext\n", "next", "git-gate: … 2 kB more not shown" },
		{ "a character that does not fit", "x", 399, "\303\251\n", "x...",
		  "git-gate: … 2 bytes more not shown" },
		{ "one that fits", "x", 398, "\303\251\n", "\303\251", NULL },
		{ "escapes", "\033", 400, "\n", "\\x1b", NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		for (size_t piece = 1; piece < 3000; piece = piece * 3 + 1) {
			char in[4096];
			size_t n = rows[i].n, end = strlen(rows[i].want_end);
			struct shown s;
			char *said;

			memset(in, rows[i].fill[0], n);
			strcpy(in + n, rows[i].tail);
			filter(&s, in, strlen(in), piece);
			said = strstr(s.text, "git-gate: ");
			if (rows[i].want_said) {
				cr_assert(said, "%s", rows[i].name);
				cr_assert_eq(strlen(said), strlen(rows[i].want_said) + 1, "%s: %s",
					     rows[i].name, said);
				cr_assert(strncmp(said, rows[i].want_said, strlen(rows[i].want_said)) == 0);
			} else {
				cr_assert(!said, "%s: %s", rows[i].name, said);
				said = s.text + s.n;
			}
			cr_assert(strncmp(said - 1 - end, rows[i].want_end, end) == 0, "%s by %zu: %s",
				  rows[i].name, piece, s.text);
		}
}

Test(hooksay, many_lines_end_in_a_count)
{
	struct gg_say_filter f;
	struct shown s = { .n = 0 };

	gg_say_begin(&f, on_line, &s);
	for (int i = 0; i < 1000; i++)
		gg_say_feed(&f, "12345\n", 6);
	gg_say_end(&f);
	cr_assert_eq(s.lines, GG_SAY_LINES + 1);
	cr_assert(strstr(s.text, "\ngit-gate: … 5 kB more not shown\n"), "%s", s.text + s.n - 60);
	/* as many as there may be are all shown */
	s = (struct shown){ .n = 0 };
	for (int i = 0; i < GG_SAY_LINES; i++)
		gg_say_feed(&f, "12345\n", 6);
	gg_say_feed(&f, "\n\n", 2);
	gg_say_end(&f);
	cr_assert_eq(s.lines, GG_SAY_LINES);
}

Test(hooksay, many_bytes_end_in_a_count)
{
	static char block[60000];
	struct gg_say_filter f;
	struct shown s = { .n = 0 };

	/* in one line, of what a terminal would act on */
	memset(block, 033, sizeof(block));
	gg_say_begin(&f, on_line, &s);
	for (int i = 0; i < 1000; i++)
		gg_say_feed(&f, block, sizeof(block));
	gg_say_end(&f);
	cr_assert_eq(s.lines, 2);
	cr_assert(strstr(s.text, "\ngit-gate: … 59 MB more not shown\n"), "%s", s.text);
	/* in lines, none of them long */
	s = (struct shown){ .n = 0 };
	for (size_t i = 199; i < sizeof(block); i += 200)
		block[i] = '\n';
	for (int i = 0; i < 1000; i++)
		gg_say_feed(&f, block, sizeof(block));
	gg_say_end(&f);
	cr_assert_leq(s.n, GG_SAY_BYTES + 100 + 50);
	cr_assert_gt(s.n, GG_SAY_BYTES - 1000);
	cr_assert(strstr(s.text, "\ngit-gate: … 59 MB more not shown\n"), "%s", s.text + s.n - 60);
}

Test(hooksay, sizes)
{
	static const struct {
		uint64_t n;
		const char *want;
	} rows[] = {
		{ 1, "1 byte" },      { 999, "999 bytes" },  { 1000, "1 kB" },
		{ 999999, "999 kB" }, { 59999999, "59 MB" }, { UINT64_MAX, "18 EB" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[32];
		struct gg_buf b = GG_BUF(mem);

		gg_say_size(&b, rows[i].n);
		cr_assert_str_eq(mem, rows[i].want);
	}
}

/* stderr becomes fds[1]; what was said is read from fds[0]. */
static void take_stderr(int fds[2])
{
	cr_assert_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
}

static size_t read_all(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t k;

	while (n < size - 1 && (k = read(fd, to + n, size - 1 - n)) > 0)
		n += (size_t)k;
	to[n] = 0;
	return n;
}

Test(hooksay, a_line_of_ours)
{
	char long_text[1200], got[4096];
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	take_stderr(fds);
	gg_say_client("scanning %d commits (%s)…", 3, "gitleaks");
	gg_say_emit(NULL, "  what it said");
	gg_say_client("refused: \"%s\"", "a\nremote: b\033[2J\302\233");
	read_all(fds[0], got, sizeof(got));
	cr_assert_str_eq(got, "git-gate: scanning 3 commits (gitleaks)…\n  what it said\n"
			      "git-gate: refused: \"a\\nremote: b\\x1b[2J\\xc2\\x9b\"\n");
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = 0;
	gg_say_client("%s", long_text);
	cr_assert_eq(read_all(fds[0], got, sizeof(got)), 10 + 1000 + 4);
	cr_assert_str_eq(got + 10 + 997, "xxx...\n");
	memset(long_text, 1, 1000);
	gg_say_client("%.1000s", long_text); /* the longest that a line can become */
	cr_assert_eq(read_all(fds[0], got, sizeof(got)), 10 + 4000 + 1);
}

static void stuck_client(int fds[2])
{
	char got[1 << 20];
	int64_t begun_ms;
	size_t n;

	take_stderr(fds);
	begun_ms = gg_now_ms();
	for (int i = 0; i < 20000; i++)
		gg_say_client("line %d of a program that says more than anybody wants to read", i);
	cr_assert_geq(gg_now_ms() - begun_ms, 1500, "it was waited for");
	cr_assert_lt(gg_now_ms() - begun_ms, 30000, "once");
	cr_assert_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0, "for whoever else has it");
	n = read_all(fds[0], got, sizeof(got));
	cr_assert(n > 1000 && got[n - 1] == '\n', "whole lines");
	gg_say_client("reads again");
	n = read_all(fds[0], got, sizeof(got));
	cr_assert_str_eq(got, "git-gate: reads again\n");
}

Test(hooksay, a_client_that_does_not_read_holds_nothing_up)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	stuck_client(fds);
}

Test(hooksay, the_same_over_a_socket)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	stuck_client(fds);
}

Test(hooksay, a_client_that_has_gone)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN); /* as hook.c does */
	cr_assert_eq(pipe(fds), 0);
	take_stderr(fds);
	close(fds[0]);
	for (int i = 0; i < 1000; i++)
		gg_say_client("nobody reads this");
}
