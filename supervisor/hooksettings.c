/* hooksettings - see hooksettings.h. */
#include "supervisor/hooksettings.h"

#include <string.h>

#include "base/service.h"
#include "hooks/pushconf.h"
#include "reaper/registry.h"

/* What c points to, but for scanner_command and own, is borrowed; the casts take away const only. */
static void fill(struct gg_push_conf *c, const struct gg_conf *conf, const struct gg_repo_rules *rules)
{
	static const struct gg_repo_conf none = { .upstream = (char *)"",
						  .identity_file = (char *)"",
						  .known_hosts_file = (char *)"" };
	const struct gg_repo_conf *repo = rules->repo ? rules->repo : &none;

	*c = (struct gg_push_conf){
		.scanner = conf->scanner,
		.scanner_config = conf->scanner_config,
		.scratch = conf->scratch,
		.dir = conf->hook_dir,
		.allow_finding = conf->allow_finding,
		.allow_ref = *rules->allow_ref,
		.deny_ref = *rules->deny_ref,
		.allow_delete = rules->allow_delete,
		.allow_force = rules->allow_force,
		.limit_refs = rules->push_refs,
		.limit_object = rules->object_max,
		.limit_scan = conf->scan_max,
		.hook_ms = conf->hook_ms,
		.scan_ms = conf->scan_ms,
		.step_ms = conf->step_ms,
		.forward_ms = conf->forward_ms,
		.connect_ms = conf->connect_ms,
		.refresh_ms = conf->refresh_ms,
		.upstream = repo->upstream,
		.identity_file = repo->identity_file,
		.known_hosts_file = repo->known_hosts_file,
		.fresh_ms = repo->fresh_ms,
		.on_stale = repo->on_stale,
	};
}

/* The names of those rules that are the repository's own. 0 or -ENOMEM. */
static int list_own(const struct gg_repo_rules *rules, struct gg_list *ret)
{
	int e = 0;

	for (enum gg_repo_key k = 0; k < GG_NREPO_KEYS && e == 0; k++)
		if (rules->own[k])
			e = gg_list_add(ret, gg_repo_key_name(k));
	return e;
}

json_t *gg_hook_settings(const struct gg_conf *conf, const char *repo, const char *peer,
			 const char *transport)
{
	struct gg_repo_rules rules;
	struct gg_push_conf c;
	char shown[4 * GG_REPO_MAX];
	struct gg_buf b = GG_BUF(shown);
	const char *why;
	json_t *j = NULL;

	gg_conf_rules(conf, repo, &rules);
	gg_escape(&b, repo, strlen(repo), GG_REPO_MAX);
	fill(&c, conf, &rules);
	c.repo = shown;
	c.peer = (char *)peer;
	c.transport = (char *)transport;
	if (gg_split_words(conf->scanner_command, &c.scanner_command, &why) == 0 &&
	    list_own(&rules, &c.own) == 0)
		j = gg_push_conf_dump(&c);
	gg_list_clear(&c.scanner_command);
	gg_list_clear(&c.own);
	return j;
}
