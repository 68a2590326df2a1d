/* report - what scanners report: the JSON of gitleaks, the lines of hook.scannerCommand. See scanner.h. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonmem.h"
#include "hooks/scanner.h"

void gg_findings_free(struct gg_findings *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].rule);
	free(f->v);
	*f = (struct gg_findings){ 0 };
}

/* hash characters, as in an object's id? */
static bool is_id(const char *s, size_t hash)
{
	for (size_t i = 0; i < hash; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return true;
}

/* The file's first line is filler, see scratch.h. */
static int64_t object_line(int64_t file_line)
{
	return file_line > 0 ? file_line - 1 : 0;
}

static int append(struct gg_findings *f, const char *id, size_t nid, int64_t line, const char *rule,
		  size_t nrule)
{
	struct gg_finding *new;

	if (f->n >= GG_FINDINGS_MAX)
		return -E2BIG;
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 16;
		struct gg_finding *more = reallocarray(f->v, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->v = more;
		f->room = room;
	}
	new = &f->v[f->n];
	*new = (struct gg_finding){ .line = object_line(line), .rule = strndup(rule, nrule) };
	if (!new->rule)
		return -ENOMEM;
	memcpy(new->id, id, nid);
	f->n++;
	return 0;
}

/* A name that can stand in a fingerprint: one line, not empty, not longer than GG_RULE_MAX. */
static bool is_rule(const char *s, size_t n)
{
	if (n == 0 || n > GG_RULE_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

/* "/dir/objects/ID", or "/dir/objects/ID!inner" of what was found in an archive. */
static bool file_id(const char *file, size_t hash, const char **ret)
{
	static const char below[] = "/objects/";

	for (const char *s = file; (s = strstr(s, below)); s++) {
		const char *id = s + sizeof(below) - 1;

		*ret = id;
		if (strnlen(id, hash) == hash && is_id(id, hash) && (!id[hash] || id[hash] == '!'))
			return true;
	}
	return false;
}

static int append_json(json_t *v, size_t hash, struct gg_findings *f)
{
	json_t *rule = json_object_get(v, "RuleID"), *file = json_object_get(v, "File"),
	       *line = json_object_get(v, "StartLine");
	const char *id;

	if (!json_is_string(rule) || !json_is_string(file) || !json_is_integer(line))
		return -EPROTO;
	if (strlen(json_string_value(file)) != json_string_length(file) ||
	    !file_id(json_string_value(file), hash, &id) || json_integer_value(line) < 0 ||
	    !is_rule(json_string_value(rule), json_string_length(rule)))
		return -EPROTO;
	return append(f, id, hash, json_integer_value(line), json_string_value(rule),
		      json_string_length(rule));
}

static int append_array(json_t *root, size_t hash, struct gg_findings *f)
{
	size_t i;
	json_t *v;

	if (json_is_null(root)) /* what Go makes of a list without entries */
		return 0;
	if (!json_is_array(root))
		return -EPROTO;
	json_array_foreach(root, i, v)
	{
		int r = append_json(v, hash, f);

		if (r < 0)
			return r;
	}
	return 0;
}

static int finish(int r, struct gg_findings *f, struct gg_findings *ret)
{
	if (r < 0)
		gg_findings_free(f);
	else
		*ret = *f;
	return r;
}

int gg_scanner_parse_json(const char *s, size_t n, size_t hash, struct gg_findings *ret)
{
	struct gg_findings f = { 0 };
	uint64_t lacks = gg_jsonmem_lacks();
	json_t *root;
	int r;

	if (n > GG_REPORT_MAX)
		return -E2BIG;
	root = json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (gg_jsonmem_lacks() != lacks)
		r = -ENOMEM;
	else
		r = root ? append_array(root, hash, &f) : -EPROTO;
	json_decref(root);
	return finish(r, &f, ret);
}

/* A line without its LF. */
static int append_line(const char *s, size_t n, size_t hash, struct gg_findings *f)
{
	int64_t line = 0;
	size_t i = hash + 1;

	if (n <= hash || !is_id(s, hash) || s[hash] != '\t')
		return -EPROTO;
	for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
		if (__builtin_mul_overflow(line, 10, &line) ||
		    __builtin_add_overflow(line, s[i] - '0', &line))
			return -EPROTO;
	if (i == hash + 1 || i >= n || s[i] != '\t' || !is_rule(s + i + 1, n - i - 1))
		return -EPROTO;
	return append(f, s, hash, line, s + i + 1, n - i - 1);
}

int gg_scanner_parse_lines(const char *s, size_t n, size_t hash, struct gg_findings *ret)
{
	struct gg_findings f = { 0 };
	const char *end = s + n;
	int r = 0;

	if (n > GG_REPORT_MAX)
		return -E2BIG;
	while (r == 0 && s < end) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));

		if (!lf)
			lf = end;
		r = append_line(s, (size_t)(lf - s), hash, &f);
		s = lf + 1;
	}
	return finish(r, &f, ret);
}
