/* locals - see locals.h. */
#include "hooks/locals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memfile.h"
#include "hooks/git.h"
#include "hooks/pushreport.h"

enum {
	BY_NAME = 16,	/* so few references are asked for by name, more with all others */
	BY_LOCK = 1000, /* so many are locked to try it, more are compared only: 20 000 locks take 10 s */
	LIST_MAX = 64 * 1024 * 1024,
};

/* A transaction that is given up once it is prepared: "update REF NEW OLD" a line. */
static char *make_script(const struct gg_push *p, size_t *ret_n)
{
	char *text = NULL;
	struct gg_memfile m;
	FILE *f = gg_memfile_open(&m);

	if (!f)
		return NULL;
	fputs("start\n", f);
	for (size_t i = 0; i < p->n; i++) {
		const struct gg_update *u = &p->v[i];

		if (gg_update_creates(u))
			fprintf(f, "create %s %s\n", u->ref, u->new);
		else if (gg_update_deletes(u) && strspn(u->old, "0") == p->hash)
			fprintf(f, "verify %s\n", u->ref); /* it is not there, and stays so */
		else if (gg_update_deletes(u))
			fprintf(f, "delete %s %s\n", u->ref, u->old);
		else
			fprintf(f, "update %s %s %s\n", u->ref, u->new, u->old);
	}
	fputs("prepare\nabort\n", f);
	return gg_memfile_close(f, &m, &text, ret_n) < 0 ? NULL : text;
}

static void on_err(void *arg, const char *bytes, size_t n)
{
	gg_push_report_err(arg, bytes, n);
}

/* git's "fatal: prepare: cannot lock ref 'refs/heads/x': REASON" */
static int explain(const struct gg_git *g, struct gg_push_report *said, struct gg_buf *ret_why)
{
	static const char begin[] = "fatal: prepare: ";
	static const struct {
		const char *has;
		int error;
	} known[] = {
		{ " but expected ", -ESTALE },
		{ "reference already exists", -ESTALE },
		{ "unable to resolve reference", -ESTALE },
		{ "reference is missing", -ESTALE },
		{ "File exists", -EBUSY },
		{ "cannot create '", -EBUSY },
		{ "cannot process '", -EBUSY },
	};
	const char *const hide[] = { g->gitdir, NULL };

	if (!strncmp(said->said, begin, sizeof(begin) - 1))
		memmove(said->said, said->said + sizeof(begin) - 1, strlen(said->said) - sizeof(begin) + 2);
	gg_push_report_why(ret_why, said, hide);
	for (size_t i = 0; i < GG_LEN(known); i++)
		if (strstr(said->said, known[i].has))
			return known[i].error;
	return -EIO;
}

struct text {
	FILE *f;
	size_t n;
};

static void on_out(void *arg, const char *bytes, size_t n)
{
	struct text *t = arg;

	t->n += n;
	if (t->n <= LIST_MAX)
		fwrite(bytes, 1, n, t->f);
}

static int list(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until, char **ret,
		size_t *ret_n, struct gg_buf *ret_why)
{
	const char *args[BY_NAME + 4] = { "for-each-ref", "--format=%(objectname)%09%(refname)" };
	struct gg_memfile m;
	struct text t = { .f = gg_memfile_open(&m) };
	struct gg_git_call call = {
		.args = args, .out = on_out, .arg = &t, .limit_ms = gg_deadline_left(until)
	};
	struct gg_git g;
	struct gg_run_end end;
	int r, r2;

	if (!t.f)
		return -ENOMEM;
	r = gg_git_open(&g, gitdir, ret_why);
	for (size_t i = 0; p->n <= BY_NAME && i < p->n; i++)
		args[2 + i] = p->v[i].ref;
	if (r == 0) {
		gg_git_run(&g, &call, &end);
		if (!gg_run_ok(&end)) {
			gg_buf_add(ret_why, "git for-each-ref ");
			gg_run_why(ret_why, &end, until);
			r = end.timed_out ? -ETIMEDOUT : -EIO;
		}
	}
	fputc('\0', t.f); /* for the parser's NUL */
	r2 = gg_memfile_close(t.f, &m, ret, ret_n);
	return r ? r : r2 ? r2 : t.n > LIST_MAX ? -ENOMEM : 0;
}

/* ret_ref: the first that is not as wanted. */
static int look(const char *gitdir, const struct gg_push *p, enum gg_seen wanted,
		const struct gg_deadline *until, struct gg_tally *ret, const char **ret_ref,
		struct gg_buf *ret_why)
{
	AUTO_FREE unsigned char *seen = malloc(p->n + 1);
	AUTO_FREE char *text = NULL;
	struct gg_listing l = { .n = 0 };
	size_t n = 0;
	int r = seen ? list(gitdir, p, until, &text, &n, ret_why) : -ENOMEM;

	r = r ? r : gg_listing_parse(text, n - 1, &l);
	if (r < 0)
		return r;
	gg_outcome(p, &l, seen, ret);
	*ret_ref = "";
	for (size_t i = 0; i < p->n && !**ret_ref; i++)
		if (seen[i] != wanted)
			*ret_ref = p->v[i].ref;
	gg_listing_free(&l);
	return 0;
}

/* Without locks. Names in the way are left to upstream, which has the same and is asked next. */
static int compare_old(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until,
		       struct gg_buf *ret_why)
{
	struct gg_tally t;
	const char *ref;
	int r = look(gitdir, p, GG_SEEN_OLD, until, &t, &ref, ret_why);

	if (r < 0 || t.n[GG_SEEN_OLD] == p->n)
		return r;
	gg_escape(ret_why, ref, strlen(ref), 200);
	gg_buf_add(ret_why, " has moved, fetch first");
	return -ESTALE;
}

static int try_locks(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until,
		     struct gg_buf *ret_why)
{
	static const char *const args[] = { "update-ref", "--stdin", NULL };
	struct gg_push_report said = { 0 };
	struct gg_git_call call = { .args = args, .quarantine = true, .err = on_err, .arg = &said };
	AUTO_FREE char *script = make_script(p, &call.nin);
	struct gg_git g;
	struct gg_run_end end;
	int r = gg_git_open(&g, gitdir, ret_why);

	if (r < 0)
		return r;
	if (!script)
		return -ENOMEM;
	call.in = script;
	call.limit_ms = gg_deadline_left(until);
	call.gentle = true;
	gg_git_run(&g, &call, &end);
	if (gg_run_ok(&end))
		return 0;
	if (!end.not_started && !end.timed_out && said.said[0])
		return explain(&g, &said, ret_why);
	gg_buf_add(ret_why, "git update-ref ");
	gg_run_why(ret_why, &end, until);
	return end.not_started ? end.error : end.timed_out ? -ETIMEDOUT : -EIO;
}

int gg_locals_check(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until,
		    struct gg_buf *ret_why)
{
	int r = p->n > BY_LOCK ? compare_old(gitdir, p, until, ret_why)
			       : try_locks(gitdir, p, until, ret_why);

	if (r < 0 && !ret_why->len)
		gg_buf_add(ret_why, "the references here cannot be compared: %s", strerror(-r));
	/* last: whoever outlives it gets another parent in that moment */
	if (r == 0 && getppid() != p->receive_pack) {
		gg_buf_add(ret_why, "git receive-pack has ended");
		r = -ESRCH;
	}
	return r;
}

int gg_locals_compare(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until,
		      struct gg_tally *ret, const char **ret_ref, struct gg_buf *ret_why)
{
	return look(gitdir, p, GG_SEEN_NEW, until, ret, ret_ref, ret_why);
}
