/* options - see options.h. */
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/text.h"
#include "cli/say.h"

enum opt_kind { FLAG, VALUE, MAYBE, REPEAT }; /* MAYBE: the value may be left out */

struct opt {
	const char *name; /* long form; NULL: none */
	char letter;	  /* short form; 0: none */
	enum opt_kind kind;
	const char *value; /* what it takes, for people */
	const char *help;
	size_t at; /* where it goes in struct gg_args; not for REPEAT */
};

#define AT(field) offsetof(struct gg_args, field)

static const struct opt opts[GG_NOPTS] = {
	[GG_OPT_JSON] = { "json", 0, FLAG, NULL, "print the data as JSON", AT(json) },
	[GG_OPT_ALL] = { "all", 0, FLAG, NULL, "also sessions that ended by themselves", AT(all) },
	[GG_OPT_REASON] = { "reason", 0, VALUE, "TEXT", "why, for the log", AT(reason) },
	[GG_OPT_WATCH] = { "watch", 0, MAYBE, "SECONDS", "again and again, every 1 s, or so many",
			   AT(watch) },
	[GG_OPT_SINCE_WHEN] = { "since", 0, VALUE, "WHEN", "only those that ended since: 2h (ago), or a date",
				AT(since) },
	[GG_OPT_REPO] = { "repo", 0, VALUE, "PATTERN", "only those of this repository, or of these: 'team/*'",
			  AT(repo) },
	[GG_OPT_REASON_IS] = { "reason", 0, VALUE, "REASON", "only those that were ended for it",
			       AT(reason) },
	[GG_OPT_JOURNAL] = { "journal", 0, VALUE, "DIR", "read the journal's files there, or none with ''",
			     AT(journal) },
	[GG_OPT_LINES] = { "lines", 'n', VALUE, "N", "begin with the last N events (default: 10)",
			   AT(lines) },
	[GG_OPT_BASE] = { "base", 0, VALUE, "DIR", "where the repositories live; required", AT(base) },
	[GG_OPT_SINCE] = { "since", 0, VALUE, "MS", "only what was made since (ms of the epoch)", AT(since) },
	[GG_OPT_STRICT] = { "strict", 0, FLAG, NULL, "touch nothing in a repository in use", AT(strict) },
	[GG_OPT_SCRATCH] = { "scratch", 0, VALUE, "DIR", "what killed hooks left below hook.scratch, too",
			     AT(scratch) },
	[GG_OPT_INSTANCE] = { "instance", 0, VALUE, "ID[,ID]", "gates whose hooks are dead if none is seen",
			      AT(instance) },
	[GG_OPT_PID] = { "pid", 0, VALUE, "PID", "the process to look below; required", AT(pid) },
	[GG_OPT_OBSERVE] = { "observe", 0, FLAG, NULL, "log what would be ended, touch nothing",
			     AT(observe) },
	[GG_OPT_UPSTREAM] = { "upstream", 0, VALUE, "URL",
			      "where pushes are forwarded to: ssh://[USER@]HOST[:PORT]/PATH", AT(upstream) },
	[GG_OPT_IDENTITY] = { "identity", 0, VALUE, "FILE", "the private key that upstream knows the gate by",
			      AT(identity) },
	[GG_OPT_KNOWN_HOSTS] = { "known-hosts", 0, VALUE, "FILE", "the host keys that upstream may have",
				 AT(known_hosts) },
	[GG_OPT_LOCAL] = { "local", 0, FLAG, NULL, "without an upstream", AT(local) },
	[GG_OPT_MISSING] = { "missing", 0, FLAG, NULL,
			     "instead of NAME: each that the settings know and is not there", AT(missing) },
	[GG_OPT_HOST] = { "host", 0, VALUE, "HOST", "name or address of the gate as clients see it",
			  AT(host) },
	[GG_OPT_DELETE] = { "delete", 0, FLAG, NULL, "delete the repository too", AT(delete) },
	[GG_OPT_READY] = { "ready", 0, FLAG, NULL, "whether new clients are served, and why not", AT(ready) },
	[GG_OPT_GATE] = { "gate", 'g', VALUE, "NAME",
			  "one of several gates on a machine, that of git-gate@NAME.service", AT(gate) },
	[GG_OPT_CONTROL] = { "control", 0, VALUE, "PATH", "the gate's control socket; reads no configuration",
			     AT(control) },
	[GG_OPT_CONFIG] = { "config", 0, VALUE, "FILE", "the configuration (default: " GG_CONF_FILE ")",
			    AT(config) },
	[GG_OPT_SET] = { NULL, 'c', REPEAT, "KEY=VALUE", "one setting, on top of the file; repeatable", 0 },
	[GG_OPT_HELP] = { "help", 'h', FLAG, NULL, "print this", AT(help) },
};

enum { LONG_BASE = 256 }; /* what getopt_long returns for opts[i]: LONG_BASE + i, or its letter */

static bool takes(const struct gg_command *c, size_t i)
{
	return i == GG_OPT_HELP || !c || (c->options >> i & 1);
}

static size_t opt_index(const struct gg_command *c, int val)
{
	if (val >= LONG_BASE)
		return (size_t)(val - LONG_BASE);
	for (size_t i = 0; i < GG_NOPTS; i++)
		if (takes(c, i) && opts[i].letter && opts[i].letter == val)
			return i;
	return GG_NOPTS;
}

static void build(const struct gg_command *c, struct option *longs, struct gg_buf *shorts)
{
	gg_buf_add(shorts, ":"); /* a missing value is told from an unknown option */
	for (size_t i = 0; i < GG_NOPTS; i++) {
		if (!takes(c, i))
			continue;
		if (opts[i].letter)
			gg_buf_add(shorts, "%c%s", opts[i].letter,
				   opts[i].kind == FLAG	   ? ""
				   : opts[i].kind == MAYBE ? "::"
							   : ":");
		if (opts[i].name)
			*longs++ = (struct option){
				.name = opts[i].name,
				.has_arg = opts[i].kind == FLAG	   ? no_argument
					   : opts[i].kind == MAYBE ? optional_argument
								   : required_argument,
				.val = LONG_BASE + (int)i,
			};
	}
	*longs = (struct option){ 0 };
}

static void store(struct gg_args *a, size_t i, char *value)
{
	void *to = (char *)a + opts[i].at;

	if (opts[i].kind == FLAG)
		*(bool *)to = true;
	else if (opts[i].kind == VALUE)
		*(const char **)to = value;
	else if (opts[i].kind == MAYBE)
		*(const char **)to = value ? value : "";
	else
		a->set[a->nset++] = value;
}

static int hint(const struct gg_command *c)
{
	gg_say("try 'git-gate %s --help'", c->name);
	return GG_EXIT_USAGE;
}

static void say_unknown(const struct gg_command *c, const char *word)
{
	const char *best = NULL;
	int best_d = 4; /* further is no likeness */

	for (size_t i = 0; i < GG_NOPTS; i++) {
		int d;

		if (!takes(c, i) || !opts[i].name)
			continue;
		d = gg_distance(word + strspn(word, "-"), opts[i].name);
		if (d < best_d) {
			best = opts[i].name;
			best_d = d;
		}
	}
	if (best)
		gg_say("%s: unknown option '%s'; did you mean '--%s'?", c->name, word, best);
	else
		gg_say("%s: unknown option '%s'", c->name, word);
}

/* getopt_long returned ':' or '?'. */
static int say_bad(const struct gg_command *c, int got, char **argv)
{
	size_t i = optopt ? opt_index(c, optopt) : GG_NOPTS;
	char letter[] = { '-', (char)optopt, '\0' };
	const char *word = optopt && optopt < LONG_BASE ? letter : argv[optind - 1];

	if (got == ':')
		gg_say("%s: '%s' needs a value (%s)", c->name, word, i < GG_NOPTS ? opts[i].value : "");
	else if (i < GG_NOPTS)
		gg_say("%s: '--%s' takes no value", c->name, opts[i].name);
	else
		say_unknown(c, word);
	return hint(c);
}

static bool is_number(const char *s)
{
	return *s >= '0' && *s <= '9';
}

static int check_operands(const struct gg_command *c, const struct gg_args *a)
{
	if (a->help)
		return 0;
	if (a->noperand > c->most)
		gg_say("%s: unexpected argument '%s'", c->name, a->operand[c->most]);
	else if (a->noperand < c->least)
		gg_say("%s: %s is missing", c->name, c->operands);
	else
		return 0;
	return hint(c);
}

/* systemd's names of units have these, too, and all of them are harmless in a path. */
static bool is_gate_name(const char *s)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return *s && *s != '.' && strlen(s) <= 64 && !s[strspn(s, ok)];
}

/* What --gate stands for. */
static int take_gate(const struct gg_command *c, struct gg_args *a)
{
	if (!a->gate || a->help)
		return 0;
	if (!is_gate_name(a->gate)) {
		gg_say("%s: --gate: a name is 1 to 64 letters, digits, '_', '.' and '-', and does not begin "
		       "with '.'",
		       c->name);
		return hint(c);
	}
	if (a->control) {
		gg_say("%s: --gate and --control both say which gate: leave one out", c->name);
		return hint(c);
	}
	if (a->config)
		return 0;
	if (asprintf(&a->config_of_gate, GG_CONF_FILE_OF, a->gate) < 0) {
		a->config_of_gate = NULL;
		gg_say("out of memory");
		return GG_EXIT_FAILED;
	}
	a->config = a->config_of_gate;
	return 0;
}

int gg_options_parse(const struct gg_command *c, int argc, char **argv, struct gg_args *ret)
{
	struct option longs[GG_NOPTS + 1];
	char mem[3 * GG_NOPTS + 2];
	struct gg_buf shorts = GG_BUF(mem);
	size_t i;
	int got;

	*ret = (struct gg_args){ .set = calloc((size_t)argc + 1, sizeof(*ret->set)) };
	if (!ret->set) {
		gg_say("out of memory");
		return GG_EXIT_FAILED;
	}
	build(c, longs, &shorts);
	opterr = 0;
	optind = 1;
	while ((got = getopt_long(argc, argv, mem, longs, NULL)) != -1) {
		if (got == ':' || got == '?')
			return say_bad(c, got, argv);
		i = opt_index(c, got);
		/* "--watch 2" is as good as "--watch=2" */
		if (opts[i].kind == MAYBE && !optarg && optind < argc && is_number(argv[optind]))
			optarg = argv[optind++];
		store(ret, i, optarg);
	}
	ret->operand = argv + optind;
	ret->noperand = (size_t)(argc - optind);
	return check_operands(c, ret) ? GG_EXIT_USAGE : take_gate(c, ret);
}

void gg_options_free(struct gg_args *a)
{
	free(a->config_of_gate);
	a->config_of_gate = NULL;
	free(a->set);
	a->set = NULL;
}

/* "--json", "-c KEY=VALUE", "-h, --help" */
static void add_form(struct gg_buf *b, const struct opt *o, bool both)
{
	if (o->letter && (both || !o->name))
		gg_buf_add(b, "-%c%s", o->letter, o->name ? ", " : "");
	if (o->name)
		gg_buf_add(b, "--%s", o->name);
	if (o->value && o->kind == MAYBE)
		gg_buf_add(b, "[=%s]", o->value);
	else if (o->value)
		gg_buf_add(b, " %s", o->value);
}

bool gg_options_at(const struct gg_command *c, size_t i, struct gg_option *ret)
{
	for (size_t j = 0; j < GG_NOPTS; j++) {
		if (!takes(c, j) || i--)
			continue;
		*ret = (struct gg_option){ .name = opts[j].name,
					   .letter = opts[j].letter,
					   .value = opts[j].value,
					   .help = opts[j].help,
					   .required = j == GG_OPT_BASE || j == GG_OPT_PID,
					   .maybe = opts[j].kind == MAYBE,
					   .repeat = opts[j].kind == REPEAT };
		return true;
	}
	return false;
}

void gg_options_help(const struct gg_command *c)
{
	char mem[128];

	printf("Usage: git-gate %s", c->name);
	for (size_t i = 0; i < GG_OPT_HELP; i++) {
		struct gg_buf b = GG_BUF(mem);

		if (!takes(c, i))
			continue;
		add_form(&b, &opts[i], false);
		printf(i == GG_OPT_BASE || i == GG_OPT_PID ? " %s" : " [%s]", mem);
		printf("%s", opts[i].kind == REPEAT ? "..." : "");
	}
	printf("%s%s\n\n%s.\n\n", *c->operands ? " " : "", c->operands, c->help);
	for (size_t i = 0; i < GG_NOPTS; i++) {
		struct gg_buf b = GG_BUF(mem);

		if (!takes(c, i))
			continue;
		add_form(&b, &opts[i], true);
		printf("  %-18s  %s\n", mem, opts[i].help);
	}
}
