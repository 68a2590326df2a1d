/*
 * Fuzz daemon-wrap/http.h: a whole connection, with a backend that is a program (httpserve-backend.c). What
 * the client gets is one reply for each of its requests, in order, each framed as its head says, and a
 * connection that ends early says so before. It ends in time once the client has, and leaves neither a
 * descriptor nor a child.
 *
 * An input: a byte of flags and the kind of backend, one that says how the client's bytes are cut and how
 * many descriptors are open already, what the backend replies up to a NUL, and what the client sends.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "daemon-wrap/http.h"
#include "daemon-wrap/httpparse.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
	KIND = 0x0f,   /* of backend */
	OWN = 0x10,    /* the gate answers something of its own */
	TELL = 0x20,   /* the gate says that it ends the session */
	LIMIT = 0x40,  /* limit.push; with OWN: repo.NAME.push */
	REFUSE = 0x80, /* with OWN: there is no room; with LIMIT too: a token is wanted */
};

#define REQUESTS_MAX 64
#define OUT_MAX (64 << 20)
#define PATIENCE_MS 60000
#define HELD_MAX 12 /* up to past GG_HTTP_FD_REPLY */

static char backend[PATH_MAX], dir[] = "/tmp/git-gate-fuzz.XXXXXX", base[64], hooks[64];

/* A line number says more here than a stack, which ends in the thread that saw it. */
#define must(ok) ((ok) ? (void)0 : fail(__LINE__, #ok))

static _Noreturn void fail(int line, const char *what)
{
	fprintf(stderr, "fuzz-httpserve.c:%d: not so: %s\n", line, what);
	abort();
}

static void remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	(void)!system(command);
}

static void make_file(const char *name, const char *text, mode_t mode)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const dirs[] = { "git", "git/r.git", "git/r.git/objects", "git/r.git/refs",
					    "hooks" };
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", backend, sizeof(backend) - 32);

	(void)argc;
	(void)argv;
	must(n > 0);
	backend[n] = 0;
	strcpy(strrchr(backend, '/'), "/httpserve-backend");
	must(access(backend, X_OK) == 0 && mkdtemp(dir));
	atexit(remove_dir);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		must(mkdir(path, 0777) == 0);
	}
	make_file("git/r.git/HEAD", "ref: refs/heads/main\n", 0666);
	make_file("hooks/pre-receive", "", 0777);
	setenv("GIT_HTTP_EXPORT_ALL", "1", 1);
	snprintf(base, sizeof(base), "%s/git", dir);
	snprintf(hooks, sizeof(hooks), "%s/hooks", dir);
	return 0;
}

/* --- the other ends: client and gate --- */

struct peers {
	int sock, gate, over; /* over: the connection has been served */
	const char *bytes;
	size_t n, step;
	int flags;
	char *out;
	size_t nout;
};

static bool client_reads(struct peers *p)
{
	static char buf[65536];
	ssize_t n = recv(p->sock, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	must(p->nout + (size_t)n < OUT_MAX);
	p->out = realloc(p->out, p->nout + (size_t)n + 1);
	must(p->out);
	memcpy(p->out + p->nout, buf, (size_t)n);
	p->nout += (size_t)n;
	return true;
}

static void client_writes(struct peers *p)
{
	size_t part = p->n < p->step ? p->n : p->step;
	ssize_t n = send(p->sock, p->bytes, part, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN)
		return;
	p->bytes += n < 0 ? (ssize_t)p->n : n;
	p->n = n < 0 ? 0 : p->n - (size_t)n;
	if (!p->n)
		shutdown(p->sock, SHUT_WR);
}

/* A report is more than one byte; what is only told is not. */
static void gate_hears(struct peers *p)
{
	static const char end[] = "\3git-gate: ended by a fuzzer";
	struct gg_answer a = { .push_max = -1 };
	char buf[GG_STATUS_MAX];
	ssize_t n = recv(p->gate, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 1)
		return;
	if ((p->flags & OWN) && (p->flags & REFUSE)) {
		strcpy(a.refused, p->flags & LIMIT ? "access denied" : "no room, try again later");
		a.status = p->flags & LIMIT ? 401 : 0;
	} else if (p->flags & OWN) {
		a.push_max = p->flags & LIMIT ? 20 : -1;
		strcpy(a.user, "ann");
	}
	must(send(p->gate, buf, gg_answer_pack(&a, buf), 0) > 0);
	if (p->flags & TELL)
		must(send(p->gate, end, sizeof(end), 0) > 0);
}

static void *play(void *arg)
{
	struct peers *p = arg;
	bool open = true;

	if (!p->n)
		shutdown(p->sock, SHUT_WR);
	while (open) {
		struct pollfd f[] = { { .fd = p->sock, .events = (short)(POLLIN | (p->n ? POLLOUT : 0)) },
				      { .fd = p->gate, .events = POLLIN } };

		must(poll(f, 2, PATIENCE_MS) >
		     0); /* else nothing moves, and nobody is at fault but the server */
		if (f[1].revents & POLLIN)
			gate_hears(p);
		if (f[0].revents & POLLOUT)
			client_writes(p);
		if (f[0].revents & (POLLIN | POLLHUP | POLLERR))
			open = client_reads(p);
	}
	shutdown(p->sock, SHUT_WR); /* who has read the end does not send the rest */
	return NULL;
}

/* --- what the client asked, and what it got --- */

struct asked {
	bool head;
};

static size_t read_requests(const char *bytes, size_t n, struct asked *v)
{
	static struct gg_http p;
	size_t count = 0, used, nbody;
	const char *body;
	enum gg_http_event e = GG_HTTP_MORE;

	gg_http_init(&p);
	for (size_t at = 0; count < REQUESTS_MAX && at <= n; at += used) {
		e = gg_http_next(&p, bytes + at, n - at, &used, &body, &nbody);
		if (e == GG_HTTP_HEAD)
			v[count++].head = !strcmp(p.head.method, "HEAD");
		if (e == GG_HTTP_BAD || e == GG_HTTP_MORE)
			break;
	}
	return count;
}

static const char *find(const char *p, const char *end, const char *what)
{
	return memmem(p, (size_t)(end - p), what, strlen(what));
}

/* The body's end; NULL: it is cut. */
static const char *skip_chunks(const char *at, const char *end)
{
	for (;;) {
		char *after;
		const char *line = find(at, end, "\r\n");
		unsigned long n;

		if (!line)
			return NULL;
		n = strtoul(at, &after, 16);
		must(after == line && line > at);
		at = line + 2;
		if ((size_t)(end - at) < n + 2)
			return NULL;
		must(!memcmp(at + n, "\r\n", 2));
		at += n + 2;
		if (!n)
			return at;
	}
}

/* Returns what follows the reply; NULL: nothing can. */
static const char *skip_reply(const char *at, const char *end, bool head)
{
	static const char begin[] = "HTTP/1.1 ";
	const char *body, *length;
	bool closes, none;
	int status;

	must((size_t)(end - at) > sizeof(begin) + 3 && !memcmp(at, begin, sizeof(begin) - 1));
	status = atoi(at + sizeof(begin) - 1);
	must(status >= 100 && status <= 999);
	body = find(at, end, "\r\n\r\n");
	must(body);
	body += 4;
	if (status == 100)
		came_to("100 Continue");
	else if (status == 200)
		came_to("a reply of the backend");
	else if (status == 401 || status == 503)
		came_to("a refusal of the gate");
	else if (status == 502)
		came_to("a backend that replies nonsense");
	if (status == 100)
		return skip_reply(body, end, head);
	closes = find(at, body, "\r\nConnection: close\r\n");
	none = head || status == 204 || status == 304;
	length = find(at, body, "\r\nContent-Length: ");
	if (find(at, body, "\r\nTransfer-Encoding: chunked\r\n") && !none) {
		must(!length);
		body = skip_chunks(body, end);
		if (!body)
			came_to("a reply that is cut");
	} else if (length && !none) {
		size_t n = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);

		body = (size_t)(end - body) < n ? NULL : body + n;
	} else if (!none) {
		must(closes);
		return NULL;
	}
	must(!closes || !body || body == end);
	return closes ? NULL : body;
}

/* ends: the connection may, after a reply that did not say so. */
static void check(const char *bytes, size_t n, const struct peers *p, bool ends)
{
	static struct asked v[REQUESTS_MAX];
	size_t asked = read_requests(bytes, n, v), replies = 0;
	const char *at = p->out, *end = p->out + p->nout;

	if (asked == REQUESTS_MAX)
		return;
	if (asked > 2)
		came_to("three requests on a connection");
	while (at && at < end) {
		must(replies <= asked); /* one more than were understood: why it was not */
		at = skip_reply(at, end, replies < asked && v[replies].head);
		replies++;
	}
	must(!at || replies >= asked || ends);
}

/* --- a run --- */

/*
 * The connection may end after a reply that did not say so: the backend failed, was not as long as it said,
 * or ended before the body had (DEAF, FAIL, KILLED, STRAY); or the body turned out too large for limit.push
 * when the reply had begun.
 */
static bool may_end(int flags, const char *reply)
{
	int kind = (flags & KIND) % 10;

	return kind == 2 || kind == 3 || kind == 6 || kind == 8 || (flags & LIMIT) ||
	       strcasestr(reply, "Content-Length");
}

static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void serve(const uint8_t *flags, const char *reply, const char *bytes, size_t n)
{
	char *command[] = { backend, NULL };
	struct gg_wrap o = { .base_path = base,
			     .hook_path = hooks,
			     .command = command,
			     .limit_push = flags[0] & LIMIT ? 20 : 0 };
	struct peers p = { .bytes = bytes,
			   .n = n,
			   .step = flags[1] ? flags[1] : SIZE_MAX,
			   .flags = flags[0],
			   .out = malloc(1) };
	int fd = lowest_fd(), held[HELD_MAX], nheld = flags[1] % (HELD_MAX + 1), sock[2], gate[2];
	pthread_t peers;

	for (int i = 0; i < nheld; i++)
		held[i] = dup(0);
	must(p.out && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == 0 &&
	     socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate) == 0);
	p.sock = sock[1];
	p.gate = gate[1];
	o.status_fd = gate[0];
	must(pthread_create(&peers, NULL, play, &p) == 0);
	gg_http_serve(&o, sock[0]);
	shutdown(sock[0], SHUT_WR);
	must(pthread_join(peers, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		close(sock[i]);
		close(gate[i]);
	}
	for (int i = 0; i < nheld; i++)
		must(close(held[i]) == 0);
	must(lowest_fd() == fd);
	must(waitpid(-1, NULL, WNOHANG) <= 0); /* libFuzzer has a child of its own, which goes on */
	check(bytes, n, &p, may_end(flags[0], reply));
	free(p.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = NULL;
	const char *nul;
	char kind[8];

	if (n < 3)
		return 0;
	text = malloc(n - 2);
	must(text);
	memcpy(text, data + 2, n - 2);
	nul = memchr(text, 0, n - 2);
	if (!nul)
		return 0;
	snprintf(kind, sizeof(kind), "%d", data[0] & KIND);
	setenv("FUZZ_REPLY", text, 1);
	setenv("FUZZ_KIND", kind, 1);
	serve(data, text, nul + 1, n - 2 - (size_t)(nul + 1 - text));
	return 0;
}
