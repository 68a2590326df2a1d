/* client - see client.h. */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/config.h"
#include "cli/say.h"

enum {
	TIMEOUT_MS = 5000, /* connect, request and answer together */
	MAX_REQUEST = 4096,
	MAX_ANSWER = 64 << 20,
	FIRST_ROOM = 64 << 10,
};

struct answer {
	char *s;
	size_t len, room;
};

/* A user who has a runtime directory of his own may still mean the machine's gate. */
static const char *default_path(const struct gg_reader *r)
{
	const char *path = r->conf.control;
	bool chosen = r->origin[GG_KEY_control] && strcmp(r->origin[GG_KEY_control], "default") != 0;

	return !chosen && access(path, F_OK) < 0 && access(GG_CONTROL_SYSTEM, F_OK) == 0 ? GG_CONTROL_SYSTEM
											 : path;
}

/* ret: the address of the control socket. */
static int find_socket(const struct gg_args *a, struct sockaddr_un *ret)
{
	struct gg_reader r;
	const char *path = a->control;
	int code = 0;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!path) {
		code = gg_config_load(a, &r);
		path = default_path(&r);
		if (code)
			gg_say("the configuration names the control socket; --control PATH needs none");
	}
	if (code == 0 && strlen(path) >= sizeof(ret->sun_path)) {
		gg_say("%s: a socket's path has at most %zu bytes", path, sizeof(ret->sun_path) - 1);
		code = GG_EXIT_USAGE;
	} else if (code == 0) {
		memcpy(ret->sun_path, path, strlen(path) + 1);
	}
	if (!a->control)
		gg_reader_free(&r);
	return code;
}

static int say_connect(const char *path, int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		gg_say("no gate is running (nothing listens on %s)", path);
		return GG_EXIT_NOT_RUNNING;
	case EACCES:
	case EPERM:
		gg_say("%s: permission denied: you must be the gate's user, root or a member of the socket's "
		       "group",
		       path);
		return GG_EXIT_FAILED;
	case EAGAIN:
		gg_say("%s: the gate takes no connection (waited %d s)", path, TIMEOUT_MS / 1000);
		return GG_EXIT_FAILED;
	default:
		gg_say("%s: %s", path, strerror(err));
		return GG_EXIT_FAILED;
	}
}

static int open_socket(const struct sockaddr_un *to, int *ret_fd)
{
	/* bounds connect(2) too: a listener whose queue is full makes it wait, and poll(2) would not */
	struct timeval limit = { .tv_sec = TIMEOUT_MS / 1000 };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return say_connect(to->sun_path, errno);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return say_connect(to->sun_path, errno);
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

/* 0 when fd is ready for the events, else -ETIMEDOUT or -errno. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline - gg_now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n == 0 && left <= 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* A gate that refuses may have closed already: its answer, or the lack of one, says more than EPIPE. */
static int send_all(int fd, const char *s, size_t n, int64_t deadline)
{
	while (n) {
		ssize_t sent = send(fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		int e = sent < 0 ? -errno : 0;

		if (e == -EAGAIN)
			e = wait_for(fd, POLLOUT, deadline);
		else if (e == -EPIPE || e == -ECONNRESET)
			return 0;
		if (e < 0 && e != -EINTR)
			return e;
		if (sent > 0) {
			s += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

static int make_room(struct answer *a)
{
	size_t room = a->room ? 2 * a->room : FIRST_ROOM;
	char *s;

	if (a->len < a->room)
		return 0;
	if (a->room >= MAX_ANSWER)
		return -EMSGSIZE;
	s = realloc(a->s, room);
	if (!s)
		return -ENOMEM;
	a->s = s;
	a->room = room;
	return 0;
}

/* One line, or what came before the end. 0 or -errno. */
static int receive(int fd, struct answer *a, int64_t deadline)
{
	for (;;) {
		int e = make_room(a);
		ssize_t n;

		if (e == 0)
			e = wait_for(fd, POLLIN, deadline);
		if (e < 0)
			return e;
		n = recv(fd, a->s + a->len, a->room - a->len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		a->len += (size_t)n;
		if (memchr(a->s + a->len - n, '\n', (size_t)n))
			return 0;
	}
}

static int say_exchange(const char *path, int err)
{
	if (err == -ETIMEDOUT)
		gg_say("%s: no answer from the gate (waited %d s)", path, TIMEOUT_MS / 1000);
	else if (err == -EMSGSIZE)
		gg_say("%s: the answer is longer than %d MiB", path, MAX_ANSWER >> 20);
	else
		gg_say("%s: %s", path, strerror(-err));
	return GG_EXIT_FAILED;
}

static int talk(const struct sockaddr_un *to, const char *line, struct answer *ret)
{
	int64_t deadline = gg_now_ms() + TIMEOUT_MS;
	AUTO_CLOSE int fd = -1;
	int e = open_socket(to, &fd);

	if (e)
		return e;
	e = send_all(fd, line, strlen(line), deadline);
	if (e == 0)
		e = receive(fd, ret, deadline);
	if (e < 0)
		return say_exchange(to->sun_path, e);
	if (!ret->len) {
		gg_say("%s: the gate closed the connection without an answer", to->sun_path);
		return GG_EXIT_FAILED;
	}
	return 0;
}

static int unpack(const char *path, const struct answer *a, json_type type, json_t **ret_data)
{
	json_t *all = json_loadb(a->s, a->len, 0, NULL), *data = json_object_get(all, "data");
	const json_t *errors = json_object_get(all, "errors");
	const char *error = json_string_value(json_object_get(all, "error"));
	int code = GG_EXIT_FAILED;

	if (json_is_true(json_object_get(all, "ok")) && data && json_typeof(data) == type) {
		*ret_data = json_incref(data);
		code = 0;
	} else if (json_is_false(json_object_get(all, "ok")) && error) {
		for (size_t i = 0; i < json_array_size(errors); i++)
			gg_say("%s", json_string_value(json_array_get(errors, i)));
		gg_say("%s", error);
	} else {
		gg_say("%s: what answers there does not speak git-gate's control protocol", path);
	}
	json_decref(all);
	return code;
}

/* The request as a line, owned by the caller; NULL: it was said why not. */
static char *make_line(json_t *request, int *ret_code)
{
	AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	char *line;

	*ret_code = GG_EXIT_USAGE;
	if (!text)
		gg_say("an argument is not valid UTF-8");
	else if (strlen(text) >= MAX_REQUEST)
		gg_say("the arguments are too long: a request has at most %d bytes", MAX_REQUEST);
	else if (asprintf(&line, "%s\n", text) >= 0)
		return line;
	else
		gg_say("out of memory");
	return NULL;
}

int gg_client_ask(const struct gg_args *a, json_t *request, json_type type, json_t **ret_data)
{
	int code;
	AUTO_FREE char *line = make_line(request, &code);
	struct sockaddr_un to;
	struct answer answer = { 0 };

	*ret_data = NULL;
	json_decref(request);
	if (!line)
		return code;
	code = find_socket(a, &to);
	if (code == 0)
		code = talk(&to, line, &answer);
	if (code == 0)
		code = unpack(to.sun_path, &answer, type, ret_data);
	free(answer.s);
	return code;
}
