/*
 * relay - a real `git push` through a relay of ours on a loopback port. Server to client always passes;
 * client to server passes up to the kind's stall, or until the client is stopped. Both connections stay open
 * to the end.
 */
#ifndef GG_TORTURE_RELAY_H
#define GG_TORTURE_RELAY_H

struct gg_client;

/* Fills c->res but for what is left. Bounded by the target's limit and some seconds. */
void gg_relay_run(struct gg_client *c);

#endif
