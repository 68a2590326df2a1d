/*
 * notify - what systemd is told (the protocol of sd_notify(3)), without ever waiting for it: sd_notify itself
 * waits as long as nobody reads the socket. Effect.
 */
#ifndef GG_SUPERVISOR_NOTIFY_H
#define GG_SUPERVISOR_NOTIFY_H

#include <ev.h>

#define GG_NOTIFY_MAX 512

struct gg_notify {
	int fd;			   /* -1: nobody asked, or not opened yet */
	char ready[GG_NOTIFY_MAX]; /* READY=1 with its STATUS=, until it was taken; "" */
	ev_timer again;
};

void gg_notify_open(struct gg_notify *n);
void gg_notify_close(struct gg_notify *n, struct ev_loop *loop);

/* 0, also when nobody asked; -errno: it was not taken. */
int gg_notify(struct gg_notify *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* READY=1 and a STATUS=. Without it the start would count as failed, so it is repeated until it is taken. */
void gg_notify_ready(struct gg_notify *n, struct ev_loop *loop, const char *status);

#endif
