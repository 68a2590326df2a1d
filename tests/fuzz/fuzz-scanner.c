/* Fuzz hooks/scanner.h and hooks/update.h: whatever a scanner reports, or git would tell, what is taken of it
 * can stand in one line and names an object. */
#include "base/cleanup.h"
#include "hooks/refrule.h"
#include "hooks/scanner.h"
#include "hooks/update.h"
#include "tests/fuzz/fuzz.h"

static void look(struct gg_findings *f, size_t hash)
{
	must(f->n <= GG_FINDINGS_MAX);
	for (size_t i = 0; i < f->n; i++) {
		char text[GG_FINGERPRINT_MAX];
		struct gg_buf b = GG_BUF(text);
		const char *rule = f->v[i].rule;

		must(strlen(f->v[i].id) == hash && strspn(f->v[i].id, "0123456789abcdef") == hash);
		must(f->v[i].line >= 0 && *rule && strlen(rule) <= GG_RULE_MAX);
		for (; *rule; rule++)
			must((unsigned char)*rule >= 0x20 && *rule != 0x7f);
		gg_finding_fingerprint(&f->v[i], &b);
		must(!b.cut);
	}
	gg_findings_free(f);
}

static void judge(const char *s, size_t n)
{
	static const int scanners[] = { GG_SCANNER_GITLEAKS, GG_SCANNER_COMMAND },
			 statuses[] = { 0, 1, GG_FOUND_STATUS };

	for (size_t i = 0; i < GG_LEN(scanners); i++)
		for (size_t k = 0; k < GG_LEN(statuses); k++) {
			struct gg_push_conf c = { .scanner = scanners[i] };
			struct gg_findings f = { 0 };
			char text[200];
			struct gg_buf why = GG_BUF(text);
			enum gg_scanner_verdict v = gg_scanner_judge(&c, statuses[k], s, n, 40, &f, &why);

			if (v == GG_SCAN_FOUND && scanners[i] == GG_SCANNER_GITLEAKS)
				came_to("findings in JSON");
			else if (v == GG_SCAN_FOUND)
				came_to("findings in lines");
			must((v == GG_SCAN_FOUND) == (f.n > 0));
			must((v == GG_SCAN_FAILED) == (why.len > 0));
			look(&f, 40);
		}
}

static void read_push(const char *s, size_t n)
{
	struct gg_push p = { 0 };
	struct gg_push_conf c = { .repo = (char *)"r" };
	char text[1000], setting[GG_RULE_KEY_MAX];
	struct gg_buf why = GG_BUF(text), key = GG_BUF(setting);

	if (gg_push_parse(s, n, 0, &p, &why) < 0) {
		must(why.len > 0 && !p.v);
		return;
	}
	if (p.n > 1)
		came_to("two updates");
	for (size_t i = 0; i < p.n; i++) {
		must(strlen(p.v[i].old) == p.hash && strlen(p.v[i].new) == p.hash && *p.v[i].ref);
		why.len = key.len = 0;
		must(gg_refrule_check(&c, &p.v[i], true, &why, &key) == 0 || why.len > 0);
	}
	gg_push_free(&p);
}

/* A reference by itself, and by the rules of a repository. */
static void rule(char *pattern, const char *ref)
{
	struct gg_push_conf allows = { .repo = (char *)"r", .allow_ref = { .v = &pattern, .n = 1 } };
	struct gg_push_conf denies = { .repo = (char *)"r", .deny_ref = { .v = &pattern, .n = 1 } };
	struct gg_update u = { .ref = (char *)ref };
	char text[2][1000], setting[GG_RULE_KEY_MAX];
	struct gg_buf why[] = { GG_BUF(text[0]), GG_BUF(text[1]) }, key = GG_BUF(setting);
	bool matches = gg_refrule_match(pattern, ref), is_ref = !strncmp(ref, "refs/", 5), allowed;

	memset(u.old, '0', 40);
	memset(u.new, 'b', 40);
	if (matches && strchr(pattern, '*'))
		came_to("a reference that a pattern has");
	allowed = gg_refrule_check(&allows, &u, false, &why[0], &key) == 0;
	must(!allowed || (matches && is_ref));
	key.len = 0;
	must(gg_refrule_check(&denies, &u, false, &why[1], &key) < 0 || !matches);
	must_be_line(text[0]);
	must_be_line(text[1]);
	if (allowed)
		came_to("a reference that is allowed");
	else if (!matches && is_ref)
		came_to("one that is not");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = malloc(n + 1);
	struct gg_findings f = { 0 };

	memcpy(s, data, n);
	s[n] = '\0';
	judge(s, n);
	read_push(s, n);
	if (n && gg_scanner_parse_json(s, n, 64, &f) == 0) {
		if (f.n)
			came_to("findings in objects with SHA-256");
		look(&f, 64);
	}
	/* pattern and ref, apart by the first NUL */
	if (strlen(s) < n)
		rule(s, s + strlen(s) + 1);
	return 0;
}
