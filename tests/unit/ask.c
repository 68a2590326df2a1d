/* Tests of base/ask.h and hooks/gate.h against a stand-in for the gate: a process that takes one request, or
 * more, and answers as the row says. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/gate.h"

struct server {
	char dir[32], path[64], log[64]; /* log: what it was sent */
	pid_t pid;
};

/* In the child. answer NULL: none, and the connection stays open; "": it is closed. */
_Noreturn static void serve(int fd, const char *const *answer, size_t n, const char *log)
{
	char buf[8192];
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (size_t i = 0; i < n; i++) {
		int c = accept(fd, NULL, NULL);
		ssize_t got = read(c, buf, sizeof(buf));

		if (got < 0 || write(out, buf, (size_t)got) < 0)
			_exit(1);
		if (!answer[i])
			pause();
		(void)!write(c, answer[i], strlen(answer[i]));
		close(c);
	}
	_exit(0);
}

static void begin(struct server *s, const char *const *answer, size_t n)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(s->dir, "/tmp/gg-ask-XXXXXX");
	cr_assert(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/s", s->dir);
	snprintf(s->log, sizeof(s->log), "%s/log", s->dir);
	strcpy(a.sun_path, s->path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	s->pid = fork();
	if (s->pid == 0)
		serve(fd, answer, n, s->log);
	close(fd);
}

/* ret: what it was sent. */
static void end(struct server *s, char *ret, size_t size)
{
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
	fd = open(s->log, O_RDONLY);
	n = fd < 0 ? 0 : read(fd, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	unlink(s->log);
	unlink(s->path);
	rmdir(s->dir);
}

Test(ask, answers)
{
	static const struct {
		const char *answer;
		size_t max;
		int want;
		const char *got;
	} rows[] = {
		{ "{}\n", 100, 0, "{}" },
		{ "{}\nmore", 100, 0, "{}" },
		{ "no newline", 100, 0, "no newline" },
		{ "\n", 100, 0, "" },
		{ "", 100, -ENODATA, NULL },
		{ "12345\n", 5, 0, "12345" },
		{ "123456\n", 5, -EMSGSIZE, NULL },
		{ NULL, 100, -ETIMEDOUT, NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct server s;
		AUTO_FREE char *got = NULL;
		char sent[100];
		size_t n = 77;

		begin(&s, &rows[i].answer, 1);
		cr_expect_eq(
			gg_ask(s.path, "hello\n", 6, rows[i].answer ? 20000 : 100, rows[i].max, &got, &n),
			rows[i].want, "row %zu", i);
		end(&s, sent, sizeof(sent));
		cr_expect_str_eq(sent, "hello\n", "row %zu", i);
		if (rows[i].got && got)
			cr_expect_str_eq(got, rows[i].got, "row %zu", i);
		cr_expect_eq(got == NULL, rows[i].got == NULL, "row %zu", i);
		cr_expect_eq(n, rows[i].got ? strlen(rows[i].got) : 77, "row %zu", i);
	}
}

Test(ask, long_answers)
{
	const size_t size = 300000;
	AUTO_FREE char *text = malloc(size + 2), *got = NULL;
	const char *answer = text;
	struct server s;
	char sent[100];
	size_t n;

	memset(text, 'x', size);
	strcpy(text + size, "\n");
	begin(&s, &answer, 1);
	cr_assert_eq(gg_ask(s.path, "a\n", 2, 20000, size, &got, &n), 0);
	end(&s, sent, sizeof(sent));
	cr_assert(n == size && strlen(got) == size);
}

Test(ask, nobody_there)
{
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "/nonexistent/socket", -ENOENT },
		{ "/dev/null/socket", -ENOTDIR },
		{ "/dev/null", -ECONNREFUSED },
		{ "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaa",
		  -ENAMETOOLONG },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int fd = -1;

		cr_expect_eq(gg_ask_connect(rows[i].path, 1000, &fd), rows[i].want, "%s", rows[i].path);
		cr_expect_eq(fd, -1);
	}
}

#define ASKED "{\"cmd\":\"push\",\"id\":\"ab12cd34\"}\n"

Test(gate, no_settings_is_an_error_with_a_text)
{
	static const struct {
		const char *answer, *why;
		int want;
	} rows[] = {
		{ "{\"ok\":false,\"error\":\"no session \\u001b\"}\n",
		  "the gate gave no settings: no session \\x1b", -EPROTO },
		{ "{\"ok\":false}\n", "the gate gave no settings", -EPROTO },
		{ "{\"ok\":true}\n", "different versions", -EPROTO },
		{ "{\"ok\":true,\"data\":{}}\n", "different versions", -EPROTO },
		{ "{\"ok\":\"true\",\"data\":{}}\n", "gave no settings", -EPROTO },
		{ "SSH-2.0-x\n", "different versions", -EPROTO },
		{ "\n", "different versions", -EPROTO },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct server s;
		struct gg_gate_link l = { s.path, "ab12cd34" };
		struct gg_push_conf c = { .scan_ms = 7 };
		char mem[400], sent[200];
		struct gg_buf why = GG_BUF(mem);

		begin(&s, &rows[i].answer, 1);
		cr_expect_eq(gg_gate_settings(&l, &c, &why), rows[i].want, "row %zu", i);
		end(&s, sent, sizeof(sent));
		cr_expect(strstr(mem, rows[i].why) && !strstr(mem, s.path), "row %zu: %s", i, mem);
		cr_expect_str_eq(sent, ASKED);
		cr_expect_eq(c.scan_ms, 7);
	}
}

Test(gate, no_gate_is_an_error_with_a_text)
{
	static const struct {
		struct gg_gate_link link;
		const char *why;
	} rows[] = {
		{ { NULL, "ab12cd34" }, "GIT_GATE_CONTROL is not set" },
		{ { "", "ab12cd34" }, "GIT_GATE_CONTROL is not set" },
		{ { "/s", NULL }, "GIT_GATE_SESSION is not set" },
		{ { "/s", "" }, "GIT_GATE_SESSION is not set" },
		{ { "/nonexistent/s", "ab12cd34" }, "does not run any more" },
		{ { "/dev/null", "ab12cd34" }, "does not run any more" },
		{ { "/dev/null/s", "ab12cd34" }, "cannot be asked" },
		{ { "/s", "\xff" }, "does not run any more" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push_conf c;
		char mem[400];
		struct gg_buf why = GG_BUF(mem);

		cr_expect_lt(gg_gate_settings(&rows[i].link, &c, &why), 0, "row %zu", i);
		cr_expect(strstr(mem, rows[i].why), "row %zu: %s", i, mem);
		gg_gate_step(&rows[i].link, "scan");
		gg_gate_event(&rows[i].link, "push.scanned", "x");
	}
}

/* A gate that closes without an answer, because too many ask, is asked again, and not for ever. */
Test(gate, asked_again)
{
	static const char *const once[] = { "", "{\"ok\":false}\n" }, *const ever[] = { "", "", "", "" };
	struct server s;
	struct gg_gate_link l = { s.path, "ab12cd34" };
	struct gg_push_conf c;
	char mem[400], sent[200];
	struct gg_buf why = GG_BUF(mem);

	begin(&s, once, 2);
	cr_expect_eq(gg_gate_settings(&l, &c, &why), -EPROTO);
	end(&s, sent, sizeof(sent));
	cr_expect_str_eq(sent, ASKED ASKED);
	begin(&s, ever, 4);
	cr_expect_eq(gg_gate_settings(&l, &c, &why), -ENODATA);
	end(&s, sent, sizeof(sent));
	cr_expect_str_eq(sent, ASKED ASKED ASKED);
}

/* So is one that is told something: the record of a push is not lost for that. */
Test(gate, told_again)
{
	static const char *const once[] = { "", "{\"ok\":true,\"data\":{}}\n" };
	struct server s;
	struct gg_gate_link l = { s.path, "ab12cd34" };
	char sent[400];

	begin(&s, once, 2);
	gg_gate_step(&l, "scan");
	end(&s, sent, sizeof(sent));
	cr_expect_str_eq(sent, "{\"cmd\":\"step\",\"id\":\"ab12cd34\",\"step\":\"scan\"}\n"
			       "{\"cmd\":\"step\",\"id\":\"ab12cd34\",\"step\":\"scan\"}\n");
}

Test(gate, events)
{
	static const struct {
		const char *reason, *key, *text;
		const char *want; /* the end of what is sent */
	} rows[] = {
		{ NULL, NULL, "all well", "\"event\":\"push.scanned\",\"message\":\"all well\"}\n" },
		{ "timeout", "deadline.scan", "x",
		  "\"message\":\"x\",\"reason\":\"timeout\",\"key\":\"deadline.scan\"}\n" },
		{ NULL, NULL, "a\"b\\c", "\"message\":\"a\\\"b\\\\c\"}\n" },
		{ NULL, NULL, "a\nb\xff", "\"message\":\"a\\\\nb\\\\xff\"}\n" },
		{ NULL, NULL, "\xc3\xa4", "\"message\":\"\xc3\xa4\"}\n" },
	};
	static const char *const ok = "{\"ok\":true,\"data\":{}}\n";
	static char deep[20000];

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct server s;
		struct gg_gate_link l = { s.path, "ab12cd34" };
		char sent[5000];

		begin(&s, &ok, 1);
		gg_gate_event_about(&l, "push.scanned", rows[i].reason, rows[i].key, "%s", rows[i].text);
		end(&s, sent, sizeof(sent));
		cr_expect(strstr(sent, rows[i].want), "row %zu: %s", i, sent);
	}
	/* the longest messages still make a request that the gate takes */
	for (const char *c = "x\"\x1b\xff"; *c; c++) {
		struct server s;
		struct gg_gate_link l = { s.path, "ab12cd34" };
		char sent[5000];

		memset(deep, *c, sizeof(deep) - 1);
		begin(&s, &ok, 1);
		gg_gate_event_about(&l, "push.forward-failed", "a reason", "deadline.forward", "%s", deep);
		end(&s, sent, sizeof(sent));
		cr_expect(strlen(sent) > 1400 && strlen(sent) <= GG_ASK_REQUEST_MAX, "%zu", strlen(sent));
	}
}

/* What is only told never holds a hook up for long. */
Test(gate, telling_is_bounded)
{
	static const char *const none[] = { NULL };
	struct server s;
	struct gg_gate_link l = { s.path, "ab12cd34" };
	char sent[200];
	int64_t before = gg_now_ms();

	begin(&s, none, 1);
	gg_gate_step(&l, "scan");
	cr_expect(gg_now_ms() - before >= 900 && gg_now_ms() - before < 10000);
	end(&s, sent, sizeof(sent));
	cr_expect_str_eq(sent, "{\"cmd\":\"step\",\"id\":\"ab12cd34\",\"step\":\"scan\"}\n");
}
