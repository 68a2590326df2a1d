/*
 * foundname - the names of files and directories in which something was found, so that no path that is shown
 * has one: a secret in the name of a directory is in the paths of all that is below it. Effect: reads what
 * hooks/lay laid. For hooks/scantell, tested by tests/unit/foundname.c and tests/process/t0084-scan.py.
 */
#ifndef GG_HOOKS_FOUNDNAME_H
#define GG_HOOKS_FOUNDNAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "hooks/newobj.h"
#include "hooks/scanner.h"

enum { GG_FOUND_NAMES_MAX = 1000 };

struct gg_found_names { /* gg_found_names_free */
	struct gg_list names;
	bool all; /* not all could be told: hide every name */
};

/*
 * The names that c does not allow. Each laid tree is read once, whatever the number of findings in it.
 *   objects_fd  the directory with the laid files
 */
void gg_found_names_read(const struct gg_push_conf *c, const struct gg_objects *o,
			 const struct gg_findings *f, int objects_fd, struct gg_found_names *ret);
void gg_found_names_free(struct gg_found_names *n);

/*
 * A path of gg_objects_path, quoted, at most max bytes of it, with "***" in the place of each of its names
 * that is one of these. Pure.
 */
void gg_found_names_quote(const struct gg_found_names *n, const char *path, size_t max, struct gg_buf *b);

#endif
