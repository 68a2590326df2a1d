/*
 * leftover - may a file that a push left behind be removed? Pure. Used by reaper/cleanup.c, tested by
 * tests/unit/leftover.c. The proof asked for: nobody who uses the repository was already there when the file
 * was made.
 */
#ifndef GG_REAPER_LEFTOVER_H
#define GG_REAPER_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum gg_leftover_kind {
	GG_LEFT_NONE,
	GG_LEFT_QUARANTINE, /* objects/tmp_objdir-..., and objects/incoming-... of git before 2.35: a
			       directory */
	GG_LEFT_TEMPORARY,  /* objects/pack/tmp_pack_* and the like, objects/xx/tmp_obj_* */
	GG_LEFT_KEEP,	    /* objects/pack/pack-*.keep */
	GG_LEFT_LOCK,	    /* *.lock of refs, HEAD, packed-refs, config, shallow */
	GG_LEFT_FORWARD,    /* git-gate.forward: not judged here, see hooks/fwddir.h for whose it is */
};

/* By the name below the git directory, e.g. "objects/pack/tmp_pack_x1Y2z3". */
enum gg_leftover_kind gg_leftover_kind(const char *path);

struct gg_leftover {
	enum gg_leftover_kind kind;
	uid_t uid;
	int64_t born_ms; /* since the epoch: birth time, or modification time where there is none */
	pid_t keep_pid;	 /* from a .keep's text "receive-pack PID on HOST"; 0: not such a text, never removed
			  */
	bool keep_here;	 /* HOST is this machine */
	bool keep_pid_lives; /* a process has that pid now, and started before the file was made */
};

struct gg_rule {
	uid_t uid;	  /* ours: files of others are not touched */
	int64_t since_ms; /* only what was born at or after this; 0: anything */
	int64_t until_ms; /* when the users were looked for; what was born since may be of one that was
			     missed. 0: any */
	bool strict;	  /* the clock was set meanwhile: any user at all protects everything */
};

enum gg_leftover_fate {
	GG_LEFTOVER_REMOVE,
	GG_LEFTOVER_IN_USE,   /* its owner may be alive: ask again later */
	GG_LEFTOVER_NOT_OURS, /* never to be removed under this rule */
};

/*
 * users: start times (ms since the epoch) of the live processes that use the repository, or may.
 * ret_why: a static text, unless it is to be removed.
 */
enum gg_leftover_fate gg_leftover_judge(const struct gg_leftover *l, const int64_t *users, size_t n,
					const struct gg_rule *rule, const char **ret_why);

/* "receive-pack PID on HOST\n". 0 or -EINVAL. */
int gg_leftover_parse_keep(const char *text, pid_t *ret_pid, char *ret_host, size_t size);

#endif
