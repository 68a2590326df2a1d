/* client - see client.h. */
#include "cli/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/config.h"
#include "cli/format.h"
#include "cli/say.h"
#include "base/jsonmem.h"

enum { MAX_ANSWER = 64 << 20 };

/* A user who has a runtime directory of his own may still mean the machine's gate. The caller's to free. */
static char *default_path(const struct gg_reader *r)
{
	const char *path = r->conf.control;
	bool chosen = r->origin[GG_KEY_control] && strcmp(r->origin[GG_KEY_control], "default") != 0;
	char *system;

	if (chosen || access(path, F_OK) == 0)
		return strdup(path);
	if (!r->gate)
		return strdup(access(GG_CONTROL_SYSTEM, F_OK) == 0 ? GG_CONTROL_SYSTEM : path);
	if (asprintf(&system, GG_CONTROL_SYSTEM_OF, r->gate) < 0)
		return NULL;
	if (access(system, F_OK) == 0)
		return system;
	free(system);
	return strdup(path);
}

/* A complaint: a line, without its end. */
static void complain(struct gg_buf *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct gg_buf *why, const char *fmt, ...)
{
	char raw[4096];
	struct gg_buf r = GG_BUF(raw);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&r, fmt, ap);
	va_end(ap);
	if (why->len)
		gg_buf_add(why, "\n");
	gg_visible(why, raw);
}

/* ret: the path of the control socket, owned by the caller. */
static int find_socket(const struct gg_args *a, char **ret, struct gg_buf *why)
{
	struct gg_reader r;
	int code = 0;

	if (a->control) {
		*ret = strdup(a->control);
	} else {
		code = gg_config_load(a, &r);
		if (code)
			complain(why,
				 "the configuration names the control socket; --control PATH needs none");
		else
			*ret = default_path(&r);
	}
	if (code == 0 && !*ret) {
		complain(why, "out of memory");
		code = GG_EXIT_FAILED;
	}
	if (!a->control)
		gg_reader_free(&r);
	return code;
}

static int say_connect(const char *path, int err, struct gg_buf *why)
{
	switch (err) {
	case ENAMETOOLONG:
		complain(why, "%s: a socket's path has at most %d bytes", path, GG_ASK_PATH_MAX);
		return GG_EXIT_USAGE;
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		complain(why, "no gate is running (nothing listens on %s)", path);
		return GG_EXIT_NOT_RUNNING;
	case EACCES:
	case EPERM:
		complain(why,
			 "%s: permission denied: you must be the gate's user, root or a member of the "
			 "socket's "
			 "group",
			 path);
		return GG_EXIT_FAILED;
	case EAGAIN:
		complain(why, "%s: the gate takes no connection (waited %d s)", path, GG_ASK_MS / 1000);
		return GG_EXIT_FAILED;
	default:
		complain(why, "%s: %s", path, strerror(err));
		return GG_EXIT_FAILED;
	}
}

static int say_exchange(const char *path, int err, struct gg_buf *why)
{
	if (err == -ETIMEDOUT)
		complain(why, "%s: no answer from the gate (waited %d s)", path, GG_ASK_MS / 1000);
	else if (err == -ENODATA)
		complain(why, "%s: the gate closed the connection without an answer", path);
	else if (err == -EMSGSIZE)
		complain(why, "%s: the answer is longer than %d MiB", path, MAX_ANSWER >> 20);
	else
		complain(why, "%s: %s", path, strerror(-err));
	return GG_EXIT_FAILED;
}

static int talk(const char *path, const char *line, char **ret, size_t *ret_len, struct gg_buf *why)
{
	int64_t deadline_ms = gg_now_ms() + GG_ASK_MS;
	AUTO_CLOSE int fd = -1;
	int e = gg_ask_connect(path, GG_ASK_MS, &fd);

	if (e < 0)
		return say_connect(path, -e, why);
	e = gg_ask_line(fd, line, strlen(line), deadline_ms, MAX_ANSWER, ret, ret_len);
	return e < 0 ? say_exchange(path, e, why) : 0;
}

static int unpack(const char *path, const char *answer, size_t n, json_type type, json_t **ret_data,
		  struct gg_buf *why)
{
	uint64_t lacks = gg_jsonmem_lacks();
	json_t *all = json_loadb(answer, n, 0, NULL), *data = json_object_get(all, "data");
	const json_t *errors = json_object_get(all, "errors");
	const char *error = json_string_value(json_object_get(all, "error"));
	int code = GG_EXIT_FAILED;

	if (gg_jsonmem_lacks() != lacks) {
		complain(why, "out of memory");
	} else if (json_is_true(json_object_get(all, "ok")) && data && json_typeof(data) == type) {
		*ret_data = json_incref(data);
		code = 0;
	} else if (json_is_false(json_object_get(all, "ok")) && error) {
		for (size_t i = 0; i < json_array_size(errors); i++)
			complain(why, "%s", json_string_value(json_array_get(errors, i)));
		complain(why, "%s", error);
	} else {
		complain(why, "%s: what answers there does not speak git-gate's control protocol", path);
	}
	json_decref(all);
	return code;
}

/* The request as a line, owned by the caller; NULL: it was said why not. */
static char *make_line(json_t *request, int *ret_code, struct gg_buf *why)
{
	AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	char *line;

	*ret_code = gg_jsonmem_lacks() ? GG_EXIT_FAILED : GG_EXIT_USAGE;
	if (gg_jsonmem_lacks())
		complain(why, "out of memory");
	else if (!text)
		complain(why, "an argument is not valid UTF-8");
	else if (strlen(text) >= GG_ASK_REQUEST_MAX)
		complain(why, "the arguments are too long: a request has at most %d bytes",
			 GG_ASK_REQUEST_MAX);
	else if (asprintf(&line, "%s\n", text) >= 0)
		return line;
	else
		complain(why, "out of memory");
	return NULL;
}

int gg_client_try(const struct gg_args *a, json_t *request, json_type type, json_t **ret_data,
		  struct gg_buf *ret_why)
{
	int code;
	AUTO_FREE char *line = make_line(request, &code, ret_why), *path = NULL, *answer = NULL;
	size_t n = 0;

	*ret_data = NULL;
	json_decref(request);
	if (!line)
		return code;
	code = find_socket(a, &path, ret_why);
	if (code == 0)
		code = talk(path, line, &answer, &n, ret_why);
	if (code == 0)
		code = unpack(path, answer, n, type, ret_data, ret_why);
	return code;
}

static void say_all(char *lines)
{
	for (char *line = lines, *end; *line; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		gg_say("%s", line);
	}
}

int gg_client_settle(const struct gg_args *a, struct gg_args *ret, char **ret_path)
{
	char mem[4096];
	struct gg_buf why = GG_BUF(mem);
	int code = find_socket(a, ret_path, &why);

	*ret = *a;
	if (code == 0)
		ret->control = *ret_path;
	say_all(mem);
	return code;
}

int gg_client_ask(const struct gg_args *a, json_t *request, json_type type, json_t **ret_data)
{
	char mem[64 << 10];
	struct gg_buf why = GG_BUF(mem);
	int code = gg_client_try(a, request, type, ret_data, &why);

	say_all(mem);
	return code;
}
