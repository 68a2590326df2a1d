/* Fuzz hooks/pushconf.h: the answer that a hook gets from who listens on the control socket. What is taken
 * is dumped and taken again as the same, and has nothing that is out of range. */
#include <errno.h>

#include "base/cleanup.h"
#include "hooks/pushconf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gg_push_conf c = { 0 }, again = { 0 };
	AUTO_FREE char *s = text_of(data, n), *once = NULL, *twice = NULL;
	char key[GG_RULE_KEY_MAX];
	struct gg_buf b = GG_BUF(key);
	json_t *j;
	int r = gg_push_conf_parse(s, n, &c);

	must(r == 0 || r == -EPROTO);
	if (r < 0) {
		must(!c.repo && !c.upstream && !c.allow_ref.v);
		return 0;
	}
	came_to("settings");
	must(c.repo && c.peer && c.transport && c.upstream && c.identity_file && c.dir);
	must(c.limit_refs >= 0 && c.limit_scan >= 0 && c.hook_ms >= 0 && c.fresh_ms >= 0);
	must(c.scanner >= GG_SCANNER_UNSET && c.scanner <= GG_SCANNER_COMMAND);
	must(c.on_stale == GG_STALE_REFUSE || c.on_stale == GG_STALE_SERVE);
	gg_push_conf_key(&b, &c, GG_REPO_deny_ref);
	must(b.len > 0);
	j = gg_push_conf_dump(&c);
	must(j != NULL);
	once = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	must(once && gg_push_conf_parse(once, strlen(once), &again) == 0);
	j = gg_push_conf_dump(&again);
	twice = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	must(twice && !strcmp(once, twice));
	gg_push_conf_free(&c);
	gg_push_conf_free(&again);
	return 0;
}
