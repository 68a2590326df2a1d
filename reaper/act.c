/* act - carry out one step of ending a session. See act.h. */
#include "reaper/act.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/pidfd.h"
#include "base/text.h"
#include "reaper/client.h"
#include "reaper/tell.h"

/* "ab,cd" from names; s->steps keeps what fits, repeated steps in a row are noted once. */
static void note(struct gg_session *s, const char *name)
{
	size_t len = strlen(s->steps), n = strlen(name);
	struct gg_buf b = { .s = s->steps, .size = sizeof(s->steps), .len = len };

	if (len >= n && !strcmp(s->steps + len - n, name) && (len == n || s->steps[len - n - 1] == ','))
		return;
	gg_buf_add(&b, "%s%s", len ? "," : "", name);
}

/*
 * One packet, whole or not at all: half of one would corrupt what git writes next. With an empty send queue a
 * packet this small always fits. The client gets no text when it does something in this very moment.
 */
static void tell(struct gg_session *s, const struct gg_snap *snap, const struct gg_view *view)
{
	char text_mem[256], packet_mem[300];
	struct gg_buf text = GG_BUF(text_mem), packet = GG_BUF(packet_mem);

	gg_tell_text(&text, &s->verdict, s->id);
	if (s->http) {
		if (gg_client_tell(s, text.s))
			note(s, "told");
		return;
	}
	gg_tell_packet(&packet, view, text.s);
	if (!packet.len || packet.cut || !gg_client_sample(s, snap->now_ms) || s->tcp.queued_out)
		return;
	if (view->phase == GG_PHASE_PACK && (s->tcp.queued_in || s->tcp.received != snap->tcp.received))
		return;
	if (gg_client_write(s, packet.s, packet.len))
		note(s, "told");
}

static size_t signal_targets(const struct gg_session *s, const struct gg_snap *snap, enum gg_step step,
			     int sig)
{
	size_t n = 0;

	for (size_t i = 0; i < snap->n; i++) {
		const struct gg_proc *p = &snap->v[i];

		if (!gg_step_target(step, snap, i))
			continue;
		n += (p->pid == s->root ? gg_pidfd_signal(s->pidfd, sig)
					: gg_proc_signal(p->pid, p->start_tick, sig)) == 0;
	}
	return n;
}

/* A step for the whole cgroup. What cannot be done with it is left to the steps that follow. */
static size_t act_on_cgroup(const struct gg_cgroup *c, struct gg_session *s, enum gg_step step)
{
	if (step == GG_STEP_FREEZE) {
		s->frozen = gg_cgroup_freeze(s->cgroup, s->id, true) == 0;
		return 0;
	}
	return gg_cgroup_kill(c, s->cgroup, s->id) == 0;
}

size_t gg_act(const struct gg_cgroup *c, struct gg_session *s, enum gg_step step, const struct gg_snap *snap,
	      const struct gg_view *view)
{
	if (step == GG_STEP_NONE || step == GG_STEP_RESUME || step == GG_STEP_STRAY)
		return 0;
	if (step == GG_STEP_HANGUP || step == GG_STEP_HALF_CLOSE ||
	    (step == GG_STEP_KILL_LEAF && s->ending.no_shut && view->phase == GG_PHASE_PACK))
		tell(s, snap, view);
	if (!s->frozen) /* else it goes with the freeze before it */
		note(s, gg_step_name(step));
	switch (step) {
	case GG_STEP_HALF_CLOSE:
		s->half_closed = true;
		shutdown(s->sock, SHUT_RD);
		return 0;
	case GG_STEP_SHUTDOWN:
		s->half_closed = true;
		shutdown(s->sock, SHUT_RDWR);
		return 0;
	case GG_STEP_FREEZE:
	case GG_STEP_KILL_ALL:
		return act_on_cgroup(c, s, step);
	case GG_STEP_HANGUP:
	case GG_STEP_HANGUP_GIT:
		return signal_targets(s, snap, step, SIGHUP);
	default:
		return signal_targets(s, snap, step, SIGKILL);
	}
}
