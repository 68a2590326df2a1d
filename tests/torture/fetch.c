#include "tests/torture/fetch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/torture/wire.h"

#define FLUSH "0000"
#define DELIM "0001"

/* Packets, and FLUSH and DELIM as they are, up to NULL. */
static size_t build(char *buf, size_t size, const char *const parts[])
{
	size_t at = 0;

	for (; *parts; parts++) {
		bool special = !strcmp(*parts, FLUSH) || !strcmp(*parts, DELIM);

		if (!special) {
			if (!gg_wire_put(buf, size, &at, *parts, strlen(*parts)))
				return 0;
		} else if (size - at < 4) {
			return 0;
		} else {
			memcpy(buf + at, *parts, 4);
			at += 4;
		}
	}
	return at;
}

size_t gg_fetch_v0(char *buf, size_t size, const char *oid)
{
	char want[160];
	const char *const parts[] = { want, FLUSH, "done\n", NULL };

	snprintf(want, sizeof(want), "want %s side-band-64k no-progress ofs-delta\n", oid);
	return build(buf, size, parts);
}

size_t gg_fetch_v2(char *buf, size_t size, const char *oid)
{
	char want[160];
	const char *const parts[] = {
		"command=fetch\n", DELIM, "no-progress\n", "ofs-delta\n", want, "done\n", FLUSH, NULL
	};

	snprintf(want, sizeof(want), "want %s\n", oid);
	return build(buf, size, parts);
}

size_t gg_fetch_refs(char *buf, size_t size)
{
	const char *const parts[] = { "command=ls-refs\n", DELIM, FLUSH, NULL };

	return build(buf, size, parts);
}

size_t gg_fetch_archive(char *buf, size_t size, const char *branch)
{
	char arg[160];
	const char *const parts[] = { arg, FLUSH, NULL };

	snprintf(arg, sizeof(arg), "argument %s\n", branch);
	return build(buf, size, parts);
}
