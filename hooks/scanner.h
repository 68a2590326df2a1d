/*
 * scanner - the adapters of hook.scanner: command line, exit status and report of each, as what it documents.
 * Pure but for allocation: it runs nothing and reads no file. Used by hooks/scan, tested by
 * tests/unit/scanner.c, fuzzed by tests/fuzz/fuzz-scanner.c.
 *
 *   gitleaks     8.19 and later; `gitleaks directory`, JSON report
 *   betterleaks  1.0 and later; the same command line and report
 *   command      `hook.scannerCommand DIR MANIFEST`; exit 0 clean, 1 found, anything else failed; stdout:
 *                lines "ID TAB LINE TAB RULE". DIR and MANIFEST: see hooks/scratch.h; LINE counts in the
 *                files of DIR, 0: unknown
 *
 * Nothing that was pushed says what they do: inline comments are off by the flag, .gitleaksignore and
 * .gitleaks.toml are looked for in the working directory and in DIR, and neither holds a file with a pushed
 * name.
 */
#ifndef GG_HOOKS_SCANNER_H
#define GG_HOOKS_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/pushconf.h"
#include "hooks/update.h"

enum {
	GG_FOUND_STATUS = 77, /* --exit-code: apart from 1 (error), 2 (Go's panic) and 126 (unknown flag) */
	GG_RULE_MAX = 200,    /* bytes of a rule's name */
	GG_FINDINGS_MAX = 20000, /* more is a failure */
	GG_REPORT_MAX = 8 << 20, /* bytes; held in memory, and JSON takes several times as much */
	GG_FINGERPRINT_MAX = GG_HASH_MAX + GG_RULE_MAX + 32,
};

struct gg_finding {
	char id[GG_HASH_MAX + 1];
	int64_t line; /* of the object, from 1; 0: unknown */
	char *rule;   /* owned */
};
struct gg_findings { /* gg_findings_free */
	struct gg_finding *v;
	size_t n, room;
};
void gg_findings_free(struct gg_findings *f);

/* "gitleaks", "betterleaks"; for command the base name of its first word. For messages; outside text. */
const char *gg_scanner_name(const struct gg_push_conf *c);

/* What to run: the name or path to look for in $PATH. */
const char *gg_scanner_program(const struct gg_push_conf *c);

/* Does the report come on stdout, or is it written to a file? */
bool gg_scanner_reports_on_stdout(const struct gg_push_conf *c);

/*
 * The arguments behind the program. cwd is the empty directory that it runs in. ret for gg_list_clear.
 * 0 or -ENOMEM.
 */
int gg_scanner_args(const struct gg_push_conf *c, const char *dir, const char *manifest, const char *report,
		    const char *cwd, struct gg_list *ret);

enum gg_scanner_verdict { GG_SCAN_CLEAN, GG_SCAN_FOUND, GG_SCAN_FAILED };
/* What the exit status says; the report must say the same, see gg_scanner_judge. */
enum gg_scanner_verdict gg_scanner_exit(const struct gg_push_conf *c, int exit_status);

/*
 * Exit status and report together. The report of a clean scan may be empty.
 *   hash     hex digits of ids; others are not taken
 *   ret      filled when GG_SCAN_FOUND is returned
 *   ret_why  for GG_SCAN_FAILED: what is wrong, one line, without outside text
 */
enum gg_scanner_verdict gg_scanner_judge(const struct gg_push_conf *c, int exit_status, const char *report,
					 size_t n, size_t hash, struct gg_findings *ret,
					 struct gg_buf *ret_why);

/* The parsers. 0; -EPROTO: not such a report; -E2BIG: too many findings; -ENOMEM. ret is untouched on
 * failure. */
int gg_scanner_parse_json(const char *s, size_t n, size_t hash, struct gg_findings *ret);
int gg_scanner_parse_lines(const char *s, size_t n, size_t hash, struct gg_findings *ret);

/* "ID:RULE:LINE", which hook.allowFinding takes. */
void gg_finding_fingerprint(const struct gg_finding *f, struct gg_buf *b);

/*
 * The texts of a push that are no objects: each is laid in one file (hooks/scratch.h), whose id is zeros, the
 * last digit this number. It does not say what the text is, so no finding in one is ever allowed.
 */
enum gg_push_text { GG_TEXT_NONE = -1, GG_TEXT_REFS, GG_TEXT_OPTIONS };
enum gg_push_text gg_finding_text(const struct gg_finding *f);
void gg_push_text_id(enum gg_push_text text, size_t hash, char *ret); /* GG_HASH_MAX + 1 bytes */

bool gg_finding_allowed(const struct gg_push_conf *c, const struct gg_finding *f);

#endif
