#include "tests/torture/left.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "tests/torture/seen.h"
#include "tests/torture/torture.h"

enum {
	NAMES_MAX = 4096,
	LEARN_POLL_MS = 50,
	LOOK_MS = 3000,
	LOOK_POLL_MS = 200,
	CLOCK_SLACK_MS = 1000 /* file times are those of the last timer tick */
};

static const char *const patterns[] = {
	"objects/tmp_objdir*",	   "objects/incoming-*",
	"objects/tmp_obj_*",	   "objects/*/tmp_obj_*",
	"objects/pack/tmp_pack_*", "objects/pack/tmp_idx_*",
	"objects/pack/tmp_rev_*",  "objects/tmp_pack_*",
	"objects/pack/*.keep",	   "*.lock",
};

static bool is_leftover(const char *path)
{
	for (size_t i = 0; i < GG_LEN(patterns); i++)
		if (!fnmatch(patterns[i], path, i + 1 < GG_LEN(patterns) ? FNM_PATHNAME : 0))
			return true;
	return false;
}

void gg_names_free(struct gg_names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i]);
	free(n->v);
	*n = (struct gg_names){ 0 };
}

static int add(struct gg_names *names, const char *path)
{
	if (!names->v || names->n == NAMES_MAX) {
		names->cut = true;
		return 0;
	}
	names->v[names->n] = strdup(path);
	if (!names->v[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

int gg_left_scan(const char *repo, struct gg_names *ret)
{
	char root[PATH_MAX];
	char *const roots[] = { root, NULL };
	struct gg_names names = { .v = calloc(NAMES_MAX, sizeof(*names.v)) };
	FTSENT *e;
	FTS *fts;
	int r = names.v ? 0 : -ENOMEM;

	snprintf(root, sizeof(root), "%s", repo);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOSTAT | FTS_NOCHDIR, NULL);
	if (!fts)
		r = -errno;
	while (r == 0 && (e = fts_read(fts))) {
		const char *path = e->fts_path + strlen(root);

		if (e->fts_info == FTS_DP || *path != '/' || !is_leftover(path + 1))
			continue;
		fts_set(fts, e, FTS_SKIP);
		r = add(&names, path + 1);
	}
	if (fts)
		fts_close(fts);
	if (r < 0) {
		gg_names_free(&names);
		return r;
	}
	*ret = names;
	return 0;
}

static void on_process(void *arg, pid_t pid, uint16_t port, const char *quarantine)
{
	struct gg_client *c = arg;
	struct gg_claim *mine = &c->claims[c->me];

	(void)pid;
	if (port != c->res->port)
		return;
	c->seen = true;
	if (!quarantine || mine->set)
		return;
	snprintf(mine->name, sizeof(mine->name), "%s", quarantine);
	mine->set = true;
}

bool gg_left_learn(struct gg_client *c, bool quarantine)
{
	if (!*c->target->repo || !c->res->port)
		return true;
	gg_seen_each(on_process, c);
	return c->seen && (!quarantine || c->claims[c->me].set);
}

void gg_left_learn_wait(struct gg_client *c, bool quarantine, int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };
	int64_t until = gg_now_ms() + timeout_ms;

	while (!gg_left_learn(c, quarantine) && gg_now_ms() < until)
		if (poll(&p, 1, LEARN_POLL_MS) > 0)
			return;
}

/* What the processes alive now say of whose a name is, and how many are this client's. */
struct census {
	const struct gg_client *c;
	const char *name; /* base name of the leftover in question; NULL: only count */
	int procs;
	bool others;
};

static void on_census(void *arg, pid_t pid, uint16_t port, const char *quarantine)
{
	struct census *s = arg;

	(void)pid;
	if (port == s->c->res->port)
		s->procs++;
	else if (s->name && quarantine && !strcmp(quarantine, s->name))
		s->others = true;
}

static bool born_in_lifetime(const struct gg_client *c, const char *path)
{
	char full[2 * PATH_MAX];
	struct statx st;
	int64_t ms, from = c->connect_wall_ms - CLOCK_SLACK_MS;

	snprintf(full, sizeof(full), "%s/%s", c->target->repo, path);
	if (statx(AT_FDCWD, full, AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_MTIME, &st) < 0)
		return false; /* gone meanwhile */
	if (st.stx_mask & STATX_BTIME)
		ms = st.stx_btime.tv_sec * 1000 + st.stx_btime.tv_nsec / 1000000;
	else
		ms = st.stx_mtime.tv_sec * 1000 + st.stx_mtime.tv_nsec / 1000000;
	return ms >= from && ms <= c->connect_wall_ms + (c->end_ms - c->connect_ms) + CLOCK_SLACK_MS;
}

static bool is_mine(const struct gg_client *c, const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct census s = { .c = c, .name = base };

	for (size_t i = 0; i < c->before->n; i++)
		if (!strcmp(c->before->v[i], path))
			return false;
	if (strstr(path, c->tag))
		return true;
	if (strstr(path, "torture/"))
		return false;
	for (size_t i = 0; i < c->nclaims; i++)
		if (c->claims[i].set && !strcmp(c->claims[i].name, base))
			return i == c->me;
	gg_seen_each(on_census, &s);
	return !s.others && born_in_lifetime(c, path);
}

static int find_mine(struct gg_client *c)
{
	struct gg_names names;
	int n = 0;

	if (gg_left_scan(c->target->repo, &names) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!is_mine(c, names.v[i]))
			continue;
		if (n < GG_LEFT_MAX) {
			struct gg_buf b = GG_BUF(c->res->left[n]);

			gg_escape(&b, names.v[i], strlen(names.v[i]), GG_LEFT_NAME / 4);
		}
		n++;
	}
	gg_names_free(&names);
	return n;
}

void gg_left_look(struct gg_client *c)
{
	int64_t until = gg_now_ms() + LOOK_MS;

	c->res->nleft = c->res->procs = -1;
	if (!*c->target->repo || !c->res->port)
		return;
	for (;;) {
		struct census s = { .c = c };

		memset(c->res->left, 0, sizeof(c->res->left));
		c->res->nleft = find_mine(c);
		gg_seen_each(on_census, &s);
		c->res->procs = c->seen || s.procs ? s.procs : -1;
		if ((c->res->nleft <= 0 && s.procs == 0) || gg_now_ms() >= until)
			return;
		poll(NULL, 0, LOOK_POLL_MS);
	}
}
