/* addname - see addname.h. */
#include "cli/addname.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

enum { MAX_NAME = 255, MAX_PART = 200 };

static const char *part_wrong(const char *s, size_t n)
{
	if (n == 0)
		return "has an empty part between slashes";
	if (n == 2 && strncmp(s, "..", 2) == 0)
		return "has a part '..'";
	if (*s == '.')
		return "has a part that begins with a dot";
	if (n > MAX_PART)
		return "has a part that is too long";
	return NULL;
}

const char *gg_add_name_wrong(const char *name)
{
	size_t n = strlen(name);
	const char *wrong = NULL;

	if (!n)
		return "is empty";
	if (n > MAX_NAME)
		return "is too long";
	if (*name == '/')
		return "begins with a slash; it is a path below gate.basePath";
	if (*name == '-')
		return "begins with a dash";
	for (size_t i = 0, len; i < n; i += len) {
		len = gg_utf8_len(name + i, n - i);
		if (!len)
			return "is not UTF-8";
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return "has a control character";
	}
	for (const char *s = name; s && !wrong; s = strchr(s, '/') ? strchr(s, '/') + 1 : NULL)
		wrong = part_wrong(s, strcspn(s, "/"));
	return wrong;
}
