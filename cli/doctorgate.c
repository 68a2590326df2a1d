/* doctorgate - what git-gate doctor looks at once: the gate, its directories, hooks, scratch space, limits.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/doctor.h"
#include "cli/format.h"
#include "hooks/stepname.h"

static void keep(char *ret, size_t size, const json_t *text)
{
	struct gg_buf b = { .s = ret, .size = size };

	ret[0] = 0;
	if (json_is_string(text))
		gg_buf_add(&b, "%s", json_string_value(text));
}

static bool look_gate(struct gg_doctor *d, struct gg_found *f)
{
	char mem[2048];
	struct gg_buf why = GG_BUF(mem);
	json_t *status;
	const char *base, *version;
	int code = gg_client_try(d->a, json_pack("{s:s}", "cmd", "status"), JSON_OBJECT, &status, &why);

	if (code) {
		gg_found_bad(f, "%s", mem);
		return code == GG_EXIT_NOT_RUNNING ? gg_found_cure(f, "start it: git-gate run") : false;
	}
	d->answers = true;
	d->reduced = json_is_true(json_object_get(status, "reduced_evidence"));
	keep(d->cgroup, sizeof(d->cgroup), json_object_get(status, "cgroup"));
	keep(d->no_cgroup, sizeof(d->no_cgroup), json_object_get(status, "cgroup_unused"));
	base = json_string_value(json_object_get(status, "base_path"));
	version = json_string_value(json_object_get(status, "version"));
	if (!base || strcmp(base, d->c->base_path) != 0) {
		gg_found_bad(f, "the gate that answers serves %s, and these settings say %s",
			     base ? base : "?", d->c->base_path);
		gg_found_cure(f, "name its configuration with --config, or restart it");
	} else if (!version || strcmp(version, GG_VERSION) != 0) {
		gg_found_bad(f, "version %s answers, and this is version %s", version ? version : "?",
			     GG_VERSION);
		gg_found_cure(f, "restart the gate, which completes the upgrade");
	} else {
		gg_found_ok(f, "version %s answers, %s", version,
			    json_is_true(json_object_get(status, "draining")) ? "and serves no new client"
									      : "and serves");
	}
	json_decref(status);
	return f->result == GG_RESULT_OK;
}

/* That there are none is no fault: in most containers nobody can make one. */
static bool look_cgroups(struct gg_doctor *d, struct gg_found *f)
{
	if (!d->answers)
		return gg_found_skip(f, "needs the gate");
	if (*d->cgroup)
		return gg_found_ok(f, "one for each session, below %s", d->cgroup);
	gg_found_ok(f, "none: %s; a process that leaves its session in every way is not ended",
		    *d->no_cgroup ? d->no_cgroup : "the gate is older");
	gg_found_cure(f, "Delegate=yes in its unit; in a container there is nothing to do");
	return true;
}

static bool look_base(struct gg_doctor *d, struct gg_found *f)
{
	const char *base = d->c->base_path;
	struct stat st;

	if (stat(base, &st) < 0 || !S_ISDIR(st.st_mode)) {
		gg_found_bad(f, "%s: %s", base, errno ? strerror(errno) : "not a directory");
		return gg_found_cure(f, "make it, or change gate.basePath");
	}
	if (d->owner.other) {
		gg_found_bad(f,
			     "%s belongs to uid %u, and you are uid %u: what only the gate's user may see "
			     "cannot be proved",
			     base, (unsigned)st.st_uid, (unsigned)geteuid());
		return gg_found_cure(f, "run this as that user or as root");
	}
	if (access(base, R_OK | W_OK | X_OK) < 0) {
		gg_found_bad(f, "%s: %s", base, strerror(errno));
		return gg_found_cure(f, "its owner, uid %u, has to be able to write there",
				     (unsigned)st.st_uid);
	}
	return gg_found_ok(f, "%s, owner uid %u", base, (unsigned)st.st_uid);
}

static bool look_hooks(struct gg_doctor *d, struct gg_found *f)
{
	static const struct {
		const char *name, *without;
	} hooks[] = { { "pre-receive", "every push is refused" },
		      { "post-receive", "no step of post-receive.d is run" } };
	const char *dir = d->c->hook_path;
	struct statvfs fs;
	struct stat st;
	char path[PATH_MAX];

	for (size_t i = 0; i < GG_LEN(hooks); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, hooks[i].name);
		if (stat(path, &st) < 0) {
			gg_found_bad(f, "%s: %s; without it %s", path, strerror(errno), hooks[i].without);
			return gg_found_cure(f, "hook.path is to name the directory of git-gate's own hooks");
		}
		/* before access(), which would blame the program */
		if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC)) {
			gg_found_bad(f, "%s is on a file system where nothing can be run (noexec)", dir);
			return gg_found_cure(f, "move it, and set hook.path");
		}
		if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0) {
			gg_found_bad(f, "%s is no program that uid %u may run", path, (unsigned)geteuid());
			return gg_found_cure(f, "chmod 755, or install git-gate again");
		}
	}
	return gg_found_ok(f, "%s", dir);
}

/* Programs in a directory of steps, or -1: f has what is wrong. */
static int count_steps(const char *dir, struct gg_found *f)
{
	AUTO_DIR DIR *open = opendir(dir);
	const struct dirent *e;
	int n = 0;

	if (!open && errno == ENOENT)
		return 0;
	if (!open) {
		gg_found_bad(f, "%s: %s; every push is refused", dir, strerror(errno));
		return -1;
	}
	while ((e = readdir(open))) {
		char path[PATH_MAX];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (gg_step_ignored(e->d_name) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
			continue;
		if (access(path, X_OK) < 0) {
			gg_found_bad(f, "%s: %s", path, strerror(errno));
			gg_found_cure(f, "chmod +x, or give it a name that ends in .bak");
			return -1;
		}
		n++;
	}
	return n;
}

static bool look_steps(struct gg_doctor *d, struct gg_found *f)
{
	char path[PATH_MAX];
	int before, after;

	snprintf(path, sizeof(path), "%s/pre-receive.d", d->c->hook_dir);
	before = count_steps(path, f);
	if (before < 0)
		return false;
	snprintf(path, sizeof(path), "%s/post-receive.d", d->c->hook_dir);
	after = count_steps(path, f);
	if (after < 0)
		return false;
	return gg_found_ok(f, "%d before a push is accepted, %d after", before, after);
}

/* A file can be made there, as the hook does. 0 or -errno. */
static int try_write(const char *dir)
{
	char path[PATH_MAX];
	int e = 0;

	snprintf(path, sizeof(path), "%s/git-gate-doctor.XXXXXX", dir);
	if (!mkdtemp(path))
		return -errno;
	if (rmdir(path) < 0)
		e = -errno;
	return e;
}

static bool look_scratch(struct gg_doctor *d, struct gg_found *f)
{
	const char *dir = d->c->scratch;
	struct statfs fs;
	char mem[128];
	struct gg_buf room = GG_BUF(mem);
	bool memory;
	int64_t bytes;
	int e = try_write(dir);

	d->no_scratch = e < 0;
	if (e < 0 || statfs(dir, &fs) < 0) {
		gg_found_bad(f, "%s: %s", dir, strerror(e < 0 ? -e : errno));
		return gg_found_cure(
			f, "uid %u has to be able to make directories there, or change hook.scratch",
			(unsigned)geteuid());
	}
	memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
	bytes = fs.f_blocks ? (int64_t)fs.f_bavail * fs.f_bsize : INT64_MAX;
	if (bytes == INT64_MAX)
		gg_buf_add(&room, "as much as there is memory");
	else
		gg_human_size(&room, bytes);
	if (d->c->scan_max && bytes < d->c->scan_max) {
		gg_found_bad(f, "%s has room for %s, and limit.scan lets one push take more", dir, mem);
		return gg_found_cure(f, "make it larger, or lower limit.scan");
	}
	return gg_found_ok(f, "%s is %s, room %s", dir,
			   memory ? "a memory file system" : "on a disk: what is pushed is written there",
			   mem);
}

static bool look_limits(struct gg_doctor *d, struct gg_found *f)
{
	const struct gg_conf *c = d->c;
	char hook[32], parts[32];
	struct gg_buf h = GG_BUF(hook), p = GG_BUF(parts);

	gg_human_ms(&h, c->hook_ms);
	if (c->scan_ms == GG_NEVER || c->forward_ms == GG_NEVER || c->hook_ms == GG_NEVER)
		return gg_found_ok(f, "a push has %s for its hook (deadline.hook)", hook);
	gg_human_ms(&p, c->scan_ms + c->forward_ms);
	if (c->hook_ms < c->scan_ms + c->forward_ms) {
		gg_found_bad(
			f,
			"deadline.hook (%s) is shorter than deadline.scan and deadline.forward together (%s)",
			hook, parts);
		return gg_found_cure(
			f, "raise deadline.hook: a forward has no more time than a scan leaves of it");
	}
	return gg_found_ok(f, "a push has %s for its hook, %s of it to be scanned and forwarded", hook,
			   parts);
}

const struct gg_check gg_checks_gate[] = {
	{ "gate", look_gate, false },
	{ "cgroups", look_cgroups, false },
	{ "base path", look_base, false },
	{ "hooks", look_hooks, false },
	{ "steps", look_steps, false },
	{ "scratch", look_scratch, false },
	{ "scanner", gg_doctor_scanner, false },
	{ "limits", look_limits, false },
};
const size_t gg_nchecks_gate = GG_LEN(gg_checks_gate);
