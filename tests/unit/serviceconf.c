/* Tests of base/service.h (what the texts of a [service] section mean), and of those sections in base/conf.h.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "tests/unit/conflines.h"
#include "base/service.h"
#include "supervisor/servicestate.h"

Test(service_conf, words)
{
	static const struct {
		const char *text, *words, *why; /* words: joined with '|'; NULL: an error */
	} rows[] = {
		{ "", "", NULL },
		{ " \t\n", "", NULL },
		{ "a", "a", NULL },
		{ " a  b\tc\nd ", "a|b|c|d", NULL },
		{ "sh -c 'a; b \"c\"'", "sh|-c|a; b \"c\"", NULL },
		{ "sh -c \"a 'b'\"", "sh|-c|a 'b'", NULL },
		{ "a\\ b c\\\\", "a b|c\\", NULL },
		{ "\"a\\\"b\" 'a\\b'", "a\"b|a\\b", NULL },
		{ "'' \"\" a''b", "||ab", NULL },
		{ "a$B *", "a$B|*", NULL },
		{ "a '", NULL, "has an unclosed quote" },
		{ "\"a", NULL, "has an unclosed quote" },
		{ "a \\", NULL, "ends in a backslash" },
		{ "\"a\\", NULL, "ends in a backslash" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_list l = { 0 };
		const char *why = NULL;
		char text[200];
		struct gg_buf b = GG_BUF(text);
		int e = gg_split_words(rows[i].text, &l, &why);

		cr_assert_eq(e, rows[i].words ? 0 : -EINVAL, "row %zu", i);
		for (size_t k = 0; k < l.n; k++)
			gg_buf_add(&b, "%s%s", k ? "|" : "", l.v[k]);
		if (rows[i].words)
			cr_assert_str_eq(text, rows[i].words, "row %zu: %s", i, text);
		else
			cr_assert_str_eq(why, rows[i].why, "row %zu", i);
		gg_list_clear(&l);
	}
}

Test(service_conf, ready)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "none", GG_READY_NONE },
		{ "fd", GG_READY_FD },
		{ "port:127.0.0.1:80", GG_READY_PORT },
		{ "port:[::1]:80", GG_READY_PORT },
		{ "port:127.0.0.1:0", -EINVAL },
		{ "port:80", -EINVAL },
		{ "port:localhost:80", -EINVAL },
		{ "fd:3", -EINVAL },
		{ "", -EINVAL },
		{ "NONE", -EINVAL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_addr a = { .len = 0 };
		const char *why = NULL;

		cr_assert_eq(gg_ready_parse(rows[i].text, &a, &why), rows[i].want, "row %zu", i);
		cr_assert_eq(a.len != 0 && rows[i].want >= 0, rows[i].want == GG_READY_PORT, "row %zu", i);
		cr_assert(rows[i].want >= 0 || why, "row %zu", i);
	}
}

Test(service_conf, signals)
{
	static const int want[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGKILL };
	size_t n;

	for (int i = 0; i < (int)GG_LEN(want); i++) {
		const struct gg_service_conf s = { .stop_signal = i };
		const char *name = gg_key_choice(&gg_service_keys[GG_SERVICE_stop_signal], i, &n);

		cr_assert_eq(gg_service_signal(&s), want[i]);
		cr_assert_eq(strncmp(name, sigabbrev_np(want[i]), n), 0);
	}
	cr_assert_null(gg_key_choice(&gg_service_keys[GG_SERVICE_stop_signal], GG_LEN(want), &n));
}

/* --- settings --- */

static void read_settings(struct gg_reader *r, const char *lines)
{
	static const struct gg_place place = { .root = true, .cwd = "/w" };

	read_lines(r, lines, &place);
}

Test(service_conf, table_is_sound)
{
	for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS; k++) {
		const struct gg_conf_key *key = &gg_service_keys[k];

		cr_assert(key->help[0] && key->help[strlen(key->help) - 1] == '.', "%s", key->name);
		cr_assert(!strpbrk(key->name, " .\n=#"), "%s", key->name);
		cr_assert_not(gg_key_may_be_never(key), "%s", key->name);
		if (key->kind <= GG_KIND_COUNT)
			cr_assert(key->def >= key->min && key->def <= key->max && key->host == key->def, "%s",
				  key->name);
	}
	cr_assert_eq(gg_service_keys[GG_SERVICE_burst].max, GG_SVC_BURST_MAX);
	cr_assert_str_eq(gg_service_key_name(GG_SERVICE_kill_after_ms), "killAfter");
}

Test(service_conf, values)
{
	static const struct {
		const char *lines;
		size_t service;
		enum gg_service_key key;
		const char *value, *origin;
	} rows[] = {
		{ "service.a.command=x", 0, GG_SERVICE_command, "x", "file F" },
		{ "service.a.command=x", 0, GG_SERVICE_restart, "always", "default" },
		{ "service.a.command=x", 0, GG_SERVICE_kill_after_ms, "10s", "default" },
		{ "SERVICE.a.COMMAND=x\nservice.a.killafter=2s", 0, GG_SERVICE_kill_after_ms, "2s",
		  "file F" },
		{ "service.b.command=x\nservice.a.command=y\nservice.b.restart=never", 1, GG_SERVICE_command,
		  "y", "file F" },
		{ "service.b.command=x\nservice.a.command=y\nservice.b.restart=never", 0, GG_SERVICE_restart,
		  "never", "file F" },
		{ "service.a.command=x\nservice.A.command=y", 1, GG_SERVICE_command, "y", "file F" },
		{ "service.a.b.command=x", 0, GG_SERVICE_command, "x", "file F" },
		{ "service.a.command=x\n-c service.a.command=y", 0, GG_SERVICE_command, "y", "command line" },
		{ "service.a.command=x\nservice.a.essential", 0, GG_SERVICE_essential, "true", "file F" },
		{ "service.a.command=x\nservice.a.environment=A=1\nservice.a.environment=B=", 0,
		  GG_SERVICE_environment, "A=1, B=", "file F" },
		{ "service.a.command=x\nservice.a.environment=A=1\n-c service.a.environment=B=", 0,
		  GG_SERVICE_environment, "B=", "command line" },
		{ "service.a.command=x\nservice.b.command=x\nservice.b.after=a", 1, GG_SERVICE_after, "a",
		  "file F" },
		{ "service.a.command=x\nservice.a.after=b\nservice.b.command=x", 0, GG_SERVICE_after, "b",
		  "file F" },
		{ "service.a.command=x\nservice.a.ready=port:[::1]:1", 0, GG_SERVICE_ready, "port:[::1]:1",
		  "file F" },
		{ "service.a.command=x\nservice.a.stopSignal=INT", 0, GG_SERVICE_stop_signal, "INT",
		  "file F" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;
		char text[200];
		struct gg_buf b = GG_BUF(text);

		read_settings(&r, rows[i].lines);
		cr_assert_eq(r.nerror, 0, "row %zu: %s", i, r.nerror ? r.error[0] : "");
		cr_assert_lt(rows[i].service, r.conf.nservice, "row %zu", i);
		gg_key_value(&b, &gg_service_keys[rows[i].key], &r.conf.service[rows[i].service], SIZE_MAX);
		cr_assert_str_eq(text, rows[i].value, "row %zu: %s", i, text);
		cr_assert_str_eq(*gg_section_origin(&r, GG_SECTION_SERVICE, rows[i].service, rows[i].key),
				 rows[i].origin, "row %zu", i);
		gg_reader_free(&r);
	}
}

Test(service_conf, errors)
{
#define A "service.a.command=x\n"
	static const struct {
		const char *lines, *want;
	} rows[] = {
		{ A "service.a.comand=x",
		  "F: unknown key 'service.a.comand'; did you mean 'service.a.command'?" },
		{ A "service.a.backofmax=1s",
		  "F: unknown key 'service.a.backofmax'; did you mean 'service.a.backoffMax'?" },
		{ A "service.a.wach=true",
		  "F: unknown key 'service.a.wach'; did you mean 'service.a.watch'?" },
		{ A "service.a.user=x", "F: unknown key 'service.a.user'; did you mean 'service.a.after'?" },
		{ A "servce.a.command=y",
		  "F: unknown key 'servce.a.command'; did you mean 'service.a.command'?" },
		{ "service.command=x",
		  "F: unknown key 'service.command'; did you mean 'service.NAME.command'?" },
		{ "service.a b.command=x",
		  "F: the name of a service has 1 to 32 letters, digits, '-', '_' or '.', and nothing else" },
		{ "service..command=x",
		  "F: the name of a service has 1 to 32 letters, digits, '-', '_' or '.', and nothing else" },
		{ "-c service.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.command=x",
		  "command line: the name of a service has 1 to 32 letters, digits, '-', '_' or '.', and "
		  "nothing else" },
		{ "service.a.restart=never", "service.a.command: is missing; write the program to be run" },
		{ "service.a.command= ",
		  "service.a.command (file F): is missing; write the program to be run" },
		{ A "service.a.command",
		  "F: service.a.command: has no value; write 'service.a.command = VALUE'" },
		{ "service.a.command=x 'y", "service.a.command (file F): 'x 'y' has an unclosed quote" },
		{ "-c service.a.command=bin/x", "service.a.command (command line): 'bin/x' is a relative "
						"path; write an absolute one, or a name "
						"that is looked up in PATH" },
		{ A "service.a.restart=alway", "F: service.a.restart: 'alway' is no choice; choose always, "
					       "on-failure or never; did you mean "
					       "'always'?" },
		{ A "service.a.stopSignal=SIGTERM", "F: service.a.stopSignal: 'SIGTERM' is no choice; choose "
						    "TERM, HUP, INT, QUIT, USR1, USR2, WINCH "
						    "or KILL; did you mean 'TERM'?" },
		{ A "service.a.backoff=5", "F: service.a.backoff: '5' has no unit; write 15s, 500ms or 2m" },
		{ A "service.a.backoff=1ms", "F: service.a.backoff: '1ms' is out of range; give 50ms to 1h" },
		{ A "service.a.killAfter=never",
		  "F: service.a.killAfter: 'never' is out of range; give 50ms to 1d" },
		{ A "service.a.burst=0", "F: service.a.burst: '0' is out of range; give 1 to 100" },
		{ A "service.a.essential=maybe",
		  "F: service.a.essential: 'maybe' is not a boolean; write true or false" },
		{ A "service.a.ready=soon",
		  "service.a.ready (file F): 'soon' cannot be told; write none, fd or port:HOST:PORT" },
		{ A "service.a.ready=port:localhost:1", "service.a.ready (file F): 'port:localhost:1' cannot "
							"be told; the host is not a numeric address; "
							"names are not looked up" },
		{ A "service.a.environment=X", "service.a.environment (file F): 'X' is not KEY=VALUE" },
		{ A "service.a.environment==X", "service.a.environment (file F): '=X' is not KEY=VALUE" },
		{ A "service.a.environment=READY_FD=1",
		  "service.a.environment (file F): 'READY_FD' is set by the gate" },
		{ A "service.abc.command=x\nservice.a.after=abd",
		  "service.a.after (file F): 'abd' is no service; did you mean 'abc'?" },
		{ A "service.a.after=a", "service.a.after (file F): the service comes after itself" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_reader r;

		read_settings(&r, rows[i].lines);
		cr_assert_geq(r.nerror, 1, "row %zu", i);
		cr_assert_str_eq(r.error[0], rows[i].want, "row %zu: %s", i, r.error[0]);
		cr_assert_eq(r.nerror, 1, "row %zu: %s", i, r.nerror > 1 ? r.error[1] : "");
		gg_reader_free(&r);
	}
}

Test(service_conf, a_ring_of_after)
{
	struct gg_reader r;

	read_settings(&r, A "service.a.after=b\nservice.b.command=x\nservice.b.after=c\nservice.c.command=x\n"
			    "service.c.after=b\nservice.d.command=x\nservice.d.after=a");
	/* b and c are in the ring; a and d only lead to it */
	cr_assert_eq(r.nerror, 2);
	cr_assert(strstr(r.error[0], "service.b.after") && strstr(r.error[1], "service.c.after"));
	gg_reader_free(&r);
}

Test(service_conf, number_of_services_is_bounded)
{
	struct gg_reader r;
	char key[64];

	cr_assert_eq(gg_reader_init(&r), 0);
	for (int i = 0; i < 70; i++) {
		snprintf(key, sizeof(key), "service.s%d.command", i);
		cr_assert_eq(gg_reader_feed(&r, "file F", key, "x"), 0);
	}
	cr_assert_eq(r.conf.nservice, 64);
	cr_assert_eq(r.nerror, 6);
	cr_assert_str_eq(r.error[0], "F: service.s64: there are 64 services already");
	gg_reader_free(&r);
}

Test(service_conf, listings)
{
	AUTO_FREE char *text = NULL, *help = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct gg_reader r;

	read_settings(&r, "service.web.command=httpd -f \"a "
			  "b\"\nservice.web.environment=A=1\nservice.web.environment=B=2");
	gg_conf_print(f, &r);
	fclose(f);
	cr_assert(strstr(text, "\nservice.web.command") && strstr(text, " = \"httpd -f \\\"a b\\\"\"") &&
		  strstr(text, " = A=1 ") && strstr(text, " = B=2 ") &&
		  strstr(text, "\nservice.web.restart"));
	gg_reader_free(&r);
	f = open_memstream(&help, &n);
	gg_conf_help(f);
	fclose(f);
	for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS; k++)
		cr_assert(strstr(help, gg_service_key_name(k)));
}
