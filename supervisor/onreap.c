/* onreap - run the operator's command for each session that was ended. See onreap.h. */
#include "supervisor/onreap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/headroom.h"
#include "base/pidfd.h"
#include "base/service.h"
#include "base/spawn.h"
#include "supervisor/childend.h"
#include "supervisor/gate.h"
#include "base/jsonmem.h"
#include "supervisor/loglines.h"
#include "supervisor/report.h"

#define SAY_EVERY_MS 10000 /* how many were left out */

struct record {
	char id[GG_ID_SIZE];
	char *json; /* owned, with its newline */
	struct record *next;
};

struct run {
	struct gg_onreap *all;
	struct record *record; /* NULL: this place is free */
	pid_t pid;
	int pidfd;
	bool late; /* it was killed for its deadline */
	ev_child child;
	ev_io ended; /* on pidfd */
	ev_io out;
	ev_timer limit;
	struct gg_loglines lines;
};

struct gg_onreap {
	struct gg_gate *gate;
	struct run run[GG_ONREAP_RUNNING];
	struct record *first, **last; /* that wait, oldest first */
	size_t waiting;
	uint64_t dropped; /* since that was last said */
	int64_t said_ms;  /* when that was; 0: never */
	ev_timer patience;
	bool asked; /* the gate stops */
	bool over;  /* and waits no longer */
};

static void record_free(struct record *r)
{
	if (r)
		free(r->json);
	free(r);
}

static void failed(const struct record *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void failed(const struct record *r, const char *fmt, ...)
{
	struct gg_fields f = { GG_NO_FIELDS, .session = r ? r->id : NULL, .key = "reaper.onReap" };
	char mem[500];
	struct gg_buf b = GG_BUF(mem);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&b, fmt, ap);
	va_end(ap);
	gg_event(GG_EV_ONREAP_FAILED, &f, "%s", b.s);
}

static void on_line(const char *line, void *arg)
{
	const struct run *r = arg;
	struct gg_fields f = { GG_NO_FIELDS, .session = r->record->id };

	gg_event(GG_EV_ONREAP_LOG, &f, "%s", line);
}

static void on_output(EV_P_ ev_io *w, int revents)
{
	struct run *r = w->data;

	(void)revents;
	if (gg_loglines_read(&r->lines, w->fd, gg_now_ms()) == 0)
		ev_io_stop(EV_A_ w);
}

/* The command's whole group: it may have started others, which hold its output. */
static void kill_run(struct run *r)
{
	if (gg_pidfd_signal(r->pidfd, 0) == 0)
		kill(-r->pid, SIGKILL);
	gg_pidfd_signal(r->pidfd, SIGKILL);
}

static void on_limit(EV_P_ ev_timer *w, int revents)
{
	struct run *r = w->data;

	(void)loop;
	(void)revents;
	r->late = true;
	kill_run(r);
}

static void say_end(const struct run *r, int status)
{
	char mem[32];
	struct gg_buf limit = GG_BUF(mem);

	if (r->late) {
		gg_duration_add(&limit, r->all->gate->conf->on_reap_ms);
		failed(r->record, "it took longer than deadline.onReap (%s), and was ended", limit.s);
	} else if (WIFSIGNALED(status)) {
		failed(r->record, "it was ended by signal %d", WTERMSIG(status));
	} else if (WEXITSTATUS(status)) {
		failed(r->record, "its exit status is %d", WEXITSTATUS(status));
	}
	if (r->lines.dropped)
		failed(r->record, "%llu lines of its output were over the rate",
		       (unsigned long long)r->lines.dropped);
}

static void close_run(struct run *r)
{
	struct ev_loop *loop = r->all->gate->loop;

	ev_io_stop(loop, &r->out);
	ev_timer_stop(loop, &r->limit);
	ev_child_stop(loop, &r->child);
	ev_io_stop(loop, &r->ended);
	close(r->out.fd);
	gg_close_fd(&r->pidfd);
	record_free(r->record);
	r->record = NULL;
}

static void start_waiting(struct gg_onreap *o);

static void on_exit_of(EV_P_ ev_child *w, int revents)
{
	struct run *r = w->data;
	struct gg_onreap *o = r->all;

	(void)revents;
	(void)loop;
	/* what it printed; who else holds the pipe is not waited for */
	gg_loglines_read(&r->lines, r->out.fd, gg_now_ms());
	gg_loglines_end(&r->lines);
	if (!o->over) /* else all has been said, and nothing more is begun */
		say_end(r, w->rstatus);
	close_run(r);
	if (!o->over)
		start_waiting(o);
	if (o->asked)
		gg_gate_session_gone(o->gate);
}

/* A file in memory, from its beginning: whoever does not read it holds nobody up. */
static int file_of(const struct record *r)
{
	int fd = memfd_create("git-gate-record", MFD_CLOEXEC);
	size_t n = strlen(r->json);

	if (fd < 0)
		return -errno;
	if (write(fd, r->json, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int spawn(struct run *r, const struct gg_list *words, int in, int out)
{
	const struct gg_gate *g = r->all->gate;
	struct gg_strv argv = { 0 }, env = { 0 };
	struct gg_spawn sp = {
		.path = words->v[0], .in = in, .out = out, .err = out, .extra = -1, .new_session = true
	};
	int e = 0;

	for (size_t i = 0; i < words->n && e == 0; i++)
		e = gg_strv_add(&argv, "%s", words->v[i]);
	e = e ? e : gg_strv_add(&env, "PATH=%s", g->path);
	e = e ? e : gg_strv_add(&env, "LC_ALL=C.UTF-8");
	sp.argv = argv.v;
	sp.envp = env.v;
	e = e ? e : gg_spawn(&sp, &r->pid, &r->pidfd);
	gg_strv_free(&argv);
	gg_strv_free(&env);
	return e;
}

static void watch(struct run *r, int out)
{
	struct gg_gate *g = r->all->gate;

	r->late = false;
	gg_loglines_init(&r->lines, on_line, r);
	ev_child_init(&r->child, on_exit_of, r->pid, 0);
	ev_io_init(&r->out, on_output, out, EV_READ);
	ev_timer_init(&r->limit, on_limit, (double)g->conf->on_reap_ms / 1000., 0.);
	r->child.data = r->out.data = r->limit.data = r;
	ev_child_start(g->loop, &r->child);
	gg_childend_watch(g->loop, &r->ended, r->pidfd);
	ev_io_start(g->loop, &r->out);
	ev_timer_start(g->loop, &r->limit);
}

/* The record is r's from then on when 0 is returned. */
static int start(struct run *r, struct record *record, const struct gg_list *words)
{
	AUTO_CLOSE int in = file_of(record), out_r = -1, out_w = -1;
	int p[2], e;

	if (in < 0)
		return in;
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	out_r = p[0], out_w = p[1];
	if (fcntl(out_r, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	e = spawn(r, words, in, out_w);
	if (e < 0)
		return e;
	r->record = record;
	watch(r, gg_take_fd(&out_r));
	return 0;
}

static struct run *free_place(struct gg_onreap *o)
{
	for (size_t i = 0; i < GG_ONREAP_RUNNING; i++)
		if (!o->run[i].record)
			return &o->run[i];
	return NULL;
}

static struct record *take(struct gg_onreap *o)
{
	struct record *r = o->first;

	o->first = r->next;
	if (!o->first)
		o->last = &o->first;
	o->waiting--;
	return r;
}

/* At once, and not only when there is room again: commands that hang leave none for long. */
static void say_dropped(struct gg_onreap *o, bool whenever)
{
	int64_t now = gg_now_ms();

	if (!o->dropped || (!whenever && o->said_ms && now - o->said_ms < SAY_EVERY_MS))
		return;
	failed(NULL, "it is too slow, or memory lacks: %llu records were not given to it",
	       (unsigned long long)o->dropped);
	o->dropped = 0;
	o->said_ms = now;
}

static void start_waiting(struct gg_onreap *o)
{
	struct gg_list words = { 0 };
	const char *why;
	struct run *r;
	int split = gg_split_words(o->gate->conf->on_reap, &words, &why);

	while (o->first && (r = free_place(o))) {
		struct record *record = take(o);
		/* none: a reload took it away */
		int e = split < 0 ? split : words.n ? start(r, record, &words) : -ENOENT;

		if (e == 0)
			continue;
		if (split < 0 || words.n)
			failed(record, "%s cannot be started: %s", split < 0 ? "it" : words.v[0],
			       strerror(-e));
		record_free(record);
	}
	gg_list_clear(&words);
	say_dropped(o, !o->first);
}

static struct record *make_record(const struct gg_ended *e)
{
	uint64_t lacks = gg_jsonmem_lacks();
	json_t *j = gg_report_ended_whole(e);
	AUTO_FREE char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	struct record *r = calloc(1, sizeof(*r));

	json_decref(j);
	if (!text || gg_jsonmem_lacks() != lacks || !r || asprintf(&r->json, "%s\n", text) < 0) {
		free(r);
		return NULL;
	}
	memcpy(r->id, e->id, sizeof(r->id));
	return r;
}

void gg_onreap_add(struct gg_gate *g, const struct gg_ended *e)
{
	struct gg_onreap *o = g->onreap;
	struct record *r;

	if (!g->conf->on_reap[0] || !e->reason)
		return;
	r = o->waiting < GG_ONREAP_WAITING ? make_record(e) : NULL;
	if (!r) {
		o->dropped++;
		say_dropped(o, false);
		return;
	}
	*o->last = r;
	o->last = &r->next;
	o->waiting++;
	start_waiting(o);
}

static bool idle(const struct gg_onreap *o)
{
	for (size_t i = 0; i < GG_ONREAP_RUNNING; i++)
		if (o->run[i].record)
			return false;
	return !o->first;
}

static void on_patience(EV_P_ ev_timer *w, int revents)
{
	struct gg_onreap *o = w->data;

	(void)loop;
	(void)revents;
	o->over = true;
	say_dropped(o, true);
	if (o->waiting)
		failed(NULL, "the gate stops: %zu records were not given to it", o->waiting);
	for (size_t i = 0; i < GG_ONREAP_RUNNING; i++)
		if (o->run[i].record)
			failed(o->run[i].record, "the gate stops: it was ended");
	gg_gate_session_gone(o->gate);
}

bool gg_onreap_gone(struct gg_gate *g)
{
	struct gg_onreap *o = g->onreap;

	if (o->over || idle(o))
		return true;
	if (!o->asked) {
		o->asked = true;
		ev_timer_set(&o->patience, (double)g->reaper.lim.grace / 1000., 0.);
		ev_timer_start(g->loop, &o->patience);
	}
	return false;
}

int gg_onreap_open(struct gg_gate *g)
{
	struct gg_onreap *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->gate = g;
	o->last = &o->first;
	for (size_t i = 0; i < GG_ONREAP_RUNNING; i++) {
		o->run[i].all = o;
		o->run[i].pidfd = -1;
	}
	ev_timer_init(&o->patience, on_patience, 0., 0.);
	o->patience.data = o;
	g->onreap = o;
	return 0;
}

void gg_onreap_free(struct gg_gate *g)
{
	struct gg_onreap *o = g->onreap;

	if (!o)
		return;
	ev_timer_stop(g->loop, &o->patience);
	for (size_t i = 0; i < GG_ONREAP_RUNNING; i++)
		if (o->run[i].record) {
			kill_run(&o->run[i]);
			close_run(&o->run[i]);
		}
	while (o->first)
		record_free(take(o));
	free(o);
	g->onreap = NULL;
}
