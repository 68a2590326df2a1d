/* cgrouppath - where a process's own cgroup is. See cgrouppath.h. */
#include "reaper/cgrouppath.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FIELDS 5 /* of mountinfo, before the options: id, parent, device, root, mount point */

static bool leads_out(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (!at[3] || at[3] == '/')
			return true;
	return *path != '/';
}

int gg_cgroup_own(const char *text, char *ret, size_t size)
{
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line += 3;
		if ((size_t)(end - line) >= size)
			return -ENAMETOOLONG;
		memcpy(ret, line, (size_t)(end - line));
		ret[end - line] = '\0';
		return leads_out(ret) ? -EINVAL : 0;
	}
	return -ENOENT;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* A field, with \040 for a space and the like undone. False: it does not fit. */
static bool decode(const char *s, size_t n, char *ret, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (len + 1 >= size)
			return false;
		if (s[i] == '\\' && n - i > 3 && is_octal(s[i + 1]) && is_octal(s[i + 2]) &&
		    is_octal(s[i + 3])) {
			ret[len++] = (char)((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + s[i + 3] - '0');
			i += 3;
		} else {
			ret[len++] = s[i];
		}
	}
	ret[len] = '\0';
	return true;
}

/* What of own lies below root, "" for root itself; NULL: it does not. */
static const char *below(const char *own, const char *root)
{
	size_t n = strlen(root);

	if (n == 1) /* "/" */
		return own[1] ? own : "";
	return strncmp(own, root, n) == 0 && (!own[n] || own[n] == '/') ? own + n : NULL;
}

/* Root and mount point of a line of mountinfo that is about a cgroup2. */
static bool parse_line(const char *line, const char *end, char root[static PATH_MAX],
		       char point[static PATH_MAX])
{
	const char *field[FIELDS], *at = line, *type;

	type = memmem(line, (size_t)(end - line), " - cgroup2 ", 11);
	if (!type)
		return false;
	for (int i = 0; i < FIELDS; i++) {
		field[i] = at;
		at = memchr(at, ' ', (size_t)(type - at));
		if (!at)
			return false;
		at++;
	}
	return decode(field[3], (size_t)(field[4] - field[3] - 1), root, PATH_MAX) &&
	       decode(field[4], (size_t)(at - field[4] - 1), point, PATH_MAX) && root[0] == '/' &&
	       point[0] == '/';
}

int gg_cgroup_dir(const char *mountinfo, const char *own, char *ret, size_t size)
{
	int r = -ENOENT;

	/* the last one that matches: what was mounted later is what is seen */
	for (const char *line = mountinfo, *end; *line; line = *end ? end + 1 : end) {
		char root[PATH_MAX], point[PATH_MAX];
		const char *rest;
		int n;

		end = strchrnul(line, '\n');
		if (!parse_line(line, end, root, point))
			continue;
		rest = below(own, root);
		if (!rest)
			continue;
		n = snprintf(ret, size, "%s%s", point, rest);
		r = n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
	}
	return r;
}
