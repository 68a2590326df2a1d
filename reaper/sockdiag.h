/*
 * sockdiag - TCP_INFO of a connection that another process holds, asked of the kernel by its addresses
 * (NETLINK_SOCK_DIAG). Effect: reads only. Needs no privilege, but the same network namespace. About 10 µs.
 */
#ifndef GG_REAPER_SOCKDIAG_H
#define GG_REAPER_SOCKDIAG_H

#include <linux/tcp.h>
#include <stddef.h>

#include "base/addr.h"

/*
 *   local, remote  as the server sees them; both of one family
 *   ret_size       bytes of *ret that this kernel filled; the rest is zero
 * 0 or -errno: -ENOENT no such connection, -ENODATA it is over but for its TIME_WAIT, -EAFNOSUPPORT netlink
 * is not allowed (RestrictAddressFamilies=).
 */
int gg_sockdiag_tcp(const struct gg_addr *local, const struct gg_addr *remote, struct tcp_info *ret,
		    size_t *ret_size);

#endif
