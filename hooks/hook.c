/*
 * git-gate-hook - what git runs as pre-receive: core.hooksPath of every session points at a directory that
 * holds it. It asks the gate for the settings of the session's repository, and accepts a push only when the
 * operator chose hook.scanner=none and the repository has no upstream; every other is refused with the
 * reason.
 */
#include <stdio.h>
#include <unistd.h>

#include "hooks/gate.h"

/* The refs on stdin are read to the end, so that git never meets a broken pipe. */
static void drain(void)
{
	char buf[4096];

	while (read(0, buf, sizeof(buf)) > 0)
		;
}

static int refuse(const struct gg_gate_link *l, const char *why, const char *cure)
{
	fprintf(stderr, "git-gate: push refused: %s, session %s\n", why, l->session ? l->session : "unknown");
	if (cure)
		fprintf(stderr, "git-gate: the operator can %s\n", cure);
	return 1;
}

static int judge(const struct gg_gate_link *l, const struct gg_push_conf *c)
{
	if (c->scanner == GG_SCANNER_UNSET)
		return refuse(l, "no scanner is configured (hook.scanner)",
			      "set hook.scanner=none to accept pushes unscanned");
	if (c->scanner != GG_SCANNER_NONE)
		return refuse(l, "this git-gate cannot run a scanner yet (hook.scanner)", NULL);
	if (*c->upstream)
		return refuse(l, "this git-gate cannot forward to an upstream yet (repo.NAME.upstream)",
			      NULL);
	return 0;
}

int main(void)
{
	struct gg_gate_link l = gg_gate_link();
	struct gg_push_conf c;
	char mem[600];
	struct gg_buf why = GG_BUF(mem);
	int code;

	drain();
	if (gg_gate_settings(&l, &c, &why) < 0)
		return refuse(&l, why.s, NULL);
	code = judge(&l, &c);
	gg_push_conf_free(&c);
	return code;
}
