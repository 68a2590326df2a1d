/* completion - git-gate completion. See completion.h and completewords.h. */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/event.h"
#include "cli/completewords.h"
#include "cli/say.h"
#include "reaper/reason.h"

static const struct {
	const char *name;
	void (*put)(const struct gg_command *commands, size_t n);
} shells[] = {
	{ "bash", gg_completion_bash },
	{ "zsh", gg_completion_zsh },
	{ "fish", gg_completion_fish },
};

enum gg_words gg_words_of(const char *placeholder)
{
	static const struct {
		const char *word;
		enum gg_words w;
	} table[] = {
		{ "FILE", GG_WORDS_FILE },
		{ "PATH", GG_WORDS_FILE },
		{ "DIR", GG_WORDS_DIR },
		{ "REASON", GG_WORDS_REASON },
		{ "KEY=VALUE", GG_WORDS_KEY },
		{ "ID", GG_WORDS_SESSION },
		{ "add|remove|list", GG_WORDS_ACTION },
		{ "COMMAND", GG_WORDS_COMMAND },
		{ "SHELL", GG_WORDS_SHELL },
		{ "WORD", GG_WORDS_ANY },
	};
	size_t n;

	if (!placeholder)
		return GG_WORDS_NONE;
	placeholder += *placeholder == '[';
	n = strcspn(placeholder, "] ");
	for (size_t i = 0; i < GG_LEN(table); i++)
		if (strlen(table[i].word) == n && strncmp(table[i].word, placeholder, n) == 0)
			return table[i].w;
	return GG_WORDS_NONE;
}

static void put_reasons(void)
{
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		puts(gg_reason_name(r));
}

static void put_keys(const char *behind)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		printf("%s%s\n", gg_conf_key_name(k), behind);
}

void gg_words_put(enum gg_words w, const struct gg_command *commands, size_t n)
{
	if (w == GG_WORDS_REASON || w == GG_WORDS_ANY)
		put_reasons();
	if (w == GG_WORDS_KEY || w == GG_WORDS_ANY)
		put_keys(w == GG_WORDS_KEY ? "=" : "");
	for (int i = 0; w == GG_WORDS_ANY && i < GG_NEVENTS; i++)
		puts(gg_event_name((enum gg_event_id)i));
	for (size_t i = 0; w == GG_WORDS_COMMAND && i < n; i++)
		puts(commands[i].name);
	if (w == GG_WORDS_ACTION)
		puts("add\nlist\nremove");
	for (size_t i = 0; w == GG_WORDS_SHELL && i < GG_LEN(shells); i++)
		puts(shells[i].name);
}

int gg_completion(const char *shell, const struct gg_command *commands, size_t n)
{
	for (size_t i = 0; i < GG_LEN(shells); i++)
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].put(commands, n);
			return GG_EXIT_DONE;
		}
	gg_say("completion: '%s' is no shell that it is made for: bash, zsh or fish", shell);
	return GG_EXIT_USAGE;
}
