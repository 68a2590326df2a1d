/*
 * signals - what a signal does to the gate. The list is signals.def. cli/run.c holds them first thing of all;
 * gate.c catches them, lets them through once it serves, and holds them again when it ends.
 */
#ifndef GG_SUPERVISOR_SIGNALS_H
#define GG_SUPERVISOR_SIGNALS_H

enum gg_signal_act {
	GG_SIGNAL_STOP,	   /* drain, and end; again: at once */
	GG_SIGNAL_RELOAD,  /* read the configuration again */
	GG_SIGNAL_SAID,	   /* ignored, and gate.signal says so */
	GG_SIGNAL_IGNORED, /* ignored without a word */
	GG_SIGNAL_NONE,	   /* the kernel's default, which ends or stops nobody */
	GG_SIGNAL_FAULT,   /* the kernel's default: a bug of the program, whose core is wanted */
	GG_SIGNAL_KERNEL,  /* cannot be caught */
	GG_NSIGNAL_ACTS,
};

enum {
#define CAUGHT(NAME, ACT) GG_CAUGHT_##NAME,
#define UNCAUGHT(NAME, ACT)
#include "supervisor/signals.def"
#undef CAUGHT
#undef UNCAUGHT
	GG_NCAUGHT,
};

struct gg_gate;

/*
 * Before there are handlers a signal would end us, and PID 1 would not even see it: from here on those that
 * are caught wait, and those that are ignored are, real-time signals too. Programs that are started get the
 * defaults back (base/spawn).
 */
void gg_signals_hold(void);
/* Make and start the watchers of g->sig; signals still wait. */
void gg_signals_catch(struct gg_gate *g);
/* Let through what waits, and what comes. */
void gg_signals_let_through(void);
/* For good: what comes while the gate's parts are taken down waits, and is not fatal. */
void gg_signals_end(struct gg_gate *g);

#endif
