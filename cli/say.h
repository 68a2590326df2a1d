/* say - one line of complaint on stderr. Control characters in it, whoever sent them, are made visible. */
#ifndef GG_CLI_SAY_H
#define GG_CLI_SAY_H

/* "git-gate: TEXT". Lower case, no full stop. */
void gg_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
