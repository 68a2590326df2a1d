/*
 * ledger - what all sessions together say of the verdicts: how many that observe mode did not carry out were
 * right, which were false alarms, and how long healthy sessions were silent. Since the gate's start, in
 * bounded memory. Owned by the registry; filled by reaper/follow.c; shown by supervisor/ledgercommands.c.
 * Tested by tests/unit/ledger.c.
 */
#ifndef GG_REAPER_LEDGER_H
#define GG_REAPER_LEDGER_H

#include "reaper/account.h"

/* False alarms that are remembered one by one, and as many others; all of them are counted. */
#define GG_ALARMS 256
#define GG_ALARM_REPO 256 /* bytes of a repository's name that are kept */

/* A session that enforce mode would have ended. */
struct gg_alarm {
	char id[9], peer[64], service[32], repo[GG_ALARM_REPO];
	const char *transport; /* static */
	struct gg_account account;
	enum gg_fate outcome;
	int64_t age_ms;
	int status;
};

struct gg_alarms {
	struct gg_alarm *v; /* owned; a ring of GG_ALARMS, the newest at (n - 1) % GG_ALARMS */
	uint64_t n;
};

struct gg_ledger {
	int64_t since_ms, since; /* its beginning: CLOCK_MONOTONIC, and seconds since the epoch */
	uint64_t seen;		 /* sessions that have ended; over HTTP requests */
	uint64_t healthy;	 /* those of them that ended well */
	uint64_t watched;	 /* those whose end is not known, because another server began them */
	/* By the reason of the first verdict, and by its clock. */
	uint64_t outcome[GG_NREASONS][GG_NFATES];
	uint64_t stuck[GG_NCLOCKS]; /* failed after a verdict, or ended for it */
	/* Of false alarms: how many had a verdict of this clock, and their longest silence against it. */
	uint64_t false_alarms[GG_NCLOCKS];
	int64_t longest_false_ms[GG_NCLOCKS];
	struct gg_spread spread[GG_NCLOCKS];
	struct gg_alarms well, other; /* two, so that no flood of stuck ones makes us forget a false alarm */
};

/* What the ledger keeps of a session beside its account; texts are borrowed. */
struct gg_who {
	const char *id, *peer, *service, *repo, *transport;
	int64_t age_ms;
};

/* 0 or -ENOMEM. */
int gg_ledger_init(struct gg_ledger *l, int64_t now_ms);
void gg_ledger_free(struct gg_ledger *l);

/* A session has ended by itself, or was stopped. */
void gg_ledger_ended(struct gg_ledger *l, const struct gg_account *a, const struct gg_finish *f,
		     const struct gg_who *who);
/* A session was ended because of this verdict. */
void gg_ledger_reaped(struct gg_ledger *l, const struct gg_verdict *v);

/* The i-th of a ring, the newest first; NULL past the end. */
const struct gg_alarm *gg_ledger_alarm(const struct gg_alarms *r, uint64_t i);

#endif
