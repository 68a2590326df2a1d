#!/usr/bin/python3
"""What the client sees when its session ends: the reason, an exit status of its own, and the end of the connection at once."""
from gate import *

tap = Tap()
hooks = Hooks()
g = Gate({"deadline.hook": "2s"}, hooks=hooks.dir)
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)

# a client whose pre-push hook takes longer than deadline.commands, and which reads on afterwards
fifo = path("fifo")
os.mkfifo(fifo)
with open(os.path.join(work, ".git/hooks/pre-push"), "w") as f:
    f.write("#!/bin/sh\nread line <%s\n" % fifo)
os.chmod(os.path.join(work, ".git/hooks/pre-push"), 0o755)
commit(work, "second")
p = popen(["git", "push", "origin", "HEAD:main"], cwd=work, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
rec = wait_for(lambda: g.reaped(reason="commands"), "the pusher in its pre-push hook to be reaped")[0]
with open(fifo, "w") as f:
    f.write("go\n")
err = p.communicate(timeout=PATIENCE)[1]
tap.ok("remote: git-gate: no command for " in err and "limit 3s, deadline.commands" in err and rec["id"] in err,
       "the pusher sees reason, limit, key and session", err)
tap.eq(p.returncode, 128, "it exits by itself, with 128", err)
os.unlink(os.path.join(work, ".git/hooks/pre-push"))
tap.eq(git("push", "-q", "origin", "HEAD:main", cwd=work, check=False).returncode, 0, "the same push succeeds when it is tried again")


def push_raw(ref):
    """Commands and pack of a small push; returns the connection, with the report still unread."""
    c = Raw(g)
    refs = c.advertisement()
    oid = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    c.packet(("%s %s %s\0report-status side-band-64k" % (refs.get(ref, "0" * 40), oid, ref)).encode())
    c.s.sendall(b"0000" + subprocess.run(["git", "pack-objects", "--stdout", "--all"], cwd=work, env=ENV, capture_output=True,
                                         stdin=subprocess.DEVNULL).stdout)
    return c


def last_packet(c):
    """Read up to the flush that ends the report; returns when it came."""
    while c.read_packet():
        pass
    return time.monotonic()


# The report ends with a flush; receive-pack then exits. What a hook left behind holds git-daemon's pipe, or receive-pack's.
for name, script, what in (
        ("reference_transaction", 'cat >/dev/null; [ "$1" = committed ] && sleep 77 & :', "the log pipe"),
        ("post_receive", "cat >/dev/null; sleep 77 >/dev/null 2>&1 & :", "nothing")):
    hooks.set(**{name: script})
    tries = []

    def delay():
        tries.append(name)
        c = push_raw("refs/heads/%s-%d" % (name, len(tries)))
        report = last_packet(c)
        c.rest()
        took = time.monotonic() - report
        tap.ok([q for q in pids() if cmdline(q) == "sleep 77"], "%s: a stray is there and holds %s" % (name, what))
        return took

    # receive-pack still migrates nothing and runs no gc after its report: it exits within milliseconds
    seconds = least(delay, 0.1)
    tap.ok(seconds < 0.1, "%s: the client sees the end within 100 ms (%.0f ms)" % (name, seconds * 1000), len(tries))
    hooks.set(**{name: None})
    wait_for(lambda: not [q for q in pids() if cmdline(q) == "sleep 77"], "the stray to be ended after deadline.hook")
    g.settle()
    tap.ok(True, "%s: the stray is ended, the session is gone" % name)

# A stray that holds receive-pack's own side-band pipe keeps the session: it is the hook's, and has the hook's deadline.
hooks.set(post_receive="cat >/dev/null; sleep 88 & exit 0")
begun = time.monotonic()
c = push_raw("refs/heads/held")
c.rest()
took = time.monotonic() - begun
rec = wait_for(lambda: g.reaped(reason="hook", peer=c.peer), "the session to be recorded")[0]
tap.ok(2 <= took < 2 + 2 * SAMPLE + GRACE + BUSY, "a stray on the side-band pipe is ended at deadline.hook (%.2fs)" % took, rec)
tap.eq(rec["steps"], ["kill-hook"], "by ending the stray alone")
tap.eq(git("rev-parse", "refs/heads/held", cwd=repo).stdout, git("rev-parse", "HEAD", cwd=work).stdout, "the push itself went well")
hooks.set(post_receive=None)
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
