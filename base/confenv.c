/* confenv - settings from environment variables: from GIT_GATE_DEADLINE__IDLE to deadline.idle. See conf.h.
 * Pure. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"

enum { MAX_SHOWN = 200 }; /* bytes of a variable's name in an error */

static const char prefix[] = "GIT_GATE_", between[] = "__";

/* One variable, cut up: GIT_GATE_ SECTION __ [LABEL __] KEY. The texts are copies. */
struct variable {
	char *name, *section, *label, *key; /* label: NULL when there is none */
	const char *value;		    /* borrowed */
};

static void free_variable(struct variable *v)
{
	free(v->name);
	free(v->section);
	free(v->label);
	free(v->key);
	*v = (struct variable){ 0 };
}

#define AUTO_VARIABLE __attribute__((cleanup(free_variable)))

static void lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

/* The last "__" of s; NULL: none. */
static const char *last_between(const char *s)
{
	const char *last = NULL;

	for (s = strstr(s, between); s; s = strstr(s + 1, between))
		last = s;
	return last;
}

static bool has_names(const char *section)
{
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		if (strcmp(section, gg_section_kind(s)->word) == 0)
			return true;
	return false;
}

/* 1: it is meant to be a setting; 0: it is something else, of ours or not; -ENOMEM. */
static int cut(const char *entry, struct variable *ret)
{
	const char *equals = strchr(entry, '='), *rest, *middle;

	if (strncmp(entry, prefix, strlen(prefix)) != 0 || !equals)
		return 0;
	ret->value = equals + 1;
	ret->name = strndup(entry, (size_t)(equals - entry));
	if (!ret->name)
		return -ENOMEM;
	rest = ret->name + strlen(prefix);
	middle = strstr(rest, between);
	if (!middle)
		return 0;
	ret->section = strndup(rest, (size_t)(middle - rest));
	if (!ret->section)
		return -ENOMEM;
	lower(ret->section);
	rest = middle + strlen(between);
	middle = has_names(ret->section) ? last_between(rest) : NULL;
	ret->key = strdup(middle ? middle + strlen(between) : rest);
	ret->label = middle ? strndup(rest, (size_t)(middle - rest)) : NULL;
	if (!ret->key || (middle && !ret->label))
		return -ENOMEM;
	lower(ret->key);
	return 1;
}

/* A setting that is told by the variable's name. */
static int wrong(struct gg_reader *r, const char *name, const char *what)
{
	char shown[4 * MAX_SHOWN + 16], more[4 * MAX_SHOWN + 128];
	struct gg_buf b = GG_BUF(shown), mb = GG_BUF(more);

	gg_escape(&b, name, strlen(name), MAX_SHOWN);
	gg_escape(&mb, what, strlen(what), 2 * MAX_SHOWN);
	return gg_reader_error(r, "%s: %s", shown, more);
}

/*
 * GIT_GATE_DEADLINE_IDLE, with one '_' too few. Others that begin with GIT_GATE_ are left alone: a session
 * has some, and Kubernetes gives each container some for each service: GIT_GATE_PORT for one named git-gate.
 */
static int check_near_miss(struct gg_reader *r, const char *name)
{
	const char *rest = name + strlen(prefix), *middle = strchr(rest, '_');
	AUTO_FREE char *what = NULL;

	for (enum gg_key k = 0; k < GG_NKEYS && middle; k++) {
		const char *key = gg_conf_keys[k].name, *dot = strchr(key, '.');
		size_t n = (size_t)(middle - rest);

		if ((size_t)(dot - key) != n || strncasecmp(key, rest, n) != 0 ||
		    strcasecmp(dot + 1, middle + 1) != 0)
			continue;
		if (asprintf(&what, "is no setting; write %.*s_%s", (int)(middle - name), name, middle) < 0) {
			what = NULL;
			return -ENOMEM;
		}
		return wrong(r, name, what);
	}
	return 0;
}

/* What GIT_GATE_REPO__APP__NAME says, the section of v being REPO and its label APP; NULL: there is none. */
static const char *find_name(const struct variable *v, char *const *env)
{
	size_t section = strlen(v->section), label = strlen(v->label);

	for (; *env; env++) {
		const char *s = *env;

		if (strncmp(s, prefix, strlen(prefix)) != 0)
			continue;
		s += strlen(prefix);
		if (strncasecmp(s, v->section, section) != 0 || strncmp(s + section, between, 2) != 0)
			continue;
		s += section + strlen(between);
		if (strncmp(s, v->label, label) == 0 && strncasecmp(s + label, "__name=", 7) == 0)
			return s + label + 7;
	}
	return NULL;
}

static int no_name(struct gg_reader *r, const struct variable *v)
{
	static const char of_which[] = "is of which one? Write its name in";
	size_t n = strcspn(v->name + strlen(prefix), "_") + strlen(prefix);
	AUTO_FREE char *what = NULL;
	const char *key = last_between(v->name) + strlen(between);
	int e;

	if (v->label && *v->label)
		e = asprintf(&what, "%s %.*s__NAME", of_which, (int)(last_between(v->name) - v->name),
			     v->name);
	else
		e = asprintf(&what, "%s %.*s__1__NAME, and set %.*s__1__%s", of_which, (int)n, v->name,
			     (int)n, v->name, key);
	if (e < 0) {
		what = NULL;
		return -ENOMEM;
	}
	return wrong(r, v->name, what);
}

/* A setting of a named section: which one it is, another variable says. */
static int add_name(struct gg_reader *r, const struct variable *v, char *const *env, char **ret_key)
{
	const char *name = v->label && *v->label ? find_name(v, env) : NULL;

	if (!name)
		return no_name(r, v);
	if (strcmp(v->key, "name") == 0) /* it has no more to say */
		return 0;
	if (asprintf(ret_key, "%s.%s.%s", v->section, name, v->key) < 0) {
		*ret_key = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int feed(struct gg_reader *r, const char *entry, char *const *env)
{
	AUTO_VARIABLE struct variable v = { 0 };
	AUTO_FREE char *key = NULL, *origin = NULL;
	int e = cut(entry, &v);

	if (e <= 0)
		return e == 0 && v.name ? check_near_miss(r, v.name) : e;
	if (has_names(v.section)) {
		e = add_name(r, &v, env, &key);
	} else if (asprintf(&key, "%s.%s", v.section, v.key) < 0) {
		key = NULL;
		e = -ENOMEM;
	}
	if (e < 0 || !key)
		return e;
	if (asprintf(&origin, "%s%s", GG_FROM_ENVIRONMENT, v.name) < 0) {
		origin = NULL;
		return -ENOMEM;
	}
	return gg_reader_feed(r, origin, key, v.value);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int gg_reader_feed_env(struct gg_reader *r, char *const *env)
{
	AUTO_FREE char **sorted = NULL;
	size_t n = 0;
	int e = 0;

	while (env[n])
		n++;
	sorted = calloc(n + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	/* the order of an environment means nothing, that of errors and of services does */
	memcpy(sorted, env, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n && e == 0; i++)
		e = feed(r, sorted[i], sorted);
	return e;
}
