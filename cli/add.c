/* add - git-gate add: a repository, its settings, and the way to its upstream, or nothing of it; or those
 * that the settings know and this machine lacks. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/gitdir.h"
#include "cli/addname.h"
#include "cli/clientlines.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/link.h"
#include "cli/mirror.h"
#include "cli/owner.h"
#include "cli/repos.h"
#include "cli/say.h"
#include "cli/section.h"

struct add {
	const struct gg_args *a;
	const char *name;
	const char *upstream;		     /* NULL: local */
	char *file, *identity, *known_hosts; /* absolute; the last two NULL: local */
	struct gg_reader r;
	struct gg_owner owner;
	struct gg_mirror mirror;
	struct gg_link link;
};

/* What is wrong with the command line, before anything is looked at. */
static int check_line(const struct gg_args *a)
{
	const char *wrong = a->noperand ? gg_add_name_wrong(a->operand[0]) : NULL;

	if (a->missing && (a->noperand || a->local || a->upstream || a->identity || a->known_hosts))
		gg_say("add: --missing makes what the settings know, so it takes no NAME and nothing about "
		       "one");
	else if (a->missing)
		return 0;
	else if (!a->noperand)
		gg_say("add: NAME is missing: the path of the repository below gate.basePath");
	else if (wrong)
		gg_say("add: the name '%s' %s", a->operand[0], wrong);
	else if (a->local && (a->upstream || a->identity || a->known_hosts))
		gg_say("add: --local is a repository without upstream, so it takes no --upstream, --identity "
		       "or "
		       "--known-hosts");
	else if (!a->local && !a->upstream)
		gg_say("add: --upstream URL is missing; --local makes a repository without one");
	else if (!a->local && !a->identity)
		gg_say("add: --identity FILE is missing: the private key that upstream knows the gate by");
	else if (!a->local && !a->known_hosts)
		gg_say("add: --known-hosts FILE is missing: the host keys that upstream may have");
	else
		return 0;
	return GG_EXIT_USAGE;
}

/* The gate runs elsewhere than we do. */
static int make_absolute(const char *path, char **ret)
{
	AUTO_FREE char *cwd = getcwd(NULL, 0);
	int n = *path == '/' ? asprintf(ret, "%s", path) : cwd ? asprintf(ret, "%s/%s", cwd, path) : -1;

	if (n >= 0)
		return 0;
	*ret = NULL;
	gg_say("%s: %s", path, strerror(errno));
	return GG_EXIT_FAILED;
}

/* As if the settings stood in the file: whatever they say of upstream's form is said. */
static int try_settings(struct add *d)
{
	const struct gg_repo_pair v[] = { { "identityFile", d->identity },
					  { "knownHostsFile", d->known_hosts },
					  { "upstream", d->a->upstream } };
	struct gg_reader *r = &d->r;
	int e = 0;

	for (size_t i = 0; i < GG_LEN(v) && !d->a->local && e == 0; i++) {
		char key[1024];
		struct gg_buf b = GG_BUF(key);

		gg_buf_add(&b, "repo.%s.%s", d->name, v[i].key);
		e = gg_reader_feed(r, "command line", key, v[i].value);
	}
	if (e == 0)
		e = gg_reader_finish(r);
	for (size_t i = 0; i < r->nerror; i++)
		gg_say("%s", r->error[i]);
	if (e < 0)
		gg_say("%s", strerror(-e));
	return e < 0 ? GG_EXIT_FAILED : r->nerror ? GG_EXIT_USAGE : 0;
}

/* git looks for NAME.git too when it is asked for NAME. */
static int check_path(const struct add *d, const char *suffix)
{
	const char *base = d->r.conf.base_path;
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s%s", base, d->name, suffix) >= (int)sizeof(path)) {
		gg_say("%s: the path is too long", d->name);
		return GG_EXIT_FAILED;
	}
	if (lstat(path, &st) == 0) {
		gg_say("%s exists: move it away, or choose another name", path);
		return GG_EXIT_FAILED;
	}
	for (char *slash; (slash = strrchr(path + strlen(base) + 1, '/'));) {
		*slash = '\0';
		if (gg_gitdir_is(path)) {
			gg_say("%s is a repository, and none can be in it: choose another name", path);
			return GG_EXIT_FAILED;
		}
	}
	return 0;
}

static int check_free(const struct add *d)
{
	int code;

	if (gg_repos_find(&d->r.conf, d->name)) {
		gg_say("%s exists: its settings are in %s; 'git-gate remove %s' takes it away", d->name,
		       d->file, d->name);
		return GG_EXIT_FAILED;
	}
	code = check_path(d, "");
	return code ? code : check_path(d, ".git");
}

static int check_owner(struct add *d)
{
	const char *base = d->r.conf.base_path;
	int e = gg_owner_of(base, &d->owner);

	if (e < 0) {
		gg_say("cannot look at %s (gate.basePath): %s", base, strerror(-e));
		return GG_EXIT_FAILED;
	}
	if (gg_owner_can(&d->owner))
		return 0;
	gg_say("%s (gate.basePath) belongs to uid %u%s%s, and you are uid %u: run this as that user or as "
	       "root",
	       base, (unsigned)d->owner.uid, *d->owner.name ? ", " : "", d->owner.name, (unsigned)geteuid());
	return GG_EXIT_FAILED;
}

static bool make(struct add *d, struct gg_found *f)
{
	const struct gg_link *l = &d->link;
	struct gg_link_remote remote = { .empty = true };

	if (d->upstream &&
	    (!gg_link_identity(l, f) || !gg_link_known_host(l, f) || !gg_link_reach(l, &remote, f)))
		return false;
	if (!gg_mirror_init(&d->mirror, &remote, !d->upstream, f))
		return false;
	if (!d->upstream)
		return true;
	return gg_mirror_fetch(&d->mirror, l, f) &&
	       (!d->r.conf.receive_pack || gg_link_push(l, d->mirror.work, f));
}

/* These run as the owner of gate.basePath, see gg_owner_do. */
static int do_make(void *arg)
{
	struct add *d = arg;
	struct gg_found f;

	if (gg_mirror_begin(&d->mirror, &f) && make(d, &f))
		return 0;
	gg_found_say(&f);
	return GG_EXIT_FAILED;
}

static int do_place(void *arg)
{
	const struct add *d = arg;
	struct gg_found f;

	if (gg_mirror_place(&d->mirror, &f))
		return 0;
	gg_found_say(&f);
	return GG_EXIT_FAILED;
}

static int do_discard(void *arg)
{
	const struct add *d = arg;
	struct gg_found f;

	if (gg_mirror_discard(&d->mirror, &f))
		return 0;
	gg_found_say(&f);
	return GG_EXIT_FAILED;
}

/* The section comes first: a repository without one would be served as one that has no upstream. */
static int settle(struct add *d)
{
	const struct gg_repo_pair mirror[] = { { "identityFile", d->identity },
					       { "knownHostsFile", d->known_hosts },
					       { "upstream", d->a->upstream } },
				  local[] = { { "upstream", "" } };
	struct gg_repo_section s = { .file = d->file, .name = d->name };
	struct gg_found f;

	if (gg_stop_wanted()) {
		gg_say("interrupted");
		return GG_EXIT_FAILED;
	}
	if (!(d->a->local ? gg_repo_section_write(&s, local, 1, &f)
			  : gg_repo_section_write(&s, mirror, GG_LEN(mirror), &f))) {
		gg_found_say(&f);
		return GG_EXIT_FAILED;
	}
	if (gg_owner_do(&d->owner, do_place, d) == 0)
		return 0;
	if (!gg_repo_section_remove(&s, &f))
		gg_found_say(&f);
	return GG_EXIT_FAILED;
}

/* Its settings are there. */
static int place(struct add *d)
{
	if (!gg_stop_wanted())
		return gg_owner_do(&d->owner, do_place, d);
	gg_say("interrupted");
	return GG_EXIT_FAILED;
}

/* From the repository in a room of its own to the repository in its place, by finish. */
static int work(struct add *d, int (*finish)(struct add *d))
{
	struct gg_found f;
	int code;

	d->mirror.base = d->r.conf.base_path;
	d->mirror.name = d->name;
	d->link = (struct gg_link){ .url = d->upstream,
				    .identity = d->identity,
				    .known_hosts = d->known_hosts,
				    .connect_ms = d->r.conf.connect_ms,
				    .limit_ms = d->r.conf.refresh_ms };
	if (!gg_mirror_name(&d->mirror, &f)) {
		gg_found_say(&f);
		return GG_EXIT_FAILED;
	}
	if (d->upstream)
		fprintf(stderr, "git-gate: fetching from upstream\n");
	code = gg_owner_do(&d->owner, do_make, d);
	code = code ? code : finish(d);
	/* when all went well it is an empty directory by now */
	return gg_owner_do(&d->owner, do_discard, d) && code == 0 ? GG_EXIT_FAILED : code;
}

static void print(const struct add *d)
{
	printf("%s is there, its settings are in %s", d->mirror.dir, d->file);
	if (d->owner.other)
		printf("; it belongs to uid %u%s%s, as gate.basePath", (unsigned)d->owner.uid,
		       *d->owner.name ? ", " : "", d->owner.name);
	printf("\n\nThe gate serves it after:\n\n  git-gate reload%s%s\n\nThen a client runs:\n\n",
	       d->a->gate ? " --gate " : "", d->a->gate ? d->a->gate : "");
	if (gg_client_lines(d->a, &d->r.conf, d->name, d->a->local ? "" : d->a->upstream))
		printf("  (what git-gate client %s --host HOST prints)\n", d->name);
}

static int add(struct add *d)
{
	int code = make_absolute(d->a->config ? d->a->config : GG_CONF_FILE, &d->file);

	if (code == 0 && !d->a->local)
		code = make_absolute(d->a->identity, &d->identity);
	if (code == 0 && !d->a->local)
		code = make_absolute(d->a->known_hosts, &d->known_hosts);
	if (code == 0)
		code = gg_config_load(d->a, &d->r);
	if (code == 0)
		code = check_free(d);
	if (code == 0)
		code = check_owner(d);
	if (code == 0)
		code = try_settings(d);
	if (code == 0)
		code = work(d, settle);
	if (code == 0)
		print(d);
	return code;
}

/* One failure does not keep the others from being made; it is the exit code. */
static int add_each(struct add *d)
{
	const struct gg_conf *c = &d->r.conf;
	int worst = 0;

	for (size_t i = 0; i < c->nrepo && !gg_stop_wanted(); i++) {
		const struct gg_repo_conf *repo = &c->repo[i];
		char path[PATH_MAX];
		struct stat st;
		int code;

		if (snprintf(path, sizeof(path), "%s/%s", c->base_path, repo->name) < (int)sizeof(path) &&
		    lstat(path, &st) == 0)
			continue;
		d->name = repo->name;
		d->upstream = *repo->upstream ? repo->upstream : NULL;
		d->identity = repo->identity_file;
		d->known_hosts = repo->known_hosts_file;
		fprintf(stderr, "git-gate: %s is missing\n", repo->name);
		code = check_path(d, "");
		code = code ? code : check_path(d, ".git");
		code = code ? code : work(d, place);
		if (code == 0)
			printf("%s is there\n", d->mirror.dir);
		worst = code ? code : worst;
	}
	d->identity = d->known_hosts = NULL; /* they were borrowed */
	return worst;
}

static int add_missing(struct add *d)
{
	int code = gg_config_load(d->a, &d->r);

	code = code ? code : check_owner(d);
	return code ? code : add_each(d);
}

int gg_cmd_add(const struct gg_args *a)
{
	struct add d = { .a = a, .name = a->noperand ? a->operand[0] : NULL, .upstream = a->upstream };
	int code = check_line(a);

	if (code)
		return code;
	gg_stop_hold();
	code = a->missing ? add_missing(&d) : add(&d);
	gg_reader_free(&d.r);
	free(d.identity);
	free(d.known_hosts);
	free(d.file);
	return code;
}
