/* Tests of reaper/cgrouppath.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reaper/cgrouppath.h"

#define V1 "3:memory:/user\n1:name=systemd:/init.scope\n"

Test(cgrouppath, own)
{
	static const struct {
		const char *text;
		int want;
		const char *path;
	} rows[] = {
		{ "0::/system.slice/git-gate.service\n", 0, "/system.slice/git-gate.service" },
		{ "0::/", 0, "/" },
		{ V1 "0::/system.slice/a b.service\n", 0,
		  "/system.slice/a b.service" }, /* a hybrid machine */
		{ V1, -ENOENT, NULL },		 /* v1 only */
		{ "", -ENOENT, NULL },
		{ "10::/no\n", -ENOENT, NULL },
		{ "0::/../../host.service\n", -EINVAL, NULL }, /* moved out of our namespace */
		{ "0::/..\n", -EINVAL, NULL },
		{ "0::/..a/b..\n", 0, "/..a/b.." },
		{ "0::\n", -EINVAL, NULL },
		{ "0::/a-name-longer-than-what-there-is-room-for-here/x\n", -ENAMETOOLONG, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[40] = "";

		cr_expect_eq(gg_cgroup_own(rows[i].text, path, sizeof(path)), rows[i].want, "%s",
			     rows[i].text);
		if (rows[i].path)
			cr_expect_str_eq(path, rows[i].path);
	}
}

#define PROC "21 1 0:19 / /proc rw,nosuid shared:5 - proc proc rw\n"
#define PURE "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define HYBRID \
	"31 23 0:27 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids\n" \
	"32 23 0:28 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"
#define BOUND "40 23 0:26 /pods/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
#define SPACE "41 23 0:26 / /mnt/a\\040b rw master:1 shared:2 - cgroup2 none rw\n"

Test(cgrouppath, dir)
{
	static const struct {
		const char *mounts, *own;
		int want;
		const char *dir;
	} rows[] = {
		{ PROC PURE, "/system.slice/x.service", 0, "/sys/fs/cgroup/system.slice/x.service" },
		{ PROC PURE, "/", 0, "/sys/fs/cgroup" },
		{ HYBRID, "/a", 0, "/sys/fs/cgroup/unified/a" },
		{ BOUND, "/pods/x/y", 0, "/sys/fs/cgroup/y" }, /* a part of the tree, and no namespace */
		{ BOUND, "/pods/x", 0, "/sys/fs/cgroup" },
		{ BOUND, "/pods/xy", -ENOENT, NULL },
		{ PURE SPACE, "/a", 0, "/mnt/a b/a" }, /* the later one */
		{ SPACE BOUND, "/a", 0, "/mnt/a b/a" },
		{ PROC, "/a", -ENOENT, NULL },
		{ "", "/a", -ENOENT, NULL },
		{ "30 - cgroup2 x\n", "/a", -ENOENT, NULL },
		{ "1 2 3 4 5 - cgroup2 x\n", "/a", -ENOENT, NULL },
		{ "1 2 3 / /p - cgroup2 x y", "/a", -ENOENT,
		  NULL }, /* no options: not what the kernel writes */
		{ PURE, "/a-path-that-is-longer-than-what-there-is-room-for-here", -ENAMETOOLONG, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char dir[40] = "";

		cr_expect_eq(gg_cgroup_dir(rows[i].mounts, rows[i].own, dir, sizeof(dir)), rows[i].want,
			     "row %zu", i);
		if (rows[i].dir)
			cr_expect_str_eq(dir, rows[i].dir, "row %zu: %s", i, dir);
	}
}

/* No mount point is as long: the line is none. */
Test(cgrouppath, too_long)
{
	char line[6000], long_name[5000], dir[40];

	memset(long_name, 'a', sizeof(long_name));
	snprintf(line, sizeof(line), "42 23 0:26 / /%.*s rw - cgroup2 none rw\n", (int)sizeof(long_name),
		 long_name);
	cr_expect_eq(gg_cgroup_dir(line, "/a", dir, sizeof(dir)), -ENOENT);
}
