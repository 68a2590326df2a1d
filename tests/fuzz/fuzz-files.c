/*
 * Fuzz small texts that come from files, the environment and the command line: git-gate.fresh (base/stamp.h),
 * git's list of updates for pre-push (hooks/prepush.h), push options, a point in time (cli/since.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/stamp.h"
#include "cli/since.h"
#include "hooks/prepush.h"
#include "hooks/pushoption.h"
#include "tests/fuzz/fuzz.h"

static int dir_fd(void)
{
	static int fd = -1;
	static char name[] = "/tmp/fuzz-files.XXXXXX";

	if (fd < 0) {
		must(mkdtemp(name) != NULL);
		fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must(fd >= 0);
	}
	return fd;
}

static void remove_dir(void)
{
	char path[64], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd());
	n = readlink(path, link, sizeof(link) - 1);
	unlinkat(dir_fd(), GG_STAMP_FILE, 0);
	if (n > 0) {
		link[n] = '\0';
		rmdir(link);
	}
}

static void stamp(const char *s, size_t n)
{
	char mem[GG_STALE_MAX];
	struct gg_buf b = GG_BUF(mem);
	struct gg_stamp st, again;
	int fd = openat(dir_fd(), GG_STAMP_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, s, n) == (ssize_t)n);
	close(fd);
	gg_stamp_read(dir_fd(), &st);
	must(strlen(st.why) < sizeof(st.why) && !strchr(st.why, '\n'));
	if (st.ok)
		came_to("git-gate.fresh of a refresh that succeeded");
	else if (st.why[0] && st.good_ms > 0)
		came_to("git-gate.fresh of one that failed, after one that succeeded");
	gg_stamp_stale(&b, &st, "why", 1700000000000);
	must(b.len > 0);
	gg_stamp_write(dir_fd(), &st);
	gg_stamp_read(dir_fd(), &again);
	must(st.ok == again.ok && st.at_ms == again.at_ms && st.good_ms == again.good_ms);
}

static void since(const char *s)
{
	int64_t at = 0, now = 1700000000;

	if (gg_since_parse(s, now, &at) < 0)
		return;
	came_to("a point in time");
	must(at < INT64_MAX / 2 && at > INT64_MIN / 2);
}

static void pre_push(char *s)
{
	char *expect[] = { (char *)"refs/heads/a 1111111111111111111111111111111111111111 "
				   "2222222222222222222222222222222222222222",
			   (char *)"refs/heads/b 0000000000000000000000000000000000000000 "
				   "2222222222222222222222222222222222222222" };
	char text[4096];
	struct gg_buf why = GG_BUF(text);
	int r = gg_prepush_check(expect, GG_LEN(expect), s, &why);

	if (r == 0)
		came_to("an update that was expected");
	else
		came_to("one that was not");
	must(r == 0 || r == -EPERM);
	must((r == 0) == (why.len == 0));
}

static void options(const char *count, const char *first)
{
	struct gg_push_options o;
	char text[300];
	struct gg_buf why = GG_BUF(text);

	setenv("GIT_PUSH_OPTION_COUNT", count, 1);
	setenv("GIT_PUSH_OPTION_0", first, 1);
	if (gg_push_options_find(&o, &why) < 0) {
		must(why.len > 0);
		return;
	}
	if (o.n)
		came_to("a push option");
	must(o.n <= 1 && !o.v[o.n]);
	gg_push_options_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool known;
	AUTO_FREE char *s = text_of(data, n), *copy = text_of(data, n);

	if (!known)
		known = atexit(remove_dir) == 0;
	stamp(s, n);
	since(s);
	options(s, behind(s, n));
	pre_push(copy);
	return 0;
}
