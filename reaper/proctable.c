/* proctable - all processes of the machine in one pass. See proctable.h. */
#include "reaper/proctable.h"

#include <errno.h>
#include <libproc2/pids.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "reaper/procfs.h"

static void unref(struct pids_info **info)
{
	if (*info)
		procps_pids_unref(info);
}

int gg_proctable_read(struct gg_proctable_row **ret, size_t *ret_n)
{
	/* these come from /proc/PID/stat alone: one file a process */
	static enum pids_item items[] = { PIDS_ID_PID,	PIDS_ID_PPID, PIDS_TICS_BEGAN,
					  PIDS_ID_PGRP, PIDS_STATE,   PIDS_NLWP };
	__attribute__((cleanup(unref))) struct pids_info *info = NULL;
	AUTO_FREE struct gg_proctable_row *v = NULL;
	struct pids_fetch *all;
	size_t n;
	int r = procps_pids_new(&info, items, GG_LEN(items));

	if (r < 0)
		return r;
	all = procps_pids_reap(info, PIDS_FETCH_TASKS_ONLY);
	if (!all)
		return errno ? -errno : -EIO;
	n = (size_t)all->counts->total;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i].pid = PIDS_VAL(0, s_int, all->stacks[i], info);
		v[i].ppid = PIDS_VAL(1, s_int, all->stacks[i], info);
		v[i].start_tick = PIDS_VAL(2, ull_int, all->stacks[i], info);
		v[i].pgrp = PIDS_VAL(3, s_int, all->stacks[i], info);
		v[i].zombie = PIDS_VAL(4, s_ch, all->stacks[i], info) == 'Z' &&
			      PIDS_VAL(5, s_int, all->stacks[i], info) <= 1;
	}
	*ret = gg_take_ptr(&v);
	*ret_n = n;
	return 0;
}

/* By ppid. */
static int table_children(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	AUTO_FREE struct gg_proctable_row *all = NULL;
	size_t count;
	int r = gg_proctable_read(&all, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (all[i].ppid != pid)
			continue;
		if (*n == *size) {
			size_t want = *size ? *size * 2 : 32;
			pid_t *grown = realloc(*v, want * sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			*v = grown;
			*size = want;
		}
		(*v)[(*n)++] = all[i].pid;
	}
	return r;
}

int gg_children(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	size_t before = *n;
	int r = gg_procfs_children(pid, v, n, size);

	if (r != -EOPNOTSUPP)
		return r;
	*n = before;
	return table_children(pid, v, n, size);
}
