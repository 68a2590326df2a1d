/* owner - see owner.h. */
#include "cli/owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/userentry.h"
#include "cli/command.h"
#include "cli/say.h"

int gg_owner_of(const char *dir, struct gg_owner *ret)
{
	struct gg_buf name = GG_BUF(ret->name);
	const struct passwd *pw = NULL;
	struct stat st;

	if (stat(dir, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	ret->uid = st.st_uid;
	ret->other = st.st_uid != geteuid();
	if (ret->other) /* else it does not matter, and glibc's way to it does not bear a want of memory */
		pw = getpwuid(st.st_uid);
	ret->gid = pw ? pw->pw_gid : st.st_gid;
	/* a volume of Kubernetes is root's, and a group may write to it: what is made there is our own */
	if (st.st_uid == 0 && ret->other && access(dir, W_OK) == 0) {
		*ret = (struct gg_owner){ .uid = geteuid(), .gid = getegid() };
		return 0;
	}
	if (pw)
		gg_buf_add(&name, "%s", pw->pw_name);
	if (name.cut)
		ret->name[0] = '\0';
	return 0;
}

bool gg_owner_can(const struct gg_owner *o)
{
	return !o->other || geteuid() == 0;
}

static int become(const struct gg_owner *o)
{
	if (!o->other)
		return 0;
	/* his groups, as a service manager would give them: the key may be readable through one */
	if ((*o->name ? initgroups(o->name, o->gid) : setgroups(0, NULL)) < 0)
		return -errno;
	if (setresgid(o->gid, o->gid, o->gid) < 0 || setresuid(o->uid, o->uid, o->uid) < 0)
		return -errno;
	return 0;
}

int gg_owner_become(const struct gg_owner *o)
{
	int e = become(o);

	if (e == 0)
		gg_user_entry(GG_USERS, GG_MORE_USERS, geteuid(), "/"); /* else ssh says that there is none */
	return e;
}

static int in_child(const struct gg_owner *o, int (*fn)(void *arg), void *arg)
{
	int e = gg_owner_become(o), code;

	if (e < 0)
		gg_say("cannot become uid %u: %s", (unsigned)o->uid, strerror(-e));
	code = e < 0 ? GG_EXIT_FAILED : fn(arg);
	fflush(stdout);
	return code;
}

int gg_owner_do(const struct gg_owner *o, int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	if (!o->other) {
		gg_owner_become(o);
		return fn(arg);
	}
	fflush(stdout);
	pid = fork(); /* one thread, and nothing is held that a copy would hurt */
	if (pid == 0)
		_exit(in_child(o, fn, arg));
	if (pid < 0) {
		gg_say("cannot start a process: %s", strerror(errno));
		return GG_EXIT_FAILED;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return GG_EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : GG_EXIT_FAILED;
}
