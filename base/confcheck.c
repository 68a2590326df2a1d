/* confcheck - the end of reading a configuration: defaults that depend on others, paths, contradictions.
 * Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "base/service.h"
#include "base/who.h"

static bool is_set(const struct gg_reader *r, enum gg_key k)
{
	return strcmp(r->origin[k], "default") != 0;
}

static int wrong_value(struct gg_reader *r, enum gg_key k, const char *value, const char *what)
{
	return gg_reader_wrong(r, gg_conf_keys[k].name, r->origin[k], value, what);
}

static int wrong(struct gg_reader *r, enum gg_key k, const char *what)
{
	return wrong_value(r, k, NULL, what);
}

static void apply_profile(struct gg_reader *r)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		if (gg_conf_keys[k].kind <= GG_KIND_COUNT && !is_set(r, k) &&
		    r->conf.profile == GG_PROFILE_HOST)
			*gg_conf_num(&r->conf, k) = gg_conf_keys[k].host;
}

static int set_control(struct gg_reader *r, const struct gg_place *place)
{
	bool own = !place->root && place->runtime_dir && *place->runtime_dir == '/';
	char *path;

	if (is_set(r, GG_KEY_control) && *r->conf.control)
		return 0;
	/* without a runtime directory of the user's (a container, a system user) the system's is the place */
	if (asprintf(&path, "%s/git-gate%s%s/control", own ? place->runtime_dir : "/run", r->gate ? "@" : "",
		     r->gate ? r->gate : "") < 0)
		return -ENOMEM;
	free(r->conf.control);
	r->conf.control = path;
	return 0;
}

static int set_base_path(struct gg_reader *r)
{
	char *path;

	if (!r->gate || is_set(r, GG_KEY_base_path))
		return 0;
	if (asprintf(&path, GG_BASE_PATH_OF, r->gate) < 0)
		return -ENOMEM;
	free(r->conf.base_path);
	r->conf.base_path = path;
	return 0;
}

/* *at, when it is a relative path. 1: it is, and the current directory is not known. */
static int make_absolute(char **at, const char *cwd)
{
	char *path;

	if (**at == '/' || !**at)
		return 0;
	if (!cwd)
		return 1;
	if (asprintf(&path, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, *at) < 0)
		return -ENOMEM;
	free(*at);
	*at = path;
	return 0;
}

static const char no_cwd[] = "is relative, and the current directory cannot be told; give an absolute path";

static int make_paths_absolute(struct gg_reader *r, const char *cwd)
{
	int e = 0;

	for (enum gg_key k = 0; k < GG_NKEYS && e >= 0; k++) {
		if (gg_conf_keys[k].kind != GG_KIND_PATH)
			continue;
		e = make_absolute(gg_conf_text(&r->conf, k), cwd);
		e = e > 0 ? wrong(r, k, no_cwd) : e;
	}
	return e;
}

static int make_section_absolute(struct gg_reader *r, enum gg_section s, size_t i, const char *cwd)
{
	const struct gg_section_kind *kind = gg_section_kind(s);
	int e = 0;

	for (size_t k = 0; k < kind->nkeys && e >= 0; k++) {
		if (kind->keys[k].kind != GG_KIND_PATH)
			continue;
		e = make_absolute(GG_KEY_AT(char *, &kind->keys[k], gg_section_at(&r->conf, s, i)), cwd);
		e = e > 0 ? gg_section_wrong(r, s, i, k, NULL, no_cwd) : e;
	}
	return e;
}

static int make_absolutes(struct gg_reader *r, const char *cwd)
{
	int e = make_paths_absolute(r, cwd);

	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		for (size_t i = 0; i < gg_section_count(&r->conf, s) && e >= 0; i++)
			e = make_section_absolute(r, s, i, cwd);
	return e;
}

/* The addresses of one key: "off" stands alone, none stands twice. Counts those that can be listened on. */
static int check_addresses(struct gg_reader *r, enum gg_key k, size_t *naddr)
{
	const struct gg_list *l = gg_conf_list(&r->conf, k);
	size_t n = 0;
	int e = 0;

	for (size_t i = 0; i < l->n && e == 0; i++) {
		struct gg_addr a;
		const char *why;

		if (gg_addr_parse(l->v[i], &a, &why) < 0)
			continue;
		n++;
		for (size_t j = 0; j < i && (gg_addr_port(&a) != 0 || a.ss.ss_family == AF_UNIX); j++)
			if (strcmp(l->v[j], l->v[i]) == 0)
				e = wrong(r, k, "names one address twice");
	}
	if (e == 0 && n && n != l->n)
		e = wrong(r, k, "has both off and an address");
	*naddr += n;
	return e;
}

/* A service that serves git itself. */
static bool any_watched(const struct gg_conf *c)
{
	for (size_t i = 0; i < c->nservice; i++)
		if (c->service[i].watch)
			return true;
	return false;
}

static int check_listen(struct gg_reader *r)
{
	char keys[512] = "";
	struct gg_buf b = GG_BUF(keys);
	size_t naddr = 0, nadmin = 0;
	int e = 0;

	for (enum gg_key k = 0; k < GG_NKEYS && e == 0; k++) {
		if (gg_conf_keys[k].kind != GG_KIND_LIST_ADDR)
			continue;
		if (k == GG_KEY_listen_admin) { /* no client is served there */
			e = check_addresses(r, k, &nadmin);
			continue;
		}
		gg_buf_add(&b, "%s%s", b.len ? ", " : "", gg_conf_keys[k].name);
		e = check_addresses(r, k, &naddr);
	}
	if (e == 0 && naddr == 0 && !r->watches && !any_watched(&r->conf))
		e = gg_reader_error(r, "nothing to listen on: no address in %s", keys);
	return e;
}

/* The service that the gate makes of listen.admin has this name. */
static int check_admin(struct gg_reader *r)
{
	const struct gg_list *l = &r->conf.listen_admin;

	if (!l->n || strcmp(l->v[0], "off") == 0 ||
	    gg_service_find(&r->conf, GG_ADMIN_SERVICE) == r->conf.nservice)
		return 0;
	return wrong(r, GG_KEY_listen_admin,
		     "is set, and there is a service \"" GG_ADMIN_SERVICE "\"; rename the service");
}

static int check_served(struct gg_reader *r)
{
	if (r->conf.receive_pack || r->conf.upload_pack || r->conf.upload_archive)
		return 0;
	return gg_reader_error(r, "nothing to serve: %s, %s and %s are all false",
			       gg_conf_keys[GG_KEY_receive_pack].name, gg_conf_keys[GG_KEY_upload_pack].name,
			       gg_conf_keys[GG_KEY_upload_archive].name);
}

/* The kernel counts these in seconds. */
static int check_seconds(struct gg_reader *r)
{
	static const enum gg_key keys[] = { GG_KEY_keep_idle_ms, GG_KEY_keep_interval_ms };
	int e = 0;

	for (size_t i = 0; i < GG_LEN(keys) && e == 0; i++)
		if (*gg_conf_num(&r->conf, keys[i]) % 1000)
			e = wrong(r, keys[i], "is not in whole seconds");
	return e;
}

/* A deadline that was set beyond the end of what it is part of would never come. Untouched defaults may. */
static int check_within(struct gg_reader *r, const enum gg_key *keys, size_t n, enum gg_key whole)
{
	int64_t max = *gg_conf_num(&r->conf, whole);
	char what[128];
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		int64_t v = *gg_conf_num(&r->conf, keys[i]);
		struct gg_buf b = GG_BUF(what);

		if (!is_set(r, keys[i]) || v == GG_NEVER || v <= max)
			continue;
		gg_duration_add(&b, v);
		gg_buf_add(&b, " is longer than %s, ", gg_conf_keys[whole].name);
		gg_duration_add(&b, max);
		e = wrong(r, keys[i], what);
	}
	return e;
}

static int check_session(struct gg_reader *r)
{
	static const enum gg_key keys[] = { GG_KEY_init_ms, GG_KEY_commands_ms, GG_KEY_pack_start_ms,
					    GG_KEY_idle_ms, GG_KEY_hook_ms,	GG_KEY_work_ms };

	return check_within(r, keys, GG_LEN(keys), GG_KEY_session_ms);
}

/* The same for the parts of a hook and the whole of it. */
static int check_hook_deadlines(struct gg_reader *r)
{
	static const enum gg_key keys[] = { GG_KEY_scan_ms, GG_KEY_step_ms, GG_KEY_forward_ms };

	return check_within(r, keys, GG_LEN(keys), GG_KEY_hook_ms);
}

static int check_control(struct gg_reader *r)
{
	char what[64];
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	struct gg_buf b = GG_BUF(what);

	if (strlen(r->conf.control) <= max)
		return 0;
	gg_buf_add(&b, "a socket's path has at most %zu bytes", max);
	return wrong(r, GG_KEY_control, what);
}

/* A program with its whole path and its arguments. needed: why it may not be missing; NULL: it may. */
static int check_command(struct gg_reader *r, enum gg_key key, const char *command, const char *needed)
{
	const char *why = NULL;
	struct gg_list words = { 0 };
	int e = gg_split_words(command, &words, &why);

	if (e == -EINVAL)
		e = wrong_value(r, key, command, why);
	else if (e == 0 && needed && !words.n)
		e = wrong(r, key, needed);
	else if (e == 0 && words.n && words.v[0][0] != '/')
		e = wrong_value(r, key, words.v[0],
				"is no absolute path; write the whole path of the program");
	gg_list_clear(&words);
	return e;
}

static int check_scanner(struct gg_reader *r)
{
	return check_command(r, GG_KEY_scanner_command, r->conf.scanner_command,
			     r->conf.scanner == GG_SCANNER_COMMAND
				     ? "is missing, and hook.scanner is command; write the program to be run"
				     : NULL);
}

static int check_on_reap(struct gg_reader *r)
{
	return check_command(r, GG_KEY_on_reap, r->conf.on_reap, NULL);
}

static int check_patterns(struct gg_reader *r)
{
	static const enum gg_key keys[] = { GG_KEY_allow_ref, GG_KEY_deny_ref };
	int e = 0;

	for (size_t k = 0; k < GG_LEN(keys) && e == 0; k++) {
		const char *which, *why = gg_ref_patterns_wrong(gg_conf_list(&r->conf, keys[k]), &which);

		e = why ? wrong_value(r, keys[k], which, why) : 0;
	}
	return e;
}

/* Nobody could ever show the token. */
static int check_users(struct gg_reader *r)
{
	static const char what[] =
		"names users, and access.tokenFile is not set: write the file of their tokens";
	static const enum gg_key keys[] = { GG_KEY_allow_push, GG_KEY_allow_fetch };
	static const enum gg_repo_key own[] = { GG_REPO_allow_push, GG_REPO_allow_fetch };
	int e = 0;

	if (*r->conf.token_file)
		return 0;
	for (size_t k = 0; k < GG_LEN(keys) && e == 0; k++) {
		const struct gg_list *l = gg_conf_list(&r->conf, keys[k]);

		e = gg_who_names_users(l->v, l->n) ? wrong(r, keys[k], what) : 0;
	}
	for (size_t i = 0; i < r->conf.nrepo; i++)
		for (size_t k = 0; k < GG_LEN(own) && e == 0; k++) {
			const struct gg_list *l =
				GG_KEY_AT(struct gg_list, &gg_repo_keys[own[k]], &r->conf.repo[i]);

			if (gg_who_names_users(l->v, l->n))
				e = gg_section_wrong(r, GG_SECTION_REPO, i, own[k], NULL, what);
		}
	return e;
}

static int check_hook_texts(struct gg_reader *r)
{
	int e = 0;

	for (enum gg_key k = 0; k < GG_NKEYS && e == 0; k++)
		if (strncmp(gg_conf_keys[k].name, "hook.", strlen("hook.")) == 0 &&
		    !gg_key_is_utf8(&gg_conf_keys[k], &r->conf))
			e = wrong(r, k, GG_NOT_UTF8);
	return e;
}

int gg_reader_settle(struct gg_reader *r, const struct gg_place *place)
{
	static int (*const checks[])(struct gg_reader *) = {
		check_control,	      check_listen,  check_served,    check_seconds,  check_session,
		check_hook_deadlines, check_scanner, check_on_reap,   check_patterns, check_hook_texts,
		gg_sections_check,    check_admin,   gg_access_check, check_users,
	};
	int e;

	apply_profile(r);
	e = set_control(r, place);
	e = e ? e : set_base_path(r);
	e = e ? e : make_absolutes(r, place->cwd);
	for (size_t i = 0; i < GG_LEN(checks) && e == 0; i++)
		e = checks[i](r);
	return e;
}
