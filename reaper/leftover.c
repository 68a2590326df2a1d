/* leftover - may a file that a push left behind be removed? See leftover.h. */
#include "reaper/leftover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hooks/fwddir.h"

/* Start times have a resolution of 10 ms, and file systems round theirs down to a jiffy. */
#define SLACK_MS 50

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && !strcmp(s + n - m, suffix);
}

enum gg_leftover_kind gg_leftover_kind(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (starts(path, "objects/")) {
		const char *below = path + strlen("objects/");

		if (!strchr(below, '/'))
			return starts(below, "tmp_objdir-") || starts(below, "incoming-") ? GG_LEFT_QUARANTINE
											  : GG_LEFT_NONE;
		if (starts(below, "pack/")) {
			if (starts(name, "tmp_pack_") || starts(name, "tmp_idx_") || starts(name, "tmp_rev_"))
				return GG_LEFT_TEMPORARY;
			return starts(name, "pack-") && ends(name, ".keep") ? GG_LEFT_KEEP : GG_LEFT_NONE;
		}
		return starts(name, "tmp_obj_") ? GG_LEFT_TEMPORARY : GG_LEFT_NONE;
	}
	if (!strcmp(path, GG_FWDDIR))
		return GG_LEFT_FORWARD;
	if (!ends(name, ".lock"))
		return GG_LEFT_NONE;
	if (starts(path, "refs/") || starts(path, "logs/"))
		return GG_LEFT_LOCK;
	/* at the top: what a push writes */
	return !slash && (!strcmp(name, "HEAD.lock") || !strcmp(name, "packed-refs.lock") ||
			  !strcmp(name, "shallow.lock"))
		       ? GG_LEFT_LOCK
		       : GG_LEFT_NONE;
}

int gg_leftover_parse_keep(const char *text, pid_t *ret_pid, char *ret_host, size_t size)
{
	char host[256];
	int pid;

	if (sscanf(text, "receive-pack %d on %255s", &pid, host) != 2 || pid <= 0 || strlen(host) >= size)
		return -EINVAL;
	*ret_pid = pid;
	strcpy(ret_host, host);
	return 0;
}

static enum gg_leftover_fate no(enum gg_leftover_fate fate, const char *why, const char **ret_why)
{
	*ret_why = why;
	return fate;
}

enum gg_leftover_fate gg_leftover_judge(const struct gg_leftover *l, const int64_t *users, size_t n,
					const struct gg_rule *rule, const char **ret_why)
{
	if (l->uid != rule->uid)
		return no(GG_LEFTOVER_NOT_OURS, "it belongs to another user", ret_why);
	if (l->born_ms < rule->since_ms - SLACK_MS)
		return no(GG_LEFTOVER_NOT_OURS, "it is older than the session", ret_why);
	if (rule->until_ms && l->born_ms > rule->until_ms - SLACK_MS)
		return no(GG_LEFTOVER_IN_USE, "it is younger than the look at who uses the repository",
			  ret_why);
	if (l->kind == GG_LEFT_KEEP) {
		if (!l->keep_pid)
			return no(GG_LEFTOVER_NOT_OURS, "it was not made by a push", ret_why);
		if (!l->keep_here)
			return no(GG_LEFTOVER_NOT_OURS, "it was made on another host", ret_why);
		if (l->keep_pid_lives)
			return no(GG_LEFTOVER_IN_USE, "its receive-pack is alive", ret_why);
	}
	for (size_t i = 0; i < n; i++)
		if (rule->strict || users[i] <= l->born_ms + SLACK_MS)
			return no(GG_LEFTOVER_IN_USE, "a process that uses the repository is older", ret_why);
	return GG_LEFTOVER_REMOVE;
}
