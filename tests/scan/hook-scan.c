/*
 * hook-scan - git-gate-hook's scan on its own, for tests: run as pre-receive, with settings from a file in
 * place of the gate's answer (hooks/pushconf.h). Exit status 0 when the push is clean.
 *
 *   hook-scan SETTINGS           rules, then the scan
 *   hook-scan SETTINGS rewinds   prints the refs of the push that lose commits
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hooks/pushconf.h"
#include "hooks/refrule.h"
#include "hooks/rewind.h"
#include "hooks/say.h"
#include "hooks/scan.h"
#include "hooks/update.h"

static int read_settings(const char *path, struct gg_push_conf *ret)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[65536];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	return n < 0 ? -1 : gg_push_conf_parse(text, (size_t)n, ret);
}

static int check_rules(const struct gg_push_conf *c, const struct gg_push *p, const bool *rewinds)
{
	char text[1000], setting[GG_RULE_KEY_MAX];
	struct gg_buf why = GG_BUF(text), key = GG_BUF(setting);

	for (size_t i = 0; i < p->n; i++) {
		if (gg_refrule_check(c, &p->v[i], rewinds[i], &why, &key) == 0)
			continue;
		gg_say_client("push refused: %s", why.s);
		return -1;
	}
	return 0;
}

static int look(const struct gg_push_conf *c, const struct gg_push *p, bool only_rewinds)
{
	AUTO_FREE bool *rewinds = calloc(p->n + 1, sizeof(*rewinds));
	struct gg_gate_link link = gg_gate_link();
	char text[1000];
	struct gg_buf why = GG_BUF(text);
	const struct gg_deadline until = gg_deadline_in(c->scan_ms, "deadline.scan");

	if (!rewinds)
		return 2;
	if ((only_rewinds || !c->allow_force) && gg_rewind_find(p, until, rewinds, &why) < 0) {
		gg_say_client("push refused: %s", why.s);
		return 2;
	}
	for (size_t i = 0; i < p->n && only_rewinds; i++)
		if (rewinds[i])
			gg_say_client("rewinds %s", p->v[i].ref);
	if (only_rewinds)
		return 0;
	return check_rules(c, p, rewinds) < 0 || gg_scan_push(c, &link, p) < 0;
}

int main(int argc, char **argv)
{
	struct gg_push_conf c;
	struct gg_push p = { 0 };
	char text[1000];
	struct gg_buf why = GG_BUF(text);
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || read_settings(argv[1], &c) < 0) {
		fprintf(stderr, "hook-scan: cannot read the settings\n");
		return 2;
	}
	if (gg_push_read(0, c.limit_refs, &p, &why) < 0) {
		gg_say_client("push refused: %s", why.s);
		gg_push_conf_free(&c);
		return 2;
	}
	status = look(&c, &p, argc > 2);
	gg_push_free(&p);
	gg_push_conf_free(&c);
	return status;
}
