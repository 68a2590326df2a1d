/* commands - what the control socket is asked, and the answers. See commands.h. */
#include "supervisor/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "supervisor/controlreq.h"
#include "supervisor/hookcommands.h"
#include "base/jsonmem.h"
#include "supervisor/lameduck.h"
#include "supervisor/ledgercommands.h"
#include "supervisor/metricsreport.h"
#include "supervisor/ready.h"
#include "supervisor/recent.h"
#include "supervisor/reload.h"
#include "supervisor/report.h"

static const char stopping[] = "the gate is stopping";

json_t *gg_command_error(const char *text)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

json_t *gg_command_data(json_t *data)
{
	if (!data)
		gg_jsonmem_lack();
	return data ? json_pack("{s:b, s:o}", "ok", 1, "data", data) : NULL;
}

static json_t *do_health(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)g;
	(void)req;
	return gg_command_data(json_object());
}

static json_t *do_status(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	return gg_command_data(gg_report_status(g));
}

static json_t *do_sessions(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	return gg_command_data(gg_report_sessions(g));
}

static json_t *do_reaped(struct gg_gate *g, const struct gg_controlreq *req)
{
	return gg_command_data(gg_report_history(g, req->all));
}

json_t *gg_command_no_session(const char *id)
{
	char mem[120];
	struct gg_buf b = GG_BUF(mem);

	gg_buf_add(&b, "no session ");
	gg_quote(&b, id, strlen(id), 32);
	gg_buf_add(&b, " is known: see git-gate sessions, and git-gate reaped --all");
	return gg_command_error(b.s);
}

static json_t *do_show(struct gg_gate *g, const struct gg_controlreq *req)
{
	struct gg_session *s = req->id ? gg_registry_find(&g->reg, req->id) : NULL;
	struct gg_history at = { 0 };
	const struct gg_ended *e;

	if (!req->id)
		return gg_command_error("show needs an id");
	if (s)
		return gg_command_data(gg_report_show(g, s));
	while ((e = gg_registry_history(&g->reg, &at)))
		if (!strcmp(e->id, req->id))
			return gg_command_data(gg_report_ended_whole(e));
	return gg_command_no_session(req->id);
}

static json_t *do_kill(struct gg_gate *g, const struct gg_controlreq *req)
{
	struct gg_session *s = req->id ? gg_registry_find(&g->reg, req->id) : NULL;
	struct gg_fields f;

	if (!req->id)
		return gg_command_error("kill needs an id");
	if (!s)
		return gg_command_no_session(req->id);
	gg_reaper_end(s, GG_REASON_OPERATOR, -1, gg_now_ms());
	gg_session_fields(s, gg_now_ms(), &f);
	gg_event(GG_EV_SESSION_KILLED, &f, "%s", req->reason ? req->reason : "no reason given");
	gg_gate_wake(g);
	return gg_command_data(json_object());
}

static json_t *do_events(struct gg_gate *g, const struct gg_controlreq *req)
{
	const struct gg_recent_ask ask = { .after = req->after > 0 ? (uint64_t)req->after : 0,
					   .last = req->last,
					   .id = req->id };
	json_t *j = gg_recent_answer(g->recent, &ask);

	json_object_set_new(j, "instance", json_string(g->instance));
	return gg_command_data(j);
}

/* Outside text in them is escaped, so it is UTF-8. */
static json_t *texts(const struct gg_list *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, json_string(l->v[i]));
	return a;
}

static json_t *do_reload(struct gg_gate *g, const struct gg_controlreq *req)
{
	struct gg_reload done;
	json_t *j;

	(void)req;
	if (g->stage >= GG_DRAINING)
		return gg_command_error(stopping);
	if (gg_reload(g, &done) == 0)
		j = gg_command_data(json_pack("{s:o, s:o, s:o, s:o}", "changed", texts(&done.changed),
					      "added", texts(&done.added), "removed", texts(&done.removed),
					      "restart", texts(&done.restart)));
	else
		j = json_pack("{s:b, s:s, s:o}", "ok", 0, "error", "nothing was reloaded", "errors",
			      texts(&done.errors));
	gg_reload_free(&done);
	return j;
}

/* For git-gate-admin. */
static json_t *do_access(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	return gg_command_data(json_pack("{s:o}", "allow", texts(&g->conf->access_allow)));
}

static json_t *do_drain(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	if (g->stage >= GG_DRAINING || gg_lameduck(g) == GG_LAME_STOP)
		return gg_command_error(stopping);
	gg_lameduck_drain(g);
	return gg_command_data(json_pack("{s:I, s:I}", "sessions", (json_int_t)gg_registry_serving(&g->reg),
					 "lame_duck_ms", (json_int_t)gg_lameduck_left_ms(g)));
}

static json_t *do_resume(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	if (g->stage >= GG_DRAINING || gg_lameduck(g) == GG_LAME_STOP)
		return gg_command_error(stopping);
	gg_lameduck_resume(g);
	return gg_command_data(json_object());
}

struct command {
	const char *name;
	json_t *(*run)(struct gg_gate *g, const struct gg_controlreq *req);
	bool changes; /* to do it twice is not the same as once */
};

static const struct command commands[] = {
	{ "health", do_health, false },
	{ "status", do_status, false },
	{ "sessions", do_sessions, false },
	{ "reaped", do_reaped, false },
	{ "show", do_show, false },
	{ "kill", do_kill, true },
	{ "report", gg_ledger_report, false },
	{ "tune", gg_ledger_tune, false },
	{ "reload", do_reload, true },
	{ "drain", do_drain, true },
	{ "resume", do_resume, true },
	{ "ready", gg_ready_command, false },
	{ "metrics", gg_metrics_command, false },
	{ "overview", gg_overview_command, false },
	{ "access", do_access, false },
	{ "events", do_events, false },
	{ "push", gg_hook_push, false },
	{ "step", gg_hook_step, false },
	{ "event", gg_hook_event, true },
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; name && i < GG_LEN(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static json_t *answer(struct gg_gate *g, const struct gg_controlreq *req, const struct command *c)
{
	if (c)
		return c->run(g, req);
	return gg_command_error(
		req->cmd ? "unknown command: the git-gate that asks is newer or older than the gate"
			 : "the request is not a JSON object with a cmd");
}

/* They need no memory. again: nothing was done, or nothing that is not the same when it is done twice. */
static const char ask_again[] =
	"{\"ok\":false,\"error\":\"the gate is out of memory: ask again\",\"again\":true}\n";
static const char see_log[] =
	"{\"ok\":false,\"error\":\"the gate is out of memory, and cannot tell what became of "
	"this: see its log\"}\n";

char *gg_command_answer(struct gg_gate *g, const char *line, size_t n, const char **ret_instead)
{
	uint64_t lacks = gg_jsonmem_lacks();
	const struct command *c;
	struct gg_controlreq req;
	char *text = NULL;
	json_t *a = NULL;

	gg_controlreq_parse(line, n, &req);
	c = find(req.cmd);
	*ret_instead = ask_again;
	if (gg_jsonmem_lacks() == lacks) {
		*ret_instead = c && c->changes ? see_log : ask_again;
		a = answer(g, &req, c);
	}
	gg_controlreq_free(&req);
	if (a)
		text = json_dumps(a, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(a);
	if (gg_jsonmem_lacks() == lacks)
		return text;
	free(text);
	return NULL;
}
