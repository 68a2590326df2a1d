/* screen - see screen.h. */
#include "cli/screen.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memfile.h"
#include "base/clock.h"

/* Another page, without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

enum { RETRY_MS = 100 };

/* A signal that ends the program waits to be read. */
static bool is_to_end(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
		sigismember(&pending, SIGHUP) == 1 || sigismember(&pending, SIGQUIT) == 1);
}

/* -EINTR: whoever reads is stuck, and the program is to end. No write waits for him: signals are blocked, so
 * nothing would end that. */
static int write_all(const struct gg_screen *s, const char *text, size_t n)
{
	struct pollfd fd[] = {
		{ .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = s->signals, .events = POLLIN },
	};

	while (n) {
		ssize_t w;

		if (poll(fd, GG_LEN(fd), -1) < 0 && errno != EINTR)
			return -errno;
		if (!fd[0].revents) {
			if (is_to_end())
				return -EINTR;
			poll(fd, 1, RETRY_MS); /* it is of another size, or to stop: that has time */
			continue;
		}
		/* for so much there is room when there is any */
		w = write(STDOUT_FILENO, text, n < PIPE_BUF ? n : PIPE_BUF);
		if (w < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (w > 0) {
			text += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

static void enter(struct gg_screen *s)
{
	struct termios raw = s->before;

	if (s->keys) {
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	if (s->terminal)
		write_all(s, ENTER, strlen(ENTER));
}

static void leave(struct gg_screen *s)
{
	if (s->terminal)
		write_all(s, LEAVE, strlen(LEAVE));
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
}

int gg_screen_open(struct gg_screen *s, bool page)
{
	sigset_t set;

	*s = (struct gg_screen){ .terminal = page && isatty(STDOUT_FILENO), .signals = -1 };
	s->keys = s->terminal && tcgetattr(STDIN_FILENO, &s->before) == 0;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (s->terminal) {
		sigaddset(&set, SIGWINCH);
		sigaddset(&set, SIGTSTP);
	}
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &s->mask);
	enter(s);
	return 0;
}

void gg_screen_close(struct gg_screen *s)
{
	if (s->signals < 0)
		return;
	leave(s);
	gg_close_fd(&s->signals); /* what is pending still ends the program */
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

void gg_screen_size(const struct gg_screen *s, size_t *ret_columns, size_t *ret_rows)
{
	struct winsize w = { 0 };

	if (s->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){ 0 };
	*ret_columns = w.ws_col;
	*ret_rows = w.ws_row;
}

/*
 * From the top left corner each line is written over the old one and what is behind its end is erased, then
 * all below the last: there is no moment at which the page is empty.
 */
static int draw(const struct gg_screen *s, const char *text, size_t n)
{
	AUTO_FREE char *page = NULL;
	size_t size;
	struct gg_memfile m;
	FILE *f = gg_memfile_open(&m);

	if (!f)
		return -ENOMEM;
	fputs("\033[H", f);
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\n')
			fputs(i + 1 < n ? "\033[K\r\n" : "\033[K", f);
		else
			fputc(text[i], f);
	fputs("\033[J", f);
	if (gg_memfile_close(f, &m, &page, &size) < 0)
		return -ENOMEM;
	return write_all(s, page, size);
}

int gg_screen_show(struct gg_screen *s, const char *text, size_t n)
{
	return s->terminal ? draw(s, text, n) : write_all(s, text, n);
}

/* Give the terminal back, stop, and take it again. */
static void stop(struct gg_screen *s)
{
	leave(s);
	raise(SIGSTOP);
	enter(s);
}

static enum gg_screen_event on_signal(struct gg_screen *s)
{
	struct signalfd_siginfo got;
	enum gg_screen_event e = GG_SCREEN_SIZE;

	while (e != GG_SCREEN_QUIT && read(s->signals, &got, sizeof(got)) == sizeof(got)) {
		if (got.ssi_signo == SIGTSTP)
			stop(s);
		else if (got.ssi_signo != SIGWINCH)
			e = GG_SCREEN_QUIT;
	}
	return e;
}

/* q and Q; a terminal that is gone. */
static bool wants_to_quit(void)
{
	char c[64];
	ssize_t n = read(STDIN_FILENO, c, sizeof(c));

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
	       (n > 0 && (memchr(c, 'q', (size_t)n) || memchr(c, 'Q', (size_t)n)));
}

enum gg_screen_event gg_screen_wait(struct gg_screen *s, int64_t ms)
{
	int64_t end = gg_now_ms() + ms;
	struct pollfd fd[] = {
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN },
		/* without events asked for: whether anybody reads */
		{ .fd = STDOUT_FILENO },
	};

	for (;;) {
		int64_t left = end - gg_now_ms();

		if (left <= 0)
			return GG_SCREEN_TIME;
		if (poll(fd, GG_LEN(fd), (int)(left < INT32_MAX ? left : INT32_MAX)) < 0 && errno != EINTR)
			return GG_SCREEN_QUIT;
		if (fd[0].revents)
			return on_signal(s);
		if ((fd[1].revents && wants_to_quit()) || fd[2].revents & (POLLERR | POLLHUP))
			return GG_SCREEN_QUIT;
	}
}
