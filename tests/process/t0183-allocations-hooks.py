#!/usr/bin/python3
"""Allocations of git-gate-hook that fail, one by one: a push is refused, or goes through whole; what the scanner finds gets through in no case;
a fetch is refused, or served what upstream has. A sample by chance (SEED=), each one with ALLOC=all.
"""
from allocbench import *

from scanrepo import GREP, KEY

tap = Tap()
if not alloc.works():
    skip_all("a sanitizer has an allocator of its own")
if missing():
    skip_all(missing())
sweeps = alloc.Sweeps(tap)
steps = path("steps")
for kind in "pre-receive.d", "post-receive.d":
    os.makedirs(os.path.join(steps, kind))
    put_script(os.path.join(steps, kind, "count"), "grep -c . >>%s" % path("counted"))
bench = AllocBench({"hook.dir": steps, "hook.allowForce": "false"})
put_script(path("scanner"), GREP)
t = Trial(bench, bench.gate().start())
tap.eq(t.wrong(), [], "nothing fails: all is well")
t.before = t.g.idle_fds()


def suffer(where, action, sample):
    s = Suffering(t, where, action)
    sweeps.sweep("%s, %s" % (where, action), s.once, s.total, sample, bench.faults, s.program)


suffer("pre-receive", "push", 10)
suffer("post-receive", "push", 3)
suffer("hook-refresh", "fetch", 4)
if sweeps.all:
    suffer("pre-receive", "push-http", 0)
    suffer("hook-refresh", "fetch-http", 0)


# --- a secret ------------------------------------------------------------------------------------------------------------

secret = path("secret")
git("clone", "-q", t.l, secret)
commit(secret, "key", "key = %s\n" % KEY)


def once(n):
    bench.watch("pre-receive")
    bench.faults.arm(n)
    r = git("push", t.g.url("l.git"), "HEAD:refs/heads/secret", cwd=secret, check=False, timeout=HANG)
    t.settled()
    bench.faults.disarm()
    bench.forget_plans()
    if r.returncode == 0 or ids(t.l, "secret"):
        return "a secret got through: %s" % r.stderr
    return "" if "made-up-key" in r.stderr or "emory" in r.stderr else "it is not said why: %s" % r.stderr


tap.eq(once(0), "", "a secret is found")
sweeps.sweep("pre-receive, a secret", once, bench.faults.count, 8, bench.faults, bench.real("pre-receive"))
tap.eq(t.wrong(), [], "and all is well")
tap.eq(t.g.stop(), 0, "it stops with 0")
sweeps.done()
