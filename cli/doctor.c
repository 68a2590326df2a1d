/* doctor - git-gate doctor: every link between the gate, its scanner and its upstreams, one after another. */
#include "cli/doctor.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/repos.h"
#include "cli/say.h"
#include "cli/table.h"

struct report {
	json_t *rows; /* NULL: lines for people, as they come */
	bool failed;
};

/* One check is one line; repo NULL: of the gate. */
static void tell(struct report *r, const char *repo, const char *check, const struct gg_found *f)
{
	const char *word = gg_result_word(f->result);

	r->failed = r->failed || f->result == GG_RESULT_FAILED;
	if (r->rows) {
		json_array_append_new(r->rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "repo",
							 repo ? repo : "", "check", check, "result", word,
							 "text", f->text, "cure", f->cure));
		return;
	}
	printf("%-8s %s%s%s: %s%s%s\n", word, repo ? repo : "", repo ? " " : "", check, f->text,
	       *f->cure ? "; " : "", f->cure);
	fflush(stdout);
}

static void run(struct gg_doctor *d, struct report *r, const char *repo, const struct gg_check *v, size_t n)
{
	const char *missing = NULL;

	for (size_t i = 0; i < n; i++) {
		struct gg_found f = { .result = GG_RESULT_OK };

		if (missing)
			gg_found_skip(&f, "needs %s", missing);
		else if (!v[i].look(d, &f) && v[i].needed)
			missing = v[i].name;
		tell(r, repo, v[i].name, &f);
	}
}

static void run_repo(struct gg_doctor *d, struct report *r, const char *name)
{
	const struct gg_conf *c = d->c;

	snprintf(d->dir, sizeof(d->dir), "%s/%s", c->base_path, name);
	d->name = name;
	d->repo = gg_repos_find(c, name);
	d->link = (struct gg_link){ .connect_ms = c->connect_ms, .limit_ms = c->refresh_ms };
	if (d->repo) {
		d->link.url = d->repo->upstream;
		d->link.identity = d->repo->identity_file;
		d->link.known_hosts = d->repo->known_hosts_file;
	}
	run(d, r, name, gg_checks_repo, gg_nchecks_repo);
}

static void run_all(struct gg_doctor *d, struct report *r)
{
	run(d, r, NULL, gg_checks_gate, gg_nchecks_gate);
	if (d->seen)
		run(d, r, NULL, gg_checks_machine, gg_nchecks_machine);
	if (d->a->noperand)
		run_repo(d, r, d->a->operand[0]);
	for (size_t i = 0; i < d->c->nrepo && !d->a->noperand; i++)
		run_repo(d, r, d->c->repo[i].name);
}

/* The first of the errors; check-config has them all. */
static bool look_settings(const struct gg_args *a, const struct gg_reader *r, int e, struct gg_found *f)
{
	if (e == 0 && !r->nerror)
		return gg_found_ok(f, "%s", a->config ? a->config : GG_CONF_FILE);
	gg_found_bad(f, "%s", r->nerror ? r->error[0] : strerror(-e));
	if (r->nerror > 1)
		gg_found_cure(f, "and %zu more, see git-gate check-config", r->nerror - 1);
	return false;
}

/* They are read by git, which cannot be run without some system calls. */
static void say_why_not(struct report *r)
{
	struct gg_found f = { .result = GG_RESULT_OK };

	if (!gg_doctor_calls(&f))
		tell(r, NULL, gg_checks_machine[0].name, &f);
}

/* --control says where the gate is, whatever the settings do: what is looked at of it is there. 0 or -ENOMEM.
 */
static int take_control(const struct gg_args *a, struct gg_conf *c)
{
	char *path = a->control ? strdup(a->control) : NULL;

	if (!a->control)
		return 0;
	if (!path)
		return -ENOMEM;
	free(c->control);
	c->control = path;
	return 0;
}

/* The settings are read as whoever calls: what follows is asked as the gate's user, if that can be. */
static void examine(const struct gg_args *a, struct report *r)
{
	struct gg_reader reader;
	struct gg_doctor d = { .a = a, .c = &reader.conf };
	struct gg_found f;
	int e = gg_config_try(a, &reader);
	bool good;

	e = e ? e : take_control(a, &reader.conf);
	good = look_settings(a, &reader, e, &f);

	tell(r, NULL, "settings", &f);
	if (good) {
		if (!a->noperand && gg_doctor_machine_begin(&d) < 0)
			gg_say("out of memory: the machine is not looked at");
		if (gg_owner_of(d.c->base_path, &d.owner) == 0 && gg_owner_can(&d.owner) &&
		    gg_owner_become(&d.owner) == 0)
			d.owner.other = false;
		run_all(&d, r);
		gg_doctor_machine_end(&d);
	} else {
		say_why_not(r);
	}
	gg_reader_free(&reader);
}

int gg_cmd_doctor(const struct gg_args *a)
{
	struct report r = { .rows = a->json ? json_array() : NULL };

	if (a->json && !r.rows) {
		gg_say("out of memory");
		return GG_EXIT_FAILED;
	}
	gg_stop_hold(); /* a planted secret is taken away again */
	examine(a, &r);
	if (r.rows)
		gg_table_json(r.rows);
	json_decref(r.rows);
	return r.failed ? GG_EXIT_FAILED : GG_EXIT_DONE;
}
