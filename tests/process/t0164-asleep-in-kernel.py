#!/usr/bin/python3
"""A process that sleeps in the kernel (state D) and no signal ends, with its address space locked, below a hook: the gate looks at it without
waiting for it, serves everybody else, says that it cannot end it, and ends it when that is possible; so does the gate after one that was killed.

A file system that does not answer makes it (fuse.py), in a mount namespace of the test's own.
"""
import os
import subprocess
import sys

WITHIN = "GIT_GATE_TEST_NAMESPACE"
if WITHIN not in os.environ:
    tried = []
    for way in (["unshare", "-m"], ["unshare", "-Urm"]):
        r = subprocess.run(way + [sys.executable, "-c", "import os; os.close(os.open('/dev/fuse', os.O_RDWR))"], capture_output=True, text=True)
        if r.returncode == 0:
            os.execvpe(way[0], way + [sys.executable, os.path.abspath(__file__)], {**os.environ, WITHIN: "1"})
        tried.append(" ".join(way) + ": " + (r.stderr.strip().splitlines() or ["fails"])[-1])
    print("1..0 # SKIP needs a mount namespace and /dev/fuse: " + "; ".join(tried))
    sys.exit(0)

from fuse import Unanswering                    # noqa: E402
from gate import *                              # noqa: E402

tap = Tap()
hooks = Hooks(pre_receive="cat >/dev/null; [ ! -x in-hook ] || ./in-hook")
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "deadline.hook": "1s", "deadline.drain": "1s"}, hooks=hooks.dir)
g.settings.update({"listen.git": "127.0.0.1:%d" % g.port, "listen.http": "127.0.0.1:%d" % g.http_port})
for name in "r.git", "pinned.git", "slow.git":
    g.repo(name, "receive.unpackLimit=1")
work = g.work("work")
oid, pack = pack_of(work)
pushed = 0


def served(what):
    """A push and a fetch on each transport, and the gate answers."""
    global pushed
    for url in g.url("r.git"), g.http("r.git"):
        pushed += 1
        commit(work, "f%d" % pushed)
        r = git("push", "-q", url, "HEAD:main", cwd=work, check=False, timeout=PATIENCE)
        s = git("ls-remote", url, "main", check=False, timeout=PATIENCE)
        tap.ok(r.returncode == 0 and git("rev-parse", "HEAD", cwd=work).stdout.strip() in s.stdout, "%s: %s serves" % (what, url.split(":")[0]),
               r.stderr, s.stdout, s.stderr)
    tap.eq(g.cli("health").returncode, 0, "%s: the gate answers" % what)


def push_pinned(fs, how):
    """A push to pinned.git whose hook has one that sleeps; returns the push and its pid. how: a line of sh, with %s for the command."""
    mark = path("mark")
    if os.path.exists(mark):
        os.unlink(mark)
    put_script(os.path.join(g.base, "pinned.git", "in-hook"), how % " ".join(fs.pin(mark)))
    p = popen(["git", "push", g.url("pinned.git"), "HEAD:main"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p, fs.pinned(mark)


def tidy(what, pid):
    wait_for(lambda: not alive(pid), "%s: the sleeper to go" % what)
    wait_for(lambda: not [s for s in g.sessions() if s["repo"] == "pinned.git"], "%s: its session to go" % what)
    d = os.path.join(g.base, "pinned.git")
    wait_for(lambda: not leftovers(d), "%s: leftovers to be removed" % what)
    tap.eq(fsck(d), "", "%s: fsck is clean" % what)
    wait_for(lambda: fd_count(g.pid) <= idle, "%s: no descriptor to be left: %d, %d before" % (what, fd_count(g.pid), idle))


served("before")
g.settle()
slow = Raw(g, repo="slow.git")
slow.advertisement()
slow.commands(oid, "refs/heads/topic")
slow.s.sendall(pack[:30])
wait_for(lambda: [s["phase"] for s in g.sessions()] == ["pack"], "a healthy push that takes its time")
idle = fd_count(g.pid)

# --- below a hook ----------------------------------------------------------------------------------------------------------------
fs = Unanswering()
p, pid = push_pinned(fs, "%s &\nwait")
sid = next(s["id"] for s in g.sessions() if s["repo"] == "pinned.git")
shown = g.ask("show", sid)
tap.ok(pid in [q["pid"] for q in shown["processes"]], "it is shown", shown)
served("one sleeps in the kernel")
stray = wait_for(lambda: g.events("session.stray", session=sid), "the gate to say that it cannot end it")[0]
tap.ok(str(pid) in stray["pids"].split(","), "session.stray names it", stray)
tap.ok(state(pid) == "D", "it sleeps yet, though it was killed")
served("one sleeps, and was killed")
tap.eq((p.poll(), len([s for s in g.sessions() if s["repo"] == "slow.git"])), (None, 1), "nobody else was ended")
fs.end()
code, out = end(p)
tap.ok(code == 1 and "pre-receive hook declined" in out, "the file system answers: it ends, git cleans up and reports", out)
tidy("below a hook", pid)
tap.eq([(r["repo"], r["reason"]) for r in g.reaped()], [("pinned.git", "hook")], "one session was ended, for its hook")

# --- the gate is killed meanwhile; what is left is the sleeper alone ------------------------------------------------------------------
fs = Unanswering()
p, pid = push_pinned(fs, "setsid %s </dev/null >/dev/null 2>&1 &\nwait")
os.kill(g.pid, signal.SIGKILL)
g.process.wait(PATIENCE)
dead = g.instance
for q in [q for q in pids() if q != pid and state(q) != "D" and ("GIT_GATE_INSTANCE=" + dead).encode() in read("/proc/%d/environ" % q, "rb").split(b"\0")]:
    os.kill(q, signal.SIGKILL)
end(p)
slow.close()
begun = time.monotonic()
g.start()
note("the next gate was ready after %.1f s" % (time.monotonic() - begun))
served("after a gate that was killed")
said = wait_for(lambda: [e for e in g.events("gate.predecessor") if "state D" in e["message"]], "the gate to say whom it cannot look into")
tap.ok(str(pid) in said[0]["pids"].split(","), "gate.predecessor says whom it cannot look into", *said)
tap.eq(state(pid), "D", "it sleeps yet")
idle = fd_count(g.pid)
fs.end()
wait_for(lambda: not alive(pid), "the sleeper to be ended when it wakes up")
tap.ok(True, "the next gate ends it when it wakes up")
tidy("after a gate that was killed", pid)

# --- the gate is told to stop meanwhile -------------------------------------------------------------------------------------------------
fs = Unanswering()
p, pid = push_pinned(fs, "%s &\nwait")
begun = time.monotonic()
os.kill(g.pid, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "it stops without it, with 0", g.text()[-2000:])
note("it stopped after %.1f s" % (time.monotonic() - begun))
tap.ok([e for e in g.events("gate.error") if "could not be ended" in e["message"]], "and says that it could not end it", g.text()[-2000:])
tap.eq(state(pid), "D", "it sleeps yet")
fs.end()
wait_for(lambda: not alive(pid), "the sleeper to go")
tap.ok(True, "and ends when it wakes up, for it was killed")
end(p)
tap.done()
