/*
 * service - the [service "NAME"] sections: long-lived children that the gate starts, watches, starts again
 * and stops. Glue between servicestate (decides) and servicechild (acts); this file knows their order.
 */
#ifndef GG_SUPERVISOR_SERVICE_H
#define GG_SUPERVISOR_SERVICE_H

#include "supervisor/state.h"

/*
 * Begin to start them, in order. When nobody needs to be waited for any more gg_gate_ready is called: at once
 * if there are none, else from the loop. When an essential one is given up the gate is stopped, with exit
 * code
 * 4. 0 or -ENOMEM.
 */
int gg_services_start(struct gg_gate *g);
/* Stop them in reverse order; gg_gate_session_gone is called when that is done. Again and again, if need be.
 */
void gg_services_stop(struct gg_gate *g);
/* Those with .watch: they serve clients, and are asked to end while sessions may finish. */
void gg_services_stop_watched(struct gg_gate *g);
/* All that is left is asked at once, and killed after deadline.grace. */
void gg_services_hurry(struct gg_gate *g);
/* No process of a service is left, and none will be started. */
bool gg_services_gone(const struct gg_gate *g);
void gg_services_free(struct gg_gate *g);

/* For reports. Texts are borrowed. */
struct gg_service_view {
	const char *name, *state;
	const char *last; /* how the last run ended; "": none has */
	pid_t pid;	  /* 0: none */
	unsigned restarts;
	bool essential, up;	/* up: or it has done its work */
	uint64_t dropped_lines; /* of its output, over the rate */
	int64_t uptime_ms;	/* -1: it does not run */
};
/* False past the end. */
bool gg_services_at(const struct gg_gate *g, size_t i, struct gg_service_view *ret);

#endif
