/*
 * git-gate-torture - stuck and hostile clients, over git:// or http://, against a server: who ended each,
 * after how long, and what was left in the repository.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tests/torture/report.h"
#include "tests/torture/run.h"
#include "tests/torture/torture.h"

enum { EXIT_RAN = 0, EXIT_COULD_NOT = 1, EXIT_USAGE = 2 };
enum {
	DEFAULT_LIMIT_MS = 60000,
	LIMIT_MAX_MS = 3600 * 1000,
	DEFAULT_PAUSE_MS = 1800,
	DEFAULT_PORT = 9418,
	DEFAULT_HTTP_PORT = 80,
	COUNT_MAX = 200
};

struct options {
	struct gg_target target;
	bool picked[64]; /* by --kind; none: all */
	size_t npicked;
	int64_t count;
	bool json, list, help, has_url;
};

static int usage(const char *fmt, const char *what)
{
	fputs("git-gate-torture: ", stderr);
	fprintf(stderr, fmt, what);
	fputs("\ntry git-gate-torture --help\n", stderr);
	return EXIT_USAGE;
}

/* git://HOST[:PORT]/PATH, or http://. Returns NULL, or what is wrong. */
static const char *parse_url(const char *url, struct gg_target *t)
{
	static const char git[] = "git://", http[] = "http://";
	char where[sizeof(t->host) + 32];
	const char *host, *path, *why;
	size_t n;

	t->http = !strncmp(url, http, strlen(http));
	if (!t->http && strncmp(url, git, strlen(git)) != 0)
		return "it must begin with git:// or http://";
	host = url + (t->http ? strlen(http) : strlen(git));
	path = strchr(host, '/');
	if (!path || !path[1])
		return "it has no path";
	if (strpbrk(path, "%?#\n"))
		return "% ? # and line feeds in its path are not supported";
	n = (size_t)(path - host);
	if (n >= sizeof(t->host) || strlen(path) >= sizeof(t->path))
		return "it is too long";
	memcpy(t->host, host, n);
	t->host[n] = '\0';
	strcpy(t->path, path);

	struct gg_buf b = GG_BUF(where);
	const char *colon = strrchr(t->host, ':'), *bracket = strrchr(t->host, ']');
	bool has_port = colon && (!bracket || colon > bracket);

	if (!strncmp(t->host, "localhost", 9) && (!t->host[9] || t->host[9] == ':'))
		gg_buf_add(&b, "127.0.0.1%s", t->host + 9);
	else
		gg_buf_add(&b, "%s", t->host);
	if (!has_port)
		gg_buf_add(&b, ":%d", t->http ? DEFAULT_HTTP_PORT : DEFAULT_PORT);
	return gg_addr_parse(where, &t->addr, &why) < 0 ? why : NULL;
}

static int pick_kind(struct options *o, const char *name)
{
	_Static_assert(sizeof(o->picked) >= 32, "room for every kind");
	for (size_t i = 0; i < gg_nkinds; i++) {
		if (strcmp(gg_kinds[i].name, name) != 0)
			continue;
		o->npicked += !o->picked[i];
		o->picked[i] = true;
		return 0;
	}
	return usage("there is no kind '%s'; --list shows all", name);
}

/* The options: one table for the parser and the help. */
static const struct {
	const char *name, *value, *help;
	int id;
} options[] = {
	{ "url", "URL", "the repository: git:// or http://HOST[:PORT]/PATH, numeric host or localhost", 'u' },
	{ "repo", "DIR", "that repository on this machine: look there for what is left", 'r' },
	{ "kind", "NAME", "play this kind of client (repeatable; default: all that the URL's protocol has)",
	  'k' },
	{ "list", NULL, "list the kinds; with --url those that its protocol has", 'l' },
	{ "count", "N", "clients of each kind, all at once (default: 1)", 'n' },
	{ "limit", "DURATION", "how long a client waits to be ended (default: 60s)", 't' },
	{ "pause", "DURATION", "how long a client that pauses does (default: 1800ms)", 'p' },
	{ "json", NULL, "print a JSON array instead of a table", 'j' },
	{ "help", NULL, "this text", 'h' },
};

static void print_help(void)
{
	printf("usage: git-gate-torture --url URL [options]\n\n"
	       "Plays stuck and hostile clients and reports who ended each, and when.\n\n");
	for (size_t i = 0; i < GG_LEN(options); i++)
		printf("  --%s%s%-*s%s\n", options[i].name, options[i].value ? " " : "",
		       (int)(20 - strlen(options[i].name) - (options[i].value != NULL)),
		       options[i].value ? options[i].value : "", options[i].help);
	printf("\nExit: 0 all clients were played, 1 some could not be, 2 usage.\n");
}

static int take_option(struct options *o, int id, const char *value)
{
	const char *why;

	switch (id) {
	case 'u':
		why = parse_url(value, &o->target);
		o->has_url = true;
		return why ? usage("cannot use this --url: %s", why) : 0;
	case 'r':
		if (!realpath(value, o->target.repo))
			return usage("cannot use this --repo: %s", strerror(errno));
		return 0;
	case 'k':
		return pick_kind(o, value);
	case 'n':
		if (gg_int_parse(value, 1, COUNT_MAX, &o->count) < 0)
			return usage("--count must be 1 to 200, not '%s'", value);
		return 0;
	case 't':
		if (gg_duration_parse(value, &o->target.limit_ms) < 0 || o->target.limit_ms < 1 ||
		    o->target.limit_ms > LIMIT_MAX_MS)
			return usage("--limit must be a duration such as 20s, 1h at most, not '%s'", value);
		return 0;
	case 'p':
		if (gg_duration_parse(value, &o->target.pause_ms) < 0 || o->target.pause_ms < 1 ||
		    o->target.pause_ms > LIMIT_MAX_MS)
			return usage("--pause must be a duration such as 2s, 1h at most, not '%s'", value);
		return 0;
	case 'l':
		o->list = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return usage("%s", "unknown option, or one without its value");
	}
}

static int parse(struct options *o, int argc, char **argv)
{
	struct option table[GG_LEN(options) + 1] = { 0 };
	int id, r = 0;

	for (size_t i = 0; i < GG_LEN(options); i++) {
		int has_value = options[i].value ? required_argument : no_argument;

		table[i] = (struct option){ options[i].name, has_value, NULL, options[i].id };
	}
	opterr = 0;
	while (r == 0 && (id = getopt_long(argc, argv, "h", table, NULL)) >= 0)
		r = take_option(o, id, optarg);
	if (r == 0 && optind < argc)
		return usage("unexpected argument '%s'", argv[optind]);
	if (r == 0 && !o->help && !o->list && !o->has_url)
		return usage("%s", "--url is missing");
	return r;
}

static bool is_picked(const struct options *o, size_t i)
{
	return o->npicked ? o->picked[i] : gg_kind_is_over(&gg_kinds[i], o->target.http);
}

static int list(const struct options *o)
{
	for (size_t i = 0; i < gg_nkinds; i++)
		if (!o->has_url || gg_kind_is_over(&gg_kinds[i], o->target.http))
			printf("%-24s%s%s\n", gg_kinds[i].name,
			       o->has_url || gg_kinds[i].over == GG_OVER_BOTH ? ""
			       : gg_kinds[i].over == GG_OVER_HTTP	      ? "http://: "
									      : "git://: ",
			       gg_kinds[i].help);
	return EXIT_RAN;
}

static int play(const struct options *o)
{
	size_t n = (o->npicked ? o->npicked : gg_nkinds) * (size_t)o->count, at = 0;
	AUTO_FREE const struct gg_kind **kinds = calloc(n, sizeof(*kinds));
	AUTO_FREE struct gg_result *results = calloc(n, sizeof(*results));
	int r;

	if (n > GG_CLIENTS_MAX)
		return usage("%s", "these are more than 1000 clients");
	if (!kinds || !results)
		return EXIT_COULD_NOT;
	for (size_t i = 0; i < gg_nkinds; i++) {
		if (is_picked(o, i) && !gg_kind_is_over(&gg_kinds[i], o->target.http))
			return usage("kind '%s' is not one of this URL's protocol", gg_kinds[i].name);
		for (int64_t j = 0; j < o->count && is_picked(o, i); j++)
			kinds[at++] = &gg_kinds[i];
	}
	n = at;
	r = gg_run(&o->target, kinds, n, results);
	if (r != 0)
		return r > 0 ? 128 + r : EXIT_COULD_NOT;
	if (!o->json)
		gg_report_table(stdout, kinds, results, n);
	else if (gg_report_json(stdout, kinds, results, n) < 0)
		return EXIT_COULD_NOT;
	for (size_t i = 0; i < n; i++)
		if (results[i].ended == GG_FAILED)
			return EXIT_COULD_NOT;
	return EXIT_RAN;
}

int main(int argc, char **argv)
{
	struct options o = { .count = 1,
			     .target.limit_ms = DEFAULT_LIMIT_MS,
			     .target.pause_ms = DEFAULT_PAUSE_MS };
	int r = parse(&o, argc, argv);

	if (r != 0)
		return r;
	if (o.help)
		print_help();
	return o.help ? EXIT_RAN : o.list ? list(&o) : play(&o);
}
