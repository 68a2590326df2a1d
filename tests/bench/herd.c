/*
 * herd - thousands of clients of one gate in one process, for tests/bench/watching.
 *
 *   herd GITPORT HTTPPORT OID PACK    OID: a commit; PACK: a file with a pack that has it
 *
 * Reads commands on its stdin:
 *
 *   open KIND N     N more clients; prints "open KIND N" once all of them are where their kind waits
 *   stall KIND N    N of them, the newest first, do nothing from now on; prints "stall KIND N"
 *
 * until its end, when all connections are closed, and prints "end KIND MS" when the connection of a stalled
 * one was ended, so long after its last byte; "done KIND" when a whole push was answered with ok; "lost KIND
 * TEXT" when another one lost its connection. A busy client moves a few bytes four times a second, each at
 * its own moment, so that the load is even.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	SLOTS = 25,    /* moments at which busy clients move … */
	SLOT_MS = 10,  /* … so far apart */
	SENT = 512,    /* bytes that a busy pusher sends at its moment */
	TAKEN = 2048,  /* and a busy reader reads */
	OBJECT = 64,   /* content of each blob of an endless pack */
	MANY = 100000, /* objects that it promises: git indexes it as it comes */
	OPENING = 32,  /* that are on their way at once */
	HEARD = 600,   /* bytes of a reply that are kept */
};

enum kind { IDLE, KEEP, PUSH, PUSH_HTTP, CLONE, CLONE_HTTP, HOOK, HOOK_HTTP, KINDS };

static const char *const names[KINDS] = { "idle",  "keep",	 "push", "push-http",
					  "clone", "clone-http", "hook", "hook-http" };

struct client {
	int fd; /* -1: it has ended */
	enum kind kind;
	bool asked, ready, stalled;
	uint64_t nth;
	size_t at; /* in the endless pack */
	double moved_ms;
	char tail[5]; /* of what has come, for the flush that ends an advertisement */
	char heard[HEARD + 1];
	size_t nheard;
};

static struct {
	int ports[2]; /* git://, http:// */
	const char *oid;
	char *pack;
	size_t pack_len;
	unsigned char object[OBJECT + 32];
	size_t object_len;
	struct client **v;
	size_t n, opening;
	char verb[16], name[16]; /* the command under way; "": none */
	enum kind kind;
	size_t asked, wanted, ready;
	int epoll;
	unsigned slot;
} herd;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool by_http(enum kind k)
{
	return k == KEEP || k == PUSH_HTTP || k == CLONE_HTTP || k == HOOK_HTTP;
}

static bool pushes(enum kind k)
{
	return k == PUSH || k == PUSH_HTTP;
}

static bool reads(enum kind k)
{
	return k == CLONE || k == CLONE_HTTP;
}

/* A blob as it stands in a pack: its head, and a zlib stream of one stored block. */
static void make_object(void)
{
	unsigned char *p = herd.object;
	uint32_t a = 1, b = 0;

	*p++ = 0x80 | 3 << 4 | (OBJECT & 15);
	*p++ = OBJECT >> 4;
	memcpy(p, "\x78\x01\x01", 3);
	p += 3;
	*p++ = OBJECT;
	*p++ = 0;
	*p++ = (unsigned char)~OBJECT;
	*p++ = 0xff;
	memset(p, 'x', OBJECT);
	p += OBJECT;
	for (int i = 0; i < OBJECT; i++) {
		a = (a + 'x') % 65521;
		b = (b + a) % 65521;
	}
	a |= b << 16;
	for (int i = 24; i >= 0; i -= 8)
		*p++ = (unsigned char)(a >> i);
	herd.object_len = (size_t)(p - herd.object);
}

static bool accepted(const struct client *c)
{
	return (c->kind == HOOK || c->kind == HOOK_HTTP) && c->asked && strstr(c->heard, "ok refs/heads/");
}

static void lose(struct client *c, const char *why)
{
	static const char crlf[] = "\r\n";

	close(c->fd);
	c->fd = -1;
	herd.opening -= !c->ready;
	if (c->stalled) {
		printf("end %s %.1f\n", names[c->kind], now_ms() - c->moved_ms);
	} else if (accepted(c)) {
		printf("done %s\n", names[c->kind]);
	} else {
		for (char *p = c->heard; *p; p++)
			*p = strchr(crlf, *p) ? ' ' : *p;
		printf("lost %s %s: %.300s\n", names[c->kind], why, c->heard);
	}
	fflush(stdout);
}

/* What it sends is small, and the kernel has room for it; a busy pusher whose server is slower misses a turn.
 */
static bool put(struct client *c, const void *data, size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n == (ssize_t)len) {
		c->moved_ms = now_ms();
		return true;
	}
	if (n < 0 && errno != EAGAIN)
		lose(c, strerror(errno));
	return false;
}

static bool chunk(struct client *c, const void *data, size_t len)
{
	char text[8192];
	size_t n;

	if (!by_http(c->kind))
		return put(c, data, len);
	n = (size_t)snprintf(text, sizeof(text), "%zx\r\n", len);
	memcpy(text + n, data, len);
	memcpy(text + n + len, "\r\n", 2);
	return put(c, text, n + len + 2);
}

/* Exactly SENT bytes more of the pack that never ends. */
static void send_more(struct client *c)
{
	unsigned char text[SENT];
	size_t n = 0;

	while (n < sizeof(text)) {
		size_t at = (c->at + n) % herd.object_len, most = herd.object_len - at;

		most = most < sizeof(text) - n ? most : sizeof(text) - n;
		memcpy(text + n, herd.object + at, most);
		n += most;
	}
	if (chunk(c, text, n))
		c->at += n;
}

/* The command of a push that creates a reference of the client's own, and the flush. */
static size_t commands(const struct client *c, char *buf, size_t size)
{
	static const char rest[] = "\0 report-status0000";
	char line[256];
	int n = snprintf(line, sizeof(line), "%040d %s refs/heads/herd%llu", 0, herd.oid,
			 (unsigned long long)c->nth);
	int len = snprintf(buf, size, "%04x%s", n + 4 + (int)sizeof(rest) - 1 - 4, line);

	memcpy(buf + len, rest, sizeof(rest) - 1);
	return (size_t)len + sizeof(rest) - 1;
}

static void push(struct client *c)
{
	static const char head[] = {
		'P', 'A', 'C', 'K', 0, 0, 0, 2, 0, MANY >> 16, (char)(MANY >> 8 & 255), (char)(MANY & 255)
	};
	char text[512];
	size_t len = commands(c, text, sizeof(text) - sizeof(head));

	if (pushes(c->kind)) {
		memcpy(text + len, head, sizeof(head));
		len += sizeof(head);
	}
	if (!chunk(c, text, len) || pushes(c->kind))
		return;
	if (chunk(c, herd.pack, herd.pack_len) && by_http(c->kind))
		put(c, "0\r\n\r\n", 5);
}

static size_t want(char *buf, size_t size)
{
	return (size_t)snprintf(buf, size, "0032want %s\n00000009done\n", herd.oid);
}

static void request(struct client *c)
{
	static const char post[] =
		"POST /r.git/%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-%s-request\r\n%s\r\n\r\n";
	char text[1024], body[128];
	size_t len;
	int n;

	switch (c->kind) {
	case KEEP:
		len = (size_t)snprintf(
			text, sizeof(text),
			"GET /r.git/info/refs?service=git-receive-pack HTTP/1.1\r\nHost: x\r\n\r\n");
		break;
	case PUSH_HTTP:
	case HOOK_HTTP:
		len = (size_t)snprintf(text, sizeof(text), post, "git-receive-pack", "git-receive-pack",
				       "Transfer-Encoding: chunked");
		break;
	case CLONE_HTTP:
		n = snprintf(body, sizeof(body), "Content-Length: %zu", want(text, sizeof(text)));
		len = (size_t)n;
		len = (size_t)snprintf(text, sizeof(text), post, "git-upload-pack", "git-upload-pack", body);
		len += want(text + len, sizeof(text) - len);
		break;
	default:
		n = snprintf(body, sizeof(body), "git-%s-pack /r.git",
			     c->kind == CLONE ? "upload" : "receive");
		len = (size_t)snprintf(text, sizeof(text), "%04x%s", n + 4 + 8, body);
		memcpy(text + len, "\0host=x", 8);
		len += 8;
	}
	if (put(c, text, len) && (c->kind == PUSH_HTTP || c->kind == HOOK_HTTP))
		push(c);
}

static void ready(struct client *c)
{
	struct epoll_event e = { .events = EPOLLRDHUP, .data.ptr = c };

	if (c->ready || c->fd < 0)
		return;
	c->ready = true;
	herd.opening--;
	herd.ready += c->kind == herd.kind;
	if (reads(c->kind)) /* at its own moments */
		epoll_ctl(herd.epoll, EPOLL_CTL_MOD, c->fd, &e);
}

/* The advertisement is there. */
static void turn(struct client *c)
{
	char text[128];

	c->asked = true;
	c->nheard = 0;
	if (c->kind == CLONE) {
		put(c, text, want(text, sizeof(text)));
		return;
	}
	if (c->kind == PUSH || c->kind == HOOK)
		push(c);
	ready(c);
}

static bool advertised(const struct client *c)
{
	return memcmp(c->tail + 1, "0000", 4) == 0 ||
	       (by_http(c->kind) && memcmp(c->tail, "0\r\n\r\n", 5) == 0);
}

static void note(struct client *c, const char *buf, size_t n)
{
	size_t keep = HEARD - c->nheard < n ? HEARD - c->nheard : n;

	for (size_t i = 0; i < keep; i++)
		c->heard[c->nheard++] = buf[i] ? buf[i] : ' ';
	c->heard[c->nheard] = 0;
	keep = n < sizeof(c->tail) ? n : sizeof(c->tail);
	memmove(c->tail, c->tail + keep, sizeof(c->tail) - keep);
	memcpy(c->tail + sizeof(c->tail) - keep, buf + n - keep, keep);
}

static void take(struct client *c, size_t most)
{
	char buf[65536];
	ssize_t n = recv(c->fd, buf, most < sizeof(buf) ? most : sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(c, n ? strerror(errno) : "ended");
		return;
	}
	if (!c->stalled) /* what the gate says at the end does not count */
		c->moved_ms = now_ms();
	note(c, buf, (size_t)n);
	if (accepted(c))
		lose(c, "");
	else if (c->ready)
		return;
	else if (c->kind == CLONE_HTTP || c->asked)
		ready(c);
	else if (advertised(c))
		turn(c);
}

/* Its moment has come. */
static void move(struct client *c)
{
	if (c->fd < 0 || !c->ready || c->stalled)
		return;
	if (pushes(c->kind))
		send_more(c);
	else if (reads(c->kind))
		take(c, TAKEN);
}

static bool add(enum kind kind)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)herd.ports[by_http(kind)]) };
	struct client *c = calloc(1, sizeof(*c));
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
	int room = 2048, mss = 1024;

	if (!c || !(herd.n & (herd.n - 1))) {
		struct client **v = c ? realloc(herd.v, (herd.n ? 2 * herd.n : 1) * sizeof(*v)) : NULL;

		if (!v)
			return false;
		herd.v = v;
	}
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->kind = kind;
	c->nth = herd.n;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	if (reads(kind)) { /* little at a time is acknowledged as little */
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
	}
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    epoll_ctl(herd.epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		return false;
	herd.v[herd.n++] = c;
	herd.opening++;
	request(c);
	if (kind == PUSH_HTTP || kind == HOOK_HTTP) { /* its server says nothing before the end */
		c->asked = true;
		ready(c);
	}
	return true;
}

static void open_more(void)
{
	while (herd.wanted && herd.opening < OPENING) {
		if (!add(herd.kind)) {
			printf("lost %s cannot be opened: %s\n", herd.name, strerror(errno));
			exit(1);
		}
		herd.wanted--;
	}
}

static void stall(enum kind kind, size_t n)
{
	for (size_t i = herd.n; n && i-- > 0;) {
		struct client *c = herd.v[i];

		if (c->kind == kind && c->ready && !c->stalled && c->fd >= 0) {
			c->stalled = true;
			n--;
		}
	}
}

/* False: there are no more. The next one comes when this one was answered. */
static bool command(void)
{
	char line[128];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);
	int k = 0;

	line[n > 0 ? n : 0] = 0;
	if (sscanf(line, "%15s %15s %zu", herd.verb, herd.name, &herd.asked) != 3)
		return false;
	while (k < KINDS && strcmp(names[k], herd.name))
		k++;
	if (k == KINDS)
		return false;
	herd.kind = (enum kind)k;
	herd.ready = strcmp(herd.verb, "open") ? herd.asked : 0;
	herd.wanted = herd.asked - herd.ready;
	if (!herd.wanted)
		stall(herd.kind, herd.asked);
	return true;
}

static void answer(void)
{
	if (!herd.verb[0] || herd.ready < herd.asked)
		return;
	printf("%s %s %zu\n", herd.verb, herd.name, herd.asked);
	fflush(stdout);
	herd.verb[0] = 0;
}

static void tick(int timer)
{
	uint64_t late;

	if (read(timer, &late, sizeof(late)) != sizeof(late))
		return;
	for (; late; late--, herd.slot++)
		for (size_t i = herd.slot % SLOTS; i < herd.n; i += SLOTS)
			move(herd.v[i]);
}

static void serve(struct client *c, uint32_t events)
{
	if (c->fd < 0)
		return;
	if (events & EPOLLIN)
		take(c, SIZE_MAX);
	else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		lose(c, "ended");
}

static bool watch(int fd, uint64_t number)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = number };

	return fd >= 0 && epoll_ctl(herd.epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool read_pack(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	herd.pack = malloc(8000);
	n = fd >= 0 && herd.pack ? read(fd, herd.pack, 8000) : -1;
	herd.pack_len = n > 0 ? (size_t)n : 0;
	close(fd);
	return n > 0 && n < 8000;
}

int main(int argc, char **argv)
{
	enum { STDIN = 1, TIMER = 2 }; /* no address of a client */
	struct itimerspec every = { { 0, SLOT_MS * 1000000 }, { 0, SLOT_MS * 1000000 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (argc != 5 || strlen(argv[3]) != 40 || !read_pack(argv[4])) {
		fprintf(stderr, "usage: herd GITPORT HTTPPORT OID PACK (below 8000 bytes)\n");
		return 2;
	}
	herd.ports[0] = atoi(argv[1]);
	herd.ports[1] = atoi(argv[2]);
	herd.oid = argv[3];
	make_object();
	herd.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (timerfd_settime(timer, 0, &every, NULL) < 0 || !watch(timer, TIMER) ||
	    !watch(STDIN_FILENO, STDIN))
		return 1;
	for (;;) {
		struct epoll_event e[64];
		int n = epoll_wait(herd.epoll, e, 64, -1);

		for (int i = 0; i < n; i++) {
			if (e[i].data.u64 == TIMER)
				tick(timer);
			else if (e[i].data.u64 != STDIN)
				serve(e[i].data.ptr, e[i].events);
			else if (!command())
				return 0;
		}
		open_more();
		answer();
	}
}
