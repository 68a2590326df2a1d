/*
 * group - the process group of a service whose git sessions belong to clients: a signal for the group spares
 * them and what is below them. Effect.
 */
#ifndef GG_SUPERVISOR_GROUP_H
#define GG_SUPERVISOR_GROUP_H

#include <signal.h>
#include <sys/types.h>

/*
 * sig 0: only count. Returns how many processes of the group run that belong to no session, or -errno. Looks
 * at every process of the machine: for the end of a service, not for every second.
 */
int gg_group_signal_spared(pid_t pgrp, int sig);

#endif
