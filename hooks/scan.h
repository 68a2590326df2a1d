/*
 * scan - hook.scanner on exactly what a push adds, inside pre-receive. Glue: lists (hooks/newobj), lays
 * (hooks/lay), runs the scanner (hooks/run, hooks/scanner), tells client and gate. Tested by
 * tests/process/t0084-scan.py.
 *
 * Whatever is not a clean end of a scanner that says so refuses the push: scanner not set, missing, not
 * executable, killed, too slow, unknown exit status, unreadable report, a report that contradicts the status;
 * too much to scan, no space, git's failure.
 *
 * The scanner runs in an empty private directory, with PATH, LC_ALL, GIT_GATE_SESSION, GIT_GATE_INSTANCE,
 * HOME and TMPDIR (both private) and nothing else in its environment: no variable of git's, no identity, no
 * control socket. What it prints is shown to nobody but, its last line, to the operator (push.step-failed),
 * when it failed.
 *
 * SIGHUP, SIGINT and SIGTERM wait until the scratch directory is removed, for deadline.scan at most. What a
 * SIGKILL leaves is found by its name (base/scratchdir).
 */
#ifndef GG_HOOKS_SCAN_H
#define GG_HOOKS_SCAN_H

#include "hooks/gate.h"
#include "hooks/pushconf.h"
#include "hooks/update.h"

/*
 * limit.object holds with hook.scanner = none too.
 * 0: clean, or only findings that hook.allowFinding has; -EPERM: found something, or a limit; other -errno:
 * failed. All but 0 was told to the client, and to the gate as an event.
 */
int gg_scan_push(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p);

#endif
