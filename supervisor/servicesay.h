/* servicesay - what is told about a service: its events, and how its last run ended. Used by service.c. */
#ifndef GG_SUPERVISOR_SERVICESAY_H
#define GG_SUPERVISOR_SERVICESAY_H

#include <ev.h>

#include "base/conf.h"
#include "base/event.h"
#include "supervisor/servicechild.h"
#include "supervisor/servicestate.h"
#include "supervisor/watch.h"

struct gg_services;

/* One service. Owned by service.c. */
struct gg_service {
	struct gg_services *all;
	const struct gg_service_conf *conf;
	struct gg_svc svc;
	struct gg_child child;
	ev_timer timer;	       /* svc.due_ms */
	struct gg_watch watch; /* with .watch */
	unsigned starts;
	bool late;	    /* this run was not ready in time */
	char last[160];	    /* how the last run ended */
	const char *reason; /* the same in a word, for the event */
};

/* How the run ended, for s->last: from the child's status, or from the errno of a start that failed. */
void gg_service_note_end(struct gg_service *s, int err);

/* An event with its fields. key: the gg_service_key that it is about, or -1; limit_ms: -1 for none. */
void gg_service_say(struct gg_service *s, enum gg_event_id id, int key, int64_t limit_ms, const char *text);
void gg_service_say_ready(struct gg_service *s);
/* s->last, what 'then' adds (NULL: nothing), and when it is started again. */
void gg_service_say_end(struct gg_service *s, enum gg_event_id id, const char *then);
/* service.exited, then service.gave-up. */
void gg_service_say_gave_up(struct gg_service *s);

#endif
