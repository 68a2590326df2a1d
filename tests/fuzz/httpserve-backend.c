/*
 * httpserve-backend - what fuzz-httpserve.c starts in place of git http-backend: it says the head that
 * FUZZ_REPLY has, and ends in the way that FUZZ_KIND names. Static, so that thousands can be started a
 * second.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The order is known to fuzz-httpserve.c only as a number. */
enum kind {
	REPLY_FIRST, /* reply, then read all of the body */
	BODY_FIRST,  /* read all of the body, then reply */
	DEAF,	     /* reply and exit, reading nothing */
	FAIL,	     /* half of the reply, exit 1 */
	LARGE,	     /* more than the pipe takes */
	ECHO,	     /* reply, then the body */
	KILLED,	     /* by a signal, in the middle of the reply */
	MUTE,	     /* close stdout, then read all of the body */
	STRAY,	     /* leave a child that holds stdout until the body has ended */
	DRIP,	     /* the reply a byte at a time */
	NKINDS
};

static bool say(const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(1, p, n);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static void take(bool echo)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(0, buf, sizeof(buf))) > 0)
		if (echo && !say(buf, (size_t)n))
			return;
}

static void say_much(void)
{
	char buf[8192];

	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 50 && say(buf, sizeof(buf)); i++)
		;
}

int main(void)
{
	const char *reply = getenv("FUZZ_REPLY"), *kind = getenv("FUZZ_KIND");
	size_t n = reply ? strlen(reply) : 0;
	enum kind k = kind ? (enum kind)(atoi(kind) % NKINDS) : REPLY_FIRST;

	if (k == BODY_FIRST)
		take(false);
	if (k == FAIL || k == KILLED)
		n /= 2;
	for (size_t i = 0; k == DRIP && i < n; i++)
		say(reply + i, 1);
	if (k != MUTE && k != DRIP)
		say(reply, n);
	if (k == LARGE)
		say_much();
	if (k == MUTE)
		close(1);
	if (k == KILLED)
		raise(SIGKILL);
	if (k == STRAY && fork())
		return 0;
	if (k != DEAF && k != FAIL && k != BODY_FIRST)
		take(k == ECHO);
	return k == FAIL;
}
