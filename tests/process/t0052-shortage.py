#!/usr/bin/python3
"""A machine that is short of descriptors or processes: who was accepted waits, within deadline.wait, and is served when there are some
again; nobody is turned away for it before, the gate does not spin, and the reaper goes on."""
import shutil

from gate import *

tap = Tap()
ROOT_USER = os.geteuid() == 0


def cpu_ticks(g):
    f = read("/proc/%d/stat" % g.pid).rsplit(")", 1)[1].split()
    return int(f[11]) + int(f[12])


def cpu_share(g, seconds):
    """Share of a core that the gate uses from now."""
    begin, since = cpu_ticks(g), time.monotonic()
    wait_for(lambda: time.monotonic() - since >= seconds, "the window to be over")
    return (cpu_ticks(g) - begin) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - since)


def short(g, what):
    wait_for(lambda: [e for e in g.events("gate.limited") if what in e["message"]], "gate.limited: " + what)


def served(c):
    """Has the advertisement come?"""
    c.s.settimeout(0)
    try:
        return len(c.s.recv(4, socket.MSG_PEEK)) == 4
    except BlockingIOError:
        return False
    finally:
        c.s.settimeout(PATIENCE)


# --- no descriptors: stuck clients have them all ------------------------------------------------------------------------

FEW = ["prlimit", "--nofile=64:64", "--"]
g = Gate({"limit.sessions": "200", "deadline.commands": "2s"}, prefix=FEW)
g.repo()
work = g.work("work")
clients = [Raw(g) for _ in range(40)]
short(g, "Too many open files")
p = g.push(work)
code, out = end(p)
tap.eq(code, 0, "no descriptors, stuck clients hold them: a push waits and succeeds", out)
texts = [c.rest() for c in clients]
tap.eq([t for t in texts if b"report-status" not in t], [], "every stuck client was served", *texts[:1])
tap.eq([t[-300:] for t in texts if b"deadline.commands" not in t], [], "and ended at its deadline, with the reason")
wait_for(lambda: not g.sessions(), "their records")
tap.eq(len(g.reaped(reason="commands")), 40, "all are on record")
tap.eq(g.events("session.refused"), [], "nobody was turned away")
for c in clients:
    c.close()
g.settle()
tap.eq(g.stop(), 0, "it stops with 0", g.text()[-500:])

# --- nobody gives any back ----------------------------------------------------------------------------------------------

g = Gate({"limit.sessions": "200", "deadline.wait": "3s", **PATIENT}, prefix=FEW)
g.repo()
clients = [Raw(g) for _ in range(30)]
short(g, "start a session: Too many open files")
wait_for(lambda: g.status()["waiting"], "a client to wait")
wait_for(lambda: g.cli("health", "--ready").stdout.startswith("not ready: out-of-resources: "), "it to say that it is not ready, and why")
tap.ok(True, "no descriptors: it is not ready for more, and says why")
share = cpu_share(g, 2)
tap.ok(share < 0.1, "no descriptors: the gate does not spin (%.0f %% of a core)" % (100 * share))
wait_for(lambda: g.events("session.refused"), "deadline.wait to pass")
refused = g.events("session.refused")[0]
unlucky = next(c for c in clients if c.peer == refused["peer"])
clients.remove(unlucky)
text = unlucky.rest()
tap.ok(b"ERR git-gate: the gate could not start a session within deadline.wait" in text, "no descriptors for deadline.wait: it is told", text)
tap.ok(g.reaped() == [], "nobody was ended for it")
# one goes: the next is served at once, not a second later
def one_goes():
    """Seconds until another has its place."""
    has = [x for x in clients if served(x)]
    has[0].close()
    clients.remove(has[0])
    begun = time.monotonic()
    wait_for(lambda: len([x for x in clients if served(x)]) >= len(has), "the next to be served")
    return time.monotonic() - begun


one_goes()                  # what the gate tries once a second has just been tried
took = least(one_goes, 0.5)
tap.ok(took < 0.5, "when one goes the next is served soon (%.2fs)" % took)
for c in clients:
    c.close()
g.settle()
tap.eq(len([e for e in g.events("gate.limited") if "start a session" in e["message"]]), 1, "gate.limited is said once", g.events("gate.limited"))
tap.eq(g.stop(), 0, "it stops with 0", g.text()[-500:])

# --- so few that one client at a time is served -------------------------------------------------------------------------

g = Gate({"limit.sessions": "200"}, prefix=["prlimit", "--nofile=40:40", "--"])
g.repo()
work = g.work("few")
before = g.idle_fds()
clients = [Raw(g) for _ in range(200)]
wait_for(lambda: g.status()["waiting"], "clients to wait")
p = g.push(work)
ended = []
for c in clients:
    c.advertisement()
    c.s.sendall(b"0000")
    ended.append(c.rest())
    c.close()
code, out = end(p)
tap.eq((set(ended), code), ({b""}, 0), "40 descriptors, 200 clients at once: all are served, and a push", out)
tap.eq((g.events("session.refused"), g.reaped()), ([], []), "nobody was turned away or ended")
g.settle()
wait_for(lambda: fd_count(g.pid) <= before, "the descriptors to be as before")
tap.eq(g.stop(), 0, "it stops with 0", g.text()[-500:])

# --- no processes -------------------------------------------------------------------------------------------------------

UID = 64322             # of nobody else: the limit counts every process of the user
PREFIX = ["setpriv", "--reuid=%d" % UID, "--regid=%d" % UID, "--clear-groups", "--"] if ROOT_USER else ["unshare", "-Ur", "--"]
if not shutil.which(PREFIX[0]) or subprocess.run(PREFIX + ["true"], capture_output=True).returncode:
    tap.skip("no processes", "no user without any can be had here")
else:
    os.chmod(TMP, 0o755)
    g = Gate({"deadline.wait": "1m", **PATIENT}, start=False, prefix=PREFIX + ["prlimit", "--nproc=24:24", "--"])
    g.repo()
    os.mkdir(os.path.dirname(g.control))
    if ROOT_USER:
        subprocess.run(["chown", "-R", "%d:%d" % (UID, UID), g.dir], check=True)
    g.start()
    work = g.work("tight")
    clients = [Raw(g, request=False) for _ in range(40)]
    short(g, "start a session: Resource temporarily unavailable")
    wait_for(lambda: g.status()["waiting"], "a client to wait")
    share = cpu_share(g, 2)
    tap.ok(share < 0.1, "no processes: the gate does not spin (%.0f %% of a core)" % (100 * share))
    p = g.push(work)
    tap.eq((g.events("session.refused"), g.reaped(), p.poll()), ([], [], None), "no processes: who was accepted waits")
    for c in clients:
        c.close()
    code, out = end(p)
    tap.eq(code, 0, "no processes: the push that waited succeeds when there are some", out)
    tap.eq(g.events("session.refused"), [], "no processes: nobody was turned away")
    g.settle()
    tap.eq(g.stop(), 0, "no processes: stops with 0", g.text()[-500:])
tap.done()
