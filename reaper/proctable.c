/* proctable - all processes of the machine in one pass. See proctable.h. */
#include "reaper/proctable.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/headroom.h"
#include "base/pstat.h"
#include "reaper/procfs.h"

/* 1: it is in *ret; 0: it has gone meanwhile, or cannot be understood; -errno: the machine lacks something.
 */
static int read_row(pid_t pid, struct gg_proctable_row *ret)
{
	struct gg_pstat st;
	int r = gg_pstat_read(pid, &st);

	if (gg_is_shortage(-r))
		return r;
	if (r < 0)
		return 0;
	*ret = (struct gg_proctable_row){ .pid = pid,
					  .ppid = st.ppid,
					  .pgrp = st.pgrp,
					  .start_tick = st.start_tick,
					  .zombie = st.state == 'Z' && st.nlwp <= 1 };
	return 1;
}

/* There is room for one more behind the n that are there. */
static int make_room(struct gg_proctable_row **v, size_t n, size_t *size)
{
	size_t want = *size ? *size * 2 : 256;
	struct gg_proctable_row *grown;

	if (n < *size)
		return 0;
	grown = realloc(*v, want * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*v = grown;
	*size = want;
	return 0;
}

int gg_proctable_read(struct gg_proctable_row **ret, size_t *ret_n)
{
	AUTO_DIR DIR *dir = opendir("/proc");
	AUTO_FREE struct gg_proctable_row *v = NULL;
	size_t n = 0, size = 0;
	struct dirent *e;
	int r;

	if (!dir)
		return -errno;
	r = make_room(&v, n, &size);
	while (r >= 0 && (e = readdir(dir))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		r = make_room(&v, n, &size);
		r = r ? r : read_row((pid_t)atoi(e->d_name), &v[n]);
		n += r > 0;
	}
	if (r < 0)
		return r;
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

static int children(pid_t pid, bool lone, pid_t **v, size_t *n, size_t *size)
{
	size_t before = *n;
	int r = gg_procfs_children(pid, lone, v, n, size);

	if (r != -EOPNOTSUPP)
		return r;
	*n = before;
	return table_children(pid, v, n, size);
}

int gg_children(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	return children(pid, false, v, n, size);
}

int gg_children_lone(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	return children(pid, true, v, n, size);
}
