/* gate - the running gate: start, loop, drain, end. See gate.h. Glue. */
#include "supervisor/gate.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/headroom.h"
#include "base/libsystemd.h"
#include "base/userentry.h"
#include "supervisor/adminservice.h"
#include "supervisor/admit.h"
#include "supervisor/cgroups.h"
#include "supervisor/childend.h"
#include "supervisor/control.h"
#include "supervisor/foster.h"
#include "supervisor/janitor.h"
#include "supervisor/lameduck.h"
#include "supervisor/linger.h"
#include "supervisor/loopmem.h"
#include "supervisor/predecessor.h"
#include "supervisor/proxied.h"
#include "supervisor/recent.h"
#include "supervisor/remains.h"
#include "supervisor/listen.h"
#include "supervisor/onreap.h"
#include "supervisor/service.h"
#include "supervisor/session.h"
#include "supervisor/sessionio.h"
#include "supervisor/setup.h"
#include "supervisor/signals.h"
#include "supervisor/state.h"
#include "supervisor/watch.h"

#define STATUS_EVERY_MS 5000 /* STATUS= for systemctl status, when something changed */
#define HURRY_GRACE_MS 100   /* between steps once "at once" was asked for */
#define EXTEND_S 5	     /* between two requests for more time; each asks for three times that */
#define SOON_MS 100	     /* for what would fail again at once */
#define PATIENCE_GRACES 6    /* after this many graces whatever is left is left */

static const char stopping[] = "the gate is stopping, try again";

/* New clients are not served: nor are those kept that could ask for more. */
static bool closing(const struct gg_gate *g)
{
	return g->stage >= GG_DRAINING || g->drained;
}

void gg_gate_set_limits(struct gg_gate *g)
{
	const struct gg_conf *c = g->conf;

	g->reaper.lim = (struct gg_limits){
		.init = c->init_ms,
		.commands = c->commands_ms,
		.pack_start = c->pack_start_ms,
		.idle = c->idle_ms,
		.hook = c->hook_ms,
		.work = c->work_ms,
		.session = c->session_ms,
		.grace = c->grace_ms,
		.keep = closing(g) && c->grace_ms < c->init_ms ? c->grace_ms : c->init_ms,
		.rate_min = c->rate_min,
		.rate_window = c->rate_window_ms,
	};
	g->reaper.lim.period = gg_policy_period(&g->reaper.lim);
	g->reaper.observe = c->mode == GG_MODE_OBSERVE;
}

static void set_up_reaper(struct gg_gate *g)
{
	gg_gate_set_limits(g);
	g->reaper.reg = &g->reg;
	g->reaper.scan_failed_ms = -1;
	g->reaper.finish = gg_session_finish;
	g->reaper.served = gg_session_served;
	g->reaper.reroot = gg_foster_reroot;
	g->reaper.arg = g;
}

/* Returns when to be called again though nothing else happens until then; GG_NEVER: what was told still
 * holds. */
static int64_t tell_systemd(struct gg_gate *g, int64_t now)
{
	size_t serving = gg_registry_serving(&g->reg);

	if (g->told_serving == serving && g->told_ended == g->reg.ended_at)
		return GG_NEVER;
	if (now - g->told_ms < STATUS_EVERY_MS)
		return g->told_ms + STATUS_EVERY_MS;
	g->told_ms = now;
	g->told_serving = serving;
	g->told_ended = g->reg.ended_at;
	gg_notify(&g->notify, "STATUS=%s: %zu sessions of %lld; %llu ended, %llu of them by the gate",
		  g->stage == GG_SERVING ? "serving" : "stopping", serving, (long long)g->conf->sessions,
		  (unsigned long long)g->reg.ended_at, (unsigned long long)g->reg.reaped);
	return GG_NEVER;
}

/* At the latest then. What comes sooner is left: to begin anew at each session's start and end would put it
 * off for as long as they come faster than the loop goes round. */
static void arm_tick(struct gg_gate *g, int64_t delay_ms)
{
	double delay = (double)(delay_ms > 0 ? delay_ms : 0) / 1000.;

	if (ev_is_pending(&g->tick))
		return;
	ev_now_update(g->loop);
	if (ev_is_active(&g->tick) && ev_timer_remaining(g->loop, &g->tick) <= delay)
		return;
	ev_timer_stop(g->loop, &g->tick);
	ev_timer_set(&g->tick, delay, 0.);
	ev_timer_start(g->loop, &g->tick);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* One pass of the reaper, now. Returns when the next is due. */
static int64_t pass(struct gg_gate *g, int64_t now)
{
	int64_t begun = now_us(), next;

	gg_sessionio_rewatch(g);
	g->reaper.pressed = gg_admit_pressed(g);
	next = gg_reaper_pass(&g->reaper, now);
	gg_childend_ask(g->loop);
	gg_hist_add(&g->metrics.pass, GG_METRIC_PASS, now_us() - begun);
	return next;
}

static void on_tick(EV_P_ ev_timer *w, int revents)
{
	struct gg_gate *g = w->data;
	int64_t now = gg_now_ms(), next = pass(g, now), tell = tell_systemd(g, now);

	(void)loop;
	(void)revents;
	next = tell < next ? tell : next;
	if (next != GG_NEVER)
		arm_tick(g, next - gg_now_ms());
}

/* systemd's watchdog is fed by what must work: the loop came round, and a pass of the reaper was finished. */
static void on_watchdog(EV_P_ ev_timer *w, int revents)
{
	struct gg_gate *g = w->data;

	on_tick(EV_A_ & g->tick, revents);
	gg_notify(&g->notify, "WATCHDOG=1");
}

static int start_watchdog(struct gg_gate *g, struct gg_buf *err)
{
	AUTO_LIBSYSTEMD struct gg_libsystemd sd = { 0 };
	char mem[512];
	struct gg_buf why = GG_BUF(mem);
	uint64_t usec;
	int r;

	if (!getenv("WATCHDOG_USEC"))
		return 0;
	/* a gate that does not feed it would be killed for that */
	r = gg_libsystemd_load(&sd, &why);
	if (r < 0) {
		gg_buf_add(err, "WATCHDOG_USEC is set, and %s", why.s);
		return r;
	}
	/* 0: it is another process's */
	if (sd.sd_watchdog_enabled(1, &usec) <= 0)
		return 0;
	g->watchdog.repeat = (double)usec / 1e6 / 3.;
	ev_timer_again(g->loop, &g->watchdog);
	return 0;
}

/* TimeoutStopSec= must not cut in while sessions may finish, or are being ended; nor TimeoutStartSec= while
 * services get ready, which have limits of their own. */
static void on_extend(EV_P_ ev_timer *w, int revents)
{
	struct gg_gate *g = w->data;

	(void)loop;
	(void)revents;
	gg_notify(&g->notify, "EXTEND_TIMEOUT_USEC=%d", EXTEND_S * 3 * 1000000);
}

void gg_gate_wake(struct gg_gate *g)
{
	arm_tick(g, 0);
}

void gg_gate_wake_soon(struct gg_gate *g)
{
	arm_tick(g, SOON_MS);
}

void gg_gate_keep_or_close(struct gg_gate *g)
{
	int64_t now = gg_now_ms();

	gg_gate_set_limits(g);
	for (size_t i = 0; i < g->reg.n; i++) {
		struct gg_session *s = g->reg.v[i];

		if (s->root_gone || s->view.phase != GG_PHASE_KEEP_ALIVE)
			continue;
		s->track.look_ms = now; /* the look that the old limit asked for would come too late */
		s->due_ms = now;
	}
	gg_gate_wake(g);
}

/* Not at once: who fetches or pushes sends some requests in a row. */
bool gg_gate_turn_is_over(const struct gg_gate *g, const struct gg_session *s)
{
	return (closing(g) || gg_admit_pressed(g)) && gg_now_ms() - s->accepted_ms >= g->reaper.lim.grace;
}

static void finish_if_empty(struct gg_gate *g)
{
	if (g->stage < GG_DRAINING || g->reg.n)
		return;
	gg_services_stop(g); /* not before: sessions may need them to finish */
	if (!gg_janitor_busy(g->janitor) && gg_services_gone(g) && gg_onreap_gone(g) && gg_remains_gone(g))
		ev_break(g->loop, EVBREAK_ALL);
}

void gg_gate_session_gone(struct gg_gate *g)
{
	gg_listen_retry(g); /* it had descriptors and processes */
	gg_admit_next(g);
	finish_if_empty(g);
}

static void end_everything(struct gg_gate *g)
{
	int64_t now = gg_now_ms();

	ev_timer_stop(g->loop, &g->drain);
	g->stage = GG_ENDING;
	if (gg_remains_begun(g))
		return; /* they have their own clock */
	for (size_t i = 0; i < g->reg.n; i++)
		gg_reaper_end(g->reg.v[i], GG_REASON_DRAIN, g->conf->drain_ms, now);
	gg_services_hurry(g);
	gg_gate_wake(g);
	ev_timer_set(&g->drain, (double)(g->reaper.lim.grace * PATIENCE_GRACES + 1000) / 1000., 0.);
	ev_timer_start(g->loop, &g->drain);
	finish_if_empty(g);
}

static void on_drain_over(EV_P_ ev_timer *w, int revents)
{
	struct gg_gate *g = w->data;

	(void)revents;
	if (g->stage == GG_DRAINING)
		return end_everything(g);
	if (gg_remains_begun(g))
		return;
	gg_event(GG_EV_GATE_ERROR, NULL, "%zu sessions%s could not be ended; stopping without them", g->reg.n,
		 gg_services_gone(g) ? "" : " and services");
	gg_remains_kill(g);
	ev_break(EV_A_ EVBREAK_ALL);
}

/* Sessions of a process that someone else runs are left to it, but for those whose end has begun. */
static void forget_lent(struct gg_gate *g)
{
	for (size_t i = g->reg.n; i-- > 0;)
		if (!g->reg.v[i]->ending.reason)
			gg_foster_forget(g->reg.v[i]);
}

void gg_gate_run_out(struct gg_gate *g)
{
	g->stage = g->stage < GG_DRAINING ? GG_DRAINING : g->stage;
	finish_if_empty(g);
}

void gg_gate_stop(struct gg_gate *g)
{
	char mem[32];
	struct gg_buf limit = GG_BUF(mem);

	if (g->watch) {
		gg_watch_close(g); /* or it would find them again */
		forget_lent(g);
	}
	if (g->stage >= GG_DRAINING) {
		/* asked again: at once */
		if (g->reaper.lim.grace > HURRY_GRACE_MS)
			g->reaper.lim.grace = HURRY_GRACE_MS;
		return end_everything(g);
	}
	gg_lameduck_over(g);
	g->stage = GG_DRAINING;
	on_extend(g->loop, &g->extend, 0);
	ev_timer_again(g->loop, &g->extend);
	gg_notify(&g->notify, "STOPPING=1");
	gg_duration_add(&limit, g->conf->drain_ms);
	gg_event(GG_EV_GATE_STOPPING, NULL, "%zu sessions may finish (deadline.drain %s)", g->reg.n, limit.s);
	gg_listen_close(g);
	gg_proxied_close(g, stopping);
	gg_admit_close(g, stopping);
	gg_services_stop_watched(g);
	gg_gate_keep_or_close(g);
	if (g->conf->drain_ms != GG_NEVER) {
		ev_timer_set(&g->drain, (double)g->conf->drain_ms / 1000., 0.);
		ev_timer_start(g->loop, &g->drain);
	}
	finish_if_empty(g);
}

static void on_never(EV_P_ ev_periodic *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

/*
 * libev wakes up once a minute to see whether the wall clock was set, which we do not care about. From its
 * first periodic watcher on it has a timerfd for that, and sleeps.
 */
static void let_it_sleep(struct ev_loop *loop)
{
	ev_periodic never;

	ev_periodic_init(&never, on_never, 0., 0., NULL);
	ev_periodic_start(loop, &never);
	ev_periodic_stop(loop, &never);
}

static void on_wake(EV_P_ ev_async *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

/*
 * libev watches its own wake-up, by which it hears of signals, from its first pass on. When epoll refuses
 * that for the moment, it is given up without a word; the next watcher of its kind makes it anew. So the
 * first passes are now, while signals are held and nothing else is watched.
 */
static void watch_wake_up(struct ev_loop *loop)
{
	ev_async anew;

	for (int i = 0; i < 2; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		ev_async_init(&anew, on_wake);
		ev_async_start(loop, &anew);
		ev_async_stop(loop, &anew);
	}
}

static int make_instance_id(struct gg_gate *g)
{
	unsigned char raw[16];

	ssize_t n;

	do /* early after boot it waits, and a signal ends that */
		n = getrandom(raw, sizeof(raw), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(raw))
		return n < 0 ? -errno : -EIO;
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(g->instance + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

/* When the machine lacks what it takes the gate does not start: the lock names the dead one still, and the
 * next start looks again. */
static int end_predecessor(struct gg_gate *g, const char *instance, struct gg_buf *err)
{
	int n = g->reaper.observe ? 0 : gg_predecessor_end(g, instance);

	if (gg_is_shortage(-n)) {
		gg_buf_add(err, "cannot look for sessions of the gate before: %s", strerror(-n));
		return n;
	}
	gg_cgroups_end_before(g);
	if (n < 0)
		gg_event(GG_EV_GATE_ERROR, NULL, "cannot look for sessions of the gate before: %s",
			 strerror(-n));
	else if (n > 0)
		gg_event(GG_EV_GATE_PREDECESSOR, NULL,
			 "%d processes of sessions of a gate that died were found; they are ended", n);
	return 0;
}

/* What sessions of our own are made of. */
static int set_up_serving(struct gg_gate *g, struct gg_buf *err)
{
	int r = gg_setup_git(g, err);

	r = r ? r : gg_setup_programs(g, err);
	return r ? r : gg_setup_base_path(g->conf, err);
}

static void make_user_entry(const struct gg_conf *c)
{
	int r = gg_user_entry(GG_USERS, GG_MORE_USERS, geteuid(), c->base_path);

	if (r < 0)
		gg_event(GG_EV_GATE_ERROR, NULL,
			 "uid %u is no user, and " GG_MORE_USERS
			 " cannot be written: %s; ssh cannot ask an upstream",
			 (unsigned)geteuid(), strerror(-r));
}

static int set_up(struct gg_gate *g, struct gg_buf *err)
{
	char warn_mem[300];
	struct gg_buf warn = GG_BUF(warn_mem);
	int r = gg_setup_proc(err);

	r = r ? r : make_instance_id(g);
	r = r ? r : gg_recent_open(&g->recent);
	r = r ? r : gg_remains_open(g);
	if (r == 0 && !g->start->watch)
		r = set_up_serving(g, err);
	r = r ? r : gg_setup_nofile(g->conf, g->start->watch, &g->nofile, &g->room_fds, &warn);
	if (r == 0 && !g->start->watch)
		r = gg_setup_argv(g, g->conf, g->session_argv);
	if (r == 0 && !g->start->watch)
		r = gg_admin_service_open(g, err);
	r = r ? r : gg_registry_init(&g->reg);
	r = r ? r : gg_control_open(g, g->predecessor, err);
	r = r ? r : gg_admit_open(g);
	r = r ? r : gg_proxied_open(g);
	r = r ? r : gg_onreap_open(g);
	r = r ? r : gg_listen_open(g, err);
	if (r < 0)
		return r;
	gg_event_setup(g->conf->log, g->conf->log_level, g->instance);
	if (warn.len)
		gg_event(GG_EV_GATE_LIMITED, NULL, "%s", warn.s);
	/* what a session leaves behind becomes our child; as PID 1 it does anyway */
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		gg_event(GG_EV_GATE_ERROR, NULL,
			 "cannot become a subreaper: %s; processes that leave their session cannot be found",
			 strerror(errno));
	make_user_entry(g->conf);
	r = g->start->watch ? 0 : gg_cgroups_open(g);
	r = r ? r : gg_janitor_start(g);
	if (r == 0 && g->predecessor[0])
		r = end_predecessor(g, g->predecessor, err);
	r = r ? r : start_watchdog(g, err);
	return r ? r : gg_control_sign(g, err);
}

void gg_gate_ready(struct gg_gate *g)
{
	char mem[1024], where_mem[512], status_mem[512];
	struct gg_buf told = GG_BUF(mem), where = GG_BUF(where_mem), status = GG_BUF(status_mem);

	if (g->stage == GG_STARTING) {
		g->stage = GG_SERVING;
		ev_timer_stop(g->loop, &g->extend);
	}
	for (size_t i = 0; i < gg_listen_count(g); i++) {
		gg_buf_add(&where, "%s", i ? ", " : "");
		gg_listen_address(g, i, &where);
	}
	gg_listen_resume(g);
	gg_listen_tell(g, &told);
	gg_event(GG_EV_GATE_READY, NULL, "serving %s in mode %s on %s", g->conf->base_path,
		 g->reaper.observe ? "observe (no session is ended)" : "enforce", told.s);
	gg_buf_add(&status, "serving on %s", where.s);
	gg_notify_ready(&g->notify, g->loop, status.s);
#ifdef __GLIBC__
	malloc_trim(0); /* what only the start needed */
#endif
}

static int serve(struct gg_gate *g, struct gg_buf *err)
{
	char mem[64];
	struct gg_buf status = GG_BUF(mem);
	int r = g->start->watch ? gg_watch_open(g, g->start->watch, err) : gg_services_start(g);

	if (r == 0 && g->start->watch) {
		g->stage = GG_SERVING;
		gg_buf_add(&status, "watching pid %d", (int)g->start->watch);
		gg_notify_ready(&g->notify, g->loop, status.s);
	}
	if (r < 0)
		return r;
	if (g->stage == GG_STARTING)
		ev_timer_again(g->loop, &g->extend);
	let_it_sleep(g->loop);
	gg_signals_let_through();
	gg_logreport_start(&g->logreport, g->loop);
	ev_run(g->loop, 0);
	gg_event(GG_EV_GATE_STOPPED, NULL, "stopped");
	gg_logreport_stop(&g->logreport, g->loop);
	return 0;
}

static void tear_down(struct gg_gate *g)
{
	gg_signals_end(g);
	gg_listen_close(g);
	gg_proxied_close(g, stopping);
	gg_admit_close(g, stopping);
	gg_services_free(g);
	gg_admin_service_free(g);
	gg_watch_close(g);
	gg_control_close(g);
	gg_janitor_free(g);
	gg_onreap_free(g);
	gg_linger_stop(g);
	gg_remains_free(g);
	gg_predecessor_free(g);
	gg_cgroups_close(g);
	gg_orphans_free(&g->reaper.orphans);
	gg_registry_free(&g->reg);
	gg_recent_free(g->recent);
	for (enum gg_transport t = 0; t < GG_NTRANSPORTS; t++) {
		gg_strv_free(&g->session_argv[t]);
		if (g->served[t].fd > 0)
			close(g->served[t].fd);
	}
	ev_timer_stop(g->loop, &g->tick);
	ev_timer_stop(g->loop, &g->drain);
	gg_lameduck_over(g);
	ev_timer_stop(g->loop, &g->watchdog);
	ev_timer_stop(g->loop, &g->extend);
	gg_notify_close(&g->notify, g->loop);
	ev_loop_destroy(g->loop);
}

/*
 * Does epoll take a descriptor more? It counts them for each user (fs.epoll.max_user_watches), and libev
 * fails an assertion when it cannot watch its own. poll(2) needs none of that.
 */
static bool epoll_works(void)
{
	AUTO_CLOSE int epoll = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(0, EFD_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN };

	return epoll >= 0 && fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

int gg_gate_run(const struct gg_gate_start *start)
{
	char err_mem[1024];
	struct gg_buf err = GG_BUF(err_mem);
	struct gg_gate g = {
		.conf = start->conf, .start = start, .started_ms = gg_now_ms(), .started_real = time(NULL)
	};
	int r;

	r = gg_loopmem_open();
	g.loop = r ? NULL : ev_default_loop(epoll_works() ? EVFLAG_AUTO : EVBACKEND_POLL);
	if (!g.loop) {
		fprintf(stderr, "git-gate: cannot make an event loop: %s\n", strerror(r ? -r : errno));
		return 1;
	}
	ev_timer_init(&g.tick, on_tick, 0., 0.);
	ev_timer_init(&g.drain, on_drain_over, 0., 0.);
	gg_lameduck_init(&g);
	ev_timer_init(&g.watchdog, on_watchdog, 0., 0.);
	ev_timer_init(&g.extend, on_extend, EXTEND_S, EXTEND_S);
	g.tick.data = g.drain.data = g.watchdog.data = g.extend.data = &g;
	gg_notify_open(&g.notify);
	gg_signals_catch(&g);
	watch_wake_up(g.loop);
	set_up_reaper(&g);
	r = set_up(&g, &err);
	r = r ? r : serve(&g, &err);
	if (r < 0)
		fprintf(stderr, "git-gate: %s%s\n",
			err.len ? "" : "this machine lets no gate start: ", err.len ? err.s : strerror(-r));
	tear_down(&g);
	return r < 0 ? 2 : g.exit_code;
}
