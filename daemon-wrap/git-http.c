/*
 * git-gate-http - serves one HTTP connection. Started by supervisor/session.c with the socket on fd 0 and 1
 * and the environment of a session.
 */
#include <sys/prctl.h>

#include "daemon-wrap/http.h"

int main(int argc, char **argv)
{
	struct gg_wrap o;

	gg_wrap_join("git-gate-http");
	if (gg_wrap_options("git-gate-http", argc, argv, &o) < 0)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return gg_http_serve(&o, 0);
}
