/*
 * httpcommand - what git is started as for a request over HTTP: git http-backend, or at once the command that
 * it would start, which saves a program. That can be known for an advertisement, most of which are small, and
 * for a push whose body is not packed: git http-backend would hand both on as they are. Effect: looks at
 * files. Used by daemon-wrap/http.c; what is the same and what is started:
 * tests/process/t0178-serving-cost.py.
 */
#ifndef GG_WRAP_HTTPCOMMAND_H
#define GG_WRAP_HTTPCOMMAND_H

#include <limits.h>

#include "daemon-wrap/argv.h"
#include "daemon-wrap/httpadvert.h"
#include "daemon-wrap/httproute.h"
#include "daemon-wrap/wrap.h"

struct gg_httpcommand {
	const char *path;
	char *argv[5];
	const char *cwd;     /* NULL: ours */
	const char *preface; /* what the reply begins with, before git's own; NULL: nothing */

	char git[PATH_MAX], dir[PATH_MAX], text[GG_ADVERT_MAX]; /* what the others may refer to */
};

/*
 *   o->command[0]  git http-backend
 *   gzip           the body is packed
 *   env            as of gg_httpenv_request; gets what git http-backend would set
 * 0 or -ENOMEM.
 */
int gg_httpcommand_choose(const struct gg_wrap *o, const struct gg_route *route,
			  const struct gg_status *status, bool gzip, struct gg_strv *env,
			  struct gg_httpcommand *ret);

#endif
