/*
 * pushconf - the settings that apply to the pushes of one session, as the gate tells them: what is set for
 * all repositories with what the repository's own section has in its place. Pure but for allocation. Filled
 * by hooks/gate.c, used by the rest of hooks/. Tested by tests/unit/pushconf.c.
 *
 * The gate fills one too (supervisor/hooksettings.c), and dumps it: both sides are made from one table.
 */
#ifndef GG_HOOKS_PUSHCONF_H
#define GG_HOOKS_PUSHCONF_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"

/* In place of a step: something could not be removed, and the gate is to try later. */
#define GG_GATE_LEFT "left"

/* Owned texts, none of which is NULL: "" for none. Durations can be GG_NEVER, limits 0 for none. */
struct gg_push_conf {
	char *repo;	 /* the git directory, below gate.basePath */
	char *peer;	 /* "127.0.0.1:53211" */
	char *transport; /* "git", "http" */

	int scanner;			/* GG_SCANNER_… of conf.h */
	struct gg_list scanner_command; /* split into words; the first is an absolute path */
	char *scanner_config;		/* hook.scannerConfig */
	char *scratch;			/* hook.scratch */
	char *dir;			/* hook.dir */
	struct gg_list allow_finding;

	struct gg_list allow_ref, deny_ref; /* the repository's own where it has any */
	bool allow_delete, allow_force;
	int64_t limit_refs, limit_object, limit_scan;
	struct gg_list own; /* which of these are the repository's own: "denyRef", "object" */

	int64_t hook_ms, scan_ms, step_ms, forward_ms, connect_ms, refresh_ms;

	char *upstream; /* "ssh://…"; "": the repository has none, and nothing is forwarded */
	char *identity_file, *known_hosts_file;
	int64_t fresh_ms;
	int on_stale; /* GG_STALE_… of conf.h */
};

/*
 * Read the data of the gate's answer, a JSON object with every member of the struct under its own name.
 *   ret  untouched on failure; else for gg_push_conf_free
 * 0; -EPROTO: it is no such object, or lacks a member (the gate is of another version than the hook);
 * -ENOMEM.
 */
int gg_push_conf_parse(const char *json, size_t n, struct gg_push_conf *ret);
/* The same of what is parsed already; borrowed, NULL is no object. */
int gg_push_conf_load(const json_t *j, struct gg_push_conf *ret);
/* c can be zeroed, or freed before. */
void gg_push_conf_free(struct gg_push_conf *c);

enum { GG_RULE_KEY_MAX = 640 }; /* room for the text of gg_push_conf_key; a longer one is cut */

/* Append which setting rule k of c is from, for people: "hook.denyRef", or "repo.NAME.denyRef" when it is the
 * repository's own. */
void gg_push_conf_key(struct gg_buf *b, const struct gg_push_conf *c, enum gg_repo_key k);

/* The object of c, the caller's. NULL without memory, or when a text is not valid UTF-8. */
json_t *gg_push_conf_dump(const struct gg_push_conf *c);

#endif
