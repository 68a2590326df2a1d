/* signals - see signals.h. */
#include "supervisor/signals.h"

#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "supervisor/gate.h"
#include "supervisor/lameduck.h"
#include "supervisor/reload.h"
#include "supervisor/state.h"

struct row {
	int signum;
	enum gg_signal_act act;
};

static const struct row caught[] = {
#define CAUGHT(NAME, ACT) [GG_CAUGHT_##NAME] = { SIG##NAME, GG_SIGNAL_##ACT },
#define UNCAUGHT(NAME, ACT)
#include "supervisor/signals.def"
#undef CAUGHT
#undef UNCAUGHT
};

static const struct row uncaught[] = {
#define CAUGHT(NAME, ACT)
#define UNCAUGHT(NAME, ACT) { SIG##NAME, GG_SIGNAL_##ACT },
#include "supervisor/signals.def"
#undef CAUGHT
#undef UNCAUGHT
};

static void mask_caught(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < GG_LEN(caught); i++)
		sigaddset(&set, caught[i].signum);
	sigprocmask(how, &set, NULL);
}

void gg_signals_hold(void)
{
	mask_caught(SIG_BLOCK);
	for (size_t i = 0; i < GG_LEN(uncaught); i++)
		if (uncaught[i].act == GG_SIGNAL_IGNORED)
			signal(uncaught[i].signum, SIG_IGN);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		signal(sig, SIG_IGN);
}

static void on_stop(EV_P_ ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	gg_lameduck_stop(w->data);
}

static void on_said(EV_P_ ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	gg_event(GG_EV_GATE_SIGNAL, NULL, "%s ignored", strsignal(w->signum));
}

static void on_reload(EV_P_ ev_signal *w, int revents)
{
	struct gg_gate *g = w->data;
	struct gg_reload done;

	if (g->stage >= GG_DRAINING)
		return on_said(EV_A_ w, revents);
	gg_reload(g, &done);
	gg_reload_free(&done);
}

void gg_signals_catch(struct gg_gate *g)
{
	for (size_t i = 0; i < GG_LEN(caught); i++) {
		enum gg_signal_act act = caught[i].act;

		ev_signal_init(&g->sig[i],
			       act == GG_SIGNAL_STOP	 ? on_stop
			       : act == GG_SIGNAL_RELOAD ? on_reload
							 : on_said,
			       caught[i].signum);
		g->sig[i].data = g;
		ev_signal_start(g->loop, &g->sig[i]);
	}
}

void gg_signals_let_through(void)
{
	mask_caught(SIG_UNBLOCK);
}

void gg_signals_end(struct gg_gate *g)
{
	mask_caught(SIG_BLOCK);
	for (size_t i = 0; i < GG_LEN(caught); i++)
		ev_signal_stop(g->loop, &g->sig[i]);
}
