/* servicechild - see servicechild.h. */
#include "supervisor/servicechild.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/headroom.h"
#include "base/pidfd.h"
#include "base/service.h"
#include "base/spawn.h"
#include "daemon-wrap/argv.h"
#include "supervisor/childend.h"
#include "supervisor/group.h"

#define CALM_S 0.05  /* a flood is read a pipe at a time, this far apart: its writer waits, not the gate */
#define CLEAR_S 0.02 /* between looks at a group that is about to go */
#define CLEAR_MAX_MS 5000 /* after SIGKILL; then it is in the kernel's hands */
#define TELL_EVERY_MS 10000

void gg_child_add_status(struct gg_buf *b, int status)
{
	if (WIFSIGNALED(status))
		gg_buf_add(b, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		gg_buf_add(b, "exit status %d", WEXITSTATUS(status));
}

/* --- output --- */

static void on_line(const char *line, void *arg)
{
	struct gg_child *c = arg;

	c->calls->line(c, line);
}

static void tell_dropped(struct gg_child *c, int64_t now)
{
	char mem[80];
	struct gg_buf b = GG_BUF(mem);

	if (c->lines.dropped == c->told_dropped)
		return;
	gg_buf_add(&b, "%llu lines of its output were over the rate and are not here",
		   (unsigned long long)(c->lines.dropped - c->told_dropped));
	c->told_dropped = c->lines.dropped;
	c->told_ms = now;
	c->calls->line(c, b.s);
}

static void on_output(EV_P_ ev_io *w, int revents)
{
	struct gg_child *c = w->data;
	uint64_t before = c->lines.dropped;
	int64_t now = gg_now_ms();
	bool more = gg_loglines_read(&c->lines, w->fd, now);

	if (revents & EV_ERROR) { /* libev has given it up: the kernel watches no more for us now */
		ev_timer_set(&c->calm, CALM_S, 0.);
		ev_timer_start(EV_A_ & c->calm);
		return;
	}
	if (!more || c->lines.dropped != before)
		ev_io_stop(EV_A_ w);
	if (more && c->lines.dropped != before) {
		ev_timer_set(&c->calm, CALM_S, 0.);
		ev_timer_start(EV_A_ & c->calm);
	}
	if (now - c->told_ms >= TELL_EVERY_MS)
		tell_dropped(c, now);
}

static void on_calm(EV_P_ ev_timer *w, int revents)
{
	struct gg_child *c = w->data;

	(void)revents;
	ev_io_start(EV_A_ & c->out);
}

static void close_output(struct gg_child *c)
{
	int64_t now = gg_now_ms();

	if (c->out.fd < 0)
		return;
	ev_timer_stop(c->loop, &c->calm);
	ev_io_stop(c->loop, &c->out);
	gg_loglines_read(&c->lines, c->out.fd, now); /* more than a pipe holds, so all that is left */
	gg_loglines_end(&c->lines);
	tell_dropped(c, now);
	close(c->out.fd);
	c->out.fd = -1;
}

/* --- the end --- */

static void forget(struct gg_child *c)
{
	close_output(c);
	gg_probe_stop(&c->probe);
	ev_child_stop(c->loop, &c->child);
	ev_io_stop(c->loop, &c->ended);
	ev_timer_stop(c->loop, &c->clear);
	gg_close_fd(&c->pidfd);
	c->pid = 0;
}

/*
 * Linux keeps a number out of use while any process has it as pid or process group: it is our leader's until
 * that was waited for, then nobody's for as long as the group is there. Whoever has it later is not ours.
 * Asks for neither memory nor descriptors, so that it is known whatever the machine lacks.
 */
static bool is_ours(const struct gg_child *c)
{
	return gg_pidfd_signal(c->pidfd, 0) != -ESRCH || (kill(c->pid, 0) < 0 && errno == ESRCH);
}

/*
 * 0: nobody of it is left; -errno: that cannot be told now, and the signal may not have been sent. Sessions
 * below a watched service go on without it.
 */
static int signal_group(const struct gg_child *c, int sig)
{
	if (!is_ours(c))
		return 0;
	if (c->conf->watch)
		return gg_group_signal_spared(c->pid, sig);
	return kill(-c->pid, sig) == 0 || errno != ESRCH;
}

void gg_child_kill(struct gg_child *c)
{
	if (!c->pid)
		return;
	c->killed = true;
	c->clear_ms = gg_now_ms();
	if (!c->exited)
		gg_pidfd_signal(c->pidfd, SIGKILL);
	signal_group(c, SIGKILL);
}

/* What it has not been told yet; SIGKILL again, to whoever came from a fork in its way. */
static int look_at_group(struct gg_child *c)
{
	int r = signal_group(c, c->killed ? SIGKILL : c->told ? 0 : c->asked);

	if (r >= 0)
		c->told = true;
	else if (gg_is_shortage(-r) && !c->asked)
		c->clear_ms = gg_now_ms(); /* it is not the kernel that we wait for */
	return r;
}

static void clear_group(struct gg_child *c)
{
	bool lives = look_at_group(c) != 0;

	/* nobody asked it to end, so nobody waits for the rest: it would be in the way of the next run */
	if (lives && !c->asked && !c->killed)
		gg_child_kill(c);
	if (!lives || (c->killed && gg_now_ms() - c->clear_ms > CLEAR_MAX_MS)) {
		forget(c);
		c->calls->gone(c);
		return;
	}
	ev_timer_set(&c->clear, CLEAR_S, 0.);
	ev_timer_start(c->loop, &c->clear);
}

static void on_clear(EV_P_ ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	clear_group(w->data);
}

static void on_exit_of_leader(EV_P_ ev_child *w, int revents)
{
	struct gg_child *c = w->data;

	(void)revents;
	ev_child_stop(EV_A_ w);
	ev_io_stop(EV_A_ & c->ended);
	gg_probe_stop(&c->probe);
	c->exited = true;
	c->status = w->rstatus;
	c->ended_ms = gg_now_ms();
	clear_group(c);
}

void gg_child_ask(struct gg_child *c, int sig)
{
	if (!c->pid)
		return;
	c->asked = sig;
	gg_pidfd_signal(c->pidfd, sig);
}

void gg_child_close(struct gg_child *c)
{
	gg_child_kill(c);
	forget(c);
}

/* --- the start --- */

/* Value of NAME in the service's own environment, the last one; NULL. */
static const char *own_env(const struct gg_service_conf *conf, const char *name, size_t n)
{
	for (size_t i = conf->environment.n; i-- > 0;)
		if (!strncmp(conf->environment.v[i], name, n) && conf->environment.v[i][n] == '=')
			return conf->environment.v[i] + n + 1;
	return NULL;
}

static int make_env(const struct gg_child *c, const char *path, const char *instance, bool fd,
		    struct gg_strv *ret)
{
	const struct gg_list *own = &c->conf->environment;
	int r = 0;

	if (!own_env(c->conf, "PATH", 4))
		r = gg_strv_add(ret, "PATH=%s", path);
	if (r == 0 && !own_env(c->conf, "LC_ALL", 6))
		r = gg_strv_add(ret, "LC_ALL=C.UTF-8");
	r = r ? r : gg_strv_add(ret, "GIT_GATE_SERVICE=%s", c->conf->name);
	r = r ? r : gg_strv_add(ret, "GIT_GATE_INSTANCE=%s", instance);
	if (r == 0 && fd)
		r = gg_strv_add(ret, "READY_FD=3");
	for (size_t i = 0; r == 0 && i < own->n; i++) {
		size_t n = strcspn(own->v[i], "=");

		/* of a name that is there twice the last counts */
		if (own_env(c->conf, own->v[i], n) == own->v[i] + n + 1)
			r = gg_strv_add(ret, "%s", own->v[i]);
	}
	return r;
}

static int make_argv(const struct gg_service_conf *conf, struct gg_strv *ret)
{
	struct gg_list words = { 0 };
	const char *why;
	int r = gg_split_words(conf->command, &words, &why);

	if (r == 0 && !words.n)
		r = -EINVAL;
	for (size_t i = 0; r == 0 && i < words.n; i++)
		r = gg_strv_add(ret, "%s", words.v[i]);
	gg_list_clear(&words);
	return r;
}

/* The program, its words and its environment, then the process. */
static int spawn(struct gg_child *c, const char *path, const char *instance, int out, int ready)
{
	struct gg_strv argv = { 0 }, env = { 0 };
	struct gg_spawn sp = { .in = -1, .out = out, .err = out, .extra = ready, .new_session = true };
	const char *own_path = own_env(c->conf, "PATH", 4);
	char prog[PATH_MAX];
	int r = make_argv(c->conf, &argv);

	r = r ? r : make_env(c, path, instance, ready >= 0, &env);
	if (r == 0 && argv.v[0][0] != '/')
		r = gg_path_search(argv.v[0], own_path ? own_path : path, prog, sizeof(prog));
	if (r == 0) {
		sp.path = argv.v[0][0] == '/' ? argv.v[0] : prog;
		sp.argv = argv.v;
		sp.envp = env.v;
		r = gg_spawn(&sp, &c->pid, &c->pidfd);
	}
	gg_strv_free(&argv);
	gg_strv_free(&env);
	return r;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = p[0];
	*ret_write = p[1];
	return fcntl(p[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int gg_child_start(struct gg_child *c, const char *path, const char *instance)
{
	AUTO_CLOSE int out_r = -1, out_w = -1, ready_r = -1, ready_w = -1;
	struct gg_addr addr;
	const char *why;
	int kind = gg_ready_parse(c->conf->ready, &addr, &why);
	int r = make_pipe(&out_r, &out_w);

	if (r == 0 && kind == GG_READY_FD)
		r = make_pipe(&ready_r, &ready_w);
	c->exited = c->told = c->killed = false;
	c->asked = 0;
	r = r ? r : spawn(c, path, instance, out_w, ready_w);
	if (r < 0) {
		c->pid = 0;
		return r;
	}
	c->last_pid = c->pid;
	c->started_ms = gg_now_ms();
	ev_child_set(&c->child, c->pid, 0);
	ev_child_start(c->loop, &c->child);
	gg_childend_watch(c->loop, &c->ended, c->pidfd);
	ev_io_set(&c->out, gg_take_fd(&out_r), EV_READ);
	ev_io_start(c->loop, &c->out);
	if (kind == GG_READY_FD)
		gg_probe_fd(&c->probe, gg_take_fd(&ready_r));
	else if (kind == GG_READY_PORT)
		gg_probe_port(&c->probe, &addr);
	return 0;
}

static void on_ready(void *arg)
{
	struct gg_child *c = arg;

	c->calls->ready(c);
}

void gg_child_init(struct gg_child *c, struct ev_loop *loop, const struct gg_service_conf *conf,
		   const struct gg_child_calls *calls, void *arg)
{
	*c = (struct gg_child){ .conf = conf, .calls = calls, .arg = arg, .loop = loop, .pidfd = -1 };
	c->told_ms = gg_now_ms() - TELL_EVERY_MS;
	gg_loglines_init(&c->lines, on_line, c);
	gg_probe_init(&c->probe, loop, on_ready, c);
	ev_child_init(&c->child, on_exit_of_leader, 0, 0);
	ev_io_init(&c->out, on_output, -1, EV_READ);
	ev_timer_init(&c->calm, on_calm, CALM_S, 0.);
	ev_timer_init(&c->clear, on_clear, CLEAR_S, 0.);
	c->child.data = c->out.data = c->calm.data = c->clear.data = c;
}
