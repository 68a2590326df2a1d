/* scantell - what client and gate are told of a scan. Effect: stderr, the control socket. For hooks/scan. */
#ifndef GG_HOOKS_SCANTELL_H
#define GG_HOOKS_SCANTELL_H

#include "hooks/foundname.h"
#include "hooks/gate.h"
#include "hooks/newobj.h"
#include "hooks/scanner.h"

struct gg_scan_tell {
	const struct gg_push_conf *c;
	const struct gg_gate_link *l;
	const char *session; /* for texts: "unknown" when there is none */
	int64_t begun_ms;
};

/* options: how many push options there are. */
void gg_scan_tell_begin(const struct gg_scan_tell *t, const struct gg_objects *o, size_t options);
void gg_scan_tell_tick(const struct gg_scan_tell *t, const char *what);
void gg_scan_tell_clean(const struct gg_scan_tell *t, const struct gg_objects *o, size_t allowed);

/* A limit of the operator's (push.rejected). why names the setting, which key repeats. */
void gg_scan_tell_limit(const struct gg_scan_tell *t, const char *key, const char *why);

/* A step that could not be done (push.step-failed). log: more of it for the gate alone, outside text; "" for
 * none. */
void gg_scan_tell_failed(const struct gg_scan_tell *t, const char *key, const char *why, const char *log);

/*
 * What was found. Never the secret: rule, path, commit, line, fingerprint. names: those that are hidden in
 * paths. Returns how many findings hook.allowFinding does not have; those it has go to the gate
 * (push.allowed). Every id must be in o.
 */
size_t gg_scan_tell_found(const struct gg_scan_tell *t, const struct gg_objects *o,
			  const struct gg_findings *f, const struct gg_found_names *names);

#endif
