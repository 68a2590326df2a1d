/* conflines - settings as lines of text, for the tests of base/conf.h. */
#ifndef GG_TESTS_CONFLINES_H
#define GG_TESTS_CONFLINES_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"

static const struct gg_place somewhere = { .root = false, .runtime_dir = "/run/user/7", .cwd = "/home/u" };

/* Feed "key=value" lines (a line without '=': no value; one with "-c " in front: command line), then settle.
 */
static inline void read_lines(struct gg_reader *r, const char *lines, const struct gg_place *place)
{
	AUTO_FREE char *copy = strdup(lines);
	char *save = NULL;

	cr_assert_eq(gg_reader_init(r), 0);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool set = strncmp(line, "-c ", 3) == 0;
		char *key = set ? line + 3 : line, *value = strchr(key, '=');

		if (value)
			*value++ = '\0';
		cr_assert_eq(gg_reader_feed(r, set ? "command line" : "file F", key, value), 0);
	}
	cr_assert_eq(gg_reader_settle(r, place), 0);
}

#endif
