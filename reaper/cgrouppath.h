/*
 * cgrouppath - where a process's own cgroup is, from what /proc says. Pure. Used by reaper/cgroup.c, tested
 * by tests/unit/cgrouppath.c and tests/fuzz/fuzz-cgroup.c.
 */
#ifndef GG_REAPER_CGROUPPATH_H
#define GG_REAPER_CGROUPPATH_H

#include <stddef.h>

/*
 * The path of a process in the tree of cgroup v2, from the text of /proc/PID/cgroup. 0; -ENOENT: there is no
 * such tree; -EINVAL: it lies outside of what this cgroup namespace shows; -ENAMETOOLONG.
 */
int gg_cgroup_own(const char *text, char *ret, size_t size);

/*
 * The directory of that path, from the text of /proc/PID/mountinfo: below the last cgroup2 that is mounted
 * and shows it, wherever that is. 0; -ENOENT: none is; -ENAMETOOLONG.
 */
int gg_cgroup_dir(const char *mountinfo, const char *own, char *ret, size_t size);

#endif
