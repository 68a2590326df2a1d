/* adminservice - see adminservice.h. */
#include "supervisor/adminservice.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/service.h"
#include "supervisor/servicestate.h"
#include "supervisor/setup.h"

/* Tried for ever: a port that is taken today is free tomorrow, and so seldom a try costs nothing. */
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000
#define BURST GG_SVC_BURST_MAX
#define BURST_WINDOW_MS 1000 /* less than so many waits of BACKOFF_MS, and readyTimeout, take */
#define READY_MS 10000
#define KILL_AFTER_MS 2000 /* it has nothing to finish */

/* A word as the command of a service has to be written (base/service.h), and can be read in the log. */
static int add_word(FILE *to, const char *s)
{
	for (; *s; s++)
		if (fprintf(to, isalnum((unsigned char)*s) || strchr("/.-_:", *s) ? "%c" : "\\%c", *s) < 0)
			return -ENOMEM;
	return fputc(' ', to) == EOF ? -ENOMEM : 0;
}

/* git-gate-admin CONTROL ADDRESS... [-- NET...] The caller's to free; NULL without memory. */
static char *make_command(const struct gg_gate *g, const char *prog)
{
	const struct gg_list *l = &g->conf->listen_admin, *allow = &g->conf->access_allow;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int r;

	if (!to)
		return NULL;
	r = add_word(to, prog);
	r = r ? r : add_word(to, g->conf->control);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = add_word(to, l->v[i]);
	if (r == 0 && allow->n)
		r = add_word(to, "--");
	for (size_t i = 0; r == 0 && i < allow->n; i++)
		r = add_word(to, allow->v[i]);
	if (fclose(to) == EOF)
		r = -ENOMEM;
	if (r == 0)
		return text;
	free(text);
	return NULL;
}

int gg_admin_service_open(struct gg_gate *g, struct gg_buf *err)
{
	const struct gg_list *l = &g->conf->listen_admin;
	char prog[PATH_MAX];
	struct gg_service_conf *c;
	int r;

	if (!l->n || strcmp(l->v[0], "off") == 0)
		return 0;
	r = gg_setup_program(GG_ADMIN_SERVICE, prog, err);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	g->admin = c;
	c->name = strdup(GG_ADMIN_SERVICE);
	c->ready = strdup("fd");
	c->command = make_command(g, prog);
	c->restart = GG_RESTART_ALWAYS;
	c->backoff_ms = BACKOFF_MS;
	c->backoff_max_ms = BACKOFF_MAX_MS;
	c->burst = BURST;
	c->burst_window_ms = BURST_WINDOW_MS;
	c->ready_timeout_ms = READY_MS;
	c->kill_after_ms = KILL_AFTER_MS;
	return c->name && c->ready && c->command ? 0 : -ENOMEM;
}

void gg_admin_service_free(struct gg_gate *g)
{
	if (!g->admin)
		return;
	free(g->admin->name);
	free(g->admin->ready);
	free(g->admin->command);
	free(g->admin);
	g->admin = NULL;
}
