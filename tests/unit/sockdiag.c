/* Tests of reaper/sockdiag.h: connections of our own, found by their addresses. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "reaper/sockdiag.h"

enum { ESTABLISHED = 1 };

static void name_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), struct gg_addr *ret)
{
	ret->len = sizeof(ret->ss);
	cr_assert_eq(ask(fd, (struct sockaddr *)&ret->ss, &ret->len), 0);
}

/* fd: who listens, the client, the server. False: the machine has no such addresses. */
static bool connect_to(const char *text, struct gg_addr *ret_local, struct gg_addr *ret_remote,
		       int fd[static 3])
{
	struct gg_addr at;
	const char *why;

	cr_assert_eq(gg_addr_parse(text, &at, &why), 0);
	fd[0] = socket(at.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0 || bind(fd[0], (struct sockaddr *)&at.ss, at.len) < 0)
		return false;
	cr_assert_eq(listen(fd[0], 1), 0);
	name_of(fd[0], getsockname, &at);
	fd[1] = socket(at.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(fd[1], (struct sockaddr *)&at.ss, at.len), 0);
	fd[2] = accept4(fd[0], NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(fd[2], 0);
	name_of(fd[2], getsockname, ret_local);
	name_of(fd[2], getpeername, ret_remote);
	return true;
}

Test(sockdiag, by_addresses)
{
	static const char *const rows[] = { "127.0.0.1:0", "[::1]:0" };
	struct gg_addr local[GG_LEN(rows)], remote[GG_LEN(rows)];
	struct tcp_info info;
	size_t size = 0, n = 0;

	for (; n < GG_LEN(rows); n++) {
		int fd[3], r;

		if (!connect_to(rows[n], &local[n], &remote[n], fd))
			break;
		cr_assert_eq(write(fd[1], "12345", 5), 5);
		r = gg_sockdiag_tcp(&local[n], &remote[n], &info, &size);
		if (r == -EAFNOSUPPORT)
			cr_skip("netlink is not allowed here");
		cr_expect_eq(r, 0, "%s: %d", rows[n], r);
		cr_expect_eq(info.tcpi_state, ESTABLISHED, "%s", rows[n]);
		cr_expect_eq(info.tcpi_bytes_received, 5, "%s", rows[n]);
		cr_expect_eq(gg_sockdiag_tcp(&remote[n], &remote[n], &info, &size), -ENOENT, "%s", rows[n]);
	}
	if (n == GG_LEN(rows))
		cr_expect_eq(gg_sockdiag_tcp(&local[0], &remote[1], &info, &size), -EAFNOSUPPORT);
}

Test(sockdiag, that_is_over)
{
	struct gg_addr local, remote;
	struct tcp_info info;
	size_t size = 0;
	int fd[3], r = 0;

	cr_assert(connect_to("127.0.0.1:0", &local, &remote, fd));
	close(fd[2]);
	close(fd[1]);
	/* the kernel may take a moment for the last segments */
	for (int i = 0; i < 1000 && r != -ENODATA; i++) {
		r = gg_sockdiag_tcp(&local, &remote, &info, &size);
		if (r == -EAFNOSUPPORT)
			cr_skip("netlink is not allowed here");
		if (r != -ENODATA)
			poll(NULL, 0, 10);
	}
	cr_expect_eq(r, -ENODATA, "%d", r);
	close(fd[0]);
}
