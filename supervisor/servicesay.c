/* servicesay - see servicesay.h. */
#include "supervisor/servicesay.h"

#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"

void gg_service_say(struct gg_service *s, enum gg_event_id id, int key, int64_t limit_ms, const char *text)
{
	char pid_mem[16], key_mem[80];
	struct gg_buf pid = GG_BUF(pid_mem), name = GG_BUF(key_mem);
	struct gg_fields f = { GG_NO_FIELDS, .service = s->conf->name };
	bool ended = id == GG_EV_SERVICE_EXITED || id == GG_EV_SERVICE_STOPPED || id == GG_EV_SERVICE_GAVE_UP;

	f.limit_ms = limit_ms;
	if (s->child.pid || (ended && s->child.ended_ms)) {
		gg_buf_add(&pid, "%d", (int)s->child.last_pid);
		f.pids = pid.s;
	}
	if (key >= 0) {
		gg_buf_add(&name, "service.%s.%s", s->conf->name,
			   gg_service_key_name((enum gg_service_key)key));
		f.key = name.s;
	}
	if (ended)
		f.reason = s->reason;
	if (ended && s->child.ended_ms)
		f.age_ms = s->child.ended_ms - s->child.started_ms;
	gg_event(id, &f, "%s", text);
}

void gg_service_note_end(struct gg_service *s, int err)
{
	struct gg_buf b = GG_BUF(s->last);

	if (err) {
		const char *command = s->conf->command + strspn(s->conf->command, " \t\n");

		gg_buf_add(&b, "cannot start ");
		gg_escape(&b, command, strcspn(command, " \t\n"), 80);
		gg_buf_add(&b, ": %s", strerror(-err));
		s->reason = "exec";
		s->child.ended_ms = 0;
		return;
	}
	gg_child_add_status(&b, s->child.status);
	s->reason = WIFSIGNALED(s->child.status) ? "signal" : "exit";
	if (s->late) {
		gg_buf_add(&b, ", because it was not ready within ");
		gg_duration_add(&b, s->conf->ready_timeout_ms);
		s->reason = "not-ready";
	}
}

void gg_service_say_end(struct gg_service *s, enum gg_event_id id, const char *then)
{
	char mem[300];
	struct gg_buf b = GG_BUF(mem);
	int64_t delay = s->svc.due_ms - gg_now_ms();

	gg_buf_add(&b, "%s%s", s->last, then ? then : "");
	if (s->svc.state == GG_SVC_BACKOFF && delay > 0) {
		gg_buf_add(&b, "; started again in ");
		gg_human_ms(&b, delay);
	} else if (s->svc.state == GG_SVC_BACKOFF) {
		gg_buf_add(&b, "; started again now");
	}
	if (s->late)
		gg_service_say(s, id, GG_SERVICE_ready_timeout_ms, s->conf->ready_timeout_ms, b.s);
	else if (s->svc.state == GG_SVC_STOPPED && s->child.killed)
		gg_service_say(s, id, GG_SERVICE_kill_after_ms, s->conf->kill_after_ms, b.s);
	else
		gg_service_say(s, id, -1, -1, b.s);
}

void gg_service_say_gave_up(struct gg_service *s)
{
	char mem[300];
	struct gg_buf b = GG_BUF(mem);
	bool never = s->conf->restart == GG_RESTART_NEVER;

	gg_service_say_end(s, GG_EV_SERVICE_EXITED, NULL);
	if (never) {
		gg_buf_add(&b, "it failed, and is never restarted");
	} else {
		gg_buf_add(&b, "failure number %lld within ", (long long)s->conf->burst);
		gg_duration_add(&b, s->conf->burst_window_ms);
	}
	gg_buf_add(&b, ": %s%s", s->last, s->conf->essential ? "; it is essential, so the gate stops" : "");
	if (never)
		gg_service_say(s, GG_EV_SERVICE_GAVE_UP, GG_SERVICE_restart, -1, b.s);
	else
		gg_service_say(s, GG_EV_SERVICE_GAVE_UP, GG_SERVICE_burst, s->conf->burst_window_ms, b.s);
}

void gg_service_say_ready(struct gg_service *s)
{
	char mem[64];
	struct gg_buf b = GG_BUF(mem);

	if (strcmp(s->conf->ready, "none") == 0)
		return; /* it was started, which has been said */
	gg_buf_add(&b, "ready after ");
	gg_human_ms(&b, gg_now_ms() - s->child.started_ms);
	gg_service_say(s, GG_EV_SERVICE_READY, -1, -1, b.s);
}
