/*
 * seen - what /proc shows of the server, when it runs on this machine: the processes of a connection, by the
 * REMOTE_PORT in their environment, and the server's end of a TCP connection.
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
 * State (TCP_ESTABLISHED, … of <netinet/tcp.h>) of the socket whose local and remote ports are these; 0:
 * there is none in this network namespace.
 */
int gg_seen_tcp(uint16_t local, uint16_t remote);

#endif
