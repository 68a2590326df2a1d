/* serviceprobe - when is a service ready: a newline on a pipe of ours, or a port that takes connections.
 * Effect. */
#ifndef GG_SUPERVISOR_SERVICEPROBE_H
#define GG_SUPERVISOR_SERVICEPROBE_H

#include <ev.h>

#include "base/addr.h"

struct gg_probe {
	struct ev_loop *loop;
	ev_io io;	/* the pipe, or a connection being made; fd -1: neither */
	ev_timer again; /* the next connection */
	struct gg_addr addr;
	void (*ready)(void *arg); /* called once, after which the probe is stopped */
	void *arg;
};

void gg_probe_init(struct gg_probe *p, struct ev_loop *loop, void (*ready)(void *), void *arg);
/* Takes fd, the non-blocking read end of a pipe. */
void gg_probe_fd(struct gg_probe *p, int fd);
void gg_probe_port(struct gg_probe *p, const struct gg_addr *addr);
/* Also when it is stopped already. */
void gg_probe_stop(struct gg_probe *p);

#endif
