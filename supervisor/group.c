/* group - signal a process group but its git sessions. See group.h. */
#include "supervisor/group.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/pidfd.h"
#include "reaper/find.h"

int gg_group_signal_spared(pid_t pgrp, int sig)
{
	AUTO_FREE struct gg_proctable_row *v = NULL;
	int r, others = 0;
	size_t n;

	r = gg_proctable_read(&v, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (v[i].pgrp != pgrp || v[i].zombie || gg_find_in_session(v, n, &v[i]))
			continue;
		others++;
		if (sig)
			gg_proc_signal(v[i].pid, v[i].start_tick, sig);
	}
	return others;
}
