/*
 * section - the [repo "NAME"] section of a configuration, written and removed by git config, which holds its
 * own lock, replaces the file at once and keeps its mode and comments. Effect.
 */
#ifndef GG_CLI_SECTION_H
#define GG_CLI_SECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/found.h"

struct gg_repo_section {
	const char *file, *name; /* borrowed */
	bool made_file;		 /* by us, see gg_repo_section_write */
};

struct gg_repo_pair {
	const char *key, *value; /* key: "upstream" */
};

/*
 * Write the settings, one after another, in a file that has no such section yet. What cannot be finished is
 * taken back. A file that root writes goes on belonging to whom it belonged to; a new one can be read by all.
 */
bool gg_repo_section_write(struct gg_repo_section *s, const struct gg_repo_pair *v, size_t n,
			   struct gg_found *f);

/* Remove the section, and the file if gg_repo_section_write made it. */
bool gg_repo_section_remove(const struct gg_repo_section *s, struct gg_found *f);

#endif
