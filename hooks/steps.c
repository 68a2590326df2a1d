/* steps - see steps.h. */
#include "hooks/steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memfile.h"
#include "hooks/run.h"
#include "hooks/say.h"
#include "hooks/stepenv.h"
#include "hooks/stepname.h"

#define TICK_MS 10000 /* how often the client reads that a step still runs */

struct step {
	char *name;	 /* owned */
	const char *bad; /* why it cannot be run, and the cure; NULL: it can */
	int error;
};

struct list {
	struct step *v;
	size_t n, size;
};

/* What one step's callbacks need. */
struct live {
	const char *shown;
	struct gg_say_filter filter;
};

static void free_list(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct step *)a)->name, ((const struct step *)b)->name);
}

static int add(struct list *l, const struct step *s)
{
	if (l->n == l->size) {
		size_t want = l->size ? l->size * 2 : 16;
		struct step *v = realloc(l->v, want * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->size = want;
	}
	l->v[l->n] = *s;
	l->v[l->n].name = strdup(s->name);
	if (!l->v[l->n].name)
		return -ENOMEM;
	l->n++;
	return 0;
}

/* access() as the kernel decides it: a file system mounted noexec is seen too. */
static int look_at(struct list *l, int dirfd, char *name)
{
	struct step s = { .name = name };
	struct stat st;

	if (fstatat(dirfd, name, &st, 0) < 0) {
		s.error = -errno;
		s.bad = "cannot be looked at; the operator can repair or remove it";
	} else if (S_ISDIR(st.st_mode)) {
		return 0;
	} else if (!S_ISREG(st.st_mode)) {
		s.error = -EINVAL;
		s.bad = "is no regular file; the operator can remove it";
	} else if (faccessat(dirfd, name, X_OK, AT_EACCESS) < 0) {
		s.error = -errno;
		s.bad = "is not executable; the operator can chmod +x it, or rename it so that it ends in "
			"'~'";
	}
	return add(l, &s);
}

/* The steps of a directory, sorted. 0 or -errno; -ENOENT: there is none. */
static int read_steps(const char *path, struct list *l)
{
	AUTO_DIR DIR *dir = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (errno = 0, e = readdir(dir)))
		if (!gg_step_ignored(e->d_name))
			r = look_at(l, dirfd(dir), e->d_name);
	if (r == 0 && errno)
		r = -errno; /* half a list is none */
	if (r == 0 && l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
	return r;
}

/* What git gives its hooks on stdin. */
static int make_input(const struct gg_push *p, char **ret, size_t *ret_n)
{
	struct gg_memfile m;
	FILE *f = gg_memfile_open(&m);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		fprintf(f, "%s %s %s\n", p->v[i].old, p->v[i].new, p->v[i].ref);
	return gg_memfile_close(f, &m, ret, ret_n);
}

static const char *consequence(const struct gg_steps *s)
{
	return s->post ? "the push stands" : "push refused";
}

static void tell_failed(const struct gg_steps *s, const char *shown, const char *why, const char *hint)
{
	/* without a '/' it is the directory itself */
	gg_say_client("%s: %s%s: %s%s", consequence(s), strchr(shown, '/') ? "step " : "", shown, why, hint);
	if (s->failed)
		s->failed(s->arg, shown, why);
}

static void take(void *arg, const char *bytes, size_t n)
{
	gg_say_feed(&((struct live *)arg)->filter, bytes, n);
}

static void still(void *arg, int64_t elapsed_ms)
{
	char mem[24];
	struct gg_buf b = GG_BUF(mem);

	gg_human_ms(&b, elapsed_ms);
	gg_say_client("step %s still runs after %s…", ((struct live *)arg)->shown, mem);
}

/* A hint for who wrote the step. */
static const char *hint(const struct gg_run_end *e)
{
	if (e->error == -ENOEXEC)
		return " (a script begins with \"#!\" and its interpreter)";
	if (e->error == -ENOENT)
		return " (is the interpreter in its first line there?)";
	return "";
}

static int judge(const struct gg_steps *s, const char *shown, const struct gg_run_end *e,
		 const struct gg_deadline *until)
{
	char mem[128];
	struct gg_buf why = GG_BUF(mem);

	if (e->stray) {
		gg_say_client("step %s ended and left a process behind that held its output; that was ended",
			      shown);
		if (s->stray)
			s->stray(s->arg, shown, *e->stray_text ? e->stray_text : "unknown");
	}
	if (gg_run_ok(e))
		return 0;
	gg_run_why(&why, e, until);
	tell_failed(s, shown, mem, hint(e));
	return e->not_started ? e->error : -EPERM;
}

static int run_step(const struct gg_steps *s, const char *path, const char *shown, char *const *env,
		    const char *in, size_t nin)
{
	char *argv[] = { (char *)path, NULL };
	struct live live = { .shown = shown };
	const struct gg_deadline until = gg_deadline_in(s->limit_ms, "deadline.step");
	struct gg_run run = {
		.name = shown,
		.argv = argv,
		.envp = env,
		.in = in,
		.nin = nin,
		.in_fd = -1,
		.out = take,
		.tick = still,
		.arg = &live,
		.tick_ms = TICK_MS,
		.limit_ms = s->limit_ms,
	};
	struct gg_run_end end;

	if (s->begun)
		s->begun(s->arg, shown);
	gg_say_begin(&live.filter, gg_say_emit, NULL);
	gg_run(&run, &end);
	gg_say_end(&live.filter);
	return judge(s, shown, &end, &until);
}

/* "pre-receive.d/NAME", for people. */
static void show_name(struct gg_buf *b, const char *sub, const char *name)
{
	gg_buf_add(b, "%s/", sub);
	gg_escape(b, name, strlen(name), NAME_MAX);
}

/* Before anything runs: what stands there and cannot be a step. */
static int check_list(const struct gg_steps *s, const char *sub, const struct list *l)
{
	int first = 0;

	for (size_t i = 0; i < l->n; i++) {
		char mem[4 * NAME_MAX + 32];
		struct gg_buf shown = GG_BUF(mem);

		if (!l->v[i].bad)
			continue;
		show_name(&shown, sub, l->v[i].name);
		tell_failed(s, mem, l->v[i].bad, "");
		first = first ? first : l->v[i].error;
	}
	return first;
}

static int run_list(const struct gg_steps *s, const char *sub, const struct list *l)
{
	AUTO_FREE char *in = NULL;
	char **env = NULL;
	size_t nin = 0;
	int first = check_list(s, sub, l), r;

	r = make_input(s->push, &in, &nin);
	r = r ? r : gg_step_env(s->env, s->repo, &env);
	if (r < 0)
		tell_failed(s, sub, "out of memory", "");
	for (size_t i = 0; r == 0 && i < l->n && (s->post || first == 0); i++) {
		char path[PATH_MAX], mem[4 * NAME_MAX + 32];
		struct gg_buf p = GG_BUF(path), shown = GG_BUF(mem);
		int one;

		if (l->v[i].bad)
			continue;
		show_name(&shown, sub, l->v[i].name);
		gg_buf_add(&p, "%s/%s/%s", s->dir, sub, l->v[i].name);
		one = run_step(s, path, mem, env, in, nin); /* a path that was cut does not exist */
		first = first ? first : one;
	}
	gg_step_env_free(env);
	return first ? first : r;
}

int gg_steps_run(const struct gg_steps *s)
{
	const char *sub = s->post ? "post-receive.d" : "pre-receive.d";
	struct list l = { .n = 0 };
	char path[PATH_MAX], mem[128];
	struct gg_buf p = GG_BUF(path), why = GG_BUF(mem);
	int r;

	if (!*s->dir)
		return 0;
	gg_buf_add(&p, "%s/%s", s->dir, sub);
	r = p.cut ? -ENAMETOOLONG : read_steps(path, &l);
	if (r == 0) {
		r = run_list(s, sub, &l);
	} else if (r == -ENOENT) {
		r = 0;
	} else {
		gg_buf_add(&why, "cannot be read: %s", strerror(-r));
		tell_failed(s, sub, mem, "; the operator can see to hook.dir");
	}
	free_list(&l);
	return r;
}
