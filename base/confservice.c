/* confservice - the [service "NAME"] sections of a configuration: their table, and what is wrong with one
 * taken whole. See confsection.c. Pure. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "base/service.h"

enum { MAX_SERVICES = 64 };

const struct gg_conf_key gg_service_keys[GG_NSERVICE_KEYS] = {
#define NUM(f, ...) GG_ROW_NUM(GG_SERVICE_##f, struct gg_service_conf, f, __VA_ARGS__),
#define FLAG(f, ...) GG_ROW_FLAG(GG_SERVICE_##f, struct gg_service_conf, f, __VA_ARGS__),
#define TEXT(f, ...) GG_ROW_TEXT(GG_SERVICE_##f, struct gg_service_conf, f, __VA_ARGS__),
#define PICK(f, ...) GG_ROW_PICK(GG_SERVICE_##f, struct gg_service_conf, f, __VA_ARGS__),
#define LIST(f, ...) GG_ROW_LIST(GG_SERVICE_##f, struct gg_service_conf, f, __VA_ARGS__),
#include "base/service.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
};

const char *gg_service_key_name(enum gg_service_key k)
{
	return gg_service_keys[k].name;
}

static int wrong(struct gg_reader *r, size_t i, enum gg_service_key k, const char *value, const char *what)
{
	return gg_section_wrong(r, GG_SECTION_SERVICE, i, k, value, what);
}

static int check_command(struct gg_reader *r, size_t i)
{
	const char *command = r->conf.service[i].command, *why = NULL;
	struct gg_list words = { 0 };
	int e = gg_split_words(command, &words, &why);

	if (e == 0 && !words.n)
		e = wrong(r, i, GG_SERVICE_command, NULL, "is missing; write the program to be run");
	else if (e == 0 && words.v[0][0] != '/' && (strchr(words.v[0], '/') || !words.v[0][0]))
		e = wrong(r, i, GG_SERVICE_command, words.v[0],
			  "is a relative path; write an absolute one, or a name that is looked up in PATH");
	else if (e == -EINVAL)
		e = wrong(r, i, GG_SERVICE_command, command, why);
	gg_list_clear(&words);
	return e;
}

static int check_ready(struct gg_reader *r, size_t i)
{
	const char *ready = r->conf.service[i].ready, *why = NULL;
	char what[200];
	struct gg_buf b = GG_BUF(what);
	struct gg_addr a;

	if (gg_ready_parse(ready, &a, &why) >= 0)
		return 0;
	gg_buf_add(&b, "cannot be told; %s", why);
	return wrong(r, i, GG_SERVICE_ready, ready, what);
}

static int check_environment(struct gg_reader *r, size_t i)
{
	static const char *const ours[] = { "READY_FD", "GIT_GATE_SERVICE", "GIT_GATE_INSTANCE" };
	const struct gg_list *l = &r->conf.service[i].environment;
	int e = 0;

	for (size_t j = 0; j < l->n && e == 0; j++) {
		size_t n = strcspn(l->v[j], "=");

		if (!n || !l->v[j][n])
			e = wrong(r, i, GG_SERVICE_environment, l->v[j], "is not KEY=VALUE");
		for (size_t k = 0; k < GG_LEN(ours) && e == 0; k++)
			if (n == strlen(ours[k]) && strncmp(l->v[j], ours[k], n) == 0)
				e = wrong(r, i, GG_SERVICE_environment, ours[k], "is set by the gate");
	}
	return e;
}

/* Does service i come after service j, in however many steps? seen: has been asked for. */
static bool comes_after(const struct gg_conf *c, size_t i, size_t j, bool *seen)
{
	const struct gg_list *l = &c->service[i].after;

	for (size_t a = 0; a < l->n; a++) {
		size_t k = gg_service_find(c, l->v[a]);

		if (k == j)
			return true;
		if (k == c->nservice || seen[k])
			continue;
		seen[k] = true;
		if (comes_after(c, k, j, seen))
			return true;
	}
	return false;
}

static int check_after(struct gg_reader *r, size_t i)
{
	const struct gg_conf *c = &r->conf;
	const struct gg_list *l = &c->service[i].after;
	bool seen[MAX_SERVICES] = { false };
	int e = 0;

	for (size_t a = 0; a < l->n && e == 0; a++) {
		size_t best = 0;
		char what[128];
		struct gg_buf b = GG_BUF(what);

		if (gg_service_find(c, l->v[a]) < c->nservice)
			continue;
		for (size_t k = 1; k < c->nservice; k++)
			if (gg_distance(l->v[a], c->service[k].name) <
			    gg_distance(l->v[a], c->service[best].name))
				best = k;
		gg_buf_add(&b, "is no service; did you mean '%s'?", c->service[best].name);
		e = wrong(r, i, GG_SERVICE_after, l->v[a], what);
	}
	if (e == 0 && comes_after(c, i, i, seen))
		e = wrong(r, i, GG_SERVICE_after, NULL, "the service comes after itself");
	return e;
}

static gg_section_check *const checks[] = { check_command, check_ready, check_environment, check_after,
					    NULL };

const struct gg_section_kind gg_service_kind = {
	.word = "service",
	.many = "services",
	.keys = gg_service_keys,
	.nkeys = GG_NSERVICE_KEYS,
	.size = sizeof(struct gg_service_conf),
	.at = offsetof(struct gg_conf, service),
	.at_n = offsetof(struct gg_conf, nservice),
	.max = MAX_SERVICES,
	.name_ok = gg_service_name_ok,
	.bad_name = "the name of a service has 1 to 32 letters, digits, '-', '_' or '.', and nothing else",
	.checks = checks,
};
static_assert(GG_SERVICE_NAME_MAX == 32, "the text above says so");
