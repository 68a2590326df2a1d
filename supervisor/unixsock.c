/* unixsock - unix sockets that clients connect to. See unixsock.h. */
#include "supervisor/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * What is sent waits with the kernel in pieces, which are no larger than this, and that one was read is seen
 * when it was read whole. As much as rate.min lets through in deadline.idle (the defaults): who is seen not
 * to read would be a trickle anyway.
 */
#define SEND_BYTES 16384

static const char *path_of(const struct gg_addr *a)
{
	return ((const struct sockaddr_un *)&a->ss)->sun_path;
}

static int cannot(struct gg_buf *err, const char *path, int e)
{
	gg_buf_add(err, "cannot listen on ");
	gg_escape(err, path, strlen(path), 107);
	gg_buf_add(err, ": %s%s", strerror(-e),
		   e == -EADDRINUSE ? "; another process serves it"
		   : e == -ENOENT   ? "; create the directory"
		   : e == -EEXIST   ? " and is no socket; remove it, or change the setting"
				    : "");
	return e;
}

/* Does somebody serve it? The lock keeps other gates away, not other programs. */
static bool is_served(const struct gg_addr *a)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 || connect(fd, (const struct sockaddr *)&a->ss, a->len) == 0 || errno == EAGAIN;
}

static int take_lock(const char *path, int *ret)
{
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];
	AUTO_CLOSE int fd = -1;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	*ret = gg_take_fd(&fd);
	return 0;
}

static int make_room(const struct gg_addr *a)
{
	struct stat st;

	if (lstat(path_of(a), &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (is_served(a))
		return -EADDRINUSE;
	return unlink(path_of(a)) < 0 && errno != ENOENT ? -errno : 0;
}

int gg_unixsock_open(const struct gg_addr *a, mode_t mode, int backlog, int *ret_fd, int *ret_lock,
		     struct gg_buf *err)
{
	AUTO_CLOSE int fd = -1, lock = -1;
	mode_t mask;
	int r = take_lock(path_of(a), &lock);

	r = r ? r : make_room(a);
	if (r < 0)
		return cannot(err, path_of(a), r);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* at no moment can more people connect than the mode says */
	mask = umask(0777 & ~mode);
	r = fd < 0 || bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0 && listen(fd, backlog) < 0) {
		r = -errno;
		gg_unixsock_remove(a);
	}
	if (r < 0)
		return cannot(err, path_of(a), r);
	*ret_fd = gg_take_fd(&fd);
	*ret_lock = gg_take_fd(&lock);
	return 0;
}

void gg_unixsock_remove(const struct gg_addr *a)
{
	unlink(path_of(a));
}

void gg_unixsock_peer(int fd, struct gg_addr *ret)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	int bytes = SEND_BYTES;

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*ret = (struct gg_addr){ .ss = { .ss_family = AF_UNIX }, .len = sizeof(sa_family_t), .uid = who.uid };
}
