/*
 * foster - sessions that others began: those of a gate that died, which are ended, and those below a watched
 * process, which are judged like our own. Their roots are not our children.
 */
#ifndef GG_SUPERVISOR_FOSTER_H
#define GG_SUPERVISOR_FOSTER_H

#include "reaper/find.h"
#include "supervisor/state.h"

/* A session of a gate that died: to be ended. sock is taken over; -1: none. */
struct gg_adoptee {
	char id[GG_ID_SIZE]; /* "": it had none, and gets one */
	char peer[64], user[GG_USER_SIZE], repo[GG_REPO_MAX];
	pid_t root;
	uint64_t root_tick;
	int sock;
	bool http; /* git-gate-http is its root */
};
/* 0 or -errno; -ESRCH: it has gone meanwhile. */
int gg_foster_adopt(struct gg_gate *g, const struct gg_adoptee *a);

/* A session found below a watched process; watch: who that is, for people; copied. 0 or -errno. */
int gg_foster_watch(struct gg_gate *g, const struct gg_found *f, const char *watch);

/*
 * The process that talks to the client of a lent session was found: so service and repository are known.
 * False: it has begun only now, and is not in its repository yet; it is to be asked again.
 */
bool gg_foster_served(struct gg_session *s, pid_t pid);
/* For the reaper: it takes the place of the root that is gone. */
void gg_foster_reroot(struct gg_session *s, pid_t pid, uint64_t start_tick, void *gate);
/* Forget a lent session, as if it had never been seen. */
void gg_foster_forget(struct gg_session *s);

/* The repository in which a git process works: below gate.basePath, else absolute; "" when it is in neither.
 */
void gg_foster_repo(const struct gg_gate *g, pid_t pid, char ret[static GG_REPO_MAX]);

#endif
