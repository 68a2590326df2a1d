/*
 * git-gate-hook - what git runs as pre-receive: core.hooksPath of every session points at a directory that
 * holds it. It accepts a push only when the operator chose hook.scanner=none, and refuses every other with
 * the reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The refs on stdin are read to the end, so that git never meets a broken pipe. */
static void drain(void)
{
	char buf[4096];

	while (read(0, buf, sizeof(buf)) > 0)
		;
}

int main(void)
{
	const char *scanner = getenv("GIT_GATE_SCANNER"), *session = getenv("GIT_GATE_SESSION");

	drain();
	if (scanner && !strcmp(scanner, "none"))
		return 0;
	fprintf(stderr,
		"git-gate: push refused: no scanner is configured (hook.scanner), session %s\n"
		"git-gate: the operator can set hook.scanner=none to accept pushes unscanned\n",
		session ? session : "unknown");
	return 1;
}
