/* hooks/scanner.h: command lines, exit statuses and reports, as gitleaks and betterleaks document and write
 * them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/scanner.h"

#define A "1111111111111111111111111111111111111111"
#define B "22222222222222222222222222222222abcdef00"
#define A64 A "111111111111111111111111"

/* As gitleaks 8 writes it with --redact, all members. */
#define GITLEAKS \
	"[\n {\n  \"RuleID\": \"aws-access-token\",\n  \"Description\": \"Identified a pattern\",\n  " \
	"\"StartLine\": 3,\n" \
	"  \"EndLine\": 3,\n  \"StartColumn\": 8,\n  \"EndColumn\": 27,\n  \"Match\": \"REDACTED\",\n" \
	"  \"Secret\": \"REDACTED\",\n  \"File\": \"/dev/shm/git-gate-i-s-XXXXXX/objects/" A "\",\n" \
	"  \"SymlinkFile\": \"\",\n  \"Commit\": \"\",\n  \"Entropy\": 3.6464393,\n  \"Author\": \"\",\n  " \
	"\"Email\": \"\",\n" \
	"  \"Date\": \"\",\n  \"Message\": \"\",\n  \"Tags\": [],\n  \"Fingerprint\": \"/x/" A \
	":aws-access-token:3\"\n }\n]\n"
/* betterleaks 1 adds Attributes, and what it finds in archives has the inner name. */
#define BETTERLEAKS \
	"[{\"RuleID\":\"private-key\",\"StartLine\":1,\"Match\":\"REDACTED\",\"Secret\":\"REDACTED\"," \
	"\"Attributes\":" \
	"{\"path\":\"/s/objects/" B "!a/b\"},\"Tags\":[],\"File\":\"/s/objects/" B \
	"!a/b\",\"SymlinkFile\":\"\"}]"
#define ONE(members) "[{" members "}]"
#define RULE "\"RuleID\":\"r\""
#define LINE "\"StartLine\":2"
#define FILE_A "\"File\":\"/s/objects/" A "\""

Test(scanner, json)
{
	static const struct {
		const char *name, *text;
		size_t hash;
		int result;
		size_t n;
		const char *id, *rule;
		int64_t line;
	} rows[] = {
		{ "gitleaks", GITLEAKS, 40, 0, 1, A, "aws-access-token", 2 },
		{ "betterleaks", BETTERLEAKS, 40, 0, 1, B, "private-key", 0 },
		{ "nothing", "[]\n", 40, 0, 0, NULL, NULL, 0 },
		{ "nothing, as Go writes it", "null\n", 40, 0, 0, NULL, NULL, 0 },
		{ "sha256", "[{" RULE "," LINE ",\"File\":\"/s/objects/" A64 "\"}]", 64, 0, 1, A64, "r", 1 },
		{ "of another hash", "[{" RULE "," LINE ",\"File\":\"/s/objects/" A64 "\"}]", 40, -EPROTO, 0,
		  0, 0, 0 },
		{ "line 0: of the file as such", ONE(RULE ",\"StartLine\":0," FILE_A), 40, 0, 1, A, "r", 0 },
		{ "a scratch directory with '!'",
		  ONE(RULE "," LINE ",\"File\":\"/a!b/objects/x/objects/" A "\""), 40, 0, 1, A, "r", 1 },
		{ "empty", "", 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "cut", "[{" RULE "," LINE "," FILE_A "}", 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "something behind", "[] []", 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "an object", "{}", 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "a number", "0", 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "a list of numbers", "[1]", 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "no rule", ONE(LINE "," FILE_A), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "empty rule", ONE("\"RuleID\":\"\"," LINE "," FILE_A), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "rule of two lines", ONE("\"RuleID\":\"a\\nb\"," LINE "," FILE_A), 40, -EPROTO, 0, NULL,
		  NULL, 0 },
		{ "rule with NUL", ONE("\"RuleID\":\"a\\u0000b\"," LINE "," FILE_A), 40, -EPROTO, 0, NULL,
		  NULL, 0 },
		{ "NUL in what is not looked at", ONE(RULE "," LINE "," FILE_A ",\"Match\":\"a\\u0000b\""),
		  40, 0, 1, A, "r", 1 },
		{ "rule that is none", ONE("\"RuleID\":1," LINE "," FILE_A), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "no line", ONE(RULE "," FILE_A), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "line as text", ONE(RULE ",\"StartLine\":\"2\"," FILE_A), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "line below 0", ONE(RULE ",\"StartLine\":-1," FILE_A), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "no file", ONE(RULE "," LINE), 40, -EPROTO, 0, NULL, NULL, 0 },
		{ "another file", ONE(RULE "," LINE ",\"File\":\"/etc/passwd\""), 40, -EPROTO, 0, NULL, NULL,
		  0 },
		{ "a longer name", ONE(RULE "," LINE ",\"File\":\"/s/objects/" A "0\""), 40, -EPROTO, 0, NULL,
		  NULL, 0 },
		{ "a shorter name", ONE(RULE "," LINE ",\"File\":\"/s/objects/1111\""), 40, -EPROTO, 0, NULL,
		  NULL, 0 },
		{ "twice the same member", ONE(RULE "," RULE "," LINE "," FILE_A), 40, -EPROTO, 0, NULL, NULL,
		  0 },
		{ "second is bad", "[{" RULE "," LINE "," FILE_A "},{}]", 40, -EPROTO, 0, NULL, NULL, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_findings f = { 0 };
		int r = gg_scanner_parse_json(rows[i].text, strlen(rows[i].text), rows[i].hash, &f);

		cr_expect_eq(r, rows[i].result, "%s: %d", rows[i].name, r);
		cr_expect_eq(f.n, rows[i].n, "%s: %zu", rows[i].name, f.n);
		if (f.n) {
			cr_expect_str_eq(f.v[0].id, rows[i].id, "%s", rows[i].name);
			cr_expect_str_eq(f.v[0].rule, rows[i].rule, "%s", rows[i].name);
			cr_expect_eq(f.v[0].line, rows[i].line, "%s: %lld", rows[i].name,
				     (long long)f.v[0].line);
		}
		gg_findings_free(&f);
	}
}

Test(scanner, deep_json)
{
	size_t n = 1000000;
	AUTO_FREE char *text = malloc(n);
	struct gg_findings f = { 0 };

	memset(text, '[', n);
	cr_expect_eq(gg_scanner_parse_json(text, n, 40, &f), -EPROTO);
}

Test(scanner, lines)
{
	static const struct {
		const char *name, *text;
		int result;
		size_t n;
		int64_t line;
	} rows[] = {
		{ "none", "", 0, 0, 0 },
		{ "one", A "\t12\taws key\n", 0, 1, 11 },
		{ "no LF at last", A "\t1\tr", 0, 1, 0 },
		{ "two", A "\t0\tr\n" B "\t7\ts\n", 0, 2, 0 },
		{ "empty line", "\n", -EPROTO, 0, 0 },
		{ "empty line at last", A "\t1\tr\n\n", -EPROTO, 0, 0 },
		{ "text", "found something\n", -EPROTO, 0, 0 },
		{ "no rule", A "\t1\t\n", -EPROTO, 0, 0 },
		{ "no rule at all", A "\t1\n", -EPROTO, 0, 0 },
		{ "no line", A "\t\tr\n", -EPROTO, 0, 0 },
		{ "sign", A "\t-1\tr\n", -EPROTO, 0, 0 },
		{ "too large", A "\t99999999999999999999\tr\n", -EPROTO, 0, 0 },
		{ "spaces", A " 1 r\n", -EPROTO, 0, 0 },
		{ "tab in the rule", A "\t1\ta\tb\n", -EPROTO, 0, 0 },
		{ "CR", A "\t1\tr\r\n", -EPROTO, 0, 0 },
		{ "capitals", "ABCDEF1111111111111111111111111111111111\t1\tr\n", -EPROTO, 0, 0 },
		{ "short", "1111\t1\tr\n", -EPROTO, 0, 0 },
		{ "long", A64 "\t1\tr\n", -EPROTO, 0, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_findings f = { 0 };
		int r = gg_scanner_parse_lines(rows[i].text, strlen(rows[i].text), 40, &f);

		cr_expect_eq(r, rows[i].result, "%s: %d", rows[i].name, r);
		cr_expect_eq(f.n, rows[i].n, "%s: %zu", rows[i].name, f.n);
		if (f.n)
			cr_expect_eq(f.v[0].line, rows[i].line, "%s", rows[i].name);
		gg_findings_free(&f);
	}
}

/* Status and report have to say the same. */
Test(scanner, judge)
{
	static const char one[] = A "\t2\tr\n", json[] = ONE(RULE "," LINE "," FILE_A);
	static const struct {
		int scanner, status;
		const char *report;
		enum gg_scanner_verdict verdict;
		const char *why;
	} rows[] = {
		{ GG_SCANNER_COMMAND, 0, "", GG_SCAN_CLEAN, "" },
		{ GG_SCANNER_COMMAND, 1, one, GG_SCAN_FOUND, "" },
		{ GG_SCANNER_COMMAND, 1, "", GG_SCAN_FAILED,
		  "says that it found something, and reports nothing" },
		{ GG_SCANNER_COMMAND, 0, one, GG_SCAN_FAILED,
		  "says that there is nothing, and reports findings" },
		{ GG_SCANNER_COMMAND, 2, one, GG_SCAN_FAILED, "failed with exit status 2" },
		{ GG_SCANNER_COMMAND, 77, one, GG_SCAN_FAILED, "failed with exit status 77" },
		{ GG_SCANNER_COMMAND, 127, "", GG_SCAN_FAILED, "failed with exit status 127" },
		{ GG_SCANNER_COMMAND, 0, "all is well\n", GG_SCAN_FAILED,
		  "wrote a report that cannot be read" },
		{ GG_SCANNER_COMMAND, 1, "found it\n", GG_SCAN_FAILED, "wrote a report that cannot be read" },
		{ GG_SCANNER_GITLEAKS, 0, "[]", GG_SCAN_CLEAN, "" },
		{ GG_SCANNER_GITLEAKS, 0, "", GG_SCAN_FAILED, "wrote a report that cannot be read" },
		{ GG_SCANNER_GITLEAKS, 77, json, GG_SCAN_FOUND, "" },
		{ GG_SCANNER_GITLEAKS, 77, "[]", GG_SCAN_FAILED,
		  "says that it found something, and reports nothing" },
		{ GG_SCANNER_GITLEAKS, 0, json, GG_SCAN_FAILED,
		  "says that there is nothing, and reports findings" },
		{ GG_SCANNER_GITLEAKS, 1, json, GG_SCAN_FAILED, "failed with exit status 1" },
		{ GG_SCANNER_GITLEAKS, 126, "", GG_SCAN_FAILED, "failed with exit status 126" },
		{ GG_SCANNER_BETTERLEAKS, 77, json, GG_SCAN_FOUND, "" },
		{ GG_SCANNER_BETTERLEAKS, 1, json, GG_SCAN_FAILED, "failed with exit status 1" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push_conf c = { .scanner = rows[i].scanner };
		struct gg_findings f = { 0 };
		char text[200];
		struct gg_buf why = GG_BUF(text);

		cr_expect_eq(gg_scanner_judge(&c, rows[i].status, rows[i].report, strlen(rows[i].report), 40,
					      &f, &why),
			     rows[i].verdict, "row %zu: %s", i, text);
		cr_expect_str_eq(text, rows[i].why);
		cr_expect_eq(f.n, rows[i].verdict == GG_SCAN_FOUND);
		gg_findings_free(&f);
	}
}

Test(scanner, too_many)
{
	size_t line = strlen(A "\t1\tr\n"), n = line * (GG_FINDINGS_MAX + 1);
	AUTO_FREE char *text = malloc(n + 1);
	struct gg_push_conf c = { .scanner = GG_SCANNER_COMMAND };
	struct gg_findings f = { 0 };
	char why_text[200];
	struct gg_buf why = GG_BUF(why_text);

	for (size_t at = 0; at < n; at += line)
		memcpy(text + at, A "\t1\tr\n", line);
	cr_expect_eq(gg_scanner_judge(&c, 1, text, n, 40, &f, &why), GG_SCAN_FAILED);
	cr_expect_str_eq(why_text, "reported more than 20000 findings");
	cr_expect_eq(gg_scanner_judge(&c, 1, text, n - line, 40, &f, &why), GG_SCAN_FOUND);
	gg_findings_free(&f);
}

static void joined(const struct gg_push_conf *c, struct gg_buf *b)
{
	struct gg_list l = { 0 };

	cr_assert_eq(gg_scanner_args(c, "/s/objects", "/s/MANIFEST", "/s/report", "/s/cwd", &l), 0);
	gg_buf_add(b, "%s", gg_scanner_program(c));
	for (size_t i = 0; i < l.n; i++)
		gg_buf_add(b, " %s", l.v[i]);
	gg_list_clear(&l);
}

Test(scanner, args)
{
	struct gg_push_conf c = { .scanner = GG_SCANNER_GITLEAKS, .scanner_config = (char *)"" };
	char text[500];
	struct gg_buf b = GG_BUF(text);

	joined(&c, &b);
	cr_expect_str_eq(
		text,
		"gitleaks directory --no-banner --no-color --redact --ignore-gitleaks-allow --exit-code 77 "
		"--report-format json --report-path /s/report --gitleaks-ignore-path /s/cwd /s/objects");
	cr_expect_not(gg_scanner_reports_on_stdout(&c));
	c.scanner = GG_SCANNER_BETTERLEAKS;
	c.scanner_config = (char *)"/etc/git-gate/leaks.toml";
	b = GG_BUF(text);
	joined(&c, &b);
	cr_expect_str_eq(text, "betterleaks directory --no-banner --no-color --redact "
			       "--ignore-gitleaks-allow --exit-code 77 "
			       "--report-format json --report-path /s/report --gitleaks-ignore-path /s/cwd "
			       "--config /etc/git-gate/leaks.toml /s/objects");
	cr_expect_str_eq(gg_scanner_name(&c), "betterleaks");
	c.scanner = GG_SCANNER_COMMAND;
	cr_assert_eq(gg_list_add(&c.scanner_command, "/opt/scan/run"), 0);
	cr_assert_eq(gg_list_add(&c.scanner_command, "--fast"), 0);
	b = GG_BUF(text);
	joined(&c, &b);
	cr_expect_str_eq(text, "/opt/scan/run --fast /s/objects /s/MANIFEST");
	cr_expect_str_eq(gg_scanner_name(&c), "run");
	cr_expect(gg_scanner_reports_on_stdout(&c));
	gg_list_clear(&c.scanner_command);
}

Test(scanner, allowed)
{
	struct gg_push_conf c = { 0 };
	struct gg_finding f = { .id = A, .line = 3, .rule = (char *)"aws:key" };
	char text[GG_FINGERPRINT_MAX];
	struct gg_buf b = GG_BUF(text);

	gg_finding_fingerprint(&f, &b);
	cr_expect_str_eq(text, A ":aws:key:3");
	cr_expect_not(gg_finding_allowed(&c, &f));
	cr_assert_eq(gg_list_add(&c.allow_finding, A ":aws:key:33"), 0);
	cr_assert_eq(gg_list_add(&c.allow_finding, A ":aws:key"), 0);
	cr_assert_eq(gg_list_add(&c.allow_finding, "aws:key"), 0);
	cr_expect_not(gg_finding_allowed(&c, &f));
	cr_assert_eq(gg_list_add(&c.allow_finding, A ":aws:key:3"), 0);
	cr_expect(gg_finding_allowed(&c, &f));
	/* the list of refs has no id of its own: what is allowed once would be allowed for every name */
	memset(f.id, '0', 40);
	cr_assert_eq(gg_list_add(&c.allow_finding, "0000000000000000000000000000000000000000:aws:key:3"), 0);
	cr_expect_not(gg_finding_allowed(&c, &f));
	memset(f.id, '1', 40);
	f.line = 4;
	cr_expect_not(gg_finding_allowed(&c, &f));
	gg_list_clear(&c.allow_finding);
}
