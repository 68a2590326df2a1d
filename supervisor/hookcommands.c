/* hookcommands - see hookcommands.h. */
#include "supervisor/hookcommands.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "hooks/pushconf.h"
#include "reaper/follow.h"
#include "supervisor/commands.h"
#include "supervisor/hooksettings.h"
#include "supervisor/metricsreport.h"
#include "supervisor/session.h"

#define EVENTS_MAX 50 /* of one request of a client's */

_Static_assert(GG_STEP_WORD_MAX < sizeof(((struct gg_session *)NULL)->step), "a step fits");

/* The session that a hook means, with all that was said of it so far. NULL: ret has the error. */
static struct gg_session *find(struct gg_gate *g, const struct gg_controlreq *req, json_t **ret)
{
	struct gg_session *s = req->id ? gg_registry_find(&g->reg, req->id) : NULL;

	if (!req->id)
		*ret = gg_command_error("a hook's request needs an id");
	else if (!s)
		*ret = gg_command_no_session(req->id);
	else if (s->lent || s->adopted)
		*ret = gg_command_error("the session is not one that this gate began");
	else
		gg_session_catch_up(s);
	return *ret ? NULL : s;
}

json_t *gg_hook_push(struct gg_gate *g, const struct gg_controlreq *req)
{
	json_t *ret = NULL;
	const struct gg_session *s = find(g, req, &ret);

	if (!s)
		return ret;
	if (!s->found || !s->repo[0])
		return gg_command_error("the session's repository is not known");
	return gg_command_data(gg_hook_settings(g->conf, s->repo, s->peer, s->transport));
}

json_t *gg_hook_step(struct gg_gate *g, const struct gg_controlreq *req)
{
	const char *step = req->step;
	json_t *ret = NULL;
	struct gg_session *s = find(g, req, &ret);
	int64_t now = gg_now_ms();

	if (!s)
		return ret;
	if (!step || !gg_controlreq_is_step(step))
		return gg_command_error("a step is a word of at most 31 letters, digits and '-'");
	if (!strcmp(step, GG_GATE_LEFT)) {
		s->dirty = true;
		return gg_command_data(json_object());
	}
	gg_follow_hook(&g->reg, s); /* a refresh, which is before the push comes, has no steps */
	gg_metrics_step_over(g, s, now);
	snprintf(s->step, sizeof(s->step), "%s", step);
	s->step_ms = now;
	if (step[0])
		gg_record_phase(s, GG_PHASE_HOOK, step, now);
	return gg_command_data(json_object());
}

/* What a hook says of what it did; of the session itself only who it is. */
static void hook_fields(struct gg_session *s, const struct gg_controlreq *req, struct gg_fields *f)
{
	gg_session_fields(s, gg_now_ms(), f);
	f->phase = NULL;
	f->limit_ms = f->quiet_ms = f->age_ms = f->bytes_in = f->bytes_out = -1;
	gg_controlreq_fields(req, f);
}

json_t *gg_hook_event(struct gg_gate *g, const struct gg_controlreq *req)
{
	int id = gg_controlreq_event(req);
	json_t *ret = NULL;
	struct gg_session *s = find(g, req, &ret);
	struct gg_fields f;

	if (!s)
		return ret;
	if (id < 0 || !req->message)
		return gg_command_error(
			"an event of a hook has a message, and a name from push.* or refresh.*");
	hook_fields(s, req, &f);
	gg_metrics_hook(&g->metrics, gg_event_name((enum gg_event_id)id), &f);
	if (s->told == EVENTS_MAX) {
		s->told_dropped++;
		return gg_command_data(json_object());
	}
	s->told++;
	s->dirty |= id == GG_EV_REFRESH_FAILED;
	gg_event((enum gg_event_id)id, &f, "%s", req->message);
	return gg_command_data(json_object());
}
