/* remote - see remote.h. */
#include "hooks/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/ssh.h"

#define LIST_MAX (64 * 1024 * 1024) /* bytes of a list: some 900 000 references */

/*
 * ssh closes all descriptors that it inherits, the repository's lock too. So the shell that git starts it in
 * stays, which it does for a function: the lock is held until upstream has ended, though we and git may have
 * been killed. ssh leaves nobody behind (ControlMaster=no).
 */
static int shell_command(struct gg_buf *b, const struct gg_push_conf *c)
{
	int r;

	gg_buf_add(b, "f() { ");
	r = gg_ssh_command(b, c->identity_file, c->known_hosts_file, c->connect_ms);
	gg_buf_add(b, " \"$@\"; }; f");
	return r < 0 ? r : b->cut ? -ENAMETOOLONG : 0;
}

int gg_remote_open(struct gg_remote *u, const struct gg_push_conf *c, const char *gitdir,
		   struct gg_buf *ret_why)
{
	int r = gg_git_open(&u->git, gitdir, ret_why);
	struct gg_buf ssh = GG_BUF(u->git.ssh);

	u->c = c;
	if (r < 0)
		return r;
	if (strncmp(c->upstream, "ssh://", 6) != 0) {
		gg_buf_add(ret_why, "repo.NAME.upstream is no ssh:// URL");
		return -EINVAL;
	}
	if (shell_command(&ssh, c) < 0) {
		gg_buf_add(ret_why,
			   "repo.NAME.identityFile or .knownHostsFile is no path that ssh can be given");
		return -EINVAL;
	}
	return 0;
}

struct listing { /* what ls-remote says, as it comes */
	char *text;
	size_t n, size;
	int error;
	struct gg_push_report said;
};

static void list_out(void *arg, const char *bytes, size_t n)
{
	struct listing *l = arg;

	if (l->error)
		return;
	if (l->n + n + 1 > l->size) {
		size_t size = 2 * (l->n + n + 1);
		char *more = size > LIST_MAX ? NULL : realloc(l->text, size);

		if (!more) {
			l->error = size > LIST_MAX ? -E2BIG : -ENOMEM;
			return;
		}
		l->text = more;
		l->size = size;
	}
	memcpy(l->text + l->n, bytes, n);
	l->n += n;
}

static void list_err(void *arg, const char *bytes, size_t n)
{
	struct listing *l = arg;

	gg_push_report_err(&l->said, bytes, n);
}

/* "ref: refs/heads/main" TAB "HEAD" */
static void find_head(const char *text, size_t n, struct gg_heads *ret)
{
	const char *tab = n > 5 && !memcmp(text, "ref: ", 5) ? memchr(text, '\t', n) : NULL;
	size_t len = tab ? (size_t)(tab - text) - 5 : 0;

	if (!tab || len >= sizeof(ret->head) || strncmp(tab, "\tHEAD\n", 6) != 0)
		return;
	memcpy(ret->head, text + 5, len);
	ret->head[len] = '\0';
}

static int take_list(struct listing *l, struct gg_heads *ret, struct gg_buf *ret_why)
{
	struct gg_heads h = { .text = NULL };
	int r = l->error;

	if (r == 0 && !l->text && !(l->text = calloc(1, 1)))
		r = -ENOMEM;
	if (r == 0) {
		find_head(l->text, l->n, &h);
		r = gg_listing_parse(l->text, l->n, &h.l);
	}
	if (r < 0) {
		gg_buf_add(ret_why, "upstream's list of references cannot be read: %s", strerror(-r));
		return r;
	}
	h.text = gg_take_ptr(&l->text);
	*ret = h;
	return 0;
}

int gg_remote_list(const struct gg_remote *u, const struct gg_deadline *until, bool only_head,
		   struct gg_heads *ret, struct gg_buf *ret_why)
{
	const char *args[] = {
		"ls-remote", "--symref", "--", u->c->upstream, only_head ? "HEAD" : NULL, NULL
	};
	struct listing l = { .text = NULL };
	struct gg_git_call call = {
		.args = args,
		.out = list_out,
		.err = list_err,
		.arg = &l,
		.limit_ms = gg_deadline_left(until),
	};
	struct gg_run_end end;
	int r;

	gg_git_run(&u->git, &call, &end);
	if (gg_run_ok(&end)) {
		r = take_list(&l, ret, ret_why);
	} else {
		gg_remote_why(u, ret_why, "git ls-remote", &l.said, &end, until);
		r = end.not_started ? end.error : end.timed_out ? -ETIMEDOUT : -EIO;
	}
	free(l.text);
	return r;
}

void gg_heads_free(struct gg_heads *h)
{
	gg_listing_free(&h->l);
	free(h->text);
	*h = (struct gg_heads){ .text = NULL };
}

void gg_remote_why(const struct gg_remote *u, struct gg_buf *b, const char *name,
		   const struct gg_push_report *said, const struct gg_run_end *end,
		   const struct gg_deadline *until)
{
	const char *const hide[] = { u->c->identity_file, u->c->known_hosts_file, u->git.gitdir, NULL };

	if (end->timed_out || end->not_started || !said->said[0]) {
		gg_buf_add(b, "%s ", name);
		gg_run_why(b, end, until);
		return;
	}
	gg_push_report_why(b, said, hide);
}
