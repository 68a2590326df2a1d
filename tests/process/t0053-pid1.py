#!/usr/bin/python3
"""PID 1 of a container: it stops as it should with any number of sessions, collects orphans by the thousand at little cost, loses no exit
in a burst, and leaves no zombie."""
from pidone import *

tap = Tap()
if not can_unshare():
    skip_all("no PID namespace can be made here")


def cpu_ms(pid):
    f = read("/proc/%d/stat" % pid).rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) * 1000 // os.sysconf("SC_CLK_TCK")


def zombies(pid):
    return [s for s in states(pid) if s[1] in "ZX"]


def no_zombie(pid, what):
    """One that was just seen may be on its way."""
    try:
        wait_for(lambda: not zombies(pid), "no zombie", 10)
        tap.ok(True, what)
    except TimeoutError:
        tap.eq(zombies(pid), [], what)


# --- the end ------------------------------------------------------------------------------------------------------------

latch = Latch()
for sig in signal.SIGTERM, signal.SIGINT:
    for case in "nobody", "one that is idle", "one that is active", "one that is active, and told twice":
        what = "%s, %s" % (sig.name, case)
        active, idle = "active" in case, "idle" in case
        g = Gate({**PATIENT, "deadline.drain": "1s" if idle else "10m"}, prefix=UNSHARE, hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
        main, repo = outer(g), g.repo()
        if active:
            p = g.push(g.work("end%d" % Gate.count))
            latch.reached()
        if idle:
            c = Raw(g)
            c.advertisement()
        begun = time.monotonic()
        os.kill(main, sig)
        wait_for(lambda: g.process.poll() is not None or g.events("gate.stopping"), "it to stop")
        if active:
            tap.eq((g.process.poll(), p.poll()), (None, None), "%s: it waits" % what)
            if "twice" in case:
                os.kill(main, sig)
            else:
                latch.release()
            code, out = end(p)
            if "twice" in case:
                tap.ok(code != 0 and ("hung up" in out or "rejected" in out), "%s: the push is ended and told" % what, out)
            else:
                tap.eq(code, 0, "%s: the push succeeds" % what, out)
        if idle:
            tap.ok(b"the gate is stopping" in c.rest(), "%s: it is told" % what)
        tap.eq(g.process.wait(PATIENCE), 0, "%s: exit code" % what, g.text()[-1000:])
        took = time.monotonic() - begun
        tap.ok(took < (1 if idle else 0) + 5 * GRACE + BUSY, "%s: gone in time (%.2fs)" % (what, took))
        tap.eq([e["event"] for e in g.events()][-1], "gate.stopped", "%s: it came to its end by itself" % what)
        tap.eq([e["reason"] for e in g.events("session.reaped")], ["drain"] if idle or "twice" in case else [], "%s: the record" % what)
        g.start()
        wait_for(lambda: not leftovers(repo), "leftovers to be removed")
        tap.eq(fsck(repo), "", "%s: fsck is clean" % what)
        os.kill(outer(g), sig)
        g.process.wait(PATIENCE)

# --- 2 000 orphans ------------------------------------------------------------------------------------------------------

MANY = 2000
fifo = path("fifo")
os.mkfifo(fifo)
gun = os.open(fifo, os.O_RDWR)
ORPHANS = """cat >/dev/null
case $GIT_QUARANTINE_PATH in *many.git*) ;; *) exit 0 ;; esac
setsid env -i PATH="$PATH" sh -c 'i=0
while [ $i -lt %d ]; do ( read x <%s ) & i=$((i+1)); done
: >%s.up' </dev/null >/dev/null 2>&1 &
while [ ! -e %s.up ]; do sleep 0.05; done
""" % (MANY, fifo, fifo, fifo)
g = Gate({"deadline.hook": "10m", "deadline.drain": "5s"}, prefix=UNSHARE, hooks=Hooks(pre_receive=ORPHANS).dir)
main = outer(g)
g.repo()
g.repo("many.git")
w = g.work("many")
r = git("push", "-q", g.url("many.git"), "HEAD:main", cwd=w, check=False)
tap.eq(r.returncode, 0, "a push whose hook leaves %d processes behind succeeds" % MANY, r.stderr)
wait_for(lambda: len(states(main)) >= MANY, "all of them to be there")
begun = time.monotonic()
code, out = end(g.push(w, "beside"))
seconds = time.monotonic() - begun
tap.ok(code == 0 and seconds < BUSY, "a push beside %d orphans (%.2fs)" % (MANY, seconds), out)
before, begun = cpu_ms(main), time.monotonic()
slowest = 0.0
p = g.push(w, "during")
os.write(gun, b"\n" * MANY)
while len(states(main)) > 20:
    asked = time.monotonic()
    if g.cli("health").returncode or asked - begun > PATIENCE:
        break
    slowest = max(slowest, time.monotonic() - asked)
code, out = end(p)
tap.eq(code, 0, "a push while they end", out)
no_zombie(main, "%d orphans end at once: no zombie is left" % MANY)
used = cpu_ms(main) - before
tap.ok(used < 1500, "at little cost (%d ms of CPU, with a push and the questions)" % used)
tap.ok(slowest < BUSY, "it answers meanwhile (slowest %.2fs)" % slowest)
wait_for(lambda: not g.sessions(), "the session to be gone")
tap.eq((g.reaped(), g.events("gate.error")), ([], []), "nobody was ended, no error")
os.kill(main, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "it stops with 0")

# --- a burst of exits, together with a service's death ------------------------------------------------------------------

SOME, PUSHES = 400, 12
burst = Latch()
BURST = """cat >/dev/null
if mkdir %(f)s.once 2>/dev/null; then
	i=0
	while [ $i -lt %(n)d ]; do ( ( read x <%(f)s ) </dev/null >/dev/null 2>&1 & ) ; i=$((i+1)); done
fi
%(latch)s
""" % {"f": fifo, "n": SOME, "latch": burst.command}
g = Gate({**PATIENT, "service.web.command": "sleep 1000", "service.web.backoff": "100ms", "service.other.command": "sleep 1001"}, prefix=UNSHARE,
         hooks=Hooks(pre_receive=BURST).dir)
main = outer(g)
repo = g.repo()
pushes = []
for i in range(PUSHES):
    w = g.work("burst%d" % i)
    pushes.append(g.push(w, "b%d" % i))
burst.reached(PUSHES)
web = next(p for p in tree(main) if cmdline(p) == "sleep 1000")
n = len(tree(main))
os.kill(main, signal.SIGSTOP)
wait_for(lambda: proc_stat(main)[0] == "T", "the gate to be stopped")
os.write(gun, b"\n" * SOME)
burst.release(PUSHES)
os.kill(web, signal.SIGKILL)
# orphans are below the session's root as long as it lives, and then the gate's
wait_for(lambda: len([p for p in tree(main) if state(p) == "Z"]) >= SOME, "the exits to gather")
os.kill(main, signal.SIGCONT)
results = [end(p) for p in pushes]
tap.eq([out for code, out in results if code], [], "a burst of %d exits: every push succeeds" % (n - 3))
wait_for(lambda: len(g.events("service.started", service="web")) == 2, "the service to be started again")
tap.ok(True, "the service that died in it is started again")
wait_for(lambda: not g.sessions(), "the sessions to be gone")
closed = g.events("session.closed")
tap.eq([e["message"].split(";")[0] for e in closed], ["exit status 0"] * PUSHES, "the end of every session is seen, with its status")
wait_for(lambda: [s["state"] for s in g.status()["services"]] == ["up", "up"], "both services")
tap.eq([s["restarts"] for s in g.status()["services"]], [1, 0], "the other service was left alone")
no_zombie(main, "and no zombie is left")
os.kill(main, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "it stops with 0", g.text()[-500:])

# --- 200 pushes, with gc and background hooks ----------------------------------------------------------------------------

g = Gate({"deadline.drain": "10s"}, prefix=UNSHARE, hooks=Hooks(
    pre_receive="cat >/dev/null; (sleep 0.1 &) >/dev/null 2>&1 </dev/null; setsid sh -c 'sleep 0.2 & exit' >/dev/null 2>&1 </dev/null; true & exit 0").dir)
main = outer(g)
repo = g.repo("r.git", "gc.autoPackLimit=2", "gc.autoDetach=true", "receive.autogc=true", "receive.unpackLimit=1")
w = g.work("gc")
stream = "".join("commit refs/heads/n\ncommitter T <t@example.invalid> %d +0000\ndata 1\nx\nM 644 inline f\ndata %d\n%d\nreset refs/tags/t%d\n"
                 "from refs/heads/n\n\n" % (1700000000 + i, len(str(i)), i, i) for i in range(200))
git("fast-import", "--quiet", cwd=w, stdin=stream)
most, gcs, failed = 0, set(), []
for i in range(200):
    r = git("push", "-q", g.url("r.git"), "t%d^{commit}:refs/heads/main" % i, cwd=w, check=False)
    failed += [r.stderr] if r.returncode else []
    if i % 10 == 0:
        most = max(most, len(zombies(main)))
    gcs |= {p for p in tree(main) if " gc " in cmdline(p) + " "}
tap.eq(failed, [], "200 pushes with gc and background hooks succeed")
tap.ok(len(gcs) >= 3, "gc ran detached (%d seen)" % len(gcs))
tap.ok(most <= 20, "zombies do not gather meanwhile (most %d)" % most)
wait_for(lambda: len([s for s in states(main) if s[2] == "1"]) == 0, "what was left behind to end")
no_zombie(main, "no zombie is left")
tap.eq(fsck(repo), "", "fsck is clean")
os.kill(main, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "it stops with 0", g.text()[-500:])
tap.eq(g.events("gate.error"), [], "no error")
tap.done()
