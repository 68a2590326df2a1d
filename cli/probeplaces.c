/* probeplaces - directories, the control socket, the journal: what they are, for git-gate doctor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/event.h"
#include "base/eventsink.h"
#include "base/libsystemd.h"
#include "cli/probe.h"

void gg_probe_room(const char *dir, struct gg_machine_room *ret)
{
	struct statfs fs;
	struct statvfs vfs;

	*ret = (struct gg_machine_room){ .dir = dir, .files = -1 };
	if (statfs(dir, &fs) < 0 || statvfs(dir, &vfs) < 0) {
		ret->error = errno;
		return;
	}
	ret->type = (long)fs.f_type;
	ret->read_only = vfs.f_flag & ST_RDONLY;
	ret->bytes = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
	if (vfs.f_files)
		ret->files = (int64_t)vfs.f_favail;
}

/* Anybody may write to it: a directory in which everybody may remove only what is his own (/tmp) is let pass
 * for its members' sake, not for those that a program is looked up in. */
static bool is_open(const char *path, bool sticky_will_do)
{
	struct stat st;

	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) &&
	       (st.st_mode & S_IWOTH) && !(sticky_will_do && (st.st_mode & S_ISVTX));
}

static void note(char *ret, size_t size, const char *path, bool sticky_will_do)
{
	if (!*ret && is_open(path, sticky_will_do))
		snprintf(ret, size, "%.*s", (int)size - 1, path);
}

/* A file, and the directory that it can be replaced in. */
static void note_file(char *ret, size_t size, const char *file)
{
	char dir[PATH_MAX], *slash;

	snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (!slash)
		return;
	note(ret, size, file, false);
	slash[slash == dir] = 0;
	note(ret, size, dir, true);
}

void gg_probe_others(const struct gg_conf *c, const char *file, struct gg_machine_others *ret)
{
	static const char *const hooks[] = { "pre-receive", "post-receive" };
	static const char *const steps[] = { "pre-receive.d", "post-receive.d" };
	char path[PATH_MAX], *slash;

	*ret = (struct gg_machine_others){ .base = "" };
	note_file(ret->settings, sizeof(ret->settings), file);
	note_file(ret->settings, sizeof(ret->settings), c->token_file);
	note(ret->base, sizeof(ret->base), c->base_path, true);
	note(ret->hooks, sizeof(ret->hooks), c->hook_path, false);
	for (size_t i = 0; i < GG_LEN(hooks); i++) {
		snprintf(path, sizeof(path), "%s/%s", c->hook_path, hooks[i]);
		note(ret->hooks, sizeof(ret->hooks), path, false);
	}
	note(ret->hooks, sizeof(ret->hooks), c->hook_dir, false);
	for (size_t i = 0; i < GG_LEN(steps); i++) {
		snprintf(path, sizeof(path), "%s/%s", c->hook_dir, steps[i]);
		note(ret->hooks, sizeof(ret->hooks), path, false);
	}
	snprintf(path, sizeof(path), "%s", c->control);
	slash = strrchr(path, '/');
	if (slash && slash != path) {
		*slash = 0;
		note(ret->control, sizeof(ret->control), path, true);
	}
}

static int connect_control(const struct gg_conf *c)
{
	int fd = -1, r = gg_ask_connect(c->control, 1000, &fd);

	return r < 0 ? r : fd;
}

/* The gate makes the last directory of the way itself. */
void gg_probe_control(const struct gg_conf *c, struct gg_machine_control *ret)
{
	AUTO_CLOSE int fd = connect_control(c);
	char dir[PATH_MAX], *slash;

	*ret = (struct gg_machine_control){
		.path = c->control, .running = fd >= 0 || fd == -EACCES || fd == -EPERM || fd == -EAGAIN
	};
	if (ret->running)
		return;
	snprintf(dir, sizeof(dir), "%s", c->control);
	for (int up = 0; up < 2; up++) {
		slash = strrchr(dir, '/');
		if (!slash)
			return;
		slash[slash == dir] = 0;
		if (access(dir, W_OK | X_OK) == 0)
			return;
		ret->error = errno;
		snprintf(ret->where, sizeof(ret->where), "%.*s", (int)sizeof(ret->where) - 1, dir);
		if (errno != ENOENT)
			return;
	}
}

pid_t gg_probe_gate(const struct gg_conf *c)
{
	AUTO_CLOSE int fd = connect_control(c);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

static bool same_namespace(pid_t gate, const char *name)
{
	char own[64], other[64], a[64], b[64];
	ssize_t n, m;

	snprintf(own, sizeof(own), "/proc/self/ns/%s", name);
	snprintf(other, sizeof(other), "/proc/%d/ns/%s", (int)gate, name);
	n = readlink(own, a, sizeof(a));
	m = readlink(other, b, sizeof(b));
	return n > 0 && n == m && memcmp(a, b, (size_t)n) == 0;
}

bool gg_probe_apart(pid_t gate)
{
	return !same_namespace(gate, "mnt") || !same_namespace(gate, "pid") ||
	       !same_namespace(gate, "user") || !same_namespace(gate, "net");
}

/* --- journal ----------------------------------------------------------------------------------------- */

static bool takes_records(void)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool has_catalog(const struct gg_libsystemd *sd)
{
	sd_id128_t id;
	AUTO_FREE char *text = NULL;

	return sd->sd_id128_from_string(gg_event_message_id(GG_EV_SESSION_REAPED), &id) >= 0 &&
	       sd->sd_journal_get_catalog_for_message_id(id, &text) >= 0;
}

/* One's own records can always be read, so it is the system's files that count. */
static void look_into_journal(const struct gg_libsystemd *sd, struct gg_machine_journal *ret,
			      int64_t *ret_entry_s)
{
	sd_journal *j;
	uint64_t usec;

	if (sd->sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM) < 0)
		return;
	ret->readable = sd->sd_journal_has_runtime_files(j) > 0 || sd->sd_journal_has_persistent_files(j) > 0;
	if (ret->readable && sd->sd_journal_seek_tail(j) >= 0 && sd->sd_journal_previous(j) > 0 &&
	    sd->sd_journal_get_realtime_usec(j, &usec) >= 0)
		*ret_entry_s = (int64_t)(usec / 1000000);
	sd->sd_journal_close(j);
}

void gg_probe_journal(const struct gg_conf *c, struct gg_machine_journal *ret, int64_t *ret_entry_s)
{
	struct gg_libsystemd sd;
	char mem[512];
	struct gg_buf why = GG_BUF(mem);

	*ret = (struct gg_machine_journal){ .log = (int)c->log, .there = takes_records() };
	*ret_entry_s = 0;
	ret->persistent = access("/var/log/journal", F_OK) == 0;
	ret->no_library = gg_libsystemd_load(&sd, &why) < 0;
	if (ret->no_library)
		return;
	ret->catalog = has_catalog(&sd);
	look_into_journal(&sd, ret, ret_entry_s);
}
