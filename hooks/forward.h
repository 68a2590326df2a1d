/*
 * forward - take a push to upstream: one `git push --atomic` of all of it over ssh, from inside the
 * quarantine, before anything changes here. Effect. Called by hooks/hook.c from pre-receive, with the
 * repository's lock held (hooks/lock.h). Tested by tests/process/t0085-forward.py.
 *
 * What upstream has to have is what the pusher saw (hooks/prepush.h), so a forced push overwrites nobody, and
 * an answer that was lost is found out: upstream is then asked what it has, and the client is told that. A
 * reference that upstream has already as the push wants it is no error: a push that failed half-way is healed
 * by its repetition.
 *
 * A push certificate is not passed on (it is for us), and neither is an empty push option.
 */
#ifndef GG_HOOKS_FORWARD_H
#define GG_HOOKS_FORWARD_H

#include "hooks/deadline.h"
#include "hooks/gate.h"
#include "hooks/update.h"

#define GG_FORWARD_ASK_MORE_MS 5000 /* to ask for the outcome, beyond deadline.connect */

/*
 * $GIT_DIR is the mirror. Tells the client, and the gate (push.forwarded, push.forward-failed). Without an
 * upstream: nothing. The push is bounded by c->forward_ms; all that is asked after it, however often, by
 * c->connect_ms + GG_FORWARD_ASK_MORE_MS more; and the whole by hook, of which so much is kept for asking
 * that nobody is ended by deadline.hook without knowing what upstream has.
 *   lock  the mirror's lock; whatever talks to upstream inherits it, so when this process is killed it is
 *         held until upstream has ended
 *   hook  deadline.hook
 * 0: upstream has all of it. -errno: told, nothing may be accepted.
 */
int gg_forward(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p, int lock,
	       const struct gg_deadline *hook);

#endif
