/*
 * doctor - the checks of git-gate doctor. Each looks at one thing, in a bounded time, and fills in what it
 * found. Those of the gate are in doctorgate.c and doctorscan.c, those of a repository in doctorrepo.c.
 */
#ifndef GG_CLI_DOCTOR_H
#define GG_CLI_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/found.h"
#include "cli/link.h"
#include "cli/owner.h"

struct gg_doctor {
	const struct gg_args *a;
	const struct gg_conf *c;
	struct gg_owner owner; /* of gate.basePath, who we are by now if that was possible */

	struct gg_doctor_seen *seen; /* of the machine: doctormachine.c */
	bool answers, reduced;	     /* the gate does; and says that it could not look into some process */
	char cgroup[256], no_cgroup[256]; /* what it says of them; "": nothing */
	bool no_scratch;		  /* nothing can be laid out for the scanner, which was said */

	/* the repository that is looked at */
	const char *name;
	char dir[PATH_MAX];
	const struct gg_repo_conf *repo; /* NULL: it has no section */
	struct gg_link link;
};

/* One check. false: those that follow and need it are skipped. */
struct gg_check {
	const char *name;
	bool (*look)(struct gg_doctor *d, struct gg_found *f);
	bool needed; /* when it fails, the rest of the table is skipped */
};

extern const struct gg_check gg_checks_gate[], gg_checks_machine[], gg_checks_repo[];
extern const size_t gg_nchecks_gate, gg_nchecks_machine, gg_nchecks_repo;

/* What has to be looked at as whoever calls. 0, or -1: out of memory. The end takes d->seen away. */
int gg_doctor_machine_begin(struct gg_doctor *d);
void gg_doctor_machine_end(struct gg_doctor *d);
/* The first of the machine's checks, which needs no settings. */
bool gg_doctor_calls(struct gg_found *f);

/* In doctorscan.c. */
bool gg_doctor_scanner(struct gg_doctor *d, struct gg_found *f);

#endif
