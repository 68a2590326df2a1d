/* stale - see stale.h. */
#include "hooks/stale.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stamp.h"
#include "hooks/say.h"

void gg_stale_say(void)
{
	const char *text = getenv(GG_STALE_ENV);

	if (text && *text)
		gg_say_client("warning: %s", text);
}

int gg_stale_pack(char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

	sigaction(SIGPIPE, &ignore, &before); /* upload-pack may have gone */
	gg_stale_say();
	sigaction(SIGPIPE, &before, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "git-gate-hook: cannot run %s: %s\n", argv[0], strerror(errno));
	return 127;
}
