/*
 * conf - the settings of a gate, read from git-config syntax by git itself.
 * base/conf.def is the list, base/service.def that of each [service "NAME"] section, and base/repo.def that
 * of each [repo "NAME"] section; this header gives them structs and the functions that fill them. Called by
 * cli/ (run, check-config). Tested by tests/unit/conf.c and tests/process.
 */
#ifndef GG_BASE_CONF_H
#define GG_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"
#include "base/tokenfile.h"

enum { GG_PROFILE_SIDECAR, GG_PROFILE_HOST };
enum { GG_LOG_AUTO, GG_LOG_JOURNAL, GG_LOG_TEXT, GG_LOG_JSON };
enum { GG_LEVEL_INFO, GG_LEVEL_DEBUG, GG_LEVEL_NOTICE, GG_LEVEL_WARNING, GG_LEVEL_ERR };
enum { GG_MODE_ENFORCE, GG_MODE_OBSERVE };
enum { GG_CGROUP_AUTO, GG_CGROUP_OFF };
enum { GG_SCANNER_UNSET, GG_SCANNER_NONE, GG_SCANNER_GITLEAKS, GG_SCANNER_BETTERLEAKS, GG_SCANNER_COMMAND };
enum { GG_RESTART_ALWAYS, GG_RESTART_ON_FAILURE, GG_RESTART_NEVER };
enum { GG_STALE_REFUSE, GG_STALE_SERVE };
enum { GG_AS_ALL, GG_OWN_TRUE, GG_OWN_FALSE }; /* a repository's .allowDelete and .allowForce */

#define GG_INHERIT (-1) /* a repository's number that is as the one for all repositories */

#ifndef GG_HOOK_PATH
#define GG_HOOK_PATH "/usr/local/libexec/git-gate/hooks"
#endif

struct gg_list {
	char **v; /* owned */
	size_t n;
};

/* Append a copy of s to the list. 0 or -ENOMEM. */
int gg_list_add(struct gg_list *l, const char *s);
void gg_list_clear(struct gg_list *l);

/* Field names and units: see conf.def, service.def and repo.def. The name is the first member. Texts and
 * lists are owned by the structs. */
struct gg_service_conf {
	char *name;
#define NUM(field, ...) int64_t field;
#define FLAG(field, ...) bool field;
#define TEXT(field, ...) char *field;
#define PICK(field, ...) int field;
#define LIST(field, ...) struct gg_list field;
#include "base/service.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
};

struct gg_repo_conf {
	char *name;
#define NUM(field, ...) int64_t field;
#define FLAG(field, ...) bool field;
#define TEXT(field, ...) char *field;
#define PICK(field, ...) int field;
#define LIST(field, ...) struct gg_list field;
#include "base/repo.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
};

struct gg_conf {
#define NUM(field, ...) int64_t field;
#define FLAG(field, ...) bool field;
#define TEXT(field, ...) char *field;
#define PICK(field, ...) int field;
#define LIST(field, ...) struct gg_list field;
#include "base/conf.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
	struct gg_service_conf *service; /* owned, in the order in which they are first named */
	struct gg_repo_conf *repo;	 /* the same */
	size_t nservice, nrepo;
	struct gg_tokens tokens; /* of access.tokenFile, once gg_access_load has read it; owned */
};

/* The kinds of sections that have names. */
enum gg_section { GG_SECTION_SERVICE, GG_SECTION_REPO, GG_NSECTIONS };

/* One index for every setting, in the table's order: GG_KEY_idle_ms, … */
enum gg_key {
#define NUM(field, ...) GG_KEY_##field,
#define FLAG(field, ...) GG_KEY_##field,
#define TEXT(field, ...) GG_KEY_##field,
#define PICK(field, ...) GG_KEY_##field,
#define LIST(field, ...) GG_KEY_##field,
#include "base/conf.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
	GG_NKEYS
};

/* The same for the settings of a service: GG_SERVICE_restart, … */
enum gg_service_key {
#define NUM(field, ...) GG_SERVICE_##field,
#define FLAG(field, ...) GG_SERVICE_##field,
#define TEXT(field, ...) GG_SERVICE_##field,
#define PICK(field, ...) GG_SERVICE_##field,
#define LIST(field, ...) GG_SERVICE_##field,
#include "base/service.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
	GG_NSERVICE_KEYS
};

/* And of a repository: GG_REPO_upstream, … */
enum gg_repo_key {
#define NUM(field, ...) GG_REPO_##field,
#define FLAG(field, ...) GG_REPO_##field,
#define TEXT(field, ...) GG_REPO_##field,
#define PICK(field, ...) GG_REPO_##field,
#define LIST(field, ...) GG_REPO_##field,
#include "base/repo.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
	GG_NREPO_KEYS
};

/* The key as users write it ("deadline.idle"). */
const char *gg_conf_key_name(enum gg_key k);
/* "readyTimeout", what stands behind "service.NAME.". */
const char *gg_service_key_name(enum gg_service_key k);
/* "denyRef", what stands behind "repo.NAME.". */
const char *gg_repo_key_name(enum gg_repo_key k);

/*
 * A configuration being read, with where each value came from and every error met.
 * Life: gg_reader_init, then any number of _feed, then _finish, then _free. All pure but for allocation.
 */
struct gg_reader {
	struct gg_conf conf;
	char *origin[GG_NKEYS];	       /* "default", "file /etc/git-gate/config", "environment
					  GIT_GATE_DEADLINE__IDLE", "command line"; owned */
	char **section[GG_NSECTIONS];  /* the same for the named sections, a row of keys for each; owned */
	size_t nsection[GG_NSECTIONS]; /* rows; after a reload conf may have more sections, or fewer */
	char **error;		       /* ready for the user: "FILE: unknown key 'deadline.idel'; did you mean
					  'deadline.idle'?" */
	size_t nerror;
	const char *gate; /* of several gates on a machine: its name, which is in defaults; NULL: the only
			     one. Set by the caller, borrowed */
	bool watches; /* it is for `git-gate watch`, which needs nothing to listen on; set by the caller */
	int git_ms;   /* how long git may take to read the file; gg_reader_init sets 10 s */
};

int gg_reader_init(struct gg_reader *r);
/*
 * Take one key=value pair.
 *   origin  "file PATH", "environment VARIABLE" or "command line"; borrowed
 *   key     as git prints it, section and variable in any case
 *   value   NULL for a key without '=' (true for a FLAG, an error elsewhere)
 * Problems become error texts that name origin, key, and the cure: the nearest key, the units, the range, the
 * choices. Returns 0 also then; -ENOMEM.
 */
int gg_reader_feed(struct gg_reader *r, const char *origin, const char *key, const char *value);
/* The output of `git config --file F --null --list --show-origin`: origin NUL key [LF value] NUL … */
int gg_reader_feed_git(struct gg_reader *r, const char *text, size_t n);
/*
 * The settings among environment variables: GIT_GATE_SECTION__KEY, in any case behind GIT_GATE_. A list is
 * split into words as gg_split_words does. GIT_GATE_REPO__LABEL__KEY is a setting of the repository that
 * GIT_GATE_REPO__LABEL__NAME names, and likewise of a service.
 *   env  "NAME=VALUE", NULL at the end; borrowed
 * A variable with GIT_GATE_ and "__" in its name that is no setting is an error. 0 or -ENOMEM.
 */
int gg_reader_feed_env(struct gg_reader *r, char *const *env);
/* Defaults that depend on other values (profile, control socket), relative paths, contradictions between
 * settings. */
int gg_reader_finish(struct gg_reader *r);
void gg_reader_free(struct gg_reader *r);
void gg_conf_free(struct gg_conf *c);

/*
 * Read FILE by running git (found through PATH), then this process's environment, then the -c settings
 * ("key=value"), then finish. Of two values that of the later one counts.
 *   file    NULL: the default file, if it exists
 * What is wrong goes to r->error, git's own words about a syntax error included. 0, -ENOMEM or -errno when
 * git cannot be run (which is in r->error too).
 */
#define GG_CONTROL_SYSTEM \
	"/run/git-gate/control" /* gate.control's default for root, and without $XDG_RUNTIME_DIR */
#define GG_CONF_FILE "/etc/git-gate/config"
#define GG_CONF_FILE_OF "/etc/git-gate/%s.config"	/* of a gate with a name ... */
#define GG_CONTROL_SYSTEM_OF "/run/git-gate@%s/control" /* ... and gate.control ... */
#define GG_BASE_PATH_OF "/var/lib/git-gate/%s"		/* ... and gate.basePath of it */
int gg_conf_load(struct gg_reader *r, const char *file, char *const *set, size_t nset);

/*
 * For a reload. Whether a setting has the same value in both; exchange its values. Pure.
 */
bool gg_conf_same(const struct gg_conf *a, const struct gg_conf *b, enum gg_key k);
void gg_conf_swap(struct gg_conf *a, struct gg_conf *b, enum gg_key k);
/* The same of what access.tokenFile holds. */
bool gg_conf_same_tokens(const struct gg_conf *a, const struct gg_conf *b);
void gg_conf_swap_tokens(struct gg_conf *a, struct gg_conf *b);

/* Where the names go of what is only in the new one, only in the old one, and not the same in both; they may
 * be one list. */
struct gg_conf_diff {
	struct gg_list *added, *removed, *changed;
};

/* The same for all sections of a kind: append "service.NAME" of each that differs, a being the old ones;
 * exchange them, those of a pointing into b then. 0 or -ENOMEM. */
int gg_conf_changed(const struct gg_conf *a, const struct gg_conf *b, enum gg_section s,
		    const struct gg_conf_diff *to);
void gg_conf_swap_sections(struct gg_conf *a, struct gg_conf *b, enum gg_section s);

/*
 * The rules for what may be pushed to a repository: its own where it has any. Pure.
 *   name  its git directory below gate.basePath
 *   ret   borrowed from c
 */
struct gg_repo_rules {
	const struct gg_repo_conf *repo; /* its section; NULL: it has none */
	const struct gg_list *allow_ref, *deny_ref, *allow_push, *allow_fetch;
	bool allow_delete, allow_force;
	int64_t push_max, push_refs, object_max;
	bool own[GG_NREPO_KEYS]; /* of those above: the value is that of its section */
};
void gg_conf_rules(const struct gg_conf *c, const char *name, struct gg_repo_rules *ret);

/*
 * Append which setting a rule is from: "repo.NAME.denyRef" when it is a repository's own, else
 * "hook.denyRef". Pure.
 *   name  of the repository, escaped
 *   k     a setting that takes the place of one for all repositories
 */
void gg_rule_key(struct gg_buf *b, const char *name, bool own, enum gg_repo_key k);

/*
 * May a socket be listened on that has this address of ours: nobody but this machine reaches it, or it is
 * known who may connect, or that everybody may. Pure.
 */
struct gg_addr;
bool gg_conf_may_listen(const struct gg_conf *c, const struct gg_addr *a);
/* Both cures, to be written behind such an address. */
#define GG_IS_PUBLIC \
	"is reached by others than this machine; set access.allow to who may connect, or gate.public = true"

/* One effective value as text, as it would be written in the file. */
void gg_conf_value(struct gg_buf *b, const struct gg_conf *c, enum gg_key k);

/* check-config's listing: "key = value    # origin", one line each, aligned. */
void gg_conf_print(FILE *to, const struct gg_reader *r);
/* The table for --help: key, default, help. */
void gg_conf_help(FILE *to);

#endif
