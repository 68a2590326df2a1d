/*
 * rules - whether a request may be served: access.allowPush, access.allowFetch, those of its repository, and
 * the token that the client showed. Pure. Called by supervisor/session.c for each
 * request, by the settings of that moment: so what a reload changes counts for the next one, on a connection
 * that is kept alive too. Tested by tests/unit/rules.c.
 *
 * Whoever may not fetch a repository does not learn whether it is there: he reads the same as of one that is
 * not, and of one that he may fetch he reads what he may not do with it.
 */
#ifndef GG_SUPERVISOR_RULES_H
#define GG_SUPERVISOR_RULES_H

#include "base/addr.h"
#include "base/conf.h"
#include "daemon-wrap/status.h"

struct gg_ruling {
	int status;		    /* 0: it may be served; else how HTTP says no: 401, 403, 404 */
	bool challenge;		    /* nothing wrong was shown: a token is asked for */
	char user[GG_USER_MAX + 1]; /* whose token was shown, or "uid:NUMBER"; "": nobody knows */
	char why[512];		    /* for the client, and the log */
	char key[640];		    /* the setting that decided; "": none, there is no such repository */
};

/* st: the request as git-gate-session or git-gate-http reports it. http: a token can be shown and asked for.
 */
void gg_rules_judge(const struct gg_conf *c, const struct gg_addr *peer, const struct gg_status *st,
		    bool http, struct gg_ruling *ret);

#endif
