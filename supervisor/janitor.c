/* janitor - have repositories cleaned of what dead pushes left. See janitor.h. */
#include "supervisor/janitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "base/spawn.h"
#include "supervisor/childend.h"
#include "supervisor/gate.h"
#include "supervisor/loglines.h"

#define RETRY_MS 1000	      /* while something is in use, or too young; doubled each time ... */
#define RETRY_PATIENT_MS 8000 /* ... up to this, PATIENT_TRIES times: a push may take minutes */
#define PATIENT_TRIES 60
#define RETRY_MAX_MS 3600000 /* ... and from then on up to an hour */
#define SETTLED_MS 900000    /* after this long since the boot the wall clock is taken to be right */
#define START_MS 50	     /* who waits for the gate to start comes before what was left behind */
#define SHARE 5 /* clients whose pushes fail cannot have it run for more than a fifth of the time */
/* the wall clock moved against the monotonic one by more: birth times mean nothing */
#define CLOCK_STEP_MS 500

struct job {
	char *repo;	   /* owned, but for that of spare; "": all of them */
	int64_t since_ms;  /* CLOCK_REALTIME, ms; 0: anything */
	int64_t offset_ms; /* real time minus monotonic time when the job was made */
	int64_t due_ms, wait_ms;
	int tries;
	struct job *next;
};

struct gg_janitor {
	struct gg_gate *gate;
	struct job *queue;
	struct job *current; /* being done; not in the queue */
	bool missed;	     /* for want of memory some repository was not noted: all are looked at */
	int64_t missed_since_ms;
	struct job spare; /* that look; in the queue, or current, while its repo is set */
	ev_child child;
	ev_io ended; /* on pidfd */
	int pidfd;   /* of the child, while current */
	ev_io out;
	ev_timer timer;
	struct gg_loglines lines;
	int64_t begun_ms, not_before_ms;
	ev_timer progress; /* looks whether the child is stopped */
	uint64_t ticks;	   /* of a processor that it had used by the last look */
};

static void job_free(struct gg_janitor *j, struct job *job)
{
	if (job == &j->spare) {
		job->repo = NULL;
		return;
	}
	if (job)
		free(job->repo);
	free(job);
}

static int64_t clock_offset(void)
{
	return gg_clock_ms(CLOCK_REALTIME) - gg_now_ms();
}

static void schedule(struct gg_janitor *j);

/* rest: "PATH\twhy" */
static void say_failed(const struct gg_fields *f, const char *what, const char *rest)
{
	const char *tab = strchrnul(rest, '\t');

	gg_event(GG_EV_CLEANUP_FAILED, f, "%s %.*s%s%s", what, (int)(tab - rest), rest, *tab ? ": " : "",
		 *tab ? tab + 1 : "");
}

/* A line of cleanup's answer, "removed\tPATH", "kept\tPATH\twhy", …, or of its stderr: why it fails as a
 * whole. */
static void on_line(const char *line, void *arg)
{
	static const char ours[] = "git-gate: ";
	struct gg_janitor *j = arg;
	struct gg_fields f = { GG_NO_FIELDS,
			       .repo = j->current && j->current->repo[0] ? j->current->repo : NULL };
	const char *tab = strchr(line, '\t');

	if (!tab)
		gg_event(GG_EV_CLEANUP_FAILED, &f, "%s",
			 strncmp(line, ours, strlen(ours)) ? line : line + strlen(ours));
	else if (!strncmp(line, "removed\t", 8))
		gg_event(GG_EV_CLEANUP_REMOVED, &f, "removed %s", tab + 1);
	else if (!strncmp(line, "failed\t", 7))
		say_failed(&f, "cannot remove", tab + 1);
	else if (!strncmp(line, "unread\t", 7))
		say_failed(&f, "cannot look into", tab + 1);
}

static void on_output(EV_P_ ev_io *w, int revents)
{
	struct gg_janitor *j = w->data;

	(void)loop;
	(void)revents;
	j->lines.tokens = GG_LOGLINE_BURST; /* ours: no flood to be feared */
	if (gg_loglines_read(&j->lines, w->fd, gg_now_ms()) == 0)
		ev_io_stop(j->gate->loop, w);
}

static void close_out(struct gg_janitor *j)
{
	if (j->out.fd < 0)
		return;
	j->lines.tokens = GG_LOGLINE_BURST;
	do
		errno = 0;
	while (gg_loglines_read(&j->lines, j->out.fd, gg_now_ms()) && errno != EAGAIN);
	gg_loglines_end(&j->lines);
	ev_io_stop(j->gate->loop, &j->out);
	close(j->out.fd);
	j->out.fd = -1;
}

static void again_later(struct gg_janitor *j, struct job *job)
{
	job->wait_ms = job->wait_ms ? job->wait_ms * 2 : RETRY_MS;
	if (++job->tries < PATIENT_TRIES && job->wait_ms > RETRY_PATIENT_MS)
		job->wait_ms = RETRY_PATIENT_MS;
	if (job->wait_ms > RETRY_MAX_MS)
		job->wait_ms = RETRY_MAX_MS;
	job->due_ms = gg_now_ms() + job->wait_ms;
	job->next = j->queue;
	j->queue = job;
}

static void say_ended(const struct gg_janitor *j, int sig)
{
	struct gg_fields f = { GG_NO_FIELDS, .repo = j->current->repo[0] ? j->current->repo : NULL };

	gg_event(GG_EV_CLEANUP_FAILED, &f, "the cleanup was ended by signal %d; tried again later", sig);
}

/* One that is stopped, for as long as a hook may take, would keep all other repositories from being cleaned.
 */
static void on_progress(EV_P_ ev_timer *w, int revents)
{
	struct gg_janitor *j = w->data;
	struct gg_pstat st;

	(void)loop;
	(void)revents;
	if (gg_pstat_read(j->child.pid, &st) < 0)
		return; /* it has ended, or the machine lacks something: at the next look */
	if (st.state == 'T' && st.cpu_ticks == j->ticks)
		gg_pidfd_signal(j->pidfd, SIGKILL);
	j->ticks = st.cpu_ticks;
}

static void watch_progress(struct gg_janitor *j)
{
	int64_t ms = j->gate->conf->hook_ms;

	j->ticks = UINT64_MAX;
	if (ms == GG_NEVER)
		return;
	ev_timer_set(&j->progress, 0., (double)ms / 1000.);
	ev_timer_again(j->gate->loop, &j->progress);
}

static void on_done(EV_P_ ev_child *w, int revents)
{
	struct gg_janitor *j = w->data;
	struct job *job = j->current;

	(void)revents;
	ev_child_stop(EV_A_ w);
	ev_io_stop(EV_A_ & j->ended);
	ev_timer_stop(EV_A_ & j->progress);
	close_out(j);
	gg_close_fd(&j->pidfd);
	if (WIFSIGNALED(w->rstatus))
		say_ended(j, WTERMSIG(w->rstatus));
	j->current = NULL;
	j->not_before_ms = gg_now_ms() + (gg_now_ms() - j->begun_ms) * (SHARE - 1);
	if (WIFEXITED(w->rstatus) && WEXITSTATUS(w->rstatus) == 0)
		job_free(j, job);
	else
		again_later(j, job);
	schedule(j);
	gg_gate_session_gone(j->gate);
}

/* Each cleanup looks for what killed hooks left below hook.scratch: it is one look at one directory. */
static int add_scratch(const struct gg_gate *g, struct gg_strv *argv)
{
	int r = gg_strv_add(argv, "--scratch=%s", g->conf->scratch);

	return r ? r : gg_strv_add(argv, "--instance=%s,%s", g->instance, g->predecessor);
}

static int run(struct gg_janitor *j, struct job *job)
{
	AUTO_CLOSE int r_fd = -1, w_fd = -1;
	struct gg_strv argv = { 0 };
	char *env[] = { (char *)"LC_ALL=C.UTF-8", NULL };
	struct gg_spawn sp = { .path = "/proc/self/exe", .envp = env, .in = -1, .extra = -1 };
	int64_t moved = clock_offset() - job->offset_ms;
	int p[2], r;
	bool young;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	r_fd = p[0], w_fd = p[1];
	if (fcntl(r_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = gg_strv_add(&argv, "git-gate");
	r = r ? r : gg_strv_add(&argv, "cleanup");
	/* a watched server's repository may live elsewhere: its name is absolute then */
	r = r ? r : gg_strv_add(&argv, "--base=%s", job->repo[0] == '/' ? "/" : j->gate->conf->base_path);
	r = r ? r : gg_strv_add(&argv, "--since=%lld", (long long)job->since_ms);
	/* soon after the boot the wall clock may have been set since a file was made */
	young = gg_clock_ms(CLOCK_BOOTTIME) < SETTLED_MS && !job->since_ms;
	if (r == 0 && (young || moved > CLOCK_STEP_MS || moved < -CLOCK_STEP_MS))
		r = gg_strv_add(&argv, "--strict");
	if (r == 0 && !j->gate->start->watch)
		r = add_scratch(j->gate, &argv);
	if (r == 0 && job->repo[0]) {
		r = gg_strv_add(&argv, "--");
		r = r ? r : gg_strv_add(&argv, "%s", job->repo + (job->repo[0] == '/'));
	}
	sp.argv = argv.v;
	sp.out = sp.err = w_fd;
	r = r ? r : gg_spawn(&sp, &pid, &j->pidfd);
	gg_strv_free(&argv);
	if (r < 0)
		return r;
	j->current = job;
	j->begun_ms = gg_now_ms();
	gg_loglines_init(&j->lines, on_line, j);
	ev_io_init(&j->out, on_output, gg_take_fd(&r_fd), EV_READ);
	ev_child_init(&j->child, on_done, pid, 0);
	j->out.data = j->child.data = j;
	ev_io_start(j->gate->loop, &j->out);
	ev_child_start(j->gate->loop, &j->child);
	gg_childend_watch(j->gate->loop, &j->ended, j->pidfd);
	watch_progress(j);
	return 0;
}

/* NULL: there is no memory for it. */
static struct job *new_job(const char *repo)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->repo = strdup(repo);
	if (job && job->repo)
		return job;
	free(job);
	return NULL;
}

static void enqueue(struct gg_janitor *j, struct job *job, int64_t since_ms)
{
	job->since_ms = since_ms;
	job->offset_ms = clock_offset();
	job->due_ms = gg_now_ms();
	job->next = j->queue;
	j->queue = job;
}

static void enqueue_missed(struct gg_janitor *j)
{
	static char all[] = "";

	if (!j->missed || j->spare.repo)
		return;
	j->missed = false;
	j->spare = (struct job){ .repo = all };
	enqueue(j, &j->spare, j->missed_since_ms);
}

static void miss(struct gg_janitor *j, int64_t since_ms)
{
	j->missed_since_ms = j->missed && j->missed_since_ms < since_ms ? j->missed_since_ms : since_ms;
	j->missed = true;
}

/* Start the first job that is due, or wait for it. */
static void schedule(struct gg_janitor *j)
{
	struct job **best = NULL;
	int64_t now = gg_now_ms(), due;

	if (j->current)
		return;
	enqueue_missed(j);
	for (struct job **at = &j->queue; *at; at = &(*at)->next)
		if (!best || (*at)->due_ms < (*best)->due_ms)
			best = at;
	ev_timer_stop(j->gate->loop, &j->timer);
	if (!best)
		return;
	due = (*best)->due_ms > j->not_before_ms ? (*best)->due_ms : j->not_before_ms;
	if (due <= now) {
		struct job *job = *best;
		int r;

		*best = job->next;
		r = run(j, job);
		if (r == 0)
			return;
		gg_event(GG_EV_CLEANUP_FAILED, NULL, "cannot start the cleanup: %s; tried again later",
			 strerror(-r));
		again_later(j, job);
		return schedule(j);
	}
	ev_timer_set(&j->timer, (double)(due - now) / 1000., 0.);
	ev_timer_start(j->gate->loop, &j->timer);
}

static void on_timer(EV_P_ ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	schedule(w->data);
}

static struct job *find(struct gg_janitor *j, const char *repo)
{
	for (struct job *job = j->queue; job; job = job->next)
		if (!strcmp(job->repo, repo))
			return job;
	return NULL;
}

static void add(struct gg_janitor *j, const char *repo, int64_t since_ms)
{
	struct job *job = find(j, repo);

	if (j->gate->reaper.observe)
		return; /* it touches nothing */
	if (job) {
		job->since_ms = job->since_ms < since_ms ? job->since_ms : since_ms;
	} else {
		job = new_job(repo);
		if (!job) {
			miss(j, since_ms);
			return schedule(j);
		}
		enqueue(j, job, since_ms);
	}
	job->due_ms = gg_now_ms();
	job->wait_ms = 0;
	job->tries = 0;
	schedule(j);
}

void gg_janitor_add(struct gg_janitor *j, const char *repo, int64_t accepted_ms)
{
	add(j, repo, accepted_ms + clock_offset());
}

void gg_janitor_add_all(struct gg_janitor *j)
{
	add(j, "", 0);
}

void gg_janitor_retry(struct gg_janitor *j, const char *repo)
{
	struct job *job = repo[0] ? find(j, repo) : NULL;

	if (!job)
		return;
	job->due_ms = gg_now_ms();
	schedule(j);
}

bool gg_janitor_busy(const struct gg_janitor *j)
{
	return j->current != NULL;
}

int gg_janitor_start(struct gg_gate *g)
{
	struct gg_janitor *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->gate = g;
	j->out.fd = j->pidfd = -1;
	j->not_before_ms = gg_now_ms() + START_MS;
	ev_timer_init(&j->timer, on_timer, 0., 0.);
	ev_timer_init(&j->progress, on_progress, 0., 0.);
	j->timer.data = j->progress.data = j;
	g->janitor = j;
	if (!g->start->watch) /* else they are someone else's */
		add(j, "", 0);
	return 0;
}

void gg_janitor_free(struct gg_gate *g)
{
	struct gg_janitor *j = g->janitor;

	if (!j)
		return;
	ev_timer_stop(g->loop, &j->timer);
	ev_timer_stop(g->loop, &j->progress);
	if (j->current) {
		gg_pidfd_signal(j->pidfd, SIGKILL);
		ev_child_stop(g->loop, &j->child);
		ev_io_stop(g->loop, &j->ended);
		close_out(j);
		gg_close_fd(&j->pidfd);
		job_free(j, j->current);
	}
	while (j->queue) {
		struct job *next = j->queue->next;

		job_free(j, j->queue);
		j->queue = next;
	}
	free(j);
	g->janitor = NULL;
}
