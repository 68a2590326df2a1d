/* explain - git-gate explain: what a reason, a setting or an event means, from their tables. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "base/event.h"
#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/paint.h"
#include "cli/say.h"
#include "cli/setting.h"
#include "cli/wrap.h"
#include "reaper/reason.h"

enum { INDENT = 4 };

static const struct {
	const char *name, *priority, *doc;
} events[GG_NEVENTS] = {
#define EV(ID, name, PRIORITY, id, doc) [GG_EV_##ID] = { name, #PRIORITY, doc },
#include "base/event.def"
#undef EV
};

/* "idle: a reason", with the word in bold. */
static void title(const char *word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void title(const char *word, const char *fmt, ...)
{
	bool on = gg_paint_on();
	char mem[256];
	struct gg_buf b = GG_BUF(mem);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&b, fmt, ap);
	va_end(ap);
	printf("%s%s%s: ", gg_paint_begin(on, GG_BOLD), word, gg_paint_end(on, GG_BOLD));
	gg_wrap(stdout, mem, strlen(word) + 2, 2, gg_wrap_width());
}

static void paragraph(const char *label, const char *text)
{
	if (!text || !*text)
		return;
	if (*label)
		printf("  %s\n", label);
	gg_wrap(stdout, text, 0, *label ? INDENT : 2, gg_wrap_width());
}

static void explain_reason(enum gg_reason r)
{
	const struct gg_reason_help *h = gg_reason_help(r);
	const char *key = gg_reason_key(r);

	title(gg_reason_name(r), "a reason for which a session is ended%s%s", key ? "; its setting is " : "",
	      key ? key : "");
	paragraph("What led to it:", h->seen);
	paragraph("What to look at:", h->look_at);
	paragraph("What to do:", h->advice);
	printf("  See also:\n    git-gate reaped --reason %s%s%s\n", gg_reason_name(r),
	       key ? "\n    git-gate explain " : "", key ? key : "");
}

static void explain_setting(const char *section, const struct gg_conf_key *key)
{
	char mem[512], name[128];
	struct gg_buf b = GG_BUF(mem), n = GG_BUF(name);

	gg_buf_add(&n, "%s%s", section, key->name);
	title(name, "a setting");
	paragraph("", key->help);
	gg_setting_kind(&b, key);
	paragraph("", mem);
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		if (gg_reason_key(r) && strcmp(gg_reason_key(r), name) == 0)
			printf("  It bounds sessions that are ended as %s: git-gate explain %s\n",
			       gg_reason_name(r), gg_reason_name(r));
}

static void explain_event(enum gg_event_id id)
{
	char mem[16] = "";

	for (size_t i = 0; events[id].priority[i] && i + 1 < sizeof(mem); i++)
		mem[i] = (char)(events[id].priority[i] | 0x20); /* capitals in the table */
	title(events[id].name, "an event of priority %s", mem);
	paragraph("", events[id].doc);
	printf("  See also:\n    journalctl GIT_GATE_EVENT=%s\n", events[id].name);
}

static bool same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

static bool try_settings(const char *word)
{
	for (size_t i = 0; i < GG_NKEYS; i++)
		if (same(word, gg_conf_keys[i].name)) {
			explain_setting("", &gg_conf_keys[i]);
			return true;
		}
	return false;
}

/* "repo.app.git.upstream" and "repo.NAME.upstream", whatever the name. */
static bool try_section(const char *word, enum gg_section s)
{
	const struct gg_section_kind *kind = gg_section_kind(s);
	size_t n = strlen(kind->word);
	const char *last = strrchr(word, '.');
	char name[64];
	struct gg_buf b = GG_BUF(name);

	if (strncasecmp(word, kind->word, n) != 0 || word[n] != '.' || last == word + n)
		return false;
	gg_buf_add(&b, "%s.NAME.", kind->word);
	for (size_t i = 0; i < kind->nkeys; i++)
		if (same(last + 1, kind->keys[i].name)) {
			explain_setting(name, &kind->keys[i]);
			return true;
		}
	return false;
}

/* The end of a key is enough to know which is meant: "packStart". */
static void try_end(struct gg_nearest *n, const char *key)
{
	const char *end = strrchr(key, '.');

	if (!n->best && end && same(end + 1, n->meant))
		n->best = key;
}

static int unknown(const char *word)
{
	struct gg_nearest n = { .meant = word };

	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		gg_nearest_try(&n, gg_reason_name(r));
	for (size_t i = 0; i < GG_NKEYS; i++)
		gg_nearest_try(&n, gg_conf_keys[i].name);
	for (size_t i = 0; i < GG_NEVENTS; i++)
		gg_nearest_try(&n, events[i].name);
	for (size_t i = 0; i < GG_NKEYS; i++)
		try_end(&n, gg_conf_keys[i].name);
	for (size_t i = 0; i < GG_NEVENTS; i++)
		try_end(&n, events[i].name);
	if (n.best)
		gg_say("explain: '%s' is no reason, setting or event; did you mean '%s'?", word, n.best);
	else
		gg_say("explain: '%s' is no reason, setting or event; 'git-gate explain' lists the reasons",
		       word);
	return GG_EXIT_USAGE;
}

static void list(void)
{
	puts("Reasons for which a session is ended:\n");
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		printf("  %-13s %s\n", gg_reason_name(r), gg_reason_key(r) ? gg_reason_key(r) : "-");
	puts("\n'git-gate explain WORD' tells more of one, of a setting (deadline.idle) or of an event "
	     "(push.rejected).");
}

int gg_cmd_explain(const struct gg_args *a)
{
	const char *word = a->noperand ? a->operand[0] : NULL;
	int reason = word ? gg_reason_find(word) : -1, event = word ? gg_event_find(word) : -1;

	if (!word)
		list();
	else if (reason >= 0)
		explain_reason((enum gg_reason)reason);
	else if (event >= 0)
		explain_event((enum gg_event_id)event);
	else if (!try_settings(word) && !try_section(word, GG_SECTION_REPO) &&
		 !try_section(word, GG_SECTION_SERVICE))
		return unknown(word);
	return GG_EXIT_DONE;
}
