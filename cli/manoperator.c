/* manoperator - git-gate(8): what a gate does, for whoever runs one. Its fixed prose is in cli/mantext.c. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/manpage.h"
#include "cli/mantext.h"
#include "reaper/escalate.h"
#include "supervisor/metrics.h"

static const struct {
	const char *turn, *what, *bound;
} phases[GG_NPHASES] = {
	[GG_PHASE_REQUEST] = { "client",
			       "The request line, or over HTTP the request line and the headers, have not "
			       "come "
			       "whole.",
			       "deadline.init, from accept on, or from the request's first byte on a "
			       "connection "
			       "that was kept" },
	[GG_PHASE_KEEP_ALIVE] = { "client",
				  "HTTP, between two requests. The connection is closed in silence, and "
				  "first of "
				  "all when clients wait for a session.",
				  "deadline.init" },
	[GG_PHASE_COMMANDS] = { "client",
				"The references were advertised; a push has sent no command yet, a fetch has "
				"not "
				"said, or not "
				"to the end, what it wants and has. The client's pre-push hook runs here. A "
				"push "
				"that has sent some commands may be counting already, if its client is "
				"without "
				"side-band: it has the longer of this and the next limit.",
				"deadline.commands" },
	[GG_PHASE_PACK_START] = { "client",
				  "The commands have come, the pack has not begun: the client counts and "
				  "compresses "
				  "objects.",
				  "deadline.packStart" },
	[GG_PHASE_PACK] = { "client", "The pack is coming, and git waits for more of it.",
			    "deadline.idle; rate.min over rate.window" },
	[GG_PHASE_SENDING] = { "client", "Git cannot write on because the client does not read.",
			       "deadline.idle; rate.min over rate.window" },
	[GG_PHASE_HOOK] = { "gate", "A hook runs, or what one left behind holds up the end.",
			    "deadline.hook, however busy it is" },
	[GG_PHASE_WORK] = { "gate", "Git resolves deltas, checks, counts objects for a fetch.",
			    "deadline.work" },
	[GG_PHASE_CLOSING] = { "gate", "The connection has ended; the last processes go.", NULL },
};

static const char *const steps[GG_NSTEPS] = {
	[GG_STEP_HANGUP] = "Before the pack: SIGHUP to git's processes.",
	[GG_STEP_HALF_CLOSE] =
		"In the pack: the reading half of the connection is shut down. Git sees the end, removes "
		"its quarantine and reports to the client by itself.",
	[GG_STEP_SHUTDOWN] = "While sending: both halves are shut down, which wakes the blocked writer.",
	[GG_STEP_KILL_HOOK] =
		"In a hook: SIGKILL to it and to all that it started, until two looks find nothing, 50 "
		"times at most. Git tells the client that the hook failed, and goes on.",
	[GG_STEP_KILL_LEAF] = "SIGKILL to what git waits for: index-pack, unpack-objects and the like.",
	[GG_STEP_HANGUP_GIT] = "SIGHUP to receive-pack or upload-pack and the root of the session.",
	[GG_STEP_KILL_GIT] = "SIGKILL to every process of the session.",
	[GG_STEP_FREEZE] =
		"Where the session has a cgroup of its own, and a hook has forked away from ten kill-hook: "
		"all of the session stands still until the next look, and kill-hook then meets everybody.",
	[GG_STEP_KILL_ALL] =
		"cgroup.kill of the session's own cgroup, where it has one, when all else has not helped.",
};

static const struct {
	const char *name;
	enum gg_signal_act act;
} signals[] = {
#define CAUGHT(NAME, ACT) { "SIG" #NAME, GG_SIGNAL_##ACT },
#define UNCAUGHT CAUGHT
#include "supervisor/signals.def"
#undef CAUGHT
#undef UNCAUGHT
};

static void put_phases(void)
{
	puts(".Bl -tag -width Ds");
	for (enum gg_phase p = 0; p < GG_NPHASES; p++) {
		printf(".It Cm %s Pq the %s's turn\n", gg_phase_name(p),
		       phases[p].turn ? phases[p].turn : "undocumented");
		gg_page_text(phases[p].what);
		if (!phases[p].bound)
			continue;
		puts(".br");
		fputs("Bound by ", stdout);
		printf("%s.\n", phases[p].bound);
	}
	puts(".El");
}

static void put_reasons(void)
{
	puts(".Bl -tag -width Ds");
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++) {
		const char *key = gg_reason_key(r);

		printf(".It Cm %s%s%s\n", gg_reason_name(r), key ? " Pq Ic " : "", key ? key : "");
		gg_page_text(gg_reason_help(r)->seen);
		gg_page_text(gg_reason_help(r)->advice);
	}
	puts(".El");
}

/* Those that leave a name in the record. */
static void put_steps(void)
{
	puts(".Bl -tag -width Ds\n.It Cm told\nThe reason was written to the client.");
	for (enum gg_step s = GG_STEP_NONE + 1; s < GG_NSTEPS; s++) {
		if (s == GG_STEP_RESUME || s == GG_STEP_STRAY)
			continue;
		printf(".It Cm %s\n", gg_step_name(s));
		gg_page_text(steps[s]);
	}
	puts(".El");
}

static void put_metrics(void)
{
	puts(".Bl -tag -width Ds");
	for (enum gg_metric i = 0; i < GG_NMETRICS; i++) {
		const char *labels = gg_metric_labels(i);

		printf(".It Cm %s Pq %s%s", gg_metric_name(i), gg_metric_type(i), *labels ? ", by " : "");
		for (; *labels; labels++)
			printf(*labels == ' ' ? " and " : "%c", *labels);
		putchar('\n');
		gg_page_text(gg_metric_help(i));
	}
	puts(".El");
}

static void put_signals(void)
{
	puts(".Bl -tag -width Ds");
	for (int act = 0; act < GG_NSIGNAL_ACTS; act++) {
		const char *lead = ".It Dv ";

		for (size_t i = 0; i < GG_LEN(signals); i++) {
			if ((int)signals[i].act != act)
				continue;
			printf("%s%s", lead, signals[i].name);
			lead = " , ";
		}
		putchar('\n');
		fputs(gg_mantext_signal[act], stdout);
	}
	puts(".El");
}

void gg_man_operator(void)
{
	gg_page_begin("git-gate", "8", "operate a git server that scans pushes and ends half-open sessions");
	fputs(gg_mantext_intro, stdout);
	put_phases();
	fputs(gg_mantext_ending, stdout);
	put_reasons();
	fputs(gg_mantext_steps, stdout);
	put_steps();
	fputs(gg_mantext_events, stdout);
	fputs(gg_mantext_signals, stdout);
	put_signals();
	fputs(gg_mantext_push, stdout);
	fputs(gg_mantext_metrics, stdout);
	put_metrics();
	gg_man_machine();
	fputs(gg_mantext_operation, stdout);
	gg_page_exits();
	fputs(gg_mantext_end, stdout);
}
