/*
 * gate - what a hook asks of, and tells to, the gate that its session belongs to, over the control socket
 * (supervisor/protocol.md). Each is a request of its own, bounded in time.
 */
#ifndef GG_HOOKS_GATE_H
#define GG_HOOKS_GATE_H

#include "base/text.h"
#include "hooks/pushconf.h"

struct gg_gate_link {
	const char *control, *session; /* $GIT_GATE_CONTROL, $GIT_GATE_SESSION; NULL: not set */
};

/* From the environment; borrowed from it. */
struct gg_gate_link gg_gate_link(void);

/*
 * The settings that apply to the session's repository. Waits for the gate for at most 5 s.
 *   ret      for gg_push_conf_free when 0 is returned, else untouched
 *   ret_err  what is wrong, for the client: one line without "git-gate: "; paths of the gate's are not in it
 * 0 or -errno. Without settings nothing may be accepted.
 */
int gg_gate_settings(const struct gg_gate_link *l, struct gg_push_conf *ret, struct gg_buf *ret_err);

/*
 * Say what the hook does now ("scan"; "": nothing any more), which is shown as "hook: scan". At most 31 bytes
 * of letters, digits and '-'. Best effort, at most 1 s.
 */
void gg_gate_step(const struct gg_gate_link *l, const char *step);

/*
 * Have the gate record an event of base/event.def whose name begins with "push." or "refresh.", with the
 * session's fields. The message is one line of at most 1500 bytes, cut beyond; outside text in it need not be
 * escaped, the gate does that. Best effort, at most 1 s; the gate records so many events of one session only.
 */
void gg_gate_event(const struct gg_gate_link *l, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with the fields reason (up to 64 bytes) and key ("deadline.scan", less than GG_RULE_KEY_MAX
 * bytes); NULL: none. */
void gg_gate_event_about(const struct gg_gate_link *l, const char *event, const char *reason, const char *key,
			 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* An event with what it is about, and what was done: texts NULL, numbers negative for none. */
struct gg_told {
	const char *event, *reason, *key, *upstream;
	int64_t duration_ms, commits, objects, refs, bytes;
};
#define GG_TOLD .duration_ms = -1, .commits = -1, .objects = -1, .refs = -1, .bytes = -1
void gg_gate_tell(const struct gg_gate_link *l, const struct gg_told *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
