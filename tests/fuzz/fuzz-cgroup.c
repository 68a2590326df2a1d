/* Fuzz reaper/cgrouppath.h: whatever names and mounts a machine has. */
#include <limits.h>

#include "base/cleanup.h"
#include "reaper/cgrouppath.h"
#include "tests/fuzz/fuzz.h"

/* The text is /proc/PID/cgroup up to the first NUL, and mountinfo behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = malloc(n + 2); /* with a NUL for each of them */
	char own[64], dir[PATH_MAX];
	size_t len;

	memcpy(text, data, n);
	text[n] = text[n + 1] = '\0';
	len = strlen(text);
	if (gg_cgroup_own(text, own, sizeof(own)) < 0)
		return 0;
	came_to("a cgroup");
	must(own[0] == '/' && !strstr(own, "/../"));
	if (gg_cgroup_dir(text + len + (len < n), own, dir, sizeof(dir)) == 0) {
		came_to("where it is mounted");
		must(dir[0] == '/');
	}
	return 0;
}
