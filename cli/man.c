/* man - see man.h: which page, and the forms that all pages share (manpage.h). */
#include "cli/man.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/manpage.h"
#include "cli/say.h"

#define DATE "November 26, 2026" /* of the last change of the prose */

enum { COLUMNS = 78 };

int gg_man_dump(const char *name, const struct gg_command *commands, size_t n)
{
	if (strcmp(name, "git-gate.1") == 0) {
		gg_man_user(commands, n);
	} else if (strcmp(name, "git-gate.8") == 0) {
		gg_man_operator();
	} else if (strcmp(name, "git-gate.conf.5") == 0) {
		gg_man_settings();
	} else if (strcmp(name, "git-gate-events.7") == 0) {
		gg_man_events();
	} else {
		gg_say("--dump-man: '%s' is no page: git-gate.1, git-gate.8, git-gate.conf.5 or "
		       "git-gate-events.7",
		       name);
		return GG_EXIT_USAGE;
	}
	return GG_EXIT_DONE;
}

void gg_page_begin(const char *name, const char *section, const char *what)
{
	printf(".\\\" Made by git-gate --dump-man; do not edit: change cli/man*.c or the tables, then: make "
	       "man\n"
	       ".Dd " DATE "\n.Dt ");
	for (const char *s = name; *s; s++)
		putchar(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
	printf(" %s\n.Os git-gate " GG_VERSION "\n.Sh NAME\n.Nm %s\n.Nd %s\n", section, name, what);
}

/* A dash that people type, not a hyphen between words: of an option, a command, a path. */
static bool types_dashes(const char *s, size_t n)
{
	return n && (*s == '-' || memchr(s, '/', n) || strncmp(s, "git-", 4) == 0);
}

static size_t put_word(const char *s, size_t n, bool at_start)
{
	bool dashes = types_dashes(s, n);
	size_t columns = n;

	if (at_start && n && (*s == '.' || *s == '\'')) {
		fputs("\\&", stdout);
		columns += 2;
	}
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			fputs("\\e", stdout);
		else if (s[i] == '-' && dashes)
			fputs("\\-", stdout);
		else
			putchar(s[i]);
		columns += s[i] == '\\' || (s[i] == '-' && dashes);
	}
	return columns;
}

void gg_page_word(const char *word)
{
	put_word(word, strlen(word), true);
}

static bool ends_sentence(const char *s, size_t n)
{
	if (n && s[n - 1] == ')')
		n--;
	return n && (s[n - 1] == '.' || s[n - 1] == '?' || s[n - 1] == '!');
}

void gg_page_text(const char *text)
{
	size_t column = 0;

	for (const char *s = text ? text : "undocumented"; *s;) {
		size_t n = strcspn(s, " ");
		bool last = ends_sentence(s, n);

		if (column && column + 1 + n > COLUMNS) {
			putchar('\n');
			column = 0;
		} else if (column) {
			putchar(' ');
			column++;
		}
		column += put_word(s, n, !column);
		s += n;
		s += strspn(s, " ");
		if (last && *s) {
			putchar('\n');
			column = 0;
		}
	}
	putchar('\n');
}

void gg_page_list(const char *macro, const struct gg_page_item *v, size_t n)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < n; i++) {
		printf(".It %s ", macro);
		gg_page_word(v[i].word);
		putchar('\n');
		gg_page_text(v[i].text);
	}
	puts(".El");
}

void gg_page_exits(void)
{
	static const char *const docs[] = {
#define EXIT(ID, word, doc) [GG_EXIT_##ID] = doc,
#include "cli/exit.def"
#undef EXIT
	};

	puts(".Sh EXIT STATUS\n.Bl -tag -width Ds");
	for (size_t i = 0; i < GG_LEN(docs); i++) {
		printf(".It %zu\n", i);
		gg_page_text(docs[i]);
	}
	puts(".El");
}
