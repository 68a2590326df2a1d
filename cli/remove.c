/* remove - git-gate remove: the settings of a repository, and with --delete the repository. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/mirror.h"
#include "cli/owner.h"
#include "cli/repos.h"
#include "cli/say.h"
#include "cli/section.h"

struct removal {
	const struct gg_args *a;
	const char *name;
	struct gg_reader r;
	struct gg_owner owner;
	struct gg_mirror mirror;
	char *file; /* where the section is */
};

/* Sessions of the repository, named. No gate, no sessions; a gate that does not answer may have some. */
static int check_sessions(const struct removal *m)
{
	char mem[2048], ids[1024];
	struct gg_buf why = GG_BUF(mem), b = GG_BUF(ids);
	json_t *sessions;
	int code = gg_client_try(m->a, json_pack("{s:s}", "cmd", "sessions"), JSON_ARRAY, &sessions, &why);
	size_t n = 0;

	if (code == GG_EXIT_NOT_RUNNING)
		return 0;
	if (code) {
		gg_say("%s", mem);
		gg_say("it is not known whether sessions of %s run: ask as the gate's user or root", m->name);
		return GG_EXIT_FAILED;
	}
	for (size_t i = 0; i < json_array_size(sessions); i++) {
		const json_t *s = json_array_get(sessions, i);
		const char *repo = json_string_value(json_object_get(s, "repo")),
			   *id = json_string_value(json_object_get(s, "id")),
			   *peer = json_string_value(json_object_get(s, "peer"));

		if (!repo || strcmp(repo, m->name) != 0)
			continue;
		gg_buf_add(&b, "%s%s (%s)", n++ ? ", " : "", id ? id : "", peer ? peer : "");
	}
	json_decref(sessions);
	if (!n)
		return 0;
	gg_say("sessions of %s run: %s%s; wait, or end them with git-gate kill ID", m->name, ids,
	       b.cut ? "..." : "");
	return GG_EXIT_FAILED;
}

/* The file that the section stands in, which one may be that includes it. */
static int find_file(struct removal *m)
{
	static const char file[] = "file ";
	const char *origin = NULL;

	for (size_t i = 0; i < m->r.conf.nrepo; i++)
		for (enum gg_repo_key k = 0;
		     k < GG_NREPO_KEYS && strcmp(m->r.conf.repo[i].name, m->name) == 0; k++)
			if (strncmp(m->r.section[GG_SECTION_REPO][i * GG_NREPO_KEYS + k], file,
				    strlen(file)) == 0)
				origin = m->r.section[GG_SECTION_REPO][i * GG_NREPO_KEYS + k] + strlen(file);
	if (!origin) {
		gg_say("%s is not set in a file, but on the command line", m->name);
		return GG_EXIT_FAILED;
	}
	m->file = strdup(origin);
	return m->file ? 0 : GG_EXIT_FAILED;
}

/* These run as the owner of gate.basePath, see gg_owner_do. */
static int do_take(void *arg)
{
	const struct removal *m = arg;
	struct gg_found f;

	if (!gg_mirror_begin(&m->mirror, &f)) {
		gg_found_say(&f);
		return GG_EXIT_FAILED;
	}
	if (gg_mirror_take(&m->mirror, &f))
		return 0;
	gg_found_say(&f);
	gg_mirror_discard(&m->mirror, &f);
	return GG_EXIT_FAILED;
}

static int do_put_back(void *arg)
{
	const struct removal *m = arg;
	struct gg_found f;

	if (gg_mirror_put_back(&m->mirror, &f) && gg_mirror_discard(&m->mirror, &f))
		return 0;
	gg_found_say(&f);
	return GG_EXIT_FAILED;
}

static int do_delete(void *arg)
{
	const struct removal *m = arg;
	struct gg_found f;

	if (gg_mirror_discard(&m->mirror, &f))
		return 0;
	gg_found_say(&f);
	gg_say("what is left of the repository is in %s", m->mirror.room);
	return GG_EXIT_FAILED;
}

static int remove_section(const struct removal *m)
{
	const struct gg_repo_section s = { .file = m->file, .name = m->name };
	struct gg_found f;

	if (gg_repo_section_remove(&s, &f))
		return 0;
	gg_found_say(&f);
	return GG_EXIT_FAILED;
}

static int prepare_delete(struct removal *m)
{
	const char *base = m->r.conf.base_path;
	struct gg_found f;
	int e = gg_owner_of(base, &m->owner);

	if (e < 0) {
		gg_say("cannot look at %s (gate.basePath): %s", base, strerror(-e));
		return GG_EXIT_FAILED;
	}
	if (!gg_owner_can(&m->owner)) {
		gg_say("%s (gate.basePath) belongs to uid %u, and you are uid %u: run this as that user or "
		       "as root",
		       base, (unsigned)m->owner.uid, (unsigned)geteuid());
		return GG_EXIT_FAILED;
	}
	m->mirror.base = base;
	m->mirror.name = m->name;
	if (gg_mirror_name(&m->mirror, &f))
		return 0;
	gg_found_say(&f);
	return GG_EXIT_FAILED;
}

/* Out of the way first: no new session finds it then, and one that came meanwhile is seen. */
static int delete (struct removal *m)
{
	struct stat st;
	int code = prepare_delete(m);

	if (code)
		return code;
	if (lstat(m->mirror.dir, &st) < 0 && errno == ENOENT) {
		printf("%s is not there\n", m->mirror.dir);
		return remove_section(m);
	}
	code = gg_owner_do(&m->owner, do_take, m);
	if (code)
		return code;
	code = check_sessions(m);
	code = code ? code : remove_section(m);
	if (code) {
		gg_owner_do(&m->owner, do_put_back, m);
		return code;
	}
	code = gg_owner_do(&m->owner, do_delete, m);
	if (code == 0)
		printf("%s is deleted\n", m->mirror.dir);
	return code;
}

static int keep(const struct removal *m)
{
	int code = remove_section(m);

	if (code == 0)
		printf("the repository is still there: %s/%s\n", m->r.conf.base_path, m->name);
	return code;
}

/* The same section may stand in another file, too. */
static void look_again(const struct removal *m)
{
	struct gg_reader r;

	if (gg_config_load(m->a, &r) == 0 && gg_repos_find(&r.conf, m->name))
		gg_say("settings of %s remain in another file: see git-gate check-config", m->name);
	gg_reader_free(&r);
}

static int removes(struct removal *m)
{
	int code = gg_config_load(m->a, &m->r);

	if (code == 0 && !gg_repos_want(&m->r.conf, m->name))
		code = GG_EXIT_FAILED;
	if (code == 0)
		code = find_file(m);
	if (code == 0)
		code = check_sessions(m);
	if (code)
		return code;
	code = m->a->delete ? delete (m) : keep(m);
	if (code)
		return code;
	look_again(m);
	printf("its settings are no longer in %s; the gate forgets them after: git-gate reload\n", m->file);
	return GG_EXIT_DONE;
}

int gg_cmd_remove(const struct gg_args *a)
{
	struct removal m = { .a = a, .name = a->operand[0] };
	int code;

	gg_stop_hold();
	code = removes(&m);
	gg_reader_free(&m.r);
	free(m.file);
	return code;
}
