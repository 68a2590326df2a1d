/* sockdiag - see sockdiag.h. */
#include "reaper/sockdiag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

#include "base/cleanup.h"

#define ANSWER_MAX 4096
#define ATTR_HEAD sizeof(struct nlattr)
#define ALIGNED(n) (((n) + 3) & ~(size_t)3) /* NLA_ALIGN in the right type */

/* Address and port in the kernel's form. False: no such family. */
static bool put(const struct gg_addr *a, __be32 *addr, __be16 *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->ss;

	if (a->ss.ss_family == AF_INET) {
		memcpy(addr, &v4->sin_addr, sizeof(v4->sin_addr));
		*port = v4->sin_port;
		return true;
	}
	memcpy(addr, &v6->sin6_addr, sizeof(v6->sin6_addr));
	*port = v6->sin6_port;
	return a->ss.ss_family == AF_INET6;
}

static int take_info(const struct nlmsghdr *h, struct tcp_info *ret, size_t *ret_size)
{
	const char *at = (const char *)NLMSG_DATA(h) + ALIGNED(sizeof(struct inet_diag_msg));
	const char *end = (const char *)h + h->nlmsg_len;

	while (at + ATTR_HEAD <= end) {
		struct nlattr a;

		memcpy(&a, at, sizeof(a));
		if (a.nla_len < ATTR_HEAD || at + a.nla_len > end)
			break;
		if (a.nla_type == INET_DIAG_INFO) {
			size_t n = a.nla_len - ATTR_HEAD;

			*ret_size = n < sizeof(*ret) ? n : sizeof(*ret);
			memset(ret, 0, sizeof(*ret));
			memcpy(ret, at + ATTR_HEAD, *ret_size);
			return 0;
		}
		at += ALIGNED(a.nla_len);
	}
	return -ENODATA;
}

int gg_sockdiag_tcp(const struct gg_addr *local, const struct gg_addr *remote, struct tcp_info *ret,
		    size_t *ret_size)
{
	AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q = { .h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST },
		.r = { .sdiag_family = (__u8)local->ss.ss_family,
		       .sdiag_protocol = IPPROTO_TCP,
		       .idiag_ext = 1 << (INET_DIAG_INFO - 1),
		       .idiag_states = ~0U,
		       .id = { .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } } };
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (local->ss.ss_family != remote->ss.ss_family ||
	    !put(local, q.r.id.idiag_src, &q.r.id.idiag_sport) ||
	    !put(remote, q.r.id.idiag_dst, &q.r.id.idiag_dport))
		return -EAFNOSUPPORT;
	/* the kernel answers within send(): nothing is waited for */
	if (send(fd, &q, sizeof(q), 0) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (n < (ssize_t)sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > (size_t)n)
		return -EBADMSG;
	if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		return e->error < 0 ? e->error : -EBADMSG;
	}
	return take_info(h, ret, ret_size);
}
