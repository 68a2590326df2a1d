/*
 * seen - what is to be seen of the server, when it runs on this machine: the processes of a connection, by
 * the REMOTE_PORT in their environment, and the server's end of a TCP connection.
 */
#ifndef GG_TORTURE_SEEN_H
#define GG_TORTURE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Calls each for every readable process with a REMOTE_PORT. quarantine: base name of GIT_QUARANTINE_PATH or
 * NULL. Detached gc, maintenance and repack inherit the port and are left out: they belong to no connection.
 */
void gg_seen_each(void (*each)(void *arg, pid_t pid, uint16_t port, const char *quarantine), void *arg);

/*
 * State (TCP_ESTABLISHED, … of <netinet/tcp.h>) of the server's socket for our connection fd; 0: there is
 * none that is open in this network namespace; -errno: that cannot be told. Asked for by its addresses:
 * whoever reads /proc/net/tcp while connections come and go does not find all that are there.
 */
int gg_seen_tcp(int fd);

#endif
