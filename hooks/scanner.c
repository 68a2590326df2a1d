/* scanner - command line and exit status of each scanner. See scanner.h; its reports are in report.c. */
#include "hooks/scanner.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

enum { EXIT_FOUND = 1 }; /* of hook.scannerCommand */

static bool is_command(const struct gg_push_conf *c)
{
	return c->scanner == GG_SCANNER_COMMAND;
}

const char *gg_scanner_program(const struct gg_push_conf *c)
{
	if (is_command(c))
		return c->scanner_command.n ? c->scanner_command.v[0] : "";
	return c->scanner == GG_SCANNER_BETTERLEAKS ? "betterleaks" : "gitleaks";
}

const char *gg_scanner_name(const struct gg_push_conf *c)
{
	const char *program = gg_scanner_program(c), *slash = strrchr(program, '/');

	return slash ? slash + 1 : program;
}

bool gg_scanner_reports_on_stdout(const struct gg_push_conf *c)
{
	return is_command(c);
}

static int add(struct gg_list *l, const char *const *words, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = gg_list_add(l, words[i]);
	return r;
}

int gg_scanner_args(const struct gg_push_conf *c, const char *dir, const char *manifest, const char *report,
		    const char *cwd, struct gg_list *ret)
{
	const char *const leaks[] = {
		"directory",
		"--no-banner",
		"--no-color",
		"--redact",
		"--ignore-gitleaks-allow",
		"--exit-code",
		"77",
		"--report-format",
		"json",
		"--report-path",
		report,
		"--gitleaks-ignore-path",
		cwd,
	};
	const char *const config[] = { "--config", c->scanner_config };
	const char *const command[] = { dir, manifest };
	struct gg_list l = { 0 };
	int r = 0;

	_Static_assert(GG_FOUND_STATUS == 77, "stands in the list above");
	if (is_command(c)) {
		for (size_t i = 1; i < c->scanner_command.n && r == 0; i++)
			r = gg_list_add(&l, c->scanner_command.v[i]);
		r = r ? r : add(&l, command, 2);
	} else {
		r = add(&l, leaks, GG_LEN(leaks));
		if (r == 0 && c->scanner_config && *c->scanner_config)
			r = add(&l, config, 2);
		r = r ? r : gg_list_add(&l, dir);
	}
	if (r < 0)
		gg_list_clear(&l);
	else
		*ret = l;
	return r;
}

enum gg_scanner_verdict gg_scanner_exit(const struct gg_push_conf *c, int exit_status)
{
	if (exit_status == 0)
		return GG_SCAN_CLEAN;
	return exit_status == (is_command(c) ? EXIT_FOUND : GG_FOUND_STATUS) ? GG_SCAN_FOUND : GG_SCAN_FAILED;
}

static enum gg_scanner_verdict fail(struct gg_buf *why, const char *text)
{
	gg_buf_add(why, "%s", text);
	return GG_SCAN_FAILED;
}

/* A clean scan of gitleaks writes an empty list, of a command nothing; neither file nor output at all is
 * accepted only of the command. */
enum gg_scanner_verdict gg_scanner_judge(const struct gg_push_conf *c, int exit_status, const char *report,
					 size_t n, size_t hash, struct gg_findings *ret,
					 struct gg_buf *ret_why)
{
	enum gg_scanner_verdict v = gg_scanner_exit(c, exit_status);
	struct gg_findings f = { 0 };
	int r;

	if (v == GG_SCAN_FAILED) {
		gg_buf_add(ret_why, "failed with exit status %d", exit_status);
		return v;
	}
	r = is_command(c) ? gg_scanner_parse_lines(report, n, hash, &f)
			  : gg_scanner_parse_json(report, n, hash, &f);
	if (r == -E2BIG)
		gg_buf_add(ret_why, "reported more than %d findings", GG_FINDINGS_MAX);
	else if (r < 0)
		gg_buf_add(ret_why, "wrote a report that cannot be read%s",
			   r == -ENOMEM ? ": out of memory" : "");
	if (r < 0)
		return GG_SCAN_FAILED;
	if (v == GG_SCAN_CLEAN && f.n) {
		gg_findings_free(&f);
		return fail(ret_why, "says that there is nothing, and reports findings");
	}
	if (v == GG_SCAN_FOUND && !f.n) {
		gg_findings_free(&f);
		return fail(ret_why, "says that it found something, and reports nothing");
	}
	*ret = f;
	return v;
}

void gg_finding_fingerprint(const struct gg_finding *f, struct gg_buf *b)
{
	gg_buf_add(b, "%s:%s:%lld", f->id, f->rule, (long long)f->line);
}

void gg_push_text_id(enum gg_push_text text, size_t hash, char *ret)
{
	memset(ret, '0', hash);
	ret[hash - 1] = (char)('0' + text);
	ret[hash] = '\0';
}

enum gg_push_text gg_finding_text(const struct gg_finding *f)
{
	char id[GG_HASH_MAX + 1];

	for (int text = GG_TEXT_REFS; text <= GG_TEXT_OPTIONS; text++) {
		gg_push_text_id(text, strlen(f->id), id);
		if (!strcmp(f->id, id))
			return text;
	}
	return GG_TEXT_NONE;
}

bool gg_finding_allowed(const struct gg_push_conf *c, const struct gg_finding *f)
{
	char text[GG_FINGERPRINT_MAX];
	struct gg_buf b = GG_BUF(text);

	gg_finding_fingerprint(f, &b);
	if (gg_finding_text(f) != GG_TEXT_NONE)
		return false;
	for (size_t i = 0; i < c->allow_finding.n && !b.cut; i++)
		if (!strcmp(c->allow_finding.v[i], text))
			return true;
	return false;
}
