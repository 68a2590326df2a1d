/* Tests of tests/torture/seen.h: the other end of connections of our own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "tests/torture/seen.h"

/* fd: who listens, the client, the server. False: the machine has no such addresses. */
static bool connect_to(const char *listen_at, const char *host, int fd[static 3])
{
	struct gg_addr at, to;
	const char *why;
	int window = 4096;

	cr_assert_eq(gg_addr_parse(listen_at, &at, &why), 0);
	cr_assert_eq(gg_addr_parse(host, &to, &why), 0);
	fd[0] = socket(at.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0 || bind(fd[0], (struct sockaddr *)&at.ss, at.len) < 0)
		return false;
	cr_assert_eq(listen(fd[0], 1), 0);
	cr_assert_eq(getsockname(fd[0], (struct sockaddr *)&at.ss, &at.len), 0);
	/* the port is at the same place in both families */
	((struct sockaddr_in *)&to.ss)->sin_port = ((struct sockaddr_in *)&at.ss)->sin_port;
	fd[1] = socket(to.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
	cr_assert_eq(connect(fd[1], (struct sockaddr *)&to.ss, to.len), 0);
	fd[2] = accept4(fd[0], NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(fd[2], 0);
	return true;
}

Test(torture_seen, other_end_of_a_connection)
{
	static const struct {
		const char *listen_at, *host;
	} rows[] = { { "127.0.0.1:0", "127.0.0.1:0" },
		     { "[::1]:0", "[::1]:0" },
		     { "[::]:0", "127.0.0.1:0" } };
	static const char unread[65536];

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int fd[3], r;

		if (!connect_to(rows[i].listen_at, rows[i].host, fd))
			continue;
		r = gg_seen_tcp(fd[1]);
		if (r == -EAFNOSUPPORT)
			cr_skip("netlink is not allowed here");
		cr_expect_eq(r, TCP_ESTABLISHED, "%s: %d", rows[i].listen_at, r);
		/* it closes, and its FIN stays behind what the client does not read */
		cr_assert_eq(write(fd[2], unread, sizeof(unread)), sizeof(unread));
		close(fd[2]);
		r = gg_seen_tcp(fd[1]);
		cr_expect_eq(r, TCP_FIN_WAIT1, "%s: %d", rows[i].listen_at, r);
		close(fd[0]);
		close(fd[1]);
		cr_expect_eq(gg_seen_tcp(fd[1]), -EBADF);
	}
}

Test(torture_seen, no_other_end)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_expect_eq(gg_seen_tcp(fd), -ENOTCONN);
	close(fd);
}
