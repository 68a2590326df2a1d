/* reload - read the configuration again and apply it live. See reload.h. */
#include "supervisor/reload.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/event.h"
#include "supervisor/admit.h"
#include "supervisor/gate.h"
#include "supervisor/listen.h"
#include "supervisor/setup.h"

/* What sockets, the lock and running sessions depend on. */
static bool needs_restart(enum gg_key k)
{
	return k == GG_KEY_listen_git || k == GG_KEY_listen_http || k == GG_KEY_listen_admin ||
	       k == GG_KEY_listen_mode || k == GG_KEY_base_path || k == GG_KEY_control || k == GG_KEY_cgroup;
}

static int compare(const struct gg_conf *old, const struct gg_conf *new, struct gg_reload *ret)
{
	const struct gg_conf_diff repos = { &ret->added, &ret->removed, &ret->changed },
				  services = { &ret->restart, &ret->restart, &ret->restart };
	int r = 0;

	for (enum gg_key k = 0; k < GG_NKEYS && r == 0; k++)
		if (!gg_conf_same(old, new, k) || (k == GG_KEY_token_file && !gg_conf_same_tokens(old, new)))
			r = gg_list_add(needs_restart(k) ? &ret->restart : &ret->changed,
					gg_conf_key_name(k));
	r = r ? r : gg_conf_changed(old, new, GG_SECTION_REPO, &repos);
	return r ? r : gg_conf_changed(old, new, GG_SECTION_SERVICE, &services);
}

/*
 * The new values go where the old ones are, and the old ones to new, which is freed: what points into the
 * configuration (services do, to their sections) goes on pointing at what stays.
 */
static void take_over(struct gg_gate *g, struct gg_conf *new)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		if (!needs_restart(k))
			gg_conf_swap(g->start->conf, new, k);
	gg_conf_swap_sections(g->start->conf, new, GG_SECTION_REPO);
	gg_conf_swap_tokens(g->start->conf, new);
}

static void apply(struct gg_gate *g, struct gg_strv argv[static GG_NTRANSPORTS])
{
	int64_t now = gg_now_ms();

	for (enum gg_transport t = 0; t < GG_NTRANSPORTS; t++) {
		struct gg_strv old = g->session_argv[t];

		g->session_argv[t] = argv[t];
		argv[t] = old;
	}
	gg_event_setup(g->conf->log, g->conf->log_level, g->instance);
	gg_gate_set_limits(g);
	for (size_t i = 0; i < g->reg.n; i++) {
		struct gg_session *s = g->reg.v[i];

		gg_track_new_limits(&s->track, now);
		if (!s->root_gone && !s->ending.reason) /* else it is due when the step before had its time */
			s->due_ms = now;
	}
	gg_admit_next(g);
	gg_gate_wake(g);
}

/* The addresses stay until a restart, also that of the admin service: who may connect to them must too. */
static int check_access(const struct gg_gate *g, const struct gg_conf *new, struct gg_reload *ret)
{
	char mem[400];
	struct gg_buf err = GG_BUF(mem);
	int r = gg_listen_check(g, new, &err);

	for (size_t i = 0; r == 0 && i < g->conf->listen_admin.n; i++) {
		struct gg_addr a;
		const char *why;

		if (gg_addr_parse(g->conf->listen_admin.v[i], &a, &why) < 0 || gg_conf_may_listen(new, &a))
			continue;
		gg_buf_add(&err, "listen.admin: '%s' " GG_IS_PUBLIC, g->conf->listen_admin.v[i]);
		r = -EINVAL;
	}
	return r == 0 || gg_list_add(&ret->errors, err.s) < 0 ? r : -EINVAL;
}

/* What can fail comes first. 0, or -errno with nothing done. */
static int change(struct gg_gate *g, struct gg_conf *new, struct gg_reload *ret)
{
	struct gg_strv argv[GG_NTRANSPORTS] = { 0 };
	char mem[300];
	struct gg_buf warn = GG_BUF(mem);
	uint64_t nofile;
	int r = check_access(g, new, ret);

	r = r ? r : compare(g->conf, new, ret);
	/* sessions are begun with what stays, so that goes into new for as long as it is looked at */
	gg_conf_swap(g->start->conf, new, GG_KEY_base_path);
	r = r ? r : gg_setup_argv(g, new, argv);
	gg_conf_swap(g->start->conf, new, GG_KEY_base_path);
	r = r ? r : gg_setup_nofile(new, g->start->watch, &nofile, &g->room_fds, &warn);
	if (r == 0) {
		take_over(g, new);
		apply(g, argv);
	}
	for (enum gg_transport t = 0; t < GG_NTRANSPORTS; t++)
		gg_strv_free(&argv[t]);
	if (r == 0 && warn.len && g->conf->sessions > new->sessions) /* new has the old ones now */
		gg_event(GG_EV_GATE_LIMITED, NULL, "%s", warn.s);
	return r;
}

static void add_names(struct gg_buf *b, const struct gg_list *l, const char *what)
{
	if (!l->n)
		return;
	gg_buf_add(b, "%s", b->len ? "; " : "");
	for (size_t i = 0; i < l->n; i++)
		gg_buf_add(b, "%s%s", i ? ", " : "", l->v[i]);
	gg_buf_add(b, " %s", what);
}

static void say_done(const struct gg_reload *done)
{
	char mem[2000];
	struct gg_buf b = GG_BUF(mem);

	add_names(&b, &done->changed, "changed");
	add_names(&b, &done->added, "added");
	add_names(&b, &done->removed, "removed");
	add_names(&b, &done->restart, done->restart.n == 1 ? "needs a restart" : "need a restart");
	gg_event(GG_EV_GATE_RELOADED, NULL, "%s", b.len ? b.s : "nothing changed");
}

static void say_failed(struct gg_reload *ret, const struct gg_reader *read, int err)
{
	char mem[160];
	struct gg_buf b = GG_BUF(mem);
	int r = 0;

	for (size_t i = 0; i < read->nerror; i++) {
		gg_event(GG_EV_GATE_RELOAD_FAILED, NULL, "%s", read->error[i]);
		r = r ? r : gg_list_add(&ret->errors, read->error[i]);
	}
	if (read->nerror && r == 0)
		return;
	gg_buf_add(&b, "%s: %s",
		   read->nerror ? "what is wrong can be told in the log only"
				: "cannot read the configuration",
		   strerror(read->nerror ? -r : -err));
	gg_list_add(&ret->errors, b.s);
	gg_event(GG_EV_GATE_RELOAD_FAILED, NULL, "%s", b.s);
}

int gg_reload(struct gg_gate *g, struct gg_reload *ret)
{
	struct gg_reader read;
	int r;

	*ret = (struct gg_reload){ 0 };
	r = g->start->load(g->start->arg, &read);
	if (r == 0 && read.nerror)
		r = -EINVAL;
	r = r ? r : change(g, &read.conf, ret);
	if (r < 0)
		say_failed(ret, &read, r);
	else
		say_done(ret);
	gg_reader_free(&read);
	return r;
}

void gg_reload_free(struct gg_reload *r)
{
	gg_list_clear(&r->errors);
	gg_list_clear(&r->changed);
	gg_list_clear(&r->added);
	gg_list_clear(&r->removed);
	gg_list_clear(&r->restart);
}
