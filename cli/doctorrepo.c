/* doctorrepo - what git-gate doctor looks at of each repository: the mirror, and the way to its upstream. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/gitdir.h"
#include "cli/doctor.h"
#include "cli/mirror.h"

enum { FSCK_MS = 60000 };

static bool has(const struct gg_doctor *d, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", d->dir, name) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static bool is_mirror(const struct gg_doctor *d)
{
	return d->repo && *d->repo->upstream;
}

static bool look_repository(struct gg_doctor *d, struct gg_found *f)
{
	struct stat st;

	if (stat(d->dir, &st) < 0) {
		gg_found_bad(f, "%s: %s", d->dir, strerror(errno));
		return gg_found_cure(f, d->repo ? "git-gate remove %s, and add it again" : "git-gate add %s",
				     d->name);
	}
	if (!gg_gitdir_is(d->dir))
		return gg_found_bad(f, "%s is not a git directory", d->dir);
	if (st.st_uid != d->owner.uid) {
		gg_found_bad(f, "%s belongs to uid %u, and gate.basePath to uid %u", d->dir,
			     (unsigned)st.st_uid, (unsigned)d->owner.uid);
		return gg_found_cure(f, "chown -R %u", (unsigned)d->owner.uid);
	}
	if (!d->c->export_all && !has(d, "git-daemon-export-ok")) {
		gg_found_bad(f, "%s has no git-daemon-export-ok, so it is not served", d->dir);
		return gg_found_cure(f, "touch %s/git-daemon-export-ok", d->dir);
	}
	if (has(d, GG_MIRROR_MARK) && !is_mirror(d)) {
		gg_found_bad(f, "%s was made as the mirror of an upstream, and the settings name none",
			     d->dir);
		return gg_found_cure(f, "write its [repo] section again, or remove %s/" GG_MIRROR_MARK,
				     d->dir);
	}
	return gg_found_ok(f, "%s", d->dir);
}

static bool look_objects(struct gg_doctor *d, struct gg_found *f)
{
	const char *argv[] = { "git",		"-C", "", "fsck", "--connectivity-only", "--no-dangling",
			       "--no-progress", NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = FSCK_MS };
	struct gg_tool_end end;
	char why[1000];
	struct gg_buf w = GG_BUF(why);

	argv[2] = d->dir;
	if (gg_tool_run(&t, &end))
		return gg_found_ok(f, "git fsck --connectivity-only finds nothing wrong");
	if (end.timed_out)
		return gg_found_skip(
			f, "git fsck --connectivity-only takes longer than a minute: run it yourself");
	gg_tool_why(&w, &t, &end);
	gg_found_bad(f, "%s", why);
	return gg_found_cure(f, is_mirror(d)
					? "upstream has it all: remove it with --delete, and add it again"
					: "see git-fsck(1)");
}

static bool look_identity(struct gg_doctor *d, struct gg_found *f)
{
	return is_mirror(d) ? gg_link_identity(&d->link, f) : gg_found_skip(f, "no upstream");
}

static bool look_known_host(struct gg_doctor *d, struct gg_found *f)
{
	return is_mirror(d) ? gg_link_known_host(&d->link, f) : gg_found_skip(f, "no upstream");
}

static bool look_upstream(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_link_remote remote;

	return is_mirror(d) ? gg_link_reach(&d->link, &remote, f) : gg_found_skip(f, "no upstream");
}

static bool look_push(struct gg_doctor *d, struct gg_found *f)
{
	if (!is_mirror(d))
		return gg_found_skip(f, "no upstream");
	if (!d->c->receive_pack)
		return gg_found_skip(f, "gate.receivePack is off");
	return gg_link_push(&d->link, d->dir, f);
}

const struct gg_check gg_checks_repo[] = {
	{ "repository", look_repository, true }, { "objects", look_objects, false },
	{ "identity", look_identity, true },	 { "known hosts", look_known_host, true },
	{ "upstream", look_upstream, true },	 { "push", look_push, false },
};
const size_t gg_nchecks_repo = GG_LEN(gg_checks_repo);
