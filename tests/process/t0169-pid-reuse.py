#!/usr/bin/python3
"""A number that becomes another process's between the gate's look and what it does about it: nobody but those of a session is ever ended, by the reaper, by
the gate that stops, or by a hook's time limit; sessions whose root has the number of an older one's are kept apart; and records are right where numbers are
given again all the time."""
from pidnumbers import *

tap = Tap()
need_numbers()

MARK = path("mark")
SAY = "echo $! >%s.new; mv %s.new %s" % (MARK, MARK, MARK)
LONE = "sleep 1000 & %s; wait; sleep 1001" % SAY
FAMILY = "sh -c 'sleep 1000 & echo $! >%s.child; wait; exit' & %s; wait; sleep 1001" % (MARK, SAY)


def marked():
    """The number that a script has noted, once."""
    pid = int(wait_for(lambda: read(MARK), "the script to be there"))
    os.unlink(MARK)
    return pid


def served(g, work, what):
    code, out = end(g.push(work, "after-%d" % tap.n))
    tap.eq(code, 0, "%s: a push succeeds afterwards" % what, out)
    wait_for(lambda: not g.sessions() and not leftovers(os.path.join(g.base, "r.git")), "%s: nothing to be left" % what)
    tap.eq(fsck(os.path.join(g.base, "r.git")), "", "%s: fsck is clean" % what)
    wait_for(lambda: fd_count(g.pid) <= g.idle, "%s: no descriptor to be left" % what)


def gate(settings=None, **scripts):
    hooks = Hooks(**scripts)
    g = Gate({**PATIENT, **(settings or {})}, hooks=hooks.dir)
    g.hooks = hooks
    g.repo()
    g.idle = g.idle_fds()
    return g


def another(pid):
    """One that is nobody's, with a child."""
    at = replace(pid, "/bin/sh", "-c", "sleep 998 & wait")
    return at, wait_for(lambda: [p for p in tree(at) if p != at], "it to have a child")[0]


# --- the reaper ends a session ------------------------------------------------------------------------------------------------------------

g = gate(pre_receive="cat >/dev/null")
work = g.work("work")
for what, script, file in (("a child that was listed", LONE, "/proc/%d/stat"), ("a parent whose children are asked for", FAMILY, "/proc/%d/task/%d/children"),
                           ("one that was looked at", LONE, "/proc/%d/io")):
    g.hooks.set(pre_receive="cat >/dev/null; " + script)
    commit(work, "f%d" % tap.n)
    p = g.push(work, "n%d" % tap.n)
    pid = marked()
    s = g.sessions()[0]
    held = Held(g.pid, file.replace("%d", str(pid)))
    asked = popen([GATE, "kill", s["id"], "--reason", "test", "--control", g.control], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held.arrived()
    family = another(pid)
    tap.ok(held.over(), "%s: its number is another's while the gate looks" % what)
    code, out = end(p)
    asked.wait(PATIENCE)
    tap.ok(code and "rejected" in out or "hung up" in out, "%s: the session is ended" % what, out)
    g.settle()
    tap.eq([alive(q) for q in family], [True, True], "%s: who has the number now is left alone, and its child" % what, g.events("session.reaped"))
    tap.eq([(r["id"], r["reason"], r["pid"]) for r in g.reaped()[:1]], [(s["id"], "operator", s["pid"])], "%s: the record is right" % what, g.reaped()[:1])
    g.hooks.set(pre_receive="cat >/dev/null")
    served(g, work, what)

# --- two sessions whose roots have the same number ------------------------------------------------------------------------------------------

oid, pack = pack_of(work)
STRAY = "cat >/dev/null; %s env -i PATH=\"$PATH\" sleep 1000 </dev/null >/dev/null 2>&1 & " + SAY
g.hooks.set(post_receive=STRAY.replace("env -i PATH=\"$PATH\"", "") % "setsid")


def pushed(ref):
    """A push by a client that starts no process; its session and the process that its hook left behind."""
    c = Raw(g)
    c.advertisement()
    c.commands(oid, "refs/heads/" + ref)
    c.s.sendall(pack)
    said = c.rest()
    c.close()
    return said, marked()


said, one = pushed("one")
tap.ok(b"ok refs/heads/one" in said, "a push whose hook leaves a process behind", said)
first = wait_for(lambda: [s for s in g.sessions() if s["phase"] == "closing"], "its session to wait for it")[0]
wait_for(lambda: gone(first["pid"]), "its root to be gone")
g.hooks.set(post_receive=STRAY % "")            # in the session of the root, and with nothing else that tells whose it is
for attempt in range(50):
    next_number(first["pid"])
    c = Raw(g)
    c.advertisement()
    root = [s for s in g.sessions() if s["id"] != first["id"] and s["phase"] != "closing"][0]["pid"]
    if root == first["pid"]:
        break
    c.s.sendall(b"0000")
    c.close()
c.commands(oid, "refs/heads/two")
c.s.sendall(pack)
said, two = c.rest(), marked()
c.close()
tap.ok(root == first["pid"] and b"ok refs/heads/two" in said, "another one, whose root has the number of the first's (attempt %d)" % attempt, said)
second = wait_for(lambda: [s for s in g.sessions() if s["id"] != first["id"] and s["phase"] == "closing"], "it to wait for what its hook left")[0]


def shown(s):
    return sorted(p["pid"] for p in g.ask("show", s["id"])["processes"])


tap.eq((shown(first), shown(second)), ([one], [two]), "each has what its own hook left behind, and nothing else")
g.cli("kill", first["id"], "--reason", "test")
wait_for(lambda: not [s for s in g.sessions() if s["id"] == first["id"]], "the first to end")
tap.eq((alive(one), alive(two)), (False, True), "the end of the first leaves the second's alone")
g.cli("kill", second["id"], "--reason", "test")
g.settle()
tap.ok(not alive(two), "and the end of the second ends it")
g.hooks.set(post_receive=None)
served(g, work, "two roots of a number")

# --- numbers that are given again all the time -------------------------------------------------------------------------------------------------

over = threading.Event()


def turn_back():
    while not over.wait(0.003):
        next_number(400)


turner = threading.Thread(target=turn_back, daemon=True)
turner.start()
results = []
before = len(g.events("session.closed"))
for i in range(8):
    some = [popen(["git", "push", "-q", g.url("r.git"), "HEAD:refs/heads/s%d-%d" % (i, j)], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for j in range(3)]
    results += [end(p) for p in some]
over.set()
turner.join()
wait_for(lambda: not g.sessions(), "the sessions to end")
tap.eq([out for code, out in results if code], [], "24 pushes where numbers are given again and again succeed")
closed = g.events("session.closed")[before:]
tap.eq([e["message"].split(";")[0] for e in closed], ["exit status 0"] * len(results), "each session's end is recorded, with its status")
tap.eq(len([r for r in g.reaped() if r["reason"] != "operator"]), 0, "and none was ended by the gate")
served(g, work, "numbers given again")

# --- the gate stops --------------------------------------------------------------------------------------------------------------------------


def leaving(script):
    """A gate whose service leaves that behind, where nothing but ancestry tells whose it is, and the number that it notes."""
    helper = path("helper")
    put_script(helper, "PATH=%s\n(cd /; setsid env -i PATH=\"$PATH\" /bin/sh -c '. %s.left' </dev/null >/dev/null 2>&1 &)\nexec sleep 1000" % (ENV["PATH"], helper))
    with open(helper + ".left", "w") as f:
        f.write(script)
    g = Gate({"service.s.command": helper, "service.s.killAfter": "500ms"})
    return g, marked()


tap.eq(g.stop(), 0, "it stops cleanly", g.text()[-2000:])
for what, script, file in ("a child that was listed", LONE, "/proc/%d/stat"), ("a parent whose children are asked for", FAMILY, "/proc/%d/task/%d/children"):
    g, pid = leaving(script)
    held = Held(g.pid, file.replace("%d", str(pid)))
    os.kill(g.pid, signal.SIGTERM)
    held.arrived()
    family = another(pid)
    tap.ok(held.over(), "%s: its number is another's while the gate that stops looks" % what)
    tap.eq(g.process.wait(PATIENCE), 0, "%s: it stops with 0" % what, g.text()[-2000:])
    tap.eq([alive(q) for q in family], [True, True], "%s: who has the number now outlives the gate, with its child" % what)
    tap.ok(not [p for p in pids() if cmdline(p) == "sleep 1001" and alive(p)], "%s: what services left does not" % what)

# who has just been listed ends, and so his child is the gate's, whose own had been listed before
g, pid = leaving("sleep 1002 & %s; wait; exit" % SAY.replace("$!", "$$"))
child = tree(pid)[1]
held = Held(g.pid, "/proc/%d/stat" % pid)
os.kill(g.pid, signal.SIGTERM)
held.arrived()
os.kill(pid, signal.SIGKILL)
tap.ok(held.over(), "a parent ends while the gate that stops looks at it")
tap.eq((g.process.wait(PATIENCE), alive(child)), (0, False), "its child does not outlive the gate", g.text()[-2000:])

# --- a program of a hook's outlasts its limit -----------------------------------------------------------------------------------------------------

scanner = path("scanner")
for what, script, file in ("a child that was listed", LONE, "/proc/%d/stat"), ("a parent whose children are asked for", FAMILY, "/proc/%d/task/%d/children"):
    put_script(scanner, "cat >/dev/null; " + script)
    g = Gate({**PATIENT, "hook.scanner": "command", "hook.scannerCommand": scanner, "deadline.scan": "5s"})
    g.repo()
    w = g.work("scan%d" % tap.n)
    p = g.push(w)
    pid = marked()
    hook = next(q for q in tree(g.pid) if os.path.basename(os.readlink("/proc/%d/exe" % q)) == "git-gate-hook" and pid in tree(q))
    held = Held(hook, file.replace("%d", str(pid)))
    held.arrived()
    family = another(pid)
    tap.ok(held.over(), "%s: its number is another's while git-gate-hook looks" % what)
    code, out = end(p)
    tap.ok(code and "did not end within" in out, "%s: the push is refused for its scanner" % what, out)
    tap.eq([alive(q) for q in family], [True, True], "%s: who has the number now is left alone, and its child" % what)
    g.settle()
    wait_for(lambda: not leftovers(os.path.join(g.base, "r.git")), "%s: nothing to be left" % what)
    tap.eq(g.stop(), 0, "%s: the gate stops cleanly" % what, g.text()[-2000:])
tap.done()
