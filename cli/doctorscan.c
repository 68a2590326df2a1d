/*
 * doctorscan - does the scanner run, find a planted secret, and let pass what has none? It is run as the hook
 * runs it (hooks/scanrun.h), on a directory of hooks/scratch.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/service.h"
#include "base/spawn.h"
#include "cli/doctor.h"
#include "cli/tool.h"
#include "hooks/newobj.h"
#include "hooks/scanrun.h"
#include "hooks/scratch.h"

/* In two parts each, so that no scanner takes this file for what it is about. */
#define KEY_ID \
	"AKIA" \
	"Q4VJ7T2NXW5ZKR3M"
#define KEY \
	"u8Rf2LqZx9" \
	"vT4mWc7YpKd3HsJ6nBgE1aQzXo5Vw+"

static const char planted[] = "[default]\naws_access_key_id = " KEY_ID "\naws_secret_access_key = " KEY "\n";
static const char plain[] = "Nothing is hidden here.\n";

static const char object[] = "1111111111111111111111111111111111111111"; /* its id: nobody has it */

/* The list of what was pushed, as hooks/newobj makes it: one object. */
static int list(struct gg_objects *o)
{
	int e;

	*o = (struct gg_objects){ .hash = strlen(object) };
	e = gg_objects_add(o, object, "planted.txt", strlen("planted.txt"), GG_NO_COMMIT);
	return e ? e : gg_objects_sort(o);
}

static int lay(struct gg_scratch *s, const char *text)
{
	char line[200];
	struct gg_buf b = GG_BUF(line);
	int e = gg_scratch_begin(s, object);

	gg_buf_add(&b, "%s\tblob\t%zu\tplanted.txt\t-\n", object, strlen(text));
	e = e ? e : gg_scratch_put(s, text, strlen(text));
	e = e ? e : gg_scratch_end(s);
	e = e ? e : gg_scratch_begin_plain(s, "MANIFEST");
	e = e ? e : gg_scratch_put_plain(s, line, b.len);
	return e ? e : gg_scratch_end_plain(s);
}

static bool on_stop(void *arg)
{
	(void)arg;
	return gg_stop_wanted();
}

/* What the scanner says to what was laid; GG_SCAN_FAILED with the reason in f. */
static enum gg_scanner_verdict run(const struct gg_push_conf *c, const char *dir, const struct gg_objects *o,
				   struct gg_found *f)
{
	char said[GG_SAID_MAX] = "", mem[500];
	struct gg_scanrun in = { .c = c,
				 .o = o,
				 .dir = dir,
				 .until = gg_deadline_in(c->scan_ms, "deadline.scan"),
				 .stop = on_stop,
				 .said = GG_BUF(said) };
	struct gg_buf why = GG_BUF(mem);
	struct gg_findings found = { 0 };
	const char *key = NULL;
	int e = gg_scanrun(&in, &found, &why, &key);

	gg_findings_free(&found);
	if (e == 0 || e == -EPERM)
		return e ? GG_SCAN_FOUND : GG_SCAN_CLEAN;
	gg_found_bad(f, "%s %s%s%s", gg_scanner_program(c), why.s, *said ? ": " : "", said);
	gg_found_cure(f, "every push is refused until it runs; see hook.scanner");
	return GG_SCAN_FAILED;
}

static enum gg_scanner_verdict try(const struct gg_doctor *d, const struct gg_push_conf *c, const char *text,
				   struct gg_found *f)
{
	AUTO_FREE struct gg_scratch *s = calloc(1, sizeof(*s)); /* large */
	enum gg_scanner_verdict v = GG_SCAN_FAILED;
	struct gg_objects o = { 0 };
	char name[32];
	int e;

	if (!s) {
		gg_found_bad(f, "out of memory");
		return v;
	}
	snprintf(name, sizeof(name), "%d", getpid());
	e = gg_scratch_make(s, d->c->scratch, "doctor", name, d->c->scan_max);
	e = e ? e : lay(s, text);
	e = e ? e : list(&o);
	if (e == 0)
		v = run(c, s->dir, &o, f);
	else
		gg_found_bad(f, "%s: %s", d->c->scratch, strerror(-e));
	gg_objects_free(&o);
	gg_scratch_remove(s);
	return v;
}

static bool prove(const struct gg_doctor *d, const struct gg_push_conf *c, struct gg_found *f)
{
	const char *program = gg_scanner_program(c);
	enum gg_scanner_verdict v = try(d, c, planted, f);

	if (v == GG_SCAN_FAILED)
		return false;
	if (v == GG_SCAN_CLEAN) {
		gg_found_bad(f, "%s runs, and does not find a planted AWS key", program);
		return gg_found_cure(f, "look at its rules; those that come with it find one");
	}
	v = try(d, c, plain, f);
	if (v == GG_SCAN_FAILED)
		return false;
	if (v == GG_SCAN_FOUND) {
		gg_found_bad(f, "%s finds a secret where there is none", program);
		return gg_found_cure(f, "every push will be refused; look at its rules");
	}
	return gg_found_ok(f, "%s finds a planted secret, and nothing where there is none", program);
}

/* As supervisor/hooksettings.c tells the hook. 0; -EINVAL: f has why. */
static bool fill(const struct gg_conf *conf, struct gg_push_conf *c, struct gg_found *f)
{
	const char *why = NULL;
	int e = 0;

	c->scanner = (int)conf->scanner;
	c->scanner_config = conf->scanner_config;
	c->limit_scan = conf->scan_max;
	c->scan_ms = conf->scan_ms;
	if (conf->scanner == GG_SCANNER_COMMAND)
		e = gg_split_words(conf->scanner_command, &c->scanner_command, &why);
	if (e < 0)
		return gg_found_bad(f, "hook.scannerCommand: %s", why ? why : strerror(-e));
	return true;
}

bool gg_doctor_scanner(struct gg_doctor *d, struct gg_found *f)
{
	struct gg_push_conf c = { 0 };
	char program[PATH_MAX];
	const char *path = getenv("PATH");
	bool ok = false;

	if (d->c->scanner == GG_SCANNER_UNSET) {
		gg_found_bad(f, "hook.scanner is not set: every push is refused");
		return gg_found_cure(
			f, "set it to gitleaks, betterleaks or command; none accepts pushes unscanned");
	}
	if (d->c->scanner == GG_SCANNER_NONE)
		return gg_found_skip(f, "hook.scanner is none: pushes are accepted unscanned");
	if (d->no_scratch)
		return gg_found_skip(f, "needs scratch");
	if (fill(d->c, &c, f)) {
		if (gg_path_search(gg_scanner_program(&c), path, program, sizeof(program)) == 0) {
			ok = prove(d, &c, f);
		} else {
			gg_found_bad(f, "%s cannot be run: not there, or not executable",
				     gg_scanner_program(&c));
			gg_found_cure(
				f,
				"install it, in the PATH of the gate too; until then every push is refused");
		}
	}
	gg_list_clear(&c.scanner_command);
	return ok;
}
