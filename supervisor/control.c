/* control - the control socket. See control.h. */
#include "supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "supervisor/commands.h"

#define CLIENTS_MAX 128 /* every session's hooks ask, besides people */
#define WRITING_MAX 16	/* of them may be slow to take an answer, which can be large */
#define QUEUE 128
#define PAUSE_S 1.0
#define SILENT_S 0.1  /* when all places are taken, one that has not asked since then makes room */
#define REQUEST_S 5.0 /* from accept to the whole request: who asks may have to wait for a processor */
#define CLIENT_S 5.0  /* from accept to the last byte of the answer */

struct client {
	ev_io io;
	ev_timer timer;
	struct gg_gate *gate;
	char request[GG_ASK_REQUEST_MAX];
	size_t len;
	int64_t began_ms; /* of the waiting for the request, or of the answer */
	char *answer;	  /* owned */
	const char *text; /* being written: that, or what there is instead of it; NULL: not yet */
	size_t size, sent;
};

struct gg_control {
	ev_io io;
	ev_timer pause;
	int lock;
	struct client *client[CLIENTS_MAX];
	int64_t denied_ms; /* when control.denied was last logged */
};

static void drop(struct client *c)
{
	struct gg_control *ctl = c->gate->control;
	struct ev_loop *loop = c->gate->loop;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (ctl->client[i] == c)
			ctl->client[i] = NULL;
	ev_io_stop(c->gate->loop, &c->io);
	ev_timer_stop(c->gate->loop, &c->timer);
	close(c->io.fd);
	free(c->answer);
	free(c);
	ev_io_start(loop, &ctl->io);
}

/* The place of whoever waits longest, for the request or for its answer to be taken; CLIENTS_MAX: nobody
 * does. */
static size_t oldest(const struct gg_control *ctl, bool writing, size_t *ret_n)
{
	size_t found = CLIENTS_MAX;

	*ret_n = 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		const struct client *c = ctl->client[i];

		if (!c || !c->text == writing)
			continue;
		++*ret_n;
		if (found == CLIENTS_MAX || c->began_ms < ctl->client[found]->began_ms)
			found = i;
	}
	return found;
}

/* Of a connection: the next time may go well. Its limits of time hold. */
static bool is_passing(int err)
{
	return err == EAGAIN || err == EINTR || err == ECONNABORTED || err == ENOBUFS || err == ENOMEM;
}

/* True: some of it is still to be sent; false: c is gone. */
static bool on_writable(struct client *c)
{
	while (c->sent < c->size) {
		ssize_t n = send(c->io.fd, c->text + c->sent, c->size - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && is_passing(errno))
			return true;
		if (n < 0)
			break;
		c->sent += (size_t)n;
	}
	drop(c);
	return false;
}

static void on_request(struct client *c, size_t line)
{
	struct gg_control *ctl = c->gate->control;
	size_t slowest, writing;
	const char *instead;

	c->answer = gg_command_answer(c->gate, c->request, line, &instead);
	c->text = c->answer ? c->answer : instead;
	ev_timer_stop(c->gate->loop, &c->timer);
	ev_timer_set(&c->timer, CLIENT_S, 0.);
	ev_timer_start(c->gate->loop, &c->timer);
	c->size = strlen(c->text);
	if (c->answer)
		c->answer[c->size++] = '\n'; /* in the place of the NUL: it is bytes from here on */
	ev_io_stop(c->gate->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, EV_WRITE);
	ev_io_start(c->gate->loop, &c->io);
	c->began_ms = gg_now_ms();
	on_writable(c);
	slowest = oldest(ctl, true, &writing);
	if (writing > WRITING_MAX)
		drop(ctl->client[slowest]);
}

/* Take what has come. True: the request is not whole yet. */
static bool take(struct client *c)
{
	ssize_t n = recv(c->io.fd, c->request + c->len, sizeof(c->request) - c->len, MSG_DONTWAIT);
	char *eol;

	if (n < 0 && is_passing(errno))
		return true;
	if (n > 0) {
		c->len += (size_t)n;
		eol = memchr(c->request, '\n', c->len);
		if (!eol && c->len < sizeof(c->request))
			return true;
		if (eol) {
			on_request(c, (size_t)(eol - c->request));
			return false;
		}
	}
	drop(c);
	return false;
}

static void on_client(EV_P_ ev_io *w, int revents)
{
	struct client *c = w->data;

	(void)loop;
	if (revents & EV_ERROR)
		return drop(c); /* it can ask again */
	if (c->text)
		on_writable(c);
	else
		take(c);
}

/* Its time is up. If we are late, it may have done its part long ago: then it is not dropped. */
static bool is_late(struct client *c)
{
	return c->text ? on_writable(c) : take(c);
}

static void on_timeout(EV_P_ ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	if (is_late(w->data))
		drop(w->data);
}

/* The gate's own user, root, or the socket's group as the peer's group or one of its further ones. */
static bool may_ask(int fd, const char *path)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t groups[1024];
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	if (stat(path, &st) < 0)
		return false;
	if (cred.gid == st.st_gid)
		return true;
	len = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == st.st_gid)
			return true;
	return false;
}

static void deny(struct gg_control *ctl, int fd)
{
	static const char text[] =
		"{\"ok\":false,\"error\":\"only the gate's user, root and the socket's group may ask\"}\n";
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int64_t now = gg_now_ms();

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	(void)!send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	if (ctl->denied_ms && now - ctl->denied_ms < 60000)
		return;
	ctl->denied_ms = now;
	gg_event(GG_EV_CONTROL_DENIED, NULL, "uid %u, pid %d", (unsigned)cred.uid, (int)cred.pid);
}

static void on_pause_over(EV_P_ ev_timer *w, int revents)
{
	struct gg_control *ctl = w->data;

	(void)revents;
	ev_io_start(EV_A_ & ctl->io);
}

/* Out of descriptors, memory or places: the client stays in the queue, and to ask for it again at once would
 * spin. */
static void pause_accepting(EV_P_ struct gg_control *ctl, double seconds)
{
	ev_io_stop(EV_A_ & ctl->io);
	ev_timer_stop(EV_A_ & ctl->pause);
	ev_timer_set(&ctl->pause, seconds, 0.);
	ev_timer_start(EV_A_ & ctl->pause);
}

/* A free place, that of a silent client if need be. CLIENTS_MAX: there is none yet. */
static size_t make_place(struct gg_control *ctl)
{
	size_t slot = 0, n;

	while (slot < CLIENTS_MAX && ctl->client[slot])
		slot++;
	if (slot < CLIENTS_MAX)
		return slot;
	slot = oldest(ctl, false, &n);
	if (slot == CLIENTS_MAX || gg_now_ms() - ctl->client[slot]->began_ms < (int64_t)(1000 * SILENT_S))
		return CLIENTS_MAX;
	if (is_late(ctl->client[slot]))
		drop(ctl->client[slot]);
	return ctl->client[slot] ? CLIENTS_MAX : slot;
}

static void on_connect(EV_P_ ev_io *w, int revents)
{
	struct gg_gate *g = w->data;
	struct gg_control *ctl = g->control;
	struct client *c;
	size_t slot = make_place(ctl);
	int fd;

	if (revents & EV_ERROR) /* libev has given it up: see gg_sessionio_lost */
		return pause_accepting(EV_A_ ctl, PAUSE_S);
	if (slot == CLIENTS_MAX) /* further ones wait in the queue; drop() ends the pause too */
		return pause_accepting(EV_A_ ctl, SILENT_S);
	c = calloc(1, sizeof(*c)); /* first: who is accepted has to be answered */
	if (!c)
		return pause_accepting(EV_A_ ctl, PAUSE_S);
	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		free(c);
		return is_passing(errno) && errno != ENOBUFS && errno != ENOMEM
			       ? (void)0
			       : pause_accepting(EV_A_ ctl, PAUSE_S);
	}
	if (!may_ask(fd, g->conf->control)) {
		free(c);
		return deny(ctl, fd);
	}
	ctl->client[slot] = c;
	c->gate = g;
	c->began_ms = gg_now_ms();
	ev_io_init(&c->io, on_client, fd, EV_READ);
	ev_timer_init(&c->timer, on_timeout, REQUEST_S, 0.);
	c->io.data = c->timer.data = c;
	ev_io_start(EV_A_ & c->io);
	ev_timer_start(EV_A_ & c->timer);
}

static int make_parent(const char *path, struct gg_buf *err)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = 0;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
		int e = errno;

		gg_buf_add(err, "gate.control: cannot make %s: %s", dir, strerror(e));
		return -e;
	}
	return 0;
}

static int write_lock(int fd, const char *instance)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %s\n", (int)getpid(), instance);
	ssize_t written = pwrite(fd, text, (size_t)n, 0);

	if (written != n)
		return written < 0 ? -errno : -EIO;
	return ftruncate(fd, n) < 0 ? -errno : 0;
}

int gg_control_sign(const struct gg_gate *g, struct gg_buf *err)
{
	int r = write_lock(g->control->lock, g->instance);

	if (r < 0)
		gg_buf_add(err, "gate.control: cannot write %s.lock: %s", g->conf->control, strerror(-r));
	return r;
}

/* Held as long as we live: whoever gets it knows that no other gate uses this socket. */
static int take_lock(struct gg_gate *g, int *ret_fd, char ret_predecessor[static 33], struct gg_buf *err)
{
	char path[PATH_MAX], text[64];
	AUTO_CLOSE int fd = -1;
	int e, n;

	snprintf(path, sizeof(path), "%s.lock", g->conf->control);
	/* whoever can open it can hold it, and keep every gate from starting: nobody else may even read it */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		(void)!fchmod(fd, 0600); /* as an older version made it */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		e = errno;
		if (fd >= 0 && e == EWOULDBLOCK) {
			ssize_t k = read(fd, text, sizeof(text) - 1);

			text[k > 0 ? k : 0] = 0;
			text[strcspn(text, " \n")] = 0;
			gg_buf_add(err, "another git-gate (pid %s) uses %s: stop it, or set gate.control",
				   text, g->conf->control);
		} else {
			gg_buf_add(err, "gate.control: %s: %s", path, strerror(e));
		}
		return -e;
	}
	n = (int)pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	if (sscanf(text, "%*d %32[0-9a-f]", ret_predecessor) != 1)
		ret_predecessor[0] = 0;
	e = write_lock(fd, ret_predecessor[0] ? ret_predecessor : g->instance);
	if (e < 0) {
		gg_buf_add(err, "gate.control: cannot write %s: %s", path, strerror(-e));
		return e;
	}
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

static int make_socket(const char *path, int *ret_fd, struct gg_buf *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(a.sun_path)) {
		gg_buf_add(err, "gate.control: %s is longer than the %zu bytes a socket's name can have",
			   path, sizeof(a.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(a.sun_path, path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		gg_buf_add(err, "gate.control: %s exists and is no socket: remove it, or set gate.control",
			   path);
		return -EEXIST;
	}
	unlink(path); /* a dead predecessor's: we hold the lock */
	mask = umask(0117);
	r = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0 && listen(fd, QUEUE) < 0) {
		r = -errno;
		unlink(path);
	}
	if (r < 0) {
		gg_buf_add(err, "gate.control: %s: %s", path, strerror(-r));
		return r;
	}
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

int gg_control_open(struct gg_gate *g, char ret_predecessor[static 33], struct gg_buf *err)
{
	struct gg_control *ctl = calloc(1, sizeof(*ctl));
	int fd = -1, r;

	if (!ctl)
		return -ENOMEM;
	g->control = ctl;
	ctl->lock = -1;
	ctl->io.fd = -1;
	ev_timer_init(&ctl->pause, on_pause_over, PAUSE_S, 0.);
	ctl->pause.data = ctl;
	r = make_parent(g->conf->control, err);
	r = r ? r : take_lock(g, &ctl->lock, ret_predecessor, err);
	r = r ? r : make_socket(g->conf->control, &fd, err);
	if (r < 0)
		return r;
	ev_io_init(&ctl->io, on_connect, fd, EV_READ);
	ctl->io.data = g;
	ev_io_start(g->loop, &ctl->io);
	return 0;
}

void gg_control_close(struct gg_gate *g)
{
	struct gg_control *ctl = g->control;

	if (!ctl)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (ctl->client[i])
			drop(ctl->client[i]);
	ev_timer_stop(g->loop, &ctl->pause);
	if (ctl->io.fd >= 0) {
		ev_io_stop(g->loop, &ctl->io);
		close(ctl->io.fd);
		unlink(g->conf->control);
	}
	gg_close_fd(&ctl->lock);
	free(ctl);
	g->control = NULL;
}
