/* scantell - what client and gate are told of a scan. See scantell.h. */
#include "hooks/scantell.h"

#include <string.h>

#include "base/clock.h"
#include "hooks/say.h"

enum { SHOWN = 20, ALLOWED_SHOWN = 20, SHORT_ID = 10, PATH_SHOWN = 300 };

static const char *s_of(size_t n)
{
	return n == 1 ? "" : "s";
}

static void add_name(const struct gg_scan_tell *t, struct gg_buf *b)
{
	const char *name = gg_scanner_name(t->c);

	gg_escape(b, name, strlen(name), 60);
}

static void add_elapsed(const struct gg_scan_tell *t, struct gg_buf *b)
{
	gg_human_ms(b, gg_now_ms() - t->begun_ms);
}

/* What was scanned, and how long it has taken by now. */
static struct gg_told told(const struct gg_scan_tell *t, const struct gg_objects *o, const char *event)
{
	struct gg_told what = { GG_TOLD, .event = event };

	what.duration_ms = gg_now_ms() - t->begun_ms;
	what.commits = (int64_t)o->count[GG_OBJECT_COMMIT];
	what.objects = (int64_t)o->n;
	what.bytes = o->bytes;
	return what;
}

void gg_scan_tell_begin(const struct gg_scan_tell *t, const struct gg_objects *o, size_t options)
{
	size_t commits = o->count[GG_OBJECT_COMMIT];
	char text[300];
	struct gg_buf b = GG_BUF(text);

	if (!o->n)
		gg_buf_add(&b, "the names of references");
	else
		gg_buf_add(&b, "%zu commit%s, %zu object%s", commits, s_of(commits), o->n, s_of(o->n));
	if (options)
		gg_buf_add(&b, ", %zu push option%s", options, s_of(options));
	gg_buf_add(&b, " (");
	add_name(t, &b);
	gg_say_client("scanning %s)…", b.s);
}

void gg_scan_tell_tick(const struct gg_scan_tell *t, const char *what)
{
	char text[200];
	struct gg_buf b = GG_BUF(text);

	gg_buf_add(&b, "%s, ", what);
	add_elapsed(t, &b);
	if (t->c->scan_ms != GG_NEVER) {
		gg_buf_add(&b, " of at most ");
		gg_human_ms(&b, t->c->scan_ms);
	}
	gg_say_client("%s…", b.s);
}

void gg_scan_tell_clean(const struct gg_scan_tell *t, const struct gg_objects *o, size_t allowed)
{
	const struct gg_told what = told(t, o, "push.scanned");
	char text[300];
	struct gg_buf b = GG_BUF(text);

	add_name(t, &b);
	gg_buf_add(&b, ": %zu commit%s, %zu object%s, ", o->count[GG_OBJECT_COMMIT],
		   s_of(o->count[GG_OBJECT_COMMIT]), o->n, s_of(o->n));
	gg_buf_add(&b, "%lld bytes in ", (long long)o->bytes);
	add_elapsed(t, &b);
	if (allowed)
		gg_buf_add(&b, ", %zu finding%s allowed", allowed, s_of(allowed));
	gg_gate_tell(t->l, &what, "%s", b.s);
}

void gg_scan_tell_limit(const struct gg_scan_tell *t, const char *key, const char *why)
{
	gg_say_client("push refused: %s, session %s", why, t->session);
	gg_gate_event_about(t->l, "push.rejected", "limit", key, "%s", why);
}

void gg_scan_tell_failed(const struct gg_scan_tell *t, const char *key, const char *why, const char *log)
{
	gg_say_client("push refused: it could not be scanned: %s, session %s", why, t->session);
	gg_say_client("this is for the operator of the gate to look at; nothing was taken");
	gg_gate_event_about(t->l, "push.step-failed", "scan", key, "%s%s%s", why, *log ? ": " : "", log);
}

/* 'in "src/a.c" line 12, commit 1a2b3c4d5e' */
static void add_where(const struct gg_objects *o, const struct gg_finding *f,
		      const struct gg_found_names *names, struct gg_buf *b)
{
	size_t i = (size_t)gg_objects_find(o, f->id);
	const struct gg_object *v;
	const char *path;
	char hex[GG_HASH_MAX + 1];

	if (gg_finding_text(f) != GG_TEXT_NONE) {
		gg_buf_add(b, gg_finding_text(f) == GG_TEXT_REFS ? "in the name of a reference"
								 : "in a push option");
		return;
	}
	v = &o->v[i];
	path = gg_objects_path(o, i);
	if (v->type == GG_OBJECT_COMMIT)
		gg_buf_add(b, "in the text of commit %.*s", SHORT_ID, f->id);
	else if (v->type == GG_OBJECT_TAG)
		gg_buf_add(b, "in the text of tag %.*s", SHORT_ID, f->id);
	else if (v->type == GG_OBJECT_TREE)
		gg_buf_add(b, "in a name in directory ");
	else
		gg_buf_add(b, "in ");
	if (v->type == GG_OBJECT_TREE || v->type == GG_OBJECT_BLOB) {
		if (*path)
			gg_found_names_quote(names, path, PATH_SHOWN, b);
		else
			gg_buf_add(b, "%s %.*s", gg_object_type_name(v->type), SHORT_ID, f->id);
	}
	if (f->line)
		gg_buf_add(b, " line %lld", (long long)f->line);
	if (v->type != GG_OBJECT_COMMIT && v->commit != GG_NO_COMMIT)
		gg_buf_add(b, ", commit %.*s", SHORT_ID, gg_objects_hex(o, v->commit, hex));
}

static void add_fingerprint(const struct gg_finding *f, struct gg_buf *b)
{
	char raw[GG_FINGERPRINT_MAX];
	struct gg_buf text = GG_BUF(raw);

	gg_finding_fingerprint(f, &text);
	gg_escape(b, text.s, text.len, GG_FINGERPRINT_MAX);
}

static void tell_one(const struct gg_objects *o, const struct gg_finding *f,
		     const struct gg_found_names *names)
{
	char text[1500];
	struct gg_buf b = GG_BUF(text);

	gg_escape(&b, f->rule, strlen(f->rule), GG_RULE_MAX);
	gg_buf_add(&b, " ");
	add_where(o, f, names, &b);
	gg_say_client("  %s", b.s);
	if (gg_finding_text(f) != GG_TEXT_NONE)
		return;
	b = GG_BUF(text);
	add_fingerprint(f, &b);
	gg_say_client("    fingerprint %s", b.s);
}

static void record_allowed(const struct gg_scan_tell *t, const struct gg_finding *f)
{
	char text[GG_FINGERPRINT_MAX];
	struct gg_buf b = GG_BUF(text);

	/* no path: it is the client's text, and could be the secret itself */
	gg_finding_fingerprint(f, &b);
	gg_gate_event_about(t->l, "push.allowed", "finding", "hook.allowFinding", "%s", b.s);
}

/* What is not in an object has no fingerprint that could be allowed. */
static void tell_cure(const struct gg_scan_tell *t, bool in_objects)
{
	if (!in_objects) {
		gg_say_client("push again with another name or option, session %s", t->session);
		return;
	}
	gg_say_client("take what was found out of every commit that has it (git commit --amend, git rebase "
		      "-i), and push again");
	gg_say_client("if it is no secret, the operator of the gate can add its fingerprint to "
		      "hook.allowFinding, session %s",
		      t->session);
}

static void tell_end(const struct gg_scan_tell *t, const struct gg_objects *o, const struct gg_findings *f,
		     size_t found, const struct gg_finding *first, bool in_objects)
{
	struct gg_told what = told(t, o, "push.rejected");
	char name_text[100], text[GG_FINGERPRINT_MAX];
	struct gg_buf name = GG_BUF(name_text), b = GG_BUF(text);

	add_name(t, &name);
	gg_finding_fingerprint(first, &b);
	if (found > SHOWN)
		gg_say_client("  and %zu more", found - SHOWN);
	tell_cure(t, in_objects);
	what.reason = "finding";
	what.key = in_objects ? "hook.allowFinding" : "hook.scanner";
	gg_gate_tell(t->l, &what, "%s found %zu, %zu of them not allowed; the first is %s", name.s, f->n,
		     found, b.s);
}

size_t gg_scan_tell_found(const struct gg_scan_tell *t, const struct gg_objects *o,
			  const struct gg_findings *f, const struct gg_found_names *names)
{
	const struct gg_finding *first = NULL;
	size_t found = 0, allowed = 0;
	bool in_objects = false;
	char text[100];
	struct gg_buf name = GG_BUF(text);

	for (size_t i = 0; i < f->n; i++) {
		if (!gg_finding_allowed(t->c, &f->v[i])) {
			in_objects = in_objects || gg_finding_text(&f->v[i]) == GG_TEXT_NONE;
			found++;
		} else if (allowed++ < ALLOWED_SHOWN) {
			record_allowed(t, &f->v[i]);
		}
	}
	if (!found)
		return 0;
	add_name(t, &name);
	gg_say_client("push refused: %s found %zu secret%s in what it adds", name.s, found, s_of(found));
	for (size_t i = 0, shown = 0; i < f->n && shown < SHOWN; i++) {
		if (gg_finding_allowed(t->c, &f->v[i]))
			continue;
		first = first ? first : &f->v[i];
		tell_one(o, &f->v[i], names);
		shown++;
	}
	tell_end(t, o, f, found, first, in_objects);
	return found;
}
