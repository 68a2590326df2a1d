/* watch - look below a process for git sessions that it began. See watch.h. */
#include "supervisor/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "reaper/procfs.h"
#include "supervisor/foster.h"

#define FAILED_EVERY_MS 60000

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static int look(struct gg_watch *w)
{
	struct gg_gate *g = w->gate;
	AUTO_FREE struct gg_found *found = NULL;
	AUTO_FREE pid_t *known = calloc(g->reg.n + 1, sizeof(*known));
	size_t n = 0, nknown = 0;
	int r = 0;

	if (!known)
		return -ENOMEM;
	for (size_t i = 0; i < g->reg.n; i++)
		if (!g->reg.v[i]->root_gone)
			known[nknown++] = g->reg.v[i]->root;
	qsort(known, nknown, sizeof(*known), compare_pids);
	r = gg_find_sessions(w->top, known, nknown, &found, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = gg_foster_watch(g, &found[i], w->name);
		if (r == -ESRCH)
			r = 0;
	}
	return r;
}

static void on_timer(EV_P_ ev_timer *t, int revents)
{
	struct gg_watch *w = t->data;
	int64_t now = gg_now_ms();
	int r = look(w);

	(void)revents;
	if (r < 0 && r != -ESRCH && (w->failed_ms < 0 || now - w->failed_ms >= FAILED_EVERY_MS)) {
		w->failed_ms = now;
		gg_event(GG_EV_SCAN_FAILED, NULL, "cannot look for sessions below %s: %s", w->name,
			 strerror(-r));
	}
	/* together with the samples of the sessions, so that all share one wake-up */
	ev_now_update(EV_A);
	ev_timer_set(t, (double)(gg_policy_next_sample(&w->gate->reaper.lim, now) - now) / 1000., 0.);
	ev_timer_start(EV_A_ t);
}

void gg_watch_init(struct gg_watch *w, struct gg_gate *g, const char *name)
{
	*w = (struct gg_watch){ .gate = g, .failed_ms = -1 };
	snprintf(w->name, sizeof(w->name), "%s", name);
	ev_timer_init(&w->timer, on_timer, 0., 0.);
	w->timer.data = w;
}

void gg_watch_start(struct gg_watch *w, pid_t top)
{
	gg_watch_stop(w);
	w->top = top;
	on_timer(w->gate->loop, &w->timer, 0);
}

void gg_watch_stop(struct gg_watch *w)
{
	w->top = 0;
	ev_timer_stop(w->gate->loop, &w->timer);
}

/* --- a process that someone else runs --- */

struct gg_watch_pid {
	struct gg_watch watch;
	ev_io gone; /* its pidfd */
};

static void on_gone(EV_P_ ev_io *io, int revents)
{
	struct gg_watch_pid *w = io->data;

	(void)revents;
	ev_io_stop(EV_A_ io);
	gg_watch_stop(&w->watch);
	gg_event(GG_EV_WATCH_ENDED, NULL, "%s has ended; its %zu sessions are followed to their ends",
		 w->watch.name, w->watch.gate->reg.n);
	gg_gate_run_out(w->watch.gate);
}

int gg_watch_open(struct gg_gate *g, pid_t pid, struct gg_buf *err)
{
	char name[GG_WATCH_SIZE], argv[200] = "", mem[300];
	struct gg_buf what = GG_BUF(mem);
	struct gg_watch_pid *w;
	struct gg_pstat st;
	size_t n = 0;
	int fd = -1, r = gg_pstat_read(pid, &st);

	r = r ? r : gg_pidfd_open(pid, st.start_tick, &fd);
	if (r < 0) {
		gg_buf_add(err, "cannot watch process %d: %s", (int)pid,
			   r == -ENOENT || r == -ESRCH ? "there is none with that number" : strerror(-r));
		return r;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		close(fd);
		return -ENOMEM;
	}
	g->watch = w;
	snprintf(name, sizeof(name), "pid %d", (int)pid);
	gg_watch_init(&w->watch, g, name);
	ev_io_init(&w->gone, on_gone, fd, EV_READ);
	w->gone.data = w;
	ev_io_start(g->loop, &w->gone);
	gg_procfs_argv(pid, argv, sizeof(argv), &n);
	for (size_t i = 0; i + 1 < n; i++)
		argv[i] = argv[i] ? argv[i] : ' ';
	gg_escape(&what, argv, strlen(argv), 200);
	gg_event(GG_EV_WATCH_STARTED, NULL, "watching pid %d (%s), mode %s", (int)pid, what.s,
		 g->reaper.observe ? "observe" : "enforce");
	gg_watch_start(&w->watch, pid);
	return 0;
}

void gg_watch_close(struct gg_gate *g)
{
	struct gg_watch_pid *w = g->watch;

	if (!w)
		return;
	gg_watch_stop(&w->watch);
	ev_io_stop(g->loop, &w->gone);
	close(w->gone.fd);
	free(w);
	g->watch = NULL;
}
