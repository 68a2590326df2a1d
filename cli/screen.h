/*
 * screen - the terminal as a page that is drawn again and again, as top does, or, when stdout is none, a
 * place to print to from time to time. Effect. Signals that end a program, that stop it, and that tell of a
 * new size are taken as events between open and close, so that the terminal is always given back as it was.
 * One at a time.
 */
#ifndef GG_CLI_SCREEN_H
#define GG_CLI_SCREEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

struct gg_screen {
	bool terminal; /* stdout is one */
	bool keys;     /* so is stdin: q is heard */
	struct termios before;
	sigset_t mask; /* as it was */
	int signals;   /* a signalfd */
};

/* page: draw it, if stdout is a terminal; else it is printed to. 0 or -errno. */
int gg_screen_open(struct gg_screen *s, bool page);
void gg_screen_close(struct gg_screen *s);

/* Columns and rows; 0: not known, or no terminal. */
void gg_screen_size(const struct gg_screen *s, size_t *ret_columns, size_t *ret_rows);

/* Show text, lines with '\n' at their ends, in the place of what was there. 0; -EINTR: nobody takes it, and a
 * signal waits that ends the program at close; else -errno: nobody sees it any more. */
int gg_screen_show(struct gg_screen *s, const char *text, size_t n);

enum gg_screen_event {
	GG_SCREEN_TIME, /* so many ms have passed */
	GG_SCREEN_SIZE, /* draw again at once */
	GG_SCREEN_QUIT,
};
enum gg_screen_event gg_screen_wait(struct gg_screen *s, int64_t ms);

#endif
