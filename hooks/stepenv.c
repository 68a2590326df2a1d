/* stepenv - see stepenv.h. */
#include "hooks/stepenv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { OWN = 4 }; /* GIT_CONFIG_COUNT and what is added */

static const char *const names[] = {
	"PATH",
	"LC_ALL",
	"GIT_DIR",
	"GIT_QUARANTINE_PATH",
	"GIT_OBJECT_DIRECTORY",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_PUSH_OPTION_COUNT",
	"GIT_PUSH_CERT",
	"GIT_PUSH_CERT_SIGNER",
	"GIT_PUSH_CERT_KEY",
	"GIT_PUSH_CERT_STATUS",
	"GIT_PUSH_CERT_NONCE",
	"GIT_PUSH_CERT_NONCE_STATUS",
	"GIT_PUSH_CERT_NONCE_SLOP",
	"REMOTE_ADDR",
	"REMOTE_PORT",
	"REMOTE_USER",
	"GIT_GATE_SESSION",
};

struct list {
	char **v;
	size_t n;
};

static int add(struct list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int add(struct list *l, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&l->v[l->n], fmt, ap);
	va_end(ap);
	if (r < 0) {
		l->v[l->n] = NULL;
		return -ENOMEM;
	}
	l->v[++l->n] = NULL;
	return 0;
}

/* s is PREFIX, digits, '='. */
static bool numbered(const char *s, const char *prefix)
{
	size_t n = strlen(prefix), digits;

	if (strncmp(s, prefix, n) != 0)
		return false;
	digits = strspn(s + n, "0123456789");
	return digits && s[n + digits] == '=';
}

static bool wanted(const char *s)
{
	for (size_t i = 0; i < GG_LEN(names); i++) {
		size_t n = strlen(names[i]);

		if (strncmp(s, names[i], n) == 0 && s[n] == '=')
			return true;
	}
	return numbered(s, "GIT_PUSH_OPTION_");
}

static const char *value(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

/* The safe.directory settings, counted anew. Each is two entries of env, of which keys are counted. */
static int add_settings(struct list *l, char *const *env)
{
	unsigned n = 0;
	int r = 0;

	for (char *const *e = env; r == 0 && *e; e++) {
		const char *eq = strchr(*e, '='), *v;
		char name[64];

		if (!numbered(*e, "GIT_CONFIG_KEY_") || strcmp(eq + 1, "safe.directory") != 0)
			continue;
		snprintf(name, sizeof(name), "GIT_CONFIG_VALUE_%.*s", (int)strcspn(*e + 15, "="), *e + 15);
		v = value(env, name);
		if (!v)
			continue;
		r = add(l, "GIT_CONFIG_KEY_%u=safe.directory", n);
		r = r ? r : add(l, "GIT_CONFIG_VALUE_%u=%s", n++, v);
	}
	return r == 0 && n ? add(l, "GIT_CONFIG_COUNT=%u", n) : r;
}

int gg_step_env(char *const *env, const char *repo, char ***ret)
{
	struct list l = { .n = 0 };
	size_t n = 0;
	int r = 0;

	while (env[n])
		n++;
	/* a value may be there for several keys of the same number: two for every entry are enough */
	l.v = calloc(2 * n + OWN + 1, sizeof(*l.v));
	if (!l.v)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (wanted(env[i]))
			r = add(&l, "%s", env[i]);
	r = r ? r : add_settings(&l, env);
	r = r ? r : add(&l, "GIT_GATE_REPO=%s", repo);
	r = r ? r : add(&l, "HOME=/nonexistent");
	r = r ? r : add(&l, "GIT_NO_REPLACE_OBJECTS=1");
	if (r < 0)
		gg_step_env_free(l.v);
	else
		*ret = l.v;
	return r;
}

void gg_step_env_free(char **env)
{
	for (char **e = env; e && *e; e++)
		free(*e);
	free(env);
}
