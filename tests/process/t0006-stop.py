#!/usr/bin/python3
"""The gate's end: TERM and INT let pushes finish within deadline.drain, a second one does not; other signals mean nothing; what a
gate that was killed leaves behind does not hinder the next."""
from pidone import *

tap = Tap()
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; " + latch.command)
port = free_port()
g = Gate({"listen.git": "127.0.0.1:%d" % port, "deadline.drain": "10m"}, hooks=hooks.dir)
repo, work = g.repo(), g.work("work")
pushes = 0


def held_push():
    """A push that waits in its hook."""
    global pushes
    pushes += 1
    commit(work, "held%d" % pushes)
    p = g.push(work, "main")
    latch.reached()
    return p


def tip():
    return git("rev-parse", "-q", "--verify", "main", cwd=repo, check=False).stdout.strip()


def head():
    return git("rev-parse", "HEAD", cwd=work).stdout.strip()


config = path("config")
git("config", "--file", config, "limit.sessions", "8")


def accepts():
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        return True
    except ConnectionRefusedError:
        return False


def exited(what, patience=PATIENCE):
    """Exit code and seconds until then."""
    begin = time.monotonic()
    wait_for(lambda: g.process.poll() is not None, what, patience)
    return g.process.returncode, time.monotonic() - begin


def of_last():
    """What is left of the last gate's sessions."""
    return with_environment("GIT_GATE_INSTANCE=" + last)


def check_clean(what):
    wait_for(lambda: not leftovers(repo), "leftovers to be removed")
    tap.eq((fsck(repo), leftovers(repo)), ("", []), "%s: the repository is clean after the next start" % what)
    tap.eq(of_last(), [], "%s: no process is left" % what)


def push_well(what):
    """Seconds that a push takes from now."""
    begin = time.monotonic()
    p = held_push()
    latch.release()
    code, out = end(p)
    tap.ok(code == 0 and tip() == head(), "%s: a push succeeds" % what, out)
    return time.monotonic() - begin


# a gate whose git hangs, and that is told to stop then: looked at in the end
hung = Gate(start=False)
start_held(hung, "version", Latch(), "--config", config)
hung.process.send_signal(signal.SIGTERM)

for sig in (signal.SIGTERM, signal.SIGINT):
    # once: what runs may finish
    name, last = sig.name, g.instance
    p = held_push()
    idle = Raw(g)
    idle.advertisement()
    g.process.send_signal(sig)
    wait_for(lambda: g.events("gate.stopping"), "gate.stopping")
    tap.ok(not accepts(), "%s: no new client is accepted" % name)
    tap.eq(g.status()["draining"], True, "%s: status says draining" % name)
    idle.rest()                         # a half-open session does not hold up the stop for longer than its deadline
    tap.eq((p.poll(), g.process.poll()), (None, None), "%s: the push is not ended, and the gate waits for it" % name)
    latch.release()
    code, out = end(p)
    tap.ok(code == 0 and tip() == head(), "%s: the push succeeds" % name, out)
    code, seconds = exited("the gate to end after the last session")
    tap.eq(code, 0, "%s: exit code" % name)
    tap.ok(seconds < BUSY, "%s: gone soon after the last session (%.2fs)" % (name, seconds))
    tap.eq(len(g.events("gate.stopped")), 1, "%s: gate.stopped" % name)
    tap.eq([e["reason"] for e in g.events("session.reaped")], ["commands"], "%s: only the half-open session was ended" % name)
    tap.ok(not os.path.exists(g.control), "%s: the control socket is gone" % name)
    tap.eq(g.cli("health").returncode, 3, "%s: health says that no gate is running" % name)
    g.start()
    check_clean(name)

    # twice: at once
    last, before = g.instance, tip()
    p = held_push()
    idle = Raw(g)
    g.process.send_signal(sig)
    wait_for(lambda: g.events("gate.stopping"), "gate.stopping")
    g.process.send_signal(sig)
    code, seconds = exited("the gate to end at once")
    tap.eq(code, 0, "%s twice: exit code" % name)
    tap.ok(seconds < 5 * GRACE + BUSY, "%s twice: gone within a few graces (%.2fs)" % (name, seconds))
    code, out = end(p)
    tap.ok(code != 0 and tip() == before, "%s twice: the push fails" % name, out)
    tap.ok("hung up" in out or "rejected" in out, "%s twice: the pusher is told" % name, out)
    idle.rest()
    tap.eq({e["reason"] for e in g.events("session.reaped")}, {"drain"}, "%s twice: the reason" % name)
    tap.eq(g.events("gate.error"), [], "%s twice: no error" % name)
    g.start()
    check_clean(name + " twice")

# deadline.drain passes
g.stop()
g.settings["deadline.drain"] = "1s"
g.start()
last = g.instance
p = held_push()
begin = time.monotonic()
g.process.send_signal(signal.SIGTERM)
code, out = end(p)
seconds = time.monotonic() - begin
tap.ok(code != 0 and 1 <= seconds < 1 + 5 * GRACE + BUSY, "drain over: the push is ended then (%.2fs of 1s)" % seconds, out)
tap.eq(exited("the gate to end")[0], 0, "drain over: exit code")
tap.eq([(e["reason"], e["key"], e["limit_ms"]) for e in g.events("session.reaped")], [("drain", "deadline.drain", 1000)],
       "drain over: the record")
g.start()
check_clean("drain over")

# TERM to everybody at once, as a unit with KillMode=control-group does it: sessions ignore it, so the push is finished
g.stop()
g.settings["deadline.drain"] = "10m"
g.start()
last = g.instance
p = held_push()
for pid in tree(g.pid):
    os.kill(pid, signal.SIGTERM)
wait_for(lambda: g.events("gate.stopping"), "the gate to stop")
latch.release()
code, out = end(p)
tap.ok(code == 0 and tip() == head(), "TERM to everybody: the push succeeds", out)
tap.eq(exited("the gate to end")[0], 0, "TERM to everybody: exit code", g.text())
tap.eq([e.get("reason") for e in g.events("session.closed")], [None], "TERM to everybody: closed without a reason", *g.events())
tap.eq(g.events("session.reaped"), [], "TERM to everybody: nobody was ended")
g.start()
check_clean("TERM to everybody")

# signals without a meaning, and HUP, which reloads: to a gate that serves
HARMLESS = "HUP USR1 USR2 WINCH CONT PIPE TSTP QUIT ALRM".split()
IGNORED = "USR1 USR2 TSTP QUIT ALRM".split()
for name in HARMLESS:
    g.process.send_signal(getattr(signal, "SIG" + name))
    if name in IGNORED:
        wait_for(lambda: len(g.events("gate.signal")) > IGNORED.index(name), "gate.signal for " + name)
tap.eq((g.process.poll(), g.cli("health").returncode), (None, 0), "a gate that serves survives %s" % " ".join(HARMLESS))
push_well("signals while serving")
g.stop()

# and to one that starts: held in the git that it runs to read the configuration, and in the one it runs to learn git's version
start_latch = Latch()
for stage in ("config", "version"):
    for sig in (signal.SIGTERM, signal.SIGINT):
        start_held(g, stage, start_latch, "--config", config)
        g.process.send_signal(sig)
        start_latch.release()
        try:
            code = exited("the gate to end", 15)[0]
        except TimeoutError:
            code = "none: it went on serving"
            g.process.kill()
            g.process.wait()
        tap.eq(code, 0, "%s during the start, in git %s: exit code" % (sig.name, stage), g.text())
        tap.ok(not os.path.exists(g.control), "%s during the start, in git %s: no control socket is left" % (sig.name, stage))
        tap.ok(not accepts(), "%s during the start, in git %s: nothing listens" % (sig.name, stage))
    start_held(g, stage, start_latch, "--config", config)
    for name in HARMLESS:
        if g.process.poll() is None:
            g.process.send_signal(getattr(signal, "SIG" + name))
    start_latch.release()
    try:
        g.ready()
        push_well("signals during the start, in git %s" % stage)
        g.stop()
    except RuntimeError as e:
        tap.ok(False, "signals during the start, in git %s: the gate lives" % stage, g.process.returncode, e)
g.env = {}

# killed, with sessions of every kind running
g.start()
last = g.instance
p = held_push()
stuck = [Raw(g) for _ in range(5)] + [Raw(g, request=False) for _ in range(5)]
for s in stuck[:5]:
    s.advertisement()
wait_for(lambda: len(g.sessions()) == 11, "11 sessions")
g.process.kill()
g.process.wait()
tap.ok(os.path.exists(g.control), "killed: the control socket is still there")
tap.eq(g.cli("health").returncode, 3, "killed: health says that no gate is running")
before, begin = tip(), time.monotonic()
g.start()
commit(work, "after")
hooks.set(pre_receive="cat >/dev/null")
after = g.push(work, "after")
code, out = end(after)
seconds = time.monotonic() - begin
tap.eq(code, 0, "killed: the next gate serves a push on the same port", out)
tap.ok(seconds < BUSY, "killed: soon (%.2fs)" % seconds)
tap.ok(g.instance != last, "killed: the next gate has an id of its own")
latch.release()
code, out = end(p)
note("the push of the killed gate: exit %d, %s" % (code, "accepted" if tip() != before else "not accepted"))
tap.ok((code == 0) == (tip() != before), "killed: what its pusher is told is true", out)
tap.eq(fsck(repo), "", "killed: fsck is clean")

# another gate on the same control socket
second = Gate({"gate.control": g.control, "listen.git": "127.0.0.1:0"}, start=False).launch()
code = second.process.wait(PATIENCE)
text = second.text()
tap.eq(code, 2, "a second gate on the same control socket: exit code")
tap.ok("pid %d" % g.pid in text and g.control in text and text.count("\n") == 1, "it names the other's pid", text)
tap.eq(g.cli("health").returncode, 0, "the first gate is not disturbed")
try:
    wait_for(lambda: not of_last(), "the sessions of the killed gate to end", 15)
    tap.ok(True, "killed: its sessions are ended by the next gate")
except TimeoutError as e:
    tap.ok(False, "killed: its sessions are ended by the next gate", e, "%d processes are left" % len(of_last()))
for s in stuck:
    s.close()
wait_for(lambda: not of_last(), "the sessions of the killed gate to end when their clients do")

wait_for(lambda: hung.process.poll() is not None, "the gate whose git hangs to end")
tap.eq(hung.process.poll(), 0, "SIGTERM while git hangs: exit code", hung.text())
finish(tap, g)
