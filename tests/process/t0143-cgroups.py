#!/usr/bin/python3
"""A cgroup for each session: what leaves its session in every way is found by it and ended, what may outlive it does, and nothing is
left of it. Where the test may not make cgroups this is skipped."""
import atexit
import errno

from gate import *


def own_cgroup():
    """The directory of our own cgroup (v2), or None."""
    own = [line[3:] for line in read("/proc/self/cgroup").splitlines() if line.startswith("0::")]
    mounts = [line.split(" ") for line in read("/proc/self/mountinfo").splitlines() if " - cgroup2 " in line]
    return mounts[-1][4].rstrip("/") + own[0] if own and mounts and mounts[-1][3] == "/" else None


def delegate():
    """A cgroup that is left to the gate, as Delegate=yes does."""
    top = os.path.join(own_cgroup() or skip_all("there is no cgroup v2 here"), "git-gate-test.%d" % os.getpid())
    try:
        os.mkdir(top)
    except OSError as e:
        skip_all("no cgroup can be made here: " + os.strerror(e.errno))
    atexit.register(remove, top)
    if not os.path.exists(os.path.join(top, "cgroup.kill")):
        skip_all("the kernel has no cgroup.kill")
    if os.geteuid() == 0:       # only root has to be told
        try:
            os.setxattr(top, "user.delegate", b"1")
        except OSError as e:
            skip_all("no mark on a cgroup here: " + os.strerror(e.errno))
    return top


def remove(top):
    with open(os.path.join(top, "cgroup.kill"), "w") as f:
        f.write("1")
    wait_for(lambda: "populated 0" in read(os.path.join(top, "cgroup.events")), "the test's cgroup to be empty")
    for d, _, _ in os.walk(top, topdown=False):
        os.rmdir(d)


def below(d):
    return sorted(os.path.relpath(os.path.join(at, sub), d) for at, subs, _ in os.walk(d) for sub in subs)


def members(*where):
    return [int(p) for p in read(os.path.join(TOP, *where, "cgroup.procs")).split()]


TOP = delegate()
IN_TOP = ("sh", "-c", "echo $$ >%s/cgroup.procs && exec \"$@\"" % TOP, "-")
tap = Tap()

# --- in use, and not ----------------------------------------------------------------------------------------------------------

hooks = Hooks()
g = Gate({"deadline.hook": "2s"}, prefix=IN_TOP, hooks=hooks.dir)
g.hooks = hooks
base = "git-gate-" + g.instance
tap.eq((g.status()["cgroup"], g.status()["cgroup_unused"]), (os.path.join(TOP, base), None), "status has it")
tap.eq(len(g.events("gate.cgroup", message="each session is in a cgroup of its own, below " + os.path.join(TOP, base))), 1, "so has the log")
tap.ok("one for each session, below" in g.cli("status").stdout, "and status, for people")
tap.eq((members(), members(base), g.pid in members(base, "gate")), ([], [], True), "the gate is in a leaf of its own")

off = Gate({"reaper.cgroup": "off"}, prefix=IN_TOP)
tap.eq((off.status()["cgroup"], off.status()["cgroup_unused"]), (None, "reaper.cgroup=off"), "it can be turned off")
tap.ok(off.pid in members(), "then the gate stays where it is")
off.repo()
tap.eq(end(off.push(off.work("off")))[0], 0, "and serves")
off.stop()

if own_cgroup().count("/") > 3 or os.geteuid() == 0:
    plain = Gate()
    tap.eq(plain.status()["cgroup"], None, "a gate that nobody left a cgroup to has none", plain.status())
    tap.eq([e["priority"] for e in plain.events("gate.cgroup")], ["info"], "and says why, once, without noise", plain.events("gate.cgroup"))
    plain.stop()

# --- a session is in it ---------------------------------------------------------------------------------------------------------

repo = g.repo()
w = g.work("work")
latch = Latch()
hooks.set(pre_receive="cat >/dev/null; env >%s; cat /proc/self/cgroup >%s; %s" % (path("env"), path("cgroup"), latch.command))
p = g.push(w)
latch.reached()
sid = g.sessions()[0]["id"]
session = os.path.join(base, "session-" + sid)
tap.ok(("0::" + os.path.join(TOP, session)[len(TOP) - len(TOP[TOP.index("/git-gate-test"):]):]) in read(path("cgroup")),
       "a hook is in its session's cgroup", read(path("cgroup")))
tap.eq([v for v in read(path("env")).split("\n") if "CGROUP" in v], [], "and is told nothing of it")
in_it = set(members(session))
shown = {q["pid"] for q in g.ask("show", sid)["processes"]}
tap.ok(shown and shown <= in_it | {0}, "every process of the session is", shown, in_it)
latch.release()
tap.eq(end(p)[0], 0, "the push succeeds")
g.settle()
wait_for(lambda: below(os.path.join(TOP, base)) == ["gate"], "the session's cgroup to go")

# --- what gets away -------------------------------------------------------------------------------------------------------------

# twice forked, a session of its own, no environment, no pipe, another directory, and the first to be started is gone
ESCAPE = "(cd /; setsid env -i sh -c 'sh -c \"echo \\$\\$ >%s.new; mv %s.new %s; exec sleep 1000\" </dev/null >/dev/null 2>&1 &') </dev/null >/dev/null 2>&1"


def escape(name):
    mark = path(name)
    return "cat >/dev/null; %s; until [ -e %s ]; do sleep 0.01; done" % (ESCAPE % (mark, mark, mark), mark)


hooks.set(pre_receive="cat >/dev/null", post_receive=escape("one"))
commit(w, "second")
tap.eq(end(g.push(w))[0], 0, "a push whose hook lets a process get away")
one = int(read(path("one")))
wait_for(lambda: not alive(one), "the process to be ended")
strays = wait_for(lambda: g.events("session.stray"), "session.stray")
tap.ok(any(str(one) in e.get("pids", "") for e in strays), "it is found, said, and ended with its session after deadline.hook", strays)
g.settle()

# and one that is another process every 20 ms: nobody who was seen in the session, nor below anybody who was
CHAIN = path("chain.py")
with open(CHAIN, "w") as f:
    f.write("import os, time\nopen(__file__ + '.at', 'w').close()\nwhile True:\n    if os.fork():\n        os._exit(0)\n    os.setsid()\n    time.sleep(0.02)\n")
hooks.set(post_receive="cat >/dev/null; cd /; setsid env -i /usr/bin/python3 %s </dev/null >/dev/null 2>&1 & until [ -e %s.at ]; do sleep 0.01; done" % (CHAIN, CHAIN))
commit(w, "chain")
before = len(g.events("session.stray"))
tap.eq(end(g.push(w))[0], 0, "a push whose hook lets a chain of processes get away")
wait_for(lambda: len(g.events("session.stray")) > before, "session.stray")
last = g.events("session.opened")[-1]["session"]
tap.ok(members(base, "session-" + last), "it lives for as long as such may")
wait_for(lambda: not g.sessions(), "the session to end")
tap.eq([(e["message"], e.get("session")) for e in g.events("session.stray")[before:]],
       [("a hook left processes behind; they are ended after deadline.hook", last)], "it is the session's, which ends it")
wait_for(lambda: below(os.path.join(TOP, base)) == ["gate"], "the session's cgroup to go, so nobody is in it")

hooks.set(post_receive=None, pre_receive=escape("two") + "; " + latch.command)
commit(w, "third")
p = g.push(w)
latch.reached()
two = int(read(path("two")))
g.cli("kill", g.sessions()[0]["id"], "--reason", "test")
code, out = end(p)
tap.ok(code != 0, "a session that is ended by an operator", out)
wait_for(lambda: not alive(two), "what got away from it to be ended")
tap.ok(True, "takes along what got away from it")
g.settle()
wait_for(lambda: below(os.path.join(TOP, base)) == ["gate"], "no cgroup to be left")

# --- what may stay --------------------------------------------------------------------------------------------------------------

gc = path("gc")
with open(gc, "w") as f:
    f.write("sh -c 'echo $$ >%s.child.new; mv %s.child.new %s.child; exec sleep 1000' &\necho $$ >%s.pid.new; mv %s.pid.new %s.pid\nwait\n" % ((gc,) * 6))
hooks.set(pre_receive="cat >/dev/null", post_receive="cat >/dev/null; cd %s; setsid bash -c 'exec -a git bash gc' </dev/null >/dev/null 2>&1 &" % TMP)
commit(w, "fourth")
tap.eq(end(g.push(w))[0], 0, "a push that starts gc")
wait_for(lambda: read(gc + ".pid") and read(gc + ".child"), "the gc to run")
gcs = [int(read(gc + ".pid")), int(read(gc + ".child"))]
wait_for(lambda: not g.sessions(), "the session to end")
wait_for(lambda: below(os.path.join(TOP, base)) == ["gate"], "its session's cgroup to go")
tap.ok(all(map(alive, gcs)), "detached gc outlives its session, with what it started")
tap.ok(set(gcs) <= set(members(base, "gate")), "in the gate's leaf", members(base, "gate"), gcs)

# --- another user's ------------------------------------------------------------------------------------------------------------

def as_nobody():
    """A hook that starts a set-user-ID program: an ordinary user's signals do not reach that, but its cgroup does."""
    if os.geteuid() != 0:
        return tap.skip("a process of another user", "not root")
    for d in TMP, g.hooks.dir:
        os.chmod(d, 0o755)
    become = path("become")
    shutil.copy("/usr/bin/setpriv", become)
    os.chmod(become, 0o4755)
    top = os.path.join(TOP, "nobody")
    os.mkdir(top)
    u = Gate({"deadline.hook": "2s"}, hooks=g.hooks.dir, start=False, prefix=(
        "sh", "-c", "echo $$ >%s/cgroup.procs && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"" % top, "-"))
    u.repo()
    for d, subs, files in list(os.walk(u.dir)) + [(top, [], ["cgroup.procs"])]:
        for name in [""] + files:
            os.chown(os.path.join(d, name), 65534, 65534)
    u.start()
    tap.ok(u.status()["cgroup"], "an ordinary user has cgroups where he is left them", u.status()["cgroup_unused"])
    os.mkdir(path("marks"))
    os.chmod(path("marks"), 0o777)
    mark = path("marks", "suid")
    g.hooks.set(post_receive="cat >/dev/null; %s --reuid 0 --regid 0 --clear-groups sleep 1000 </dev/null >/dev/null 2>&1 & "
                "echo $! >%s; until grep -q \"^Uid:.0.0.0\" /proc/$!/status; do sleep 0.01; done" % (become, mark))
    code, out = end(u.push(w))
    tap.eq(code, 0, "a push whose hook starts a set-user-ID program", out)
    pid = int(read(mark))
    tap.ok(" 0\t0\t0\t0" in read("/proc/%d/status" % pid).replace("Uid:\t", " "), "which becomes another user", read("/proc/%d/status" % pid))
    wait_for(lambda: not alive(pid), "it to be ended")
    wait_for(lambda: not u.sessions(), "the session to end")
    shown = u.ask("show", u.events("session.opened")[0]["session"])
    tap.eq(shown["steps"], ["kill-hook", "kill-all"], "is ended by cgroup.kill", shown)
    u.stop()
    tap.eq(below(top), [], "and nothing is left")
    os.rmdir(top)


as_nobody()

# --- many -----------------------------------------------------------------------------------------------------------------------

hooks.set(pre_receive="cat >/dev/null")
failed = []


def some():
    for _ in range(5):
        if git("ls-remote", g.url("r.git"), check=False).returncode:
            failed.append(1)


threads = [threading.Thread(target=some) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
tap.eq(failed, [], "40 sessions are served")
wait_for(lambda: not g.sessions(), "the session to end")
wait_for(lambda: below(os.path.join(TOP, base)) == ["gate"], "no cgroup to be left of 40 sessions")
tap.eq([e for e in g.reaped() if e["reason"] not in ("hook", "operator")], [], "and none was ended")

# --- the gate dies --------------------------------------------------------------------------------------------------------------

other = Gate(prefix=IN_TOP)     # of another instance, in the same place
other.repo("o.git")
bystander = Raw(other, repo="o.git")
bystander.advertisement()
hooks.set(pre_receive=escape("three") + "; " + latch.command, post_receive=None)
commit(w, "sixth")
p = g.push(w)
latch.reached()
three = int(read(path("three")))
os.kill(g.pid, signal.SIGKILL)
g.process.wait(PATIENCE)
tap.ok(alive(three), "what got away outlives a gate that is killed")
g.start()
wait_for(lambda: not alive(three), "the next gate to end it")
tap.ok(True, "and is ended by the next one")
end(p)
wait_for(lambda: not g.sessions(), "the session to end")
wait_for(lambda: base not in below(TOP), "the cgroup of the gate that died to go")
base = "git-gate-" + g.instance
tap.ok(all(map(alive, gcs)) and set(gcs) <= set(members(base, "gate")), "but gc goes on", members(base, "gate"))
tap.ok("git-gate-%s/gate" % other.instance in below(TOP) and other.sessions(), "another gate is left alone", below(TOP))
bystander.close()
hooks.set(pre_receive="cat >/dev/null")
tap.eq(end(g.push(w))[0], 0, "it serves")
wait_for(lambda: not g.sessions(), "the session to end")

# --- and stops ------------------------------------------------------------------------------------------------------------------

other.stop()
g.stop()
tap.eq(below(TOP), [], "nothing is left of gates that have stopped")
tap.ok(all(map(alive, gcs)) and set(gcs) <= set(members()), "gc is where the gate was started", members())
finish(tap, g, other)
