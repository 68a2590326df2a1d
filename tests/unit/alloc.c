/* For want of memory, see allocrow.h: what has no files of its own. Those are in allocfiles.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/event.h"
#include "base/pstat.h"
#include "base/service.h"
#include "base/spawn.h"
#include "base/tokenfile.h"
#include "daemon-wrap/argv.h"
#include "reaper/find.h"
#include "reaper/orphans.h"
#include "reaper/proctable.h"
#include "reaper/registry.h"
#include "reaper/scan.h"
#include "reaper/sweep.h"
#include "reaper/users.h"
#include "supervisor/hooksettings.h"
#include "base/jsonmem.h"
#include "supervisor/loopmem.h"
#include "supervisor/recent.h"
#include "supervisor/report.h"
#include "supervisor/waitroom.h"
#include "tests/unit/allocrow.h"

#define HASH "aa0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"

/* --- base --- */

static int run_words(void *o, uint64_t *sum)
{
	struct gg_list l = { 0 };
	const char *why;
	int r = gg_split_words("git daemon 'a b' \\c", &l, &why);

	(void)o;
	*sum = l.n;
	gg_list_clear(&l);
	return r;
}

static int feed_all(struct gg_reader *r)
{
	static const char *const lines[][2] = {
		{ "listen.git", "127.0.0.1:9418" }, { "listen.git", "[::1]:9418" },
		{ "gate.basepath", "here" },	    { "deadline.idle", "never said" },
		{ "access.allow", "10.0.0.0/8" },   { "repo.a.git.upstream", "ssh://git@h/a.git" },
		{ "repo.b.git.push", "1m" },	    { "service.x.command", "sleep 1000" },
		{ "service.x.after", "y" }
	};
	static char *const env[] = { (char *)"GIT_GATE_DEADLINE__IDLE=3s",
				     (char *)"GIT_GATE_REPO__1__NAME=c.git",
				     (char *)"GIT_GATE_REPO__1__UPSTREAM=ssh://git@h/c.git", NULL };
	int e = gg_reader_init(r);

	for (size_t i = 0; e == 0 && i < GG_LEN(lines); i++)
		e = gg_reader_feed(r, "file:x", lines[i][0], lines[i][1]);
	e = e ? e : gg_reader_feed_env(r, env);
	return e ? e : gg_reader_finish(r);
}

static int run_reader(void *o, uint64_t *sum)
{
	struct gg_reader r;
	int e = feed_all(&r);

	(void)o;
	*sum = 1000 * r.nerror + r.conf.nrepo;
	gg_reader_free(&r);
	return e;
}

/* Each is an error, and says what to write. */
static int run_wrong_env(void *o, uint64_t *sum)
{
	static char *const env[] = { (char *)"GIT_GATE_DEADLINE_IDLE=3s",
				     (char *)"GIT_GATE_REPO__1__UPSTREAM=ssh://git@h/c.git",
				     (char *)"GIT_GATE_REPO__UPSTREAM=ssh://git@h/c.git", NULL };
	struct gg_reader r;
	int e = gg_reader_init(&r);

	(void)o;
	e = e ? e : gg_reader_feed_env(&r, env);
	*sum = r.nerror;
	gg_reader_free(&r);
	return e;
}

static void *make_reader(void)
{
	struct gg_reader *r = malloc(sizeof(*r));

	cr_assert_eq(gg_reader_init(r), 0);
	cr_assert_eq(gg_reader_feed(r, "file:x", "repo.a.git.upstream", "ssh://git@h/a.git"), 0);
	cr_assert_eq(gg_reader_feed(r, "file:x", "service.x.command", "sleep 1000"), 0);
	cr_assert_eq(gg_reader_finish(r), 0);
	return r;
}

static void drop_reader(void *o)
{
	gg_reader_free(o);
	free(o);
}

static int run_diff(void *o, uint64_t *sum)
{
	struct gg_reader *r = o;
	struct gg_conf none = { 0 };
	struct gg_list added = { 0 }, gone = { 0 }, changed = { 0 };
	const struct gg_conf_diff diff = { &added, &gone, &changed };
	int e = gg_conf_changed(&none, &r->conf, GG_SECTION_REPO, &diff);

	*sum = 100 * added.n + 10 * gone.n + changed.n;
	gg_list_clear(&added);
	gg_list_clear(&gone);
	gg_list_clear(&changed);
	return e;
}

static int run_environment(void *o, uint64_t *sum)
{
	struct gg_reader *r = o;
	struct gg_env e = {
		.path = "/bin", .id = "ab12cd34", .instance = "i", .host = "h", .port = 1, .user = "u"
	};
	struct gg_strv git = { 0 }, http = { 0 }, argv = { 0 };
	int err = gg_env_git(&git, &r->conf, &e);

	err = err ? err : gg_env_http(&http, &r->conf, &e, "127.0.0.1", 80);
	err = err ? err : gg_argv_git(&argv, &r->conf, "session", "daemon", 1024);
	*sum = git.n * 10000 + http.n * 100 + argv.n;
	gg_strv_free(&git);
	gg_strv_free(&http);
	gg_strv_free(&argv);
	return err;
}

static int no_bad(void *arg, size_t line, const char *what)
{
	(void)arg;
	(void)line;
	(void)what;
	return -EINVAL;
}

static int run_tokens(void *o, uint64_t *sum)
{
	static const char text[] = "a:sha256:" HASH "\nb:sha256:" HASH "\n";
	struct gg_tokens t = { 0 };
	int e = gg_tokenfile_parse(text, strlen(text), &t, no_bad, NULL);

	(void)o;
	*sum = t.n;
	gg_tokens_free(&t);
	return e;
}

static int run_spawn(void *o, uint64_t *sum)
{
	char *argv[] = { (char *)"true", NULL }, *envp[] = { NULL };
	struct gg_spawn sp = { .path = "/bin/true",
			       .argv = argv,
			       .envp = envp,
			       .in = -1,
			       .out = -1,
			       .err = -1,
			       .extra = -1,
			       .cwd = "/" };
	char out[16];
	size_t n;
	int status = -1, e = gg_spawn_capture(&sp, 10000, out, sizeof(out), &n, &status);

	(void)o;
	*sum = (uint64_t)status;
	return e;
}

/* --- supervisor --- */

static void *make_room(void)
{
	return gg_waitroom_new();
}

static void drop_room(void *o)
{
	gg_waitroom_free(o);
}

static int run_room(void *o, uint64_t *sum)
{
	struct gg_waiter w = { .fd = 7 }, out = { 0 };
	int e = 0;

	w.peer.ss.ss_family = AF_UNIX;
	for (int i = 0; i < 3 && e == 0; i++)
		e = gg_waitroom_add(o, &w);
	*sum = gg_waitroom_count(o);
	while (gg_waitroom_expired(o, 1, &out))
		*sum += (uint64_t)out.fd;
	return e;
}

static void *make_recent(void)
{
	struct gg_recent *r = NULL;

	gg_jsonmem_open();
	cr_assert_eq(gg_recent_open(&r), 0);
	for (int i = 0; i < 3; i++)
		gg_event(GG_EV_GATE_ERROR, NULL, "%d", i);
	return r;
}

static void drop_recent(void *o)
{
	gg_recent_free(o);
}

static int run_recent(void *o, uint64_t *sum)
{
	const struct gg_recent_ask ask = { .last = -1 };
	uint64_t lacks = gg_jsonmem_lacks();

	return whole_answer(gg_recent_answer(o, &ask), lacks, sum);
}

static int run_recent_error(void *o, uint64_t *sum)
{
	uint64_t lacks = gg_jsonmem_lacks();

	return whole_answer(gg_recent_error(o), lacks, sum);
}

/* The event is said all the same: it is only not kept. */
static int run_event(void *o, uint64_t *sum)
{
	(void)o;
	gg_event(GG_EV_GATE_ERROR, NULL, "x");
	*sum = 1;
	return 0;
}

static int run_settings(void *o, uint64_t *sum)
{
	struct gg_reader *r = o;
	uint64_t lacks = gg_jsonmem_lacks();

	return whole_answer(gg_hook_settings(&r->conf, "a.git", "127.0.0.1:1", "git"), lacks, sum);
}

/* --- reaper --- */

static void *make_registry(void)
{
	struct gg_registry *r = malloc(sizeof(*r));

	gg_jsonmem_open();
	cr_assert_eq(gg_registry_init(r), 0);
	return r;
}

static void drop_registry(void *o)
{
	gg_registry_free(o);
	free(o);
}

static int run_registry_init(void *o, uint64_t *sum)
{
	struct gg_registry r;
	int e = gg_registry_init(&r);

	(void)o;
	*sum = 1;
	gg_registry_free(&r);
	return e;
}

static int run_registry(void *o, uint64_t *sum)
{
	struct gg_session *s = gg_registry_add(o, 0);

	if (!s)
		return -ENOMEM;
	gg_registry_drop(o, s);
	*sum = gg_registry_serving(o);
	return 0;
}

/* A session's end needs no memory: only its story may be shorter. */
static int run_story(void *o, uint64_t *sum)
{
	struct gg_story st = { 0 };

	(void)o;
	for (int i = 0; i < 100; i++)
		gg_story_phase(&st, i % 2 ? GG_PHASE_COMMANDS : GG_PHASE_PACK, "", i);
	for (int i = 0; i < 10; i++)
		gg_story_line(&st, "a line");
	*sum = 1;
	gg_story_free(&st);
	return 0;
}

static int run_ended(void *o, uint64_t *sum)
{
	uint64_t lacks = gg_jsonmem_lacks();
	struct gg_ended e = { .transport = "git", .key = "k", .reason = GG_REASON_IDLE, .steps = "a,b" };

	(void)o;
	return whole_answer(gg_report_ended_whole(&e), lacks, sum);
}

static int run_proctable(void *o, uint64_t *sum)
{
	AUTO_FREE struct gg_proctable_row *v = NULL;
	size_t n = 0;
	int e = gg_proctable_read(&v, &n);

	(void)o;
	*sum = n > 0;
	return e;
}

static int run_children(void *o, uint64_t *sum)
{
	AUTO_FREE pid_t *v = NULL;
	size_t n = 0, size = 0;
	int e = gg_children(getppid(), &v, &n, &size);

	(void)o;
	*sum = n > 0;
	return e;
}

static int run_scan(void *o, uint64_t *sum)
{
	struct gg_snap snap = { 0 };
	struct gg_pstat st;
	struct gg_scan_target t = { .id = "", .root = getpid(), .cgroup = -1 };
	int e = gg_pstat_read(getpid(), &st);

	(void)o;
	t.root_tick = st.start_tick;
	e = e ? e : gg_scan_procs(&t, NULL, &snap);
	*sum = snap.n;
	free(snap.v);
	return e;
}

static int run_orphans(void *o, uint64_t *sum)
{
	struct gg_orphans orphans = { 0 };
	int e = gg_orphans_read(&orphans, NULL, 0);

	(void)o;
	*sum = orphans.n;
	gg_orphans_free(&orphans);
	return e;
}

static int run_find(void *o, uint64_t *sum)
{
	AUTO_FREE struct gg_found *v = NULL;
	size_t n = 0;
	int e = gg_find_sessions(getpid(), NULL, 0, &v, &n);

	(void)o;
	*sum = n;
	return e;
}

static int run_users(void *o, uint64_t *sum)
{
	AUTO_FREE int64_t *v = NULL;
	struct gg_users *u = NULL;
	size_t n = 0;
	int e = gg_users_read(&u);

	(void)o;
	e = e ? e : gg_users_of(u, "/nowhere.git", &v, &n);
	*sum = 1; /* whoever cannot be looked into may use it */
	gg_users_free(u);
	return e;
}

static const struct row rows[] = {
	{ "base/service: words", run_words, NULL, NULL, 0, false },
	{ "base/conf: reading", run_reader, NULL, NULL, 0, false },
	{ "base/confenv: what is wrong", run_wrong_env, NULL, NULL, 0, false },
	{ "base/conf: what a reload changes", run_diff, make_reader, drop_reader, 0, false },
	{ "daemon-wrap/argv: a session's environment", run_environment, make_reader, drop_reader, 0, false },
	{ "base/tokenfile", run_tokens, NULL, NULL, 0, false },
	{ "base/spawn", run_spawn, NULL, NULL, 0, false },
	{ "base/event", run_event, make_recent, drop_recent, 0, false },
	{ "supervisor/waitroom", run_room, make_room, drop_room, 0, false },
	{ "supervisor/recent: an answer", run_recent, make_recent, drop_recent, 0, false },
	{ "supervisor/recent: the last error", run_recent_error, make_recent, drop_recent, 0, false },
	{ "supervisor/hooksettings", run_settings, make_reader, drop_reader, 0, false },
	{ "supervisor/report: an ended session", run_ended, make_registry, drop_registry, 0, false },
	{ "reaper/registry: its beginning", run_registry_init, NULL, NULL, 0, false },
	{ "reaper/registry: a session", run_registry, make_registry, drop_registry, 0, false },
	{ "reaper/story", run_story, NULL, NULL, 0, false },
	{ "reaper/proctable", run_proctable, NULL, NULL, 0, false },
	{ "reaper/proctable: children", run_children, NULL, NULL, 0, false },
	{ "reaper/scan", run_scan, NULL, NULL, 0, false },
	{ "reaper/orphans", run_orphans, NULL, NULL, 0, false },
	{ "reaper/find", run_find, NULL, NULL, 0, false },
	{ "reaper/users", run_users, NULL, NULL, 12, false },
};

Test(alloc, each_fails)
{
	struct gg_alloc_faults *f = gg_alloc_faults();

	if (!f)
		cr_skip("a sanitizer has an allocator of its own");
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	gg_event_setup(GG_LOG_TEXT, GG_LEVEL_INFO, "i");
	for (size_t i = 0; i < GG_LEN(rows); i++)
		fail_each(f, &rows[i]);
}

/* libev's arrays: grown, shrunk and freed as ever, wherever they are, with what is in them. */
Test(alloc, loopmem)
{
	struct gg_alloc_faults *f = gg_alloc_faults();
	unsigned char *p[3] = { NULL };

	if (!f)
		cr_skip("a sanitizer has an allocator of its own");
	cr_assert_eq(gg_loopmem_open(), 0);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 3; i++) {
			for (long size = 64; size <= 1 << 20; size *= 2) {
				arm(f, 1 + (uint64_t)(round + size / 64) % 3);
				p[i] = gg_loopmem_resize(p[i], size);
				disarm(f);
				cr_assert(p[i]);
				if (size > 64)
					cr_assert(p[i][0] == i && p[i][size / 2 - 1] == i);
				memset(p[i], i, (size_t)size);
			}
		}
		for (int i = 0; i < 3; i++)
			p[i] = gg_loopmem_resize(p[i], 0);
	}
	cr_assert_null(gg_loopmem_resize(NULL, LONG_MAX / 2)); /* more than is held in reserve */
}
