/*
 * probe - look at the machine for git-gate doctor: each fills in what cli/machine.h judges. Effect; bounded
 * in time; changes nothing that outlives it. What is tried is tried on processes that were started for it.
 */
#ifndef GG_CLI_PROBE_H
#define GG_CLI_PROBE_H

#include "base/conf.h"
#include "cli/machine.h"

void gg_probe_calls(struct gg_machine_calls *ret);

void gg_probe_proc(struct gg_machine_proc *ret);
/* kernel.yama.ptrace_scope, -1: there is none; ret_capable: CAP_SYS_PTRACE. */
int gg_probe_yama(bool *ret_capable);

/* A process that reads from a TCP connection, and what is seen of it. */
void gg_probe_child(struct gg_machine_child *ret);
/* A TCP connection with itself. */
void gg_probe_tcp(struct gg_machine_tcp *ret);
/* Makes this process a subreaper. */
void gg_probe_steps(struct gg_machine_steps *ret);

void gg_probe_git(struct gg_machine_git *ret);
void gg_probe_hook(const struct gg_conf *c, struct gg_machine_hook *ret);

/* entry_s of ret is left alone: see gg_probe_journal. */
void gg_probe_clock(struct gg_machine_clock *ret);
/* gate: its process, as seen from here; 0: there is none, or it cannot be seen. */
void gg_probe_limits(const struct gg_conf *c, pid_t gate, struct gg_machine_limits *ret);

void gg_probe_room(const char *dir, struct gg_machine_room *ret);
/* file: that of the settings. */
void gg_probe_others(const struct gg_conf *c, const char *file, struct gg_machine_others *ret);
void gg_probe_control(const struct gg_conf *c, struct gg_machine_control *ret);

/* As whoever calls; ret_entry_s: wall clock of the newest entry, 0: none that can be read. */
void gg_probe_journal(const struct gg_conf *c, struct gg_machine_journal *ret, int64_t *ret_entry_s);

/* The process that listens on the control socket, under its number here; 0: none, or in a PID namespace of
 * its own. */
pid_t gg_probe_gate(const struct gg_conf *c);
/* It is in other namespaces than we, or has another user: what is seen from here is not what it sees. */
bool gg_probe_apart(pid_t gate);

#endif
