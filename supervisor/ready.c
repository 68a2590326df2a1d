/* ready - see ready.h. */
#include "supervisor/ready.h"

#include <string.h>

#include "supervisor/commands.h"
#include "supervisor/lameduck.h"
#include "supervisor/listen.h"
#include "supervisor/service.h"

static const struct {
	const char *word, *text;
} reasons[GG_NUNREADY] = {
	[GG_UNREADY_STARTING] = { "starting", "services are being started, clients wait" },
	[GG_UNREADY_STOPPING] = { "stopping", "the gate is stopping" },
	[GG_UNREADY_DRAINED] = { "drained", "an operator has drained the gate; git-gate resume ends that" },
	[GG_UNREADY_RESOURCES] = { "out-of-resources",
				   "accepting pauses, for want of descriptors, memory or processes" },
	[GG_UNREADY_SERVICE] = { "service-down", "an essential service is not up; see git-gate status" },
};

const char *gg_ready_word(enum gg_unready why)
{
	return reasons[why].word;
}

static bool essentials_up(const struct gg_gate *g)
{
	struct gg_service_view v;

	for (size_t i = 0; gg_services_at(g, i, &v); i++)
		if (v.essential && !v.up)
			return false;
	return true;
}

unsigned gg_ready_why_not(const struct gg_gate *g)
{
	unsigned why = 0;

	if (g->stage == GG_STARTING)
		why |= 1u << GG_UNREADY_STARTING;
	if (g->stage >= GG_DRAINING || gg_lameduck(g) == GG_LAME_STOP)
		why |= 1u << GG_UNREADY_STOPPING;
	if (g->drained || gg_lameduck(g) == GG_LAME_DRAIN)
		why |= 1u << GG_UNREADY_DRAINED;
	if (g->stage < GG_DRAINING && gg_listen_out_of_resources(g))
		why |= 1u << GG_UNREADY_RESOURCES;
	if (g->stage == GG_SERVING && !essentials_up(g))
		why |= 1u << GG_UNREADY_SERVICE;
	return why;
}

json_t *gg_ready_report(const struct gg_gate *g)
{
	unsigned why = gg_ready_why_not(g);
	json_t *texts = json_array();

	for (enum gg_unready i = 0; i < GG_NUNREADY; i++)
		if (why >> i & 1)
			json_array_append_new(texts,
					      json_sprintf("%s: %s", reasons[i].word, reasons[i].text));
	return json_pack("{s:b, s:o}", "ready", !why, "reasons", texts);
}

json_t *gg_ready_command(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	return gg_command_data(gg_ready_report(g));
}
