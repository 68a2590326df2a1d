/*
 * listen - the sockets clients connect to: our own or systemd's, and when to accept from them.
 */
#ifndef GG_SUPERVISOR_LISTEN_H
#define GG_SUPERVISOR_LISTEN_H

#include "base/text.h"
#include "supervisor/state.h"

/* The kernel caps it at net.core.somaxconn; git daemon's own 5 stalls bursts for a second. */
#define GG_LISTEN_BACKLOG 4096

/*
 * Take over what LISTEN_FDS offers, and bind what it lacks: a socket of systemd's takes the place of the
 * setting of its transport, and of the other the setting counts if it is set, not its default. All of them,
 * or it fails and err says which one and why. 0 or -errno.
 */
int gg_listen_open(struct gg_gate *g, struct gg_buf *err);
/* May we go on listening where we do, with these settings? 0, or -EINVAL and err says where not, and the
 * cure.
 */
int gg_listen_check(const struct gg_gate *g, const struct gg_conf *c, struct gg_buf *err);
/* Start accepting. Safe to call at any time while serving. */
void gg_listen_resume(struct gg_gate *g);
/* For good: close our own sockets; systemd keeps its own and queues clients for the next start. */
void gg_listen_close(struct gg_gate *g);
/* Something cannot be done, for the error given: the machine lacks what it takes. Pause, for a second at
 * most.
 */
void gg_listen_pause(struct gg_gate *g, const char *what, int err);
/* What was lacking may be there again: end the pause. Who waits is served by gg_admit_next. */
void gg_listen_retry(struct gg_gate *g);

/* Accepting pauses, because the machine lacks something; or has ended. */
bool gg_listen_out_of_resources(const struct gg_gate *g);
/* Some socket came from LISTEN_FDS. */
bool gg_listen_inherited(const struct gg_gate *g);
/* All addresses, whose they are, and what is not served, for gate.ready. */
void gg_listen_tell(const struct gg_gate *g, struct gg_buf *b);
size_t gg_listen_count(const struct gg_gate *g);
/* The i-th address as text, "git://127.0.0.1:9418", appended to b. */
void gg_listen_address(const struct gg_gate *g, size_t i, struct gg_buf *b);

#endif
