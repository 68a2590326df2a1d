/*
 * Fuzz what programs and upstream say: `git push --porcelain`, `git ls-remote`, ssh's errors, the output of a
 * hook's step or a scanner, the stderr of a session. However it comes in pieces, the same is made of it; what
 * reaches a client or the log is lines that drive no terminal, and bounded.
 */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/sshsays.h"
#include "hooks/outcome.h"
#include "hooks/pushreport.h"
#include "hooks/sayfilter.h"
#include "supervisor/loglines.h"
#include "tests/fuzz/fuzz.h"

struct told {
	size_t lines, bytes;
	uint64_t hash;
};

static void tell(void *arg, const char *line)
{
	struct told *t = arg;

	t->lines++;
	t->bytes += strlen(line);
	for (; *line; line++)
		t->hash = (t->hash ^ (unsigned char)*line) * 1099511628211u;
}

static void tell_shown(void *arg, const char *line)
{
	must_be_line(line);
	must(!strncmp(line, "  ", 2) || !strncmp(line, "git-gate: ", 10));
	tell(arg, line);
}

static void tell_log(const char *line, void *arg)
{
	must(!strchr(line, '\n') && strlen(line) <= GG_LOGLINE_MAX);
	tell(arg, line);
}

static void shown(const char *s, size_t n, size_t step, struct told *ret)
{
	struct gg_say_filter f;

	*ret = (struct told){ 0 };
	gg_say_begin(&f, tell_shown, ret);
	for (size_t at = 0; at < n; at += step)
		gg_say_feed(&f, s + at, n - at < step ? n - at : step);
	gg_say_end(&f);
	must(ret->lines <= GG_SAY_LINES + 1 && ret->bytes <= GG_SAY_BYTES + 80);
}

static void logged(const char *s, size_t n, struct told *ret)
{
	struct gg_loglines l;
	int fd[2];

	*ret = (struct told){ 0 };
	if (n > 60000) /* a pipe takes no more */
		return;
	must(pipe(fd) == 0 && write(fd[1], s, n) == (ssize_t)n);
	close(fd[1]);
	gg_loglines_init(&l, tell_log, ret);
	while (gg_loglines_read(&l, fd[0], 1000) == 1)
		;
	gg_loglines_end(&l);
	close(fd[0]);
	must(ret->lines <= GG_LOGLINE_BURST);
}

static void pushed(const char *s, size_t n, size_t step, struct gg_push_report *r, struct told *t)
{
	static const char *const hide[] = { "/secret", "/key", NULL };
	char text[4096];
	struct gg_buf b = GG_BUF(text);

	*t = (struct told){ 0 };
	*r = (struct gg_push_report){ .remote = tell, .arg = t };
	for (size_t at = 0; at < n; at += step) {
		size_t part = n - at < step ? n - at : step;

		gg_push_report_out(r, s + at, part);
		gg_push_report_err(r, s + at, part);
	}
	must(t->lines <= GG_REPORT_REMOTE);
	if (r->refused)
		came_to("a reference that is refused");
	else if (r->done)
		came_to("a push that is done");
	if (t->lines)
		came_to("words of upstream");
	must(!r->refused || r->weak || r->ref[0] || r->reason[0] || !r->ref[0]);
	gg_push_report_why(&b, r, hide);
	must(!b.cut);
	must_be_line(text);
	must(!strstr(text, hide[0]) && !strstr(text, hide[1]));
}

static void listed(const char *s, size_t n)
{
	AUTO_FREE char *copy = text_of((const uint8_t *)s, n);
	struct gg_listing l;
	int r = gg_listing_parse(copy, n, &l);

	must(r == 0 || r == -EPROTO);
	if (r < 0)
		return;
	if (l.n > 1)
		came_to("a list of references");
	for (size_t i = 0; i < l.n; i++) {
		size_t id = strlen(l.v[i].id);

		must((id == 40 || id == 64) && strspn(l.v[i].id, "0123456789abcdef") == id);
		must(!strncmp(l.v[i].ref, "refs/", 5) && !strpbrk(l.v[i].ref, "\n^"));
		must(i == 0 || strcmp(l.v[i - 1].ref, l.v[i].ref) <= 0);
		must(gg_listing_find(&l, l.v[i].ref) != NULL);
	}
	gg_listing_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	static struct gg_push_report whole, parts;
	struct told a, b;
	char mem[1024];
	struct gg_buf quote = GG_BUF(mem);

	shown(s, n, n + 1, &a);
	shown(s, n, 3, &b);
	must(a.lines == b.lines && a.hash == b.hash);
	logged(s, n, &a);
	pushed(s, n, n + 1, &whole, &a);
	pushed(s, n, 1, &parts, &b);
	must(a.hash == b.hash && whole.done == parts.done && whole.refused == parts.refused &&
	     !strcmp(whole.ref, parts.ref) && !strcmp(whole.reason, parts.reason));
	listed(s, n);
	gg_ssh_quote(&quote, s);
	must(!quote.cut && quote.len <= 310 && !strchr(mem, '\n'));
	if (gg_ssh_says(s))
		came_to("what ssh says");
	must(gg_ssh_says(s) || !quote.len);
	return 0;
}
