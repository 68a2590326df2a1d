/*
 * unixsock - unix sockets that clients connect to: made, with a stale one replaced, and who is at the other
 * end.
 */
#ifndef GG_SUPERVISOR_UNIXSOCK_H
#define GG_SUPERVISOR_UNIXSOCK_H

#include <sys/types.h>

#include "base/addr.h"
#include "base/text.h"

/*
 * Listen on it. PATH.lock is held, so that of two gates one gets it; what a dead one left is replaced, what
 * somebody serves, and what is no socket, is not.
 *   err  what is wrong is appended, with the path
 * 0 or -errno.
 */
int gg_unixsock_open(const struct gg_addr *a, mode_t mode, int backlog, int *ret_fd, int *ret_lock,
		     struct gg_buf *err);
/* One of ours, whose lock is still held. */
void gg_unixsock_remove(const struct gg_addr *a);

/* After accept: the peer by its user, and nothing that it could have chosen; and a send buffer that shows
 * what it takes (reaper/client.h). */
void gg_unixsock_peer(int fd, struct gg_addr *ret);

#endif
