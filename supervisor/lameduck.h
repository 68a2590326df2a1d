/*
 * lameduck - the time between the word to drain or to stop and its effect (deadline.lameDuck): clients are
 * served as before, while the gate says that it is not ready, so that a front sends them elsewhere. With a
 * deadline of 0 the effect is immediate.
 */
#ifndef GG_SUPERVISOR_LAMEDUCK_H
#define GG_SUPERVISOR_LAMEDUCK_H

#include "supervisor/state.h"

void gg_lameduck_init(struct gg_gate *g);
enum gg_lame gg_lameduck(const struct gg_gate *g);
/* An operator's word. Said again it changes nothing. */
void gg_lameduck_drain(struct gg_gate *g);
/* Takes the word back, before or after its effect. */
void gg_lameduck_resume(struct gg_gate *g);
/* A signal's. Said again it is at once. */
void gg_lameduck_stop(struct gg_gate *g);
/* Whatever was to follow, gg_gate_stop has come. */
void gg_lameduck_over(struct gg_gate *g);
/* How much of it is left; 0: none. */
int64_t gg_lameduck_left_ms(const struct gg_gate *g);

#endif
