/*
 * load - many small transactions, one after the other on each of some connections, a process each.
 *
 *   load SECONDS CONNECTIONS git PORT PATH               the advertisement of a fetch, a flush, the end
 *   load SECONDS CONNECTIONS keep|close PORT TARGET      GET over HTTP, kept alive or a connection each
 *   load SECONDS CONNECTIONS exec STDIN PROGRAM ARG...   no server: the program is started, and read to its
 * end
 *
 * Prints JSON: how many, the seconds that went by, median and 99th percentile in microseconds, how many
 * failed, and how many connections were made.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define TIMES_MAX 200000 /* of one process */

/* What one process found out; shared with its parent. */
struct share {
	uint32_t done, failed, connected;
	uint32_t us[TIMES_MAX];
};

struct conn {
	int fd; /* -1: none */
	size_t n;
	char buf[65536];
};

static char **args; /* what follows the kind */

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool open_conn(struct conn *c, struct share *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(args[0])) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->connected++;
	return c->fd >= 0 && connect(c->fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static void close_conn(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static bool read_some(struct conn *c)
{
	ssize_t n = c->n < sizeof(c->buf) - 1 ? read(c->fd, c->buf + c->n, sizeof(c->buf) - 1 - c->n) : 0;

	if (n > 0)
		c->n += (size_t)n;
	c->buf[c->n] = 0;
	return n > 0;
}

static bool ends_with(const struct conn *c, const char *what)
{
	size_t n = strlen(what);

	return c->n >= n && !memcmp(c->buf + c->n - n, what, n);
}

static bool put(int fd, const char *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool git_session(struct conn *c, struct share *s)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%04zxgit-upload-pack %s%chost=127.0.0.1%c",
			 strlen(args[1]) + 36, args[1], 0, 0);
	bool ok;

	c->n = 0;
	ok = open_conn(c, s) && put(c->fd, line, (size_t)n);
	while (ok && !ends_with(c, "0000"))
		ok = read_some(c);
	ok = ok && put(c->fd, "0000", 4);
	while (ok && read_some(c))
		; /* to the end that the server makes */
	close_conn(c);
	return ok;
}

/* A reply is complete: its length has come, or its last chunk. */
static bool is_whole(const struct conn *c, bool *ret_closes)
{
	const char *body = strstr(c->buf, "\r\n\r\n"), *length;

	if (!body)
		return false;
	*ret_closes = strcasestr(c->buf, "\r\nConnection: close\r\n");
	length = strcasestr(c->buf, "\r\nContent-Length: ");
	if (length && length < body)
		return c->n - (size_t)(body + 4 - c->buf) >= strtoul(length + 18, NULL, 10);
	return ends_with(c, "\r\n0\r\n\r\n");
}

static bool http_request(struct conn *c, struct share *s, bool keep)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", args[1],
			 keep ? "" : "Connection: close\r\n");
	bool old = c->fd >= 0, ok = (old || open_conn(c, s)) && put(c->fd, text, (size_t)n), closes = false;

	c->n = 0;
	c->buf[0] = 0;
	while (ok && !is_whole(c, &closes))
		ok = read_some(c);
	if (!ok && old && !c->n) {
		close_conn(c); /* it was closed while it was idle: a client asks again */
		return http_request(c, s, keep);
	}
	ok = ok && !strncmp(c->buf, "HTTP/1.1 200 ", 13);
	if (!ok || closes || !keep)
		close_conn(c);
	return ok;
}

static bool run_program(struct conn *c)
{
	posix_spawn_file_actions_t fa;
	int p[2], status = -1;
	pid_t pid;
	bool ok;

	if (pipe2(p, O_CLOEXEC) < 0)
		return false;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, args[0], O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	ok = posix_spawnp(&pid, args[1], &fa, NULL, args + 1, environ) == 0;
	posix_spawn_file_actions_destroy(&fa);
	close(p[1]);
	c->fd = p[0];
	c->n = 0;
	while (ok && read_some(c))
		;
	if (ok)
		waitpid(pid, &status, 0);
	close_conn(c);
	return ok && status == 0 && c->n > 100;
}

static bool transact(const char *kind, struct conn *c, struct share *s)
{
	if (!strcmp(kind, "git"))
		return git_session(c, s);
	if (!strcmp(kind, "exec"))
		return run_program(c);
	return http_request(c, s, !strcmp(kind, "keep"));
}

static void work(const char *kind, double end_us, struct share *s)
{
	static struct conn c = { .fd = -1 };

	for (double begun = now_us(); begun < end_us && s->done < TIMES_MAX; begun = now_us()) {
		if (transact(kind, &c, s))
			s->us[s->done++] = (uint32_t)(now_us() - begun);
		else if (++s->failed > 1000)
			return;
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int report(const struct share *s, size_t nshare, double seconds)
{
	uint32_t done = 0, failed = 0, connected = 0, *us;
	size_t at = 0;

	for (size_t i = 0; i < nshare; i++) {
		done += s[i].done;
		failed += s[i].failed;
		connected += s[i].connected;
	}
	us = calloc(done + 1, sizeof(*us));
	if (!us)
		return 1;
	for (size_t i = 0; i < nshare; at += s[i++].done)
		memcpy(us + at, s[i].us, s[i].done * sizeof(*us));
	qsort(us, done, sizeof(*us), by_size);
	printf("{\"done\": %u, \"seconds\": %.3f, \"p50\": %u, \"p99\": %u, \"failed\": %u, \"connected\": "
	       "%u}\n",
	       done, seconds, us[done / 2], us[(size_t)done * 99 / 100], failed, connected);
	free(us);
	return 0;
}

int main(int argc, char **argv)
{
	size_t n = argc > 5 ? strtoul(argv[2], NULL, 10) : 0;
	double begun = now_us(), seconds = argc > 5 ? atof(argv[1]) : 0;
	struct share *s;

	if (!n || seconds <= 0) {
		fprintf(stderr, "usage: load SECONDS CONNECTIONS git|keep|close|exec ...\n");
		return 2;
	}
	args = argv + 4;
	s = mmap(NULL, n * sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (s == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(argv[3], begun + seconds * 1e6, &s[i]);
			_exit(0);
		}
		if (pid < 0)
			return 1;
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return report(s, n, (now_us() - begun) / 1e6);
}
