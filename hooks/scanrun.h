/*
 * scanrun - run the scanner on what hooks/lay laid, and read what it reports. Effect: one process
 * (hooks/run), its report. For hooks/scan, whose header says what holds for the scanner, and for git-gate
 * doctor.
 */
#ifndef GG_HOOKS_SCANRUN_H
#define GG_HOOKS_SCANRUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/deadline.h"
#include "hooks/newobj.h"
#include "hooks/scanner.h"

enum { GG_SAID_MAX = 300 };

struct gg_scanrun {
	const struct gg_push_conf *c;
	const struct gg_objects *o;		     /* findings must be about these */
	const char *dir;			     /* the scratch directory */
	struct gg_deadline until;		     /* deadline.scan */
	void (*tick)(void *arg, int64_t elapsed_ms); /* every few seconds; NULL: nothing */
	bool (*stop)(void *arg);		     /* as in struct gg_run; NULL: nobody asks for that */
	void *arg;
	struct gg_buf said; /* gets the last line of its stderr, escaped */
};

/*
 *   ret      for gg_findings_free when -EPERM is returned
 *   ret_why  on failure: what was wrong, to be put behind the scanner's name
 *   ret_key  on failure: the setting to look at
 * 0: clean; -EPERM: found something; other -errno: failed.
 */
int gg_scanrun(struct gg_scanrun *in, struct gg_findings *ret, struct gg_buf *ret_why, const char **ret_key);

#endif
