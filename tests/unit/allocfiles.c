/* For want of memory, see allocrow.h: what reads or writes files, sockets and /proc. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/accessload.h"
#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/jsonmem.h"
#include "base/memfile.h"
#include "base/pstat.h"
#include "base/scratchdir.h"
#include "base/userentry.h"
#include "hooks/fwddir.h"
#include "hooks/prepush.h"
#include "hooks/scanner.h"
#include "hooks/steps.h"
#include "reaper/cgroup.h"
#include "reaper/cleanup.h"
#include "reaper/procfs.h"
#include "reaper/reaper.h"
#include "reaper/sweep.h"
#include "reaper/users.h"
#include "tests/unit/allocrow.h"

#define HASH "aa0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ZERO "0000000000000000000000000000000000000000"

struct place {
	char dir[64];
	FILE *null;
	int fd; /* of dir */
	struct gg_reader reader;
	struct gg_registry reg;
	struct gg_session *s;
	pthread_t thread;
	int hold[2];
};

static const char *below(const struct place *p, const char *name)
{
	static char path[4][PATH_MAX]; /* a few at once */
	static int turn;
	char *s = path[turn++ % 4];

	snprintf(s, PATH_MAX, "%s/%s", p->dir, name);
	return s;
}

static void put(const struct place *p, const char *name, const char *text)
{
	int fd = open(below(p, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", name);
	close(fd);
}

static size_t get(const struct place *p, const char *name, char *text, size_t size)
{
	int fd = open(below(p, name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	gg_close_fd(&fd);
	text[n > 0 ? n : 0] = 0;
	return strlen(text);
}

static void *make_place(void)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/git-gate-test.XXXXXX");
	cr_assert(mkdtemp(p->dir));
	p->null = fopen("/dev/null", "w");
	setvbuf(p->null, NULL, _IONBF, 0);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p;
}

static void drop_place(void *o)
{
	struct place *p = o;

	cr_expect_eq(gg_scratchdir_remove(p->dir), 0);
	fclose(p->null);
	close(p->fd);
	free(p);
}

/* --- base --- */

static void *make_tokens(void)
{
	struct place *p = make_place();

	put(p, "tokens", "a:sha256:" HASH "\nb:sha256:" HASH "\n");
	cr_assert_eq(gg_reader_init(&p->reader), 0);
	cr_assert_eq(gg_reader_feed(&p->reader, "x", "gate.basePath", p->dir), 0);
	cr_assert_eq(gg_reader_feed(&p->reader, "x", "access.tokenFile", below(p, "tokens")), 0);
	cr_assert_eq(gg_reader_feed(&p->reader, "x", "access.allowPush", "uid:root"), 0);
	cr_assert_eq(gg_reader_finish(&p->reader), 0);
	cr_assert_eq(p->reader.nerror, 0, "%s", p->reader.nerror ? p->reader.error[0] : "");
	return p;
}

static void drop_tokens(void *o)
{
	gg_reader_free(&((struct place *)o)->reader);
	drop_place(o);
}

static int run_access(void *o, uint64_t *sum)
{
	struct place *p = o;
	int e = gg_access_load(&p->reader);

	*sum = 100 * p->reader.nerror + p->reader.conf.tokens.n;
	return e;
}

static void *make_conf(void)
{
	struct place *p = make_place();

	put(p, "conf", "[deadline]\nidle = 3s\n[repo \"a.git\"]\nallowPush = any\n");
	return p;
}

static int run_conf(void *o, uint64_t *sum)
{
	char *set[] = { (char *)"deadline.init=4s" };
	struct place *p = o;
	struct gg_reader r;
	int e = gg_reader_init(&r);

	e = e ? e : gg_conf_load(&r, below(p, "conf"), set, 1);
	*sum = 1000 * r.nerror + 10 * r.conf.nrepo + (r.conf.idle_ms == 3000) + (r.conf.init_ms == 4000);
	gg_reader_free(&r);
	return e;
}

static int run_ask(void *o, uint64_t *sum)
{
	char text[40001], *answer = NULL;
	size_t n = 0;
	int fd[2], e;

	(void)o;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	cr_assert_eq(write(fd[1], text, sizeof(text)), (ssize_t)sizeof(text));
	e = gg_ask_line(fd[0], "x\n", 2, gg_now_ms() + 10000, 1 << 20, &answer, &n);
	*sum = n;
	free(answer);
	close(fd[0]);
	close(fd[1]);
	return e;
}

static int run_memfile(void *o, uint64_t *sum)
{
	struct gg_memfile m;
	FILE *f = gg_memfile_open(&m);
	char *text = NULL;
	size_t n = 0;
	int e;

	(void)o;
	if (!f)
		return -ENOMEM;
	for (int i = 0; i < 10000; i++)
		fprintf(f, "%09d\n", i);
	e = gg_memfile_close(f, &m, &text, &n);
	*sum = n + (e == 0 && strlen(text) == n);
	free(text);
	return e;
}

static void *make_users(void)
{
	struct place *p = make_place();

	put(p, "users", "root:x:0:0::/root:/bin/sh\n");
	put(p, "more", "");
	cr_assert_eq(symlink(below(p, "more"), below(p, "link")), 0);
	return p;
}

static int run_user(void *o, uint64_t *sum)
{
	struct place *p = o;
	char text[256];
	int e = gg_user_entry(below(p, "users"), below(p, "link"), 4242, "/home");

	*sum = get(p, "more", text, sizeof(text));
	return e;
}

static int run_scratch(void *o, uint64_t *sum)
{
	struct place *p = o;
	struct stat st;
	int e;

	mkdir(below(p, "x"), 0700);
	mkdir(below(p, "x/y"), 0700);
	put(p, "x/y/z", "z");
	e = gg_scratchdir_remove(below(p, "x"));
	*sum = stat(below(p, "x"), &st) < 0;
	return e;
}

static void count_dead(void *arg, const struct gg_scratchdir *d)
{
	(void)d;
	++*(uint64_t *)arg;
}

static void *make_scratch(void)
{
	struct place *p = make_place();
	char dir[PATH_MAX];

	cr_assert_eq(gg_scratchdir_make(p->dir, "i", "s", dir, sizeof(dir)), 0);
	return p;
}

static int run_each_dead(void *o, uint64_t *sum)
{
	*sum = 0;
	return gg_scratchdir_each_dead(((struct place *)o)->dir, count_dead, sum);
}

/* --- hooks --- */

/* Behind a long name git lists one that is no part of the push. */
static void *make_prepush(void)
{
	static char git_dir[100];
	struct place *p = make_place();
	char text[1000];
	int n = snprintf(text, sizeof(text), "refs/heads/%0200d " ID " " ZERO "\n", 0);

	snprintf(text + n, sizeof(text) - (size_t)n, "refs/heads/a " ID " " ZERO "\n");
	put(p, "expect", text);
	n = snprintf(text, sizeof(text), "(delete) " ZERO " refs/heads/%0200d " ID "\n", 0);
	snprintf(text + n, sizeof(text) - (size_t)n, "(delete) " ZERO " refs/heads/%0300d " ID "\n", 1);
	put(p, "list", text);
	snprintf(git_dir, sizeof(git_dir), "GIT_DIR=%s", p->dir);
	putenv(git_dir); /* setenv() would keep a copy of each */
	return p;
}

/* So it may never be sent, whatever there was memory for. */
static int run_prepush(void *o, uint64_t *sum)
{
	struct place *p = o;
	int fd = open(below(p, "list"), O_RDONLY | O_CLOEXEC);
	struct stat st;

	unlink(below(p, "sent"));
	unlink(below(p, "stale"));
	gg_prepush(fd);
	close(fd);
	*sum = stat(below(p, "sent"), &st) == 0;
	return 0;
}

static void *make_step(void)
{
	struct place *p = make_place();

	mkdir(below(p, "pre-receive.d"), 0700);
	put(p, "pre-receive.d/count", "#!/bin/sh\nexec wc -c >\"${0%/*}/../said\"\n");
	chmod(below(p, "pre-receive.d/count"), 0700);
	return p;
}

static int run_steps(void *o, uint64_t *sum)
{
	static char name[GG_REF_MAX + 1];
	static char *const env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	struct gg_update v[20];
	const struct gg_push push = { .v = v, .n = GG_LEN(v), .hash = 40 };
	struct place *p = o;
	const struct gg_steps s = {
		.dir = p->dir, .push = &push, .repo = "r.git", .env = env, .limit_ms = 60000
	};
	char said[64];
	int e;

	memset(name, 'x', 1000);
	for (size_t i = 0; i < GG_LEN(v); i++)
		v[i] = (struct gg_update){ .old = ZERO, .new = ID, .ref = name };
	unlink(below(p, "said"));
	e = gg_steps_run(&s);
	get(p, "said", said, sizeof(said));
	*sum = strtoull(said, NULL, 10);
	return e;
}

static int run_report(void *o, uint64_t *sum)
{
	static const char json[] = "[{\"RuleID\":\"r\",\"File\":\"/x/objects/" ID "\",\"StartLine\":2}]";
	struct gg_findings f = { 0 };
	int e = gg_scanner_parse_json(json, strlen(json), 40, &f);

	(void)o;
	*sum = f.n;
	gg_findings_free(&f);
	return e;
}

/* --- reaper --- */

/* A cgroup as its files show it, in which nobody is whom we know. */
static void *make_cgroup(void)
{
	struct place *p = make_place();
	char text[1024];
	struct gg_buf b = GG_BUF(text);

	for (int i = 0; i < 40; i++)
		gg_buf_add(&b, "%d\n", 2000000000 + i);
	mkdir(below(p, "session-ab"), 0700);
	put(p, "session-ab/cgroup.procs", text);
	put(p, "session-ab/cgroup.kill", "");
	return p;
}

static int run_procs(void *o, uint64_t *sum)
{
	AUTO_FREE pid_t *v = NULL;
	size_t n = 0, size = 0;
	int e = gg_cgroup_procs(((struct place *)o)->fd, "ab", &v, &n, &size);

	*sum = n;
	return e;
}

static int run_kill(void *o, uint64_t *sum)
{
	struct place *p = o;
	struct gg_cgroup c = { .parent = -1, .base = p->fd, .before = -1 };

	*sum = 1;
	return gg_cgroup_kill(&c, p->fd, "ab");
}

static void count_cgroup(int base, const char *id, void *arg)
{
	(void)base;
	*(uint64_t *)arg += !strcmp(id, "ab");
}

static int run_cgroups(void *o, uint64_t *sum)
{
	*sum = 0;
	return gg_cgroup_each(((struct place *)o)->fd, count_cgroup, sum);
}

static void *make_before(void)
{
	struct place *p = make_place();

	mkdir(below(p, "git-gate-0123456789abcdef0123456789abcdef"), 0700);
	mkdir(below(p, "git-gate-0123456789abcdef0123456789abcdef/gate"), 0700);
	put(p, "git-gate-0123456789abcdef0123456789abcdef/gate/cgroup.procs", "");
	return p;
}

static int run_before(void *o, uint64_t *sum)
{
	struct place *p = o;
	struct gg_cgroup c = { .parent = p->fd, .base = p->fd, .before = -1, .path = "/own" };
	int e = gg_cgroup_find_before(&c, "0123456789abcdef0123456789abcdef");

	*sum = c.before >= 0;
	gg_close_fd(&c.before);
	return e;
}

/* Nobody pushes, so what a forward has left goes, or it is not said that it has gone. */
static int run_cleanup(void *o, uint64_t *sum)
{
	struct place *p = o;
	const struct gg_cleanup c = { .base = p->dir };
	struct stat st;
	int left;

	mkdir(below(p, "r.git"), 0700);
	mkdir(below(p, "r.git/objects"), 0700);
	mkdir(below(p, "r.git/" GG_FWDDIR), 0700);
	put(p, "r.git/HEAD", "ref: refs/heads/main\n");
	left = gg_cleanup_run(&c, NULL, p->null);
	*sum = left > 0 || stat(below(p, "r.git/" GG_FWDDIR), &st) < 0;
	return left > 0 ? 0 : left;
}

/* The same; who sleeps in the kernel at this moment may use it, too. */
static int run_sweep(void *o, uint64_t *sum)
{
	struct place *p = o;
	char dir[PATH_MAX];
	struct stat st;
	int left;

	cr_assert_eq(gg_scratchdir_make(p->dir, "i", "s", dir, sizeof(dir)), 0);
	left = gg_sweep_scratch(p->dir, "i", p->null);
	*sum = left > 0 || stat(dir, &st) < 0;
	gg_scratchdir_remove(dir);
	return left > 0 ? 0 : left;
}

static int run_rooms(void *o, uint64_t *sum)
{
	int left = gg_sweep_rooms(((struct place *)o)->dir, ((struct place *)o)->null);

	*sum = 1;
	return left > 0 ? 0 : left;
}

static void on_served(struct gg_session *s, pid_t pid, uint64_t tick, void *arg)
{
	(void)s;
	(void)pid;
	(void)tick;
	(void)arg;
}

/* One session: we are its processes, and its cgroup has us alone. */
static void *make_session(void)
{
	struct place *p = make_place();
	struct gg_pstat st;
	char pid[16];

	cr_assert_eq(gg_registry_init(&p->reg), 0);
	p->s = gg_registry_add(&p->reg, gg_now_ms());
	cr_assert(p->s && gg_pstat_read(getpid(), &st) == 0);
	p->s->root = getpid();
	p->s->root_tick = st.start_tick;
	p->s->root_gone = true; /* then it may have orphans */
	p->s->cgroup = p->fd;
	strcpy(p->s->id, "ab");
	mkdir(below(p, "session-ab"), 0700);
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	put(p, "session-ab/cgroup.procs", pid);
	return p;
}

static void drop_session(void *o)
{
	gg_registry_free(&((struct place *)o)->reg);
	drop_place(o);
}

static int run_look(void *o, uint64_t *sum)
{
	struct place *p = o;
	struct gg_reaper r = { .reg = &p->reg, .served = on_served, .scan_failed_ms = -1 };
	struct gg_snap snap;
	int e = gg_reaper_look(&r, p->s, gg_now_ms(), &snap);

	*sum = snap.n;
	free(snap.v);
	gg_orphans_free(&r.orphans);
	return e;
}

/* Whatever there was memory for: nothing is decided by it. */
static int run_evidence(void *o, uint64_t *sum)
{
	struct place *p = o;
	struct gg_verdict v = { .reason = GG_REASON_IDLE };
	struct gg_proc proc = { .pid = getpid(), .nlwp = 2, .state = 'S' };
	struct gg_snap snap = { .v = &proc, .n = 1, .now_ms = gg_now_ms() };

	gg_record_evidence(p->s, &v, &snap);
	*sum = 1;
	return 0;
}

static void *wait_for_hold(void *arg)
{
	char c;

	(void)!read(((struct place *)arg)->hold[0], &c, 1);
	return NULL;
}

/* We have two threads: whether one of them sleeps in the kernel is asked of each. */
static void *make_thread(void)
{
	struct place *p = make_place();

	cr_assert_eq(pipe(p->hold), 0);
	cr_assert_eq(pthread_create(&p->thread, NULL, wait_for_hold, p), 0);
	return p;
}

static void drop_thread(void *o)
{
	struct place *p = o;

	close(p->hold[1]);
	pthread_join(p->thread, NULL);
	close(p->hold[0]);
	drop_place(p);
}

static int run_argv(void *o, uint64_t *sum)
{
	char argv[1024];
	size_t n = 0;
	int e = gg_procfs_argv(getpid(), argv, sizeof(argv), &n);

	(void)o;
	*sum = n > 0;
	return e == -EBUSY ? -ENOMEM : e;
}

static const struct row rows[] = {
	{ "base/accessload", run_access, make_tokens, drop_tokens, 0, false },
	{ "base/confload", run_conf, make_conf, drop_place, 0, false },
	{ "base/ask", run_ask, NULL, NULL, 0, true },
	{ "base/memfile", run_memfile, NULL, NULL, 0, false },
	{ "base/userentry", run_user, make_users, drop_place, 0, false },
	{ "base/scratchdir: removing", run_scratch, make_place, drop_place, 0, true },
	{ "base/scratchdir: the dead", run_each_dead, make_scratch, drop_place, 0, true },
	{ "hooks/prepush", run_prepush, make_prepush, drop_place, 0, false },
	{ "hooks/steps", run_steps, make_step, drop_place, 0, false },
	{ "hooks/report", run_report, NULL, NULL, 0, true },
	{ "reaper/cgroup: processes", run_procs, make_cgroup, drop_place, 0, false },
	{ "reaper/cgroup: kill", run_kill, make_cgroup, drop_place, 0, false },
	{ "reaper/cgroup: each", run_cgroups, make_cgroup, drop_place, 0, true },
	{ "reaper/cgroup: a gate that died", run_before, make_before, drop_place, 0, false },
	{ "reaper/cleanup", run_cleanup, make_place, drop_place, 10, false },
	{ "reaper/sweep: scratch", run_sweep, make_place, drop_place, 10, false },
	{ "reaper/sweep: rooms", run_rooms, make_place, drop_place, 10, false },
	{ "reaper/reaper: a look", run_look, make_session, drop_session, 0, false },
	{ "reaper/record: evidence", run_evidence, make_session, drop_session, 0, false },
	{ "reaper/procfs: threads", run_argv, make_thread, drop_thread, 0, true },
};

Test(allocfiles, each_fails)
{
	struct gg_alloc_faults *f = gg_alloc_faults();

	if (!f)
		cr_skip("a sanitizer has an allocator of its own");
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	gg_event_setup(GG_LOG_TEXT, GG_LEVEL_INFO, "i");
	gg_jsonmem_open();
	for (size_t i = 0; i < GG_LEN(rows); i++)
		fail_each(f, &rows[i]);
}

/* Who cannot be looked into for want of memory may use it: nothing is removed under somebody who does. */
Test(allocfiles, in_doubt_it_is_used)
{
	struct gg_alloc_faults *f = gg_alloc_faults();
	struct place *p = make_place();
	struct gg_users *u = NULL;
	bool used;
	pid_t pid;

	if (!f)
		cr_skip("a sanitizer has an allocator of its own");
	mkdir(below(p, "r.git"), 0700);
	pid = fork();
	if (pid == 0) {
		open(below(p, "r.git"), O_RDONLY | O_DIRECTORY);
		for (;;)
			pause();
	}
	cr_assert_eq(gg_users_read(&u), 0);
	arm(f, 1);
	f->fail_last = UINT64_MAX;
	used = gg_users_any_at(u, below(p, "r.git"));
	disarm(f);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert(used);
	gg_users_free(u);
	drop_place(p);
}
