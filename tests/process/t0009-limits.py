#!/usr/bin/python3
"""Limits: more clients than limit.sessions wait and are served, a gate without descriptors stays calm and recovers, and strangers leave
nothing. More about shortages: t0052."""
import resource
import struct

from gate import *

tap = Tap()
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)


def sessions_now(g):
    """How many session leaders live below the gate, whatever it says itself."""
    return sum(1 for p in tree(g.pid) if p != g.pid and (proc_stat(p) or (0, 0, 0))[1:] == (g.pid, p) and alive(p))


def cpu_share(g, seconds):
    """Share of a core that the gate uses from now."""
    def ticks():
        f = read("/proc/%d/stat" % g.pid).rsplit(")", 1)[1].split()
        return int(f[11]) + int(f[12])
    begin, since = ticks(), time.monotonic()
    wait_for(lambda: time.monotonic() - since >= seconds, "the window to be over")
    return (ticks() - begin) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - since)


# --- limit.sessions -----------------------------------------------------------------------------------------------------

latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; " + latch.command)
g = Gate({"limit.sessions": "4"}, hooks=hooks.dir)
repo, work = g.repo(), g.work("work")
pushes = [g.push(work, "p%d" % i) for i in range(30)]
latch.reached(4)
wait_for(lambda: g.status()["waiting"] == 26, "the others to wait")
most, most_said = sessions_now(g), g.status()["sessions"]
hooks.set(pre_receive="cat >/dev/null")
latch.release(4)
while any(p.poll() is None for p in pushes):
    most = max(most, sessions_now(g))
    most_said = max(most_said, g.status()["sessions"])
tap.eq([out for code, out in map(end, pushes) if code], [], "30 pushes at once with limit.sessions=4: all succeed")
tap.ok(most == 4 and most_said == 4, "there were never more than 4 sessions (saw %d, status said %d)" % (most, most_said))
tap.eq(len(git("for-each-ref", "refs/heads/p*", cwd=repo).stdout.splitlines()), 30, "all of them arrived")
tap.eq(g.events("session.refused"), [], "none was refused")
limited = [e for e in g.events("gate.limited") if "is reached" in e["message"]]
tap.eq(len(limited), 1, "gate.limited was said once", g.events("gate.limited"))

stuck = [Raw(g) for _ in range(4)]
for s in stuck:
    s.advertisement()
begin = time.monotonic()
p = g.push(work, "waits")
wait_for(lambda: g.status()["waiting"], "the push to wait")
code, out = end(p)
seconds = time.monotonic() - begin
tap.eq(code, 0, "stuck clients in every place: the push that waits gets through", out)
tap.ok(seconds < COMMANDS + GRACE + BUSY, "as soon as one of them is ended (%.2fs of %gs)" % (seconds, COMMANDS))
for s in stuck:
    s.rest()
wait_for(lambda: len(g.reaped()) == 4, "the stuck clients to be ended")
tap.eq(sorted(e["reason"] for e in g.reaped()), ["commands"] * 3 + ["pressure"], "one made room early, the others had their whole deadline")
g.settle()

many = Gate({"limit.sessions": "64", **PATIENT})
many.repo()
clients = [Raw(many) for _ in range(300)]
most, ended = 0, []
for i, c in enumerate(clients):
    c.advertisement()
    if i % 25 == 0:
        most = max(most, sessions_now(many))
    c.s.sendall(b"0000")
    ended.append(c.rest())
    c.close()
tap.eq(set(ended), {b""}, "300 connections at once with limit.sessions=64: all are served")
tap.ok(most == 64, "64 at a time (saw %d)" % most)
many.settle()

# --- descriptors --------------------------------------------------------------------------------------------------------

few = Gate({"limit.sessions": "200", **PATIENT}, prefix=["prlimit", "--nofile=64:64", "--"],
           hooks=Hooks(pre_receive="cat >/dev/null; mkdir %s 2>/dev/null || exit 0; %s" % (path("once"), latch.command)).dir)
few.repo()
tap.ok(any("RLIMIT_NOFILE" in e["message"] for e in few.events("gate.limited")), "few descriptors: said at start", few.text())
few_work = few.work("few")
few_fds = few.idle_fds()
healthy = few.push(few_work, "healthy")
latch.reached()
clients = [Raw(few) for _ in range(100)]
wait_for(lambda: [e for e in few.events("gate.limited") if "accept" in e["message"] or "start a session" in e["message"]], "gate.limited")
tap.ok(True, "no descriptors left: gate.limited")
share = cpu_share(few, 2)
tap.ok(share < 0.25, "no descriptors left: the gate does not spin (%.0f %% of a core)" % (100 * share))
asking = [socket.socket(socket.AF_UNIX) for _ in range(12)]      # more than the descriptors that are left
for s in asking:
    s.connect(few.control)
share = cpu_share(few, 2)
tap.ok(share < 0.25, "no descriptors left, clients of the control socket wait: it does not spin (%.0f %% of a core)" % (100 * share))
for s in asking:
    s.close()
tap.eq((few.process.poll(), healthy.poll()), (None, None), "no descriptors left: the gate lives, and the push goes on")
latch.release()
code, out = end(healthy)
tap.eq(code, 0, "no descriptors left: the push that was running succeeds", out)
tap.eq(few.events("session.reaped"), [], "no descriptors left: nobody was ended")
begin = time.monotonic()
for c in clients:
    c.close()
code, out = end(few.push(few_work, "after"))
tap.eq(code, 0, "it recovers by itself: a push waits and succeeds", out)
note("%.2fs after the clients had left" % (time.monotonic() - begin))
wait_for(lambda: fd_count(few.pid) <= few_fds, "as many descriptors as before")
tap.ok(True, "it has as many descriptors as before (%d)" % few_fds)
tap.eq(len([e for e in few.events("gate.limited") if "RLIMIT_NOFILE" not in e["message"]]), 1, "gate.limited was said once")
tap.eq(few.stop(), 0, "few descriptors: stops with 0")

# --- strangers ----------------------------------------------------------------------------------------------------------


def rss(g):
    return next(int(line.split()[1]) for line in read("/proc/%d/status" % g.pid).splitlines() if line.startswith("VmRSS"))


RST = struct.pack("ii", 1, 0)


def strangers(g, n):
    """Come and go; how those went that sent nothing."""
    silent = {}
    for i in range(n):
        s = socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE)
        if i % 3 == 0:
            s.sendall((b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n", os.urandom(40), b"\0" * 8)[i // 3 % 4])
        else:
            silent["127.0.0.1:%d" % s.getsockname()[1]] = ("FIN", "RST")[i % 3 - 1]
        if i % 3 == 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        s.close()
    wait_for(lambda: not g.sessions(), "the strangers' sessions to be gone")
    return silent


before, memory = many.idle_fds(), 0
for _ in range(3):      # how much a burst takes for a while differs
    strangers(many, 1000)
    memory = max(memory, rss(many))
offset = len(many.events())
begin = time.monotonic()
silent = strangers(many, 2000)
note("2000 strangers in %.1fs" % (time.monotonic() - begin))
wait_for(lambda: len(tree(many.pid)) == 1 and fd_count(many.pid) <= before, "as many processes and descriptors as before")
tap.ok(True, "2000 strangers: descriptors and processes are as before")
grown = [rss(many) - memory]
while grown[-1] >= 2048 and len(grown) < 4:     # a burst that took more than those before it, or a leak: that one does not shrink
    strangers(many, 1000)
    grown.append(rss(many) - memory)
grown = min(grown)
tap.ok(grown < 2048 + FREED, "2000 strangers: the gate has not grown (%d kB)" % grown)
for how in "FIN", "RST":
    loud = [e for e in many.events()[offset:] if silent.get(e.get("peer")) == how and e["priority"] != "debug"]
    tap.eq(len(loud), 0, "2000 strangers: no record of those that sent nothing but a %s" % how, *loud[:2])
many_work = many.work("many")
tap.eq(end(many.push(many_work))[0], 0, "2000 strangers: a push succeeds after them")
finish(tap, g, many)
