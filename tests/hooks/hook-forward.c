/*
 * hook-forward - the forward without the gate: what git runs as pre-receive, post-receive and pre-push in the
 * tests of tests/process, with the settings in a JSON file ($HOOK_CONF) as the gate would answer them, and
 * "hook-forward refresh DIR". It does what hooks/hook.c does, but for rules, scan and the operator's steps.
 *
 * $HOOK_WAIT_FORWARDED, $HOOK_WAIT_HELD: a FIFO that is read before it goes on, once upstream has the push,
 * and once the holder is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hooks/forward.h"
#include "hooks/locals.h"
#include "hooks/lock.h"
#include "hooks/prepush.h"
#include "hooks/refresh.h"
#include "hooks/say.h"

static int read_conf(struct gg_push_conf *ret)
{
	const char *path = getenv("HOOK_CONF");
	AUTO_FILE FILE *f = path ? fopen(path, "re") : NULL;
	char text[8192];
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	return gg_push_conf_parse(text, n, ret);
}

static void wait_at(const char *name)
{
	const char *path = getenv(name);
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char c;

	if (fd >= 0 && read(fd, &c, 1) < 0)
		return;
}

static int pre_receive(const struct gg_push_conf *c, const struct gg_gate_link *l)
{
	AUTO_CLOSE int lock = -1;
	char mem[512];
	struct gg_buf why = GG_BUF(mem);
	struct gg_push p;
	const struct gg_deadline until = gg_deadline_in(c->hook_ms, "deadline.hook");
	int r;

	if (gg_push_read(0, 0, &p, &why) < 0) {
		gg_say_client("%s", mem);
		return 1;
	}
	r = gg_lock_take(getenv("GIT_DIR"), c->hook_ms, &lock);
	if (r < 0) {
		gg_say_client("no lock: %s", strerror(-r));
		return 1;
	}
	r = gg_locals_check(getenv("GIT_DIR"), &p, &until, &why);
	if (r < 0)
		gg_say_client("cannot be done here: %s: %s", strerrorname_np(-r), mem);
	else
		r = gg_forward(c, l, &p, lock, &until);
	wait_at("HOOK_WAIT_FORWARDED");
	if (r == 0 && (r = gg_lock_hold(lock, getenv("GIT_DIR"), &p, l, &until)) < 0)
		gg_say_client("no holder: %s", strerror(-r));
	wait_at("HOOK_WAIT_HELD");
	gg_push_free(&p);
	return r < 0;
}

static int post_receive(const struct gg_gate_link *l)
{
	char buf[4096];
	int r;

	while (read(0, buf, sizeof(buf)) > 0)
		;
	r = gg_lock_let_go(getenv("GIT_DIR"), l->session, 10000);
	if (r < 0)
		gg_say_client("post-receive: %s", strerror(-r));
	return 0;
}

static int refresh(const char *dir, const struct gg_push_conf *c, const struct gg_gate_link *l)
{
	char mem[512];
	struct gg_buf why = GG_BUF(mem);
	int r = gg_refresh(dir, c, l, &why);

	printf("%s: %s\n", r ? strerrorname_np(-r) : "ok", mem);
	return r < 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	struct gg_gate_link l = gg_gate_link();
	struct gg_push_conf c;
	int r = 2;

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(name, "pre-push"))
		return gg_prepush(0);
	if (!strcmp(name, "post-receive"))
		return post_receive(&l);
	if (read_conf(&c) < 0) {
		fprintf(stderr, "%s: $HOOK_CONF is no settings\n", name);
		return 2;
	}
	if (!strcmp(name, "pre-receive"))
		r = pre_receive(&c, &l);
	else if (argc == 3 && !strcmp(argv[1], "refresh"))
		r = refresh(argv[2], &c, &l);
	gg_push_conf_free(&c);
	return r;
}
