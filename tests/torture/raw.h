/* raw - clients that speak the protocol by hand: interprets a row of gg_kinds. */
#ifndef GG_TORTURE_RAW_H
#define GG_TORTURE_RAW_H

struct gg_client;

/* Fills c->res but for what is left. Bounded by the target's limit and some seconds. */
void gg_raw_run(struct gg_client *c);

#endif
