#!/usr/bin/python3
"""cgrouplimits.py - a gate in a cgroup that allows few processes, or little memory: run by r0011-limits.sh, as root."""
import atexit
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from gate import *                              # noqa: E402

tap = Tap()
LONG = {"deadline." + k: "10m" for k in ("init", "commands", "packStart", "idle", "hook", "wait")}
MEMORY, BLOB = 64 << 20, 160 << 20


def write(file, text):
    with open(file, "w") as f:
        f.write(str(text))


def places(controller):
    """Directories in which a cgroup with that controller may be made, and whether it is version 2."""
    own = {name: line.split(":")[2] for line in read("/proc/self/cgroup").splitlines() for name in line.split(":")[1].split(",")}
    for line in read("/proc/self/mountinfo").splitlines():
        f = line.split(" ")
        kind, options = f[f.index("-") + 1], f[-1].split(",")
        if kind == "cgroup" and controller in options and f[3] == "/":
            yield f[4] + own[controller], False
        elif kind == "cgroup2" and f[3] == "/" and controller in read(f[4] + "/cgroup.controllers").split():
            yield f[4], True


class Limit:
    """A cgroup of the test's own, in which a gate is started."""

    FILES = {("pids", False): "pids.max", ("pids", True): "pids.max", ("memory", False): "memory.limit_in_bytes", ("memory", True): "memory.max"}

    def __init__(self, controller):
        self.controller, why = controller, "there is no such controller"
        for top, self.v2 in places(controller):
            self.dir = os.path.join(top.rstrip("/"), "git-gate-test.%d" % os.getpid())
            try:
                if self.v2 and controller not in read(top + "/cgroup.subtree_control").split():
                    write(top + "/cgroup.subtree_control", "+" + controller)
                os.mkdir(self.dir)
                atexit.register(self.remove)
                self.set("max" if self.v2 else -1)
                self.why = ""
                return
            except OSError as e:
                why = "%s: %s" % (top, e)
        self.why = why

    def set(self, value):
        write(os.path.join(self.dir, self.FILES[self.controller, self.v2]), "max" if value == -1 and self.controller == "pids" else value)

    def count(self):
        return int(read(os.path.join(self.dir, "pids.current")))

    def killed(self):
        """How many the OOM killer has taken."""
        text = read(os.path.join(self.dir, "memory.events" if self.v2 else "memory.oom_control"))
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))

    def prefix(self):
        return ["sh", "-c", "echo $$ >%s/cgroup.procs && exec \"$@\"" % self.dir, "sh"]

    def remove(self):
        wait_for(lambda: not read(os.path.join(self.dir, "cgroup.procs")), "the test's cgroup to be empty")
        os.rmdir(self.dir)


def start(limit, **kw):
    g = Gate({"listen.http": "127.0.0.1:0", **LONG}, prefix=limit.prefix(), **kw)
    g.repo("r.git", "receive.unpackLimit=1")
    g.idle = g.idle_fds()
    return g


def serves(g, what):
    repo = os.path.join(g.base, "r.git")
    for url in g.url, g.http:
        commit(seed, "f", "%s %d\n" % (what, tap.n))
        r = git("push", "-q", url("r.git"), "HEAD:refs/heads/n%d" % tap.n, cwd=seed, check=False)
        s = git("ls-remote", url("r.git"), check=False)
        tap.eq((r.returncode, s.returncode), (0, 0), "%s: afterwards %s serves" % (what, url("").split(":")[0]), r.stderr, s.stderr)
    wait_for(lambda: not g.sessions() and not g.processes() and not leftovers(repo), "%s: nothing to be left" % what)
    wait_for(lambda: fd_count(g.pid) <= g.idle, "%s: no descriptor to be left" % what)
    tap.eq(fsck(repo), "", "%s: fsck is clean" % what)
    tap.eq(g.reaped(), [], "%s: nobody was ended by the gate" % what)


seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
oid, pack = pack_of(seed)

# --- processes ----------------------------------------------------------------------------------------------------------------------------

limit = Limit("pids")
if limit.why:
    tap.skip("pids.max", "no cgroup that bounds processes can be had here: " + limit.why)
else:
    g = start(limit)
    limit.set(limit.count() + 16)
    clients = [Raw(g) for _ in range(32)]
    wait_for(lambda: [e for e in g.events("gate.limited") if "start a session" in e["message"]], "the gate to say what it lacks")
    wait_for(lambda: g.status()["waiting"], "clients to wait")
    told = []
    for c in clients:
        told.append(c.read_packet())
        c.s.sendall(b"0000")
        c.rest()
        c.close()
    # git of those that begin at once does not get a process, which are more on a fast machine; from then on the gate knows that there are too few
    served = [t for t in told if t and b"capabilities^{}" in t]
    excused = [t for t in told if t and t.startswith(b"ERR git-gate: git ended before it answered")]
    tap.eq(len(served) + len(excused), len(clients), "pids.max is reached while sessions begin: every client is served, or told that it was not", told)
    tap.ok(len(served) >= 4, "some of them are served (%d of %d)" % (len(served), len(clients)))
    tap.ok(not excused or [e for e in g.events("session.log") if "Resource temporarily unavailable" in e["message"]], "the log has why", g.events("session.log"))
    tap.eq((g.events("session.refused"), g.status()["refused"]), ([], 0), "pids.max: none that waits is refused")
    serves(g, "pids.max")

    # a push whose pack cannot be taken for want of a process
    c = Raw(g)
    c.advertisement()
    wait_for(lambda: [s for s in g.sessions() if s["phase"] == "commands"], "a push that begins")
    limit.set(limit.count())
    c.commands(oid, "refs/heads/never")
    c.s.sendall(pack)
    said = c.rest()
    limit.set(-1)
    note("pids.max: %r" % said)
    tap.ok(b"Resource temporarily unavailable" in said or b"unpack" in said, "pids.max: a push that gets no process is told so", said)
    tap.ok(b"ok refs/heads/never" not in said, "and not that it was taken", said)
    wait_for(lambda: [e for e in g.events("session.log") if "Resource temporarily unavailable" in e["message"]], "the log to have it")
    c.close()
    serves(g, "a push without a process")
    tap.eq(g.stop(), 0, "pids.max: the gate stops cleanly", g.text()[-2000:])

# --- memory -------------------------------------------------------------------------------------------------------------------------------

limit = Limit("memory")
if limit.why:
    tap.skip("memory.max", "no cgroup that bounds memory can be had here: " + limit.why)
else:
    g = start(limit)
    big = path("big")
    git("clone", "-q", seed, big)
    with open(os.path.join(big, "zeros"), "wb") as f:
        f.truncate(BLOB)
    git("add", "zeros", cwd=big)
    git("commit", "-qm", "zeros", cwd=big)
    limit.set(MEMORY)
    for url in g.url, g.http:
        what = "memory.max, %s" % url("").split(":")[0]
        before = limit.killed()
        r = git("push", url("r.git"), "HEAD:refs/heads/never", cwd=big, check=False)
        note("%s: %r" % (what, r.stderr))
        tap.ok(limit.killed() > before, "%s: the OOM killer takes one" % what, r.stderr)
        tap.ok(r.returncode and "index-pack" in r.stderr, "%s: it is index-pack, and the pusher is told" % what, r.stderr)
        tap.ok(wait_for(lambda: [e for e in g.events("session.log") if "signal 9" in e["message"]], "the log to have it"), "%s: so is the log" % what)
    tap.ok(g.process.poll() is None and g.status()["pid"] == g.pid, "memory.max: the gate is not the one that goes")
    serves(g, "memory.max")
    tap.eq(g.stop(), 0, "memory.max: the gate stops cleanly", g.text()[-2000:])
tap.done()
