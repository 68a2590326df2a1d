#!/usr/bin/python3
"""A hook that hangs ends at deadline.hook with all that it started; receive-pack survives to report; no lock is left."""
from gate import *

HOOK = 2.0
tap = Tap()
hooks = Hooks()
g = Gate({"deadline.hook": "2s", "deadline.idle": "1s"}, hooks=hooks.dir)
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
marks = path("marks")


def marked():
    """Processes that a hook of this test left its mark on: they sleep for a number of seconds that nobody else uses."""
    return [p for p in pids() if cmdline(p) in ("sleep 7777", "sleep 7778", "sleep 7779")]


# The same subtree for each: a child, a grandchild in its own session, a double fork that is nobody's child, and one that has also cleared its
# environment after it was seen. All ignore what can be ignored.
SUBTREE = """
trap '' HUP TERM INT
sleep 7777 &
setsid sleep 7778 &
( ( setsid env -i sleep 7779 >/dev/null 2>&1 & ) & )
sleep 7777
"""
CASES = [
    # name, script, does the push succeed, text the pusher sees
    ("pre_receive", "cat >/dev/null; echo begun >&2;" + SUBTREE, False, "pre-receive hook declined"),
    ("update", "echo begun >&2;" + SUBTREE, False, "hook declined"),
    ("post_receive", "cat >/dev/null; echo begun >&2;" + SUBTREE, True, ""),
    ("reference_transaction", 'cat >/dev/null; [ "$1" = prepared ] || exit 0;' + SUBTREE, False, None),
]

for n, (name, script, succeeds, text) in enumerate(CASES):
    ref = "refs/heads/%s" % name
    hooks.set(**{name: script})
    commit(work, "file-%s" % name)
    begun = time.monotonic()
    p = popen(["git", "push", "origin", "HEAD:" + ref], cwd=work, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(marked()) >= 4, "%s to have its subtree" % name)
    up = time.monotonic()
    err = p.communicate(timeout=PATIENCE)[1]
    took = time.monotonic() - begun
    rec = wait_for(lambda: (lambda all_: all_[: len(all_) - n])(g.reaped(reason="hook")), "the record of " + name)[0]
    tap.eq((rec["phase"], rec["key"], rec["limit_ms"]), ("hook", "deadline.hook", 2000), "%s: phase, key and limit" % name)
    tap.ok(took >= HOOK, "%s: not before the deadline (%.2fs)" % (name, took))
    tap.ok(took <= (up - begun) + HOOK + 2 * SAMPLE + GRACE + BUSY, "%s: soon after it (%.2fs)" % (name, took), rec)
    tap.eq(p.returncode == 0, succeeds, "%s: exit status %d" % (name, p.returncode), err)
    if text is None:
        # git 2.39 itself dies when this hook fails, after it has let go of its locks: it is not the gate that ended it
        tap.ok([e for e in g.events("session.log", session=rec["id"]) if "ref updates aborted by hook" in e["message"]],
               "%s: receive-pack lived to say why, in the log" % name, g.events(session=rec["id"]))
    else:
        tap.ok(text in err, "%s: receive-pack lived to report" % name, err)
    tap.eq(rec["steps"], ["kill-hook"], "%s: only the hook was signalled" % name)
    g.settle()
    tap.eq([cmdline(q) for q in marked()], [], "%s: its whole subtree is gone" % name)
    wait_for(lambda: not leftovers(repo), "leftovers of %s" % name)
    tap.eq(leftovers(repo), [], "%s: no lock, no quarantine is left" % name)
    tap.eq(fsck(repo), "", "%s: fsck is clean" % name)
    hooks.set(**{name: None if name != "pre_receive" else "cat >/dev/null"})
    tap.eq(git("push", "-q", "--force", "origin", "HEAD:" + ref, cwd=work, check=False).returncode, 0,
           "%s: the next push to the same ref succeeds" % name)

# git goes on with the next reference, whose hook has a deadline of its own
hooks.set(update='case $1 in *slow) exec sleep 777770;; esac')
commit(work, "several")
known = len(g.reaped())
r = git("push", "origin", *("HEAD:refs/heads/" + b for b in ("a-slow", "b-slow", "c-quick")), cwd=work, check=False)
tap.ok(r.returncode and r.stderr.count("[remote rejected]") == 2 and re.search(r"\[new branch\] +HEAD -> c-quick", r.stderr), "two of three update hooks hang: the third reference is taken", r.stderr)
g.settle()
rec = g.reaped()[:len(g.reaped()) - known]
tap.eq([(e["reason"], e["key"]) for e in rec], [("hook", "deadline.hook")], "and it is recorded once", rec)
tap.eq([cmdline(q) for q in pids() if cmdline(q) == "sleep 777770"], [], "no hook is left")
hooks.set(update=None)

# the operator ends a session inside a reference transaction: the hook goes, receive-pack is never signalled before that
hooks.set(reference_transaction=CASES[3][1])
commit(work, "operator")
p = popen(["git", "push", "origin", "HEAD:refs/heads/operator"], cwd=work, stderr=subprocess.PIPE, text=True)
wait_for(lambda: len(marked()) >= 4, "the transaction's hook")
session = wait_for(lambda: g.sessions(), "the session")[0]
tap.eq(session["phase"], "hook", "phase hook")
tap.eq(g.cli("kill", session["id"], "--reason", "test").returncode, 0, "git-gate kill")
err = p.communicate(timeout=PATIENCE)[1]
g.settle()
hooks.set(reference_transaction=None)
rec = g.reaped(id=session["id"])[0]
tap.eq((rec["reason"], rec["key"]), ("operator", None), "recorded as the operator's")
tap.eq(rec["steps"][0], "kill-hook", "the hook first", rec)
wait_for(lambda: not leftovers(repo), "leftovers")
tap.eq(leftovers(repo), [], "no lock is left")
tap.eq(git("push", "-q", "--force", "origin", "HEAD:refs/heads/operator", cwd=work, check=False).returncode, 0, "the next push succeeds")
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
