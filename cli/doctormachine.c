/*
 * doctormachine - what git-gate doctor says of the machine: probe.h looks, machine.h judges. As the gate's
 * user, if that can be; of the journal and the gate's process as whoever calls.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/doctor.h"
#include "cli/machine.h"
#include "cli/probe.h"

struct gg_doctor_seen {
	pid_t gate; /* 0: none, or it cannot be seen from here */
	bool apart;
	struct gg_machine_journal journal;
	struct gg_machine_calls calls;
	struct gg_machine_proc proc;
	struct gg_machine_clock clock;
	struct gg_machine_limits limits;
	struct gg_machine_child child;
	struct gg_machine_tcp tcp;
	struct gg_machine_room base;
};

int gg_doctor_machine_begin(struct gg_doctor *d)
{
	struct gg_doctor_seen *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	d->seen = s;
	s->gate = gg_probe_gate(d->c);
	s->apart = s->gate > 0 && gg_probe_apart(s->gate);
	gg_probe_journal(d->c, &s->journal, &s->clock.entry_s);
	gg_probe_limits(d->c, s->gate, &s->limits);
	return 0;
}

void gg_doctor_machine_end(struct gg_doctor *d)
{
	free(d->seen);
	d->seen = NULL;
}

static bool found(enum gg_trouble t, const struct gg_buf *b, struct gg_found *f)
{
	return gg_trouble_found(t, b->s, f);
}

#define SAY(b) \
	char mem[1200]; \
	struct gg_buf b = GG_BUF(mem)

static bool look_calls(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	gg_probe_calls(&d->seen->calls);
	return found(gg_judge_calls(&d->seen->calls, &b), &b, f);
}

bool gg_doctor_calls(struct gg_found *f)
{
	struct gg_doctor_seen s;

	return look_calls(&(struct gg_doctor){ .seen = &s }, f);
}

static bool look_proc(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	gg_probe_proc(&d->seen->proc);
	return found(gg_judge_proc(&d->seen->proc, &b), &b, f);
}

/* It shows no process of ours, or somebody else's under their numbers. */
static bool blind(const struct gg_doctor *d)
{
	return !d->seen->proc.mounted || !d->seen->proc.own;
}

static bool look_child(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	gg_probe_tcp(&d->seen->tcp);
	if (blind(d))
		return gg_found_skip(f, "needs /proc");
	gg_probe_child(&d->seen->child);
	return found(gg_judge_child(&d->seen->child, &b), &b, f);
}

static bool look_children(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	if (blind(d) || d->seen->child.made)
		return gg_found_skip(f, "needs /proc and processes");
	return found(gg_judge_children(&d->seen->child, &b), &b, f);
}

static bool look_tcp(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	return found(gg_judge_tcp(&d->seen->tcp, &b), &b, f);
}

static bool look_yama(struct gg_doctor *d, struct gg_found *f)
{
	bool capable;
	int scope = gg_probe_yama(&capable);
	SAY(b);

	(void)d;
	return found(gg_judge_yama(scope, capable, &b), &b, f);
}

/* Without it no program is run: base/spawn.h. */
static bool cannot_run(const struct gg_doctor *d)
{
	return d->seen->calls.error[GG_CALL_PIDFD_OPEN] > 0;
}

static bool look_git(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_machine_git s;
	SAY(b);

	if (cannot_run(d))
		return gg_found_skip(f, "needs system calls");
	gg_probe_git(&s);
	return found(gg_judge_git(&s, &b), &b, f);
}

static bool look_clock(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	gg_probe_clock(&d->seen->clock);
	return found(gg_judge_clock(&d->seen->clock, &b), &b, f);
}

static bool look_fds(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	return found(gg_judge_fds(&d->seen->limits, &b), &b, f);
}

static bool look_procs(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	return found(gg_judge_procs(&d->seen->limits, &b), &b, f);
}

static bool look_backlog(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	return found(gg_judge_backlog(&d->seen->limits, &b), &b, f);
}

static bool look_room(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	gg_probe_room(d->c->base_path, &d->seen->base);
	return found(gg_judge_room(&d->seen->base, d->c->push_max, &b), &b, f);
}

static bool look_fs(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	return found(gg_judge_fs(&d->seen->base, &b), &b, f);
}

static bool look_others(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_machine_others s;
	SAY(b);

	gg_probe_others(d->c, d->a->config ? d->a->config : GG_CONF_FILE, &s);
	return found(gg_judge_others(&s, &b), &b, f);
}

static bool look_hook(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_machine_hook s;
	SAY(b);

	if (cannot_run(d))
		return gg_found_skip(f, "needs system calls");
	gg_probe_hook(d->c, &s);
	return found(gg_judge_hook(&s, &b), &b, f);
}

static bool look_control(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_machine_control s;
	SAY(b);

	gg_probe_control(d->c, &s);
	return found(gg_judge_control(&s, &b), &b, f);
}

static bool look_journal(struct gg_doctor *d, struct gg_found *f)
{
	SAY(b);

	return found(gg_judge_journal(&d->seen->journal, &b), &b, f);
}

static bool look_steps(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_machine_steps s;
	SAY(b);

	if (blind(d))
		return gg_found_skip(f, "needs /proc");
	gg_probe_steps(&s);
	return found(gg_judge_steps(&s, &b), &b, f);
}

static bool look_evidence(struct gg_doctor *d, struct gg_found *f)
{
	if (!d->answers)
		return gg_found_skip(f, "needs the gate");
	if (d->reduced)
		return gg_trouble_found(GG_TROUBLE_GATE_REDUCED, "reduced", f);
	if (!d->seen->gate || d->seen->apart)
		return gg_found_ok(
			f,
			"the gate misses nothing of its sessions; it %s, so what is said above of /proc, "
			"system calls, processes and ending is of this place and not of the gate's",
			d->seen->gate ? "has namespaces of its own" : "cannot be seen from here");
	return gg_found_ok(f, "the gate misses nothing of its sessions");
}

const struct gg_check gg_checks_machine[] = {
	{ "system calls", look_calls, false },
	{ "/proc", look_proc, false },
	{ "processes", look_child, false },
	{ "descendants", look_children, false },
	{ "connections", look_tcp, false },
	{ "ptrace rules", look_yama, false },
	{ "ending", look_steps, false },
	{ "evidence", look_evidence, false },
	{ "git", look_git, false },
	{ "hook version", look_hook, false },
	{ "clock", look_clock, false },
	{ "descriptors", look_fds, false },
	{ "process limit", look_procs, false },
	{ "backlog", look_backlog, false },
	{ "room", look_room, false },
	{ "file system", look_fs, false },
	{ "others", look_others, false },
	{ "control", look_control, false },
	{ "journal", look_journal, false },
};
const size_t gg_nchecks_machine = GG_LEN(gg_checks_machine);
