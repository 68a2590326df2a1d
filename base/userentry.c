/* userentry - see userentry.h. */
#include "base/userentry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/headroom.h"

enum { OTHER_GID = 65534 }; /* libnss-extrausers passes over an entry with a gid below 500, as 0 is */

/* The file itself is asked, not the system's list of users: that may be far away, and slow. */
/* 1: it has; 0: it has none; -errno of what the machine lacks to tell. */
static int has_entry(const char *file, uid_t uid)
{
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FILE FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	const struct passwd *pw;
	bool found = false;

	if (f)
		gg_take_fd(&fd); /* f's now */
	while (f && !found && (errno = 0, pw = fgetpwent(f)))
		found = pw->pw_uid == uid;
	return found ? 1 : gg_is_shortage(errno) ? -errno : 0;
}

/* Whole at any moment: another gate may be at it, and ssh may read it. */
static int put(const char *file, const char *line)
{
	char temp[PATH_MAX];
	AUTO_CLOSE int fd = -1;
	int e = 0;

	if (snprintf(temp, sizeof(temp), "%s.%d", file, (int)getpid()) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	unlink(temp); /* one of our pid was killed here */
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s", line) < 0 || rename(temp, file) < 0)
		e = -errno;
	if (e < 0)
		unlink(temp);
	return e;
}

int gg_user_entry(const char *users, const char *more, uid_t uid, const char *home)
{
	char target[PATH_MAX], line[PATH_MAX + 64];
	ssize_t n;
	int r = has_entry(users, uid);

	r = r ? r : has_entry(more, uid);
	if (r)
		return r < 0 ? r : 0;
	n = readlink(more, target, sizeof(target) - 1);
	if (n < 0)
		return 1;
	target[n] = '\0';
	if (strpbrk(home, ":\n") || snprintf(line, sizeof(line), "git:x:%u:%u::%s:/usr/sbin/nologin\n",
					     (unsigned)uid, (unsigned)OTHER_GID, home) >= (int)sizeof(line))
		return -EINVAL;
	return put(target, line);
}
