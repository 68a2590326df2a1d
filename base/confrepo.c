/* confrepo - the [repo "NAME"] sections of a configuration: their table, what is wrong with one taken whole,
 * and what applies to a repository. See confsection.c. Pure. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "base/upstream.h"

enum {
	MAX_REPOS = 1000,
	/* a session keeps 511 bytes of a name (GG_REPO_MAX), and one that was cut must not be taken for
	   another */
	MAX_NAME = 510,
};

const struct gg_conf_key gg_repo_keys[GG_NREPO_KEYS] = {
#define NUM(f, ...) GG_ROW_NUM(GG_REPO_##f, struct gg_repo_conf, f, __VA_ARGS__),
#define FLAG(f, ...) GG_ROW_FLAG(GG_REPO_##f, struct gg_repo_conf, f, __VA_ARGS__),
#define TEXT(f, ...) GG_ROW_TEXT(GG_REPO_##f, struct gg_repo_conf, f, __VA_ARGS__),
#define PICK(f, ...) GG_ROW_PICK(GG_REPO_##f, struct gg_repo_conf, f, __VA_ARGS__),
#define LIST(f, ...) GG_ROW_LIST(GG_REPO_##f, struct gg_repo_conf, f, __VA_ARGS__),
#include "base/repo.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
};

const char *gg_repo_key_name(enum gg_repo_key k)
{
	return gg_repo_keys[k].name;
}

/* A path as realpath(3) writes them: no segment is empty, "." or "..". */
static bool name_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	for (size_t at = 0, len; at <= n; at += len + 1) {
		const char *slash = memchr(s + at, '/', n - at);

		len = slash ? (size_t)(slash - s) - at : n - at;
		if (!len || (len <= 2 && strncmp(s + at, "..", len) == 0))
			return false;
	}
	return n > 0 && n <= MAX_NAME;
}

static int wrong(struct gg_reader *r, size_t i, enum gg_repo_key k, const char *value, const char *what)
{
	return gg_section_wrong(r, GG_SECTION_REPO, i, k, value, what);
}

/* ssh replaces ${NAME} in it, whatever the quotes, and reads its command line by lines (hooks/ssh.h). */
static int check_ssh_path(struct gg_reader *r, size_t i, enum gg_repo_key k, const char *path)
{
	bool control = false;

	for (const char *s = path; *s; s++)
		control = control || (unsigned char)*s < 0x20 || *s == 0x7f;
	if (!control && !strstr(path, "${"))
		return 0;
	return wrong(r, i, k, path,
		     "is no path that ssh can be given: it has ${ or a control character in it; "
		     "write one without");
}

static int check_upstream(struct gg_reader *r, size_t i)
{
	const struct gg_repo_conf *c = &r->conf.repo[i];
	char mem[700];
	struct gg_buf why = GG_BUF(mem);
	struct gg_upstream u;
	int e;

	if (!*c->upstream)
		return 0;
	if (gg_upstream_parse(c->upstream, &u, &why) < 0)
		return wrong(r, i, GG_REPO_upstream, c->upstream, why.s);
	if (!*c->identity_file)
		return wrong(r, i, GG_REPO_identity_file, NULL,
			     "is missing, and upstream is set; write the file of the private key that "
			     "upstream knows the "
			     "gate by");
	if (!*c->known_hosts_file)
		return wrong(r, i, GG_REPO_known_hosts_file, NULL,
			     "is missing, and upstream is set; write the file that has the host key of "
			     "upstream (see "
			     "ssh-keyscan)");
	e = check_ssh_path(r, i, GG_REPO_identity_file, c->identity_file);
	return e ? e : check_ssh_path(r, i, GG_REPO_known_hosts_file, c->known_hosts_file);
}

static const char *pattern_wrong(const char *pattern)
{
	for (const char *s = pattern; *s; s++)
		if (strchr(" ~^:?[\\", *s) || (unsigned char)*s < 0x20 || *s == 0x7f)
			return "has a character that no reference has; only * stands for others";
	if (*pattern == '*' || strncmp(pattern, "refs/", strlen("refs/")) == 0)
		return NULL;
	return "begins neither with refs/ nor with *; write the whole name, as refs/heads/main or "
	       "refs/tags/*";
}

const char *gg_ref_patterns_wrong(const struct gg_list *l, const char **ret_which)
{
	const char *why = NULL;

	for (size_t i = 0; i < l->n && !why; i++) {
		why = pattern_wrong(l->v[i]);
		*ret_which = l->v[i];
	}
	return why;
}

static int check_patterns(struct gg_reader *r, size_t i)
{
	const char *which, *why = gg_ref_patterns_wrong(&r->conf.repo[i].allow_ref, &which);
	int e = why ? wrong(r, i, GG_REPO_allow_ref, which, why) : 0;

	why = gg_ref_patterns_wrong(&r->conf.repo[i].deny_ref, &which);
	return e == 0 && why ? wrong(r, i, GG_REPO_deny_ref, which, why) : e;
}

static int check_texts(struct gg_reader *r, size_t i)
{
	int e = 0;

	for (enum gg_repo_key k = 0; k < GG_NREPO_KEYS && e == 0; k++)
		if (!gg_key_is_utf8(&gg_repo_keys[k], &r->conf.repo[i]))
			e = wrong(r, i, k, NULL, GG_NOT_UTF8);
	return e;
}

static gg_section_check *const checks[] = { check_texts, check_upstream, check_patterns, NULL };

const struct gg_section_kind gg_repo_kind = {
	.word = "repo",
	.many = "repositories",
	.keys = gg_repo_keys,
	.nkeys = GG_NREPO_KEYS,
	.size = sizeof(struct gg_repo_conf),
	.at = offsetof(struct gg_conf, repo),
	.at_n = offsetof(struct gg_conf, nrepo),
	.max = MAX_REPOS,
	.name_ok = name_ok,
	.bad_name =
		"the name of a repository is its path below gate.basePath, as git-gate sessions shows it: no "
		"'/' "
		"at its begin or end, no empty, '.' or '..' part, no control characters, at most 510 bytes",
	.checks = checks,
};

static bool own_flag(int pick, bool all)
{
	return pick == GG_AS_ALL ? all : pick == GG_OWN_TRUE;
}

void gg_conf_rules(const struct gg_conf *c, const char *name, struct gg_repo_rules *ret)
{
	size_t i = gg_section_find(c, GG_SECTION_REPO, name);
	const struct gg_repo_conf *own = i < c->nrepo ? &c->repo[i] : NULL;

	*ret = (struct gg_repo_rules){
		.repo = own,
		.allow_ref = own && own->allow_ref.n ? &own->allow_ref : &c->allow_ref,
		.deny_ref = own && own->deny_ref.n ? &own->deny_ref : &c->deny_ref,
		.allow_push = own && own->allow_push.n ? &own->allow_push : &c->allow_push,
		.allow_fetch = own && own->allow_fetch.n ? &own->allow_fetch : &c->allow_fetch,
		.allow_delete = own_flag(own ? own->allow_delete : GG_AS_ALL, c->allow_delete),
		.allow_force = own_flag(own ? own->allow_force : GG_AS_ALL, c->allow_force),
		.push_max = own && own->push_max != GG_INHERIT ? own->push_max : c->push_max,
		.push_refs = own && own->push_refs != GG_INHERIT ? own->push_refs : c->push_refs,
		.object_max = own && own->object_max != GG_INHERIT ? own->object_max : c->object_max,
	};
	if (!own)
		return;
	ret->own[GG_REPO_allow_ref] = own->allow_ref.n > 0;
	ret->own[GG_REPO_deny_ref] = own->deny_ref.n > 0;
	ret->own[GG_REPO_allow_push] = own->allow_push.n > 0;
	ret->own[GG_REPO_allow_fetch] = own->allow_fetch.n > 0;
	ret->own[GG_REPO_allow_delete] = own->allow_delete != GG_AS_ALL;
	ret->own[GG_REPO_allow_force] = own->allow_force != GG_AS_ALL;
	ret->own[GG_REPO_push_max] = own->push_max != GG_INHERIT;
	ret->own[GG_REPO_push_refs] = own->push_refs != GG_INHERIT;
	ret->own[GG_REPO_object_max] = own->object_max != GG_INHERIT;
}

void gg_rule_key(struct gg_buf *b, const char *name, bool own, enum gg_repo_key k)
{
	static const enum gg_key for_all[GG_NREPO_KEYS] = {
		[GG_REPO_allow_ref] = GG_KEY_allow_ref,	      [GG_REPO_deny_ref] = GG_KEY_deny_ref,
		[GG_REPO_allow_push] = GG_KEY_allow_push,     [GG_REPO_allow_fetch] = GG_KEY_allow_fetch,
		[GG_REPO_allow_delete] = GG_KEY_allow_delete, [GG_REPO_allow_force] = GG_KEY_allow_force,
		[GG_REPO_push_max] = GG_KEY_push_max,	      [GG_REPO_push_refs] = GG_KEY_push_refs,
		[GG_REPO_object_max] = GG_KEY_object_max,
	};

	if (own)
		gg_buf_add(b, "repo.%s.%s", name, gg_repo_keys[k].name);
	else
		gg_buf_add(b, "%s", gg_conf_key_name(for_all[k]));
}
