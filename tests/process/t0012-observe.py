#!/usr/bin/python3
"""reaper.mode=observe: what enforce would end is logged once, with the same fields, and is left entirely alone."""
import select

from gate import *

HOOK = 2.0
tap = Tap()
latch = Latch()
hooks = Hooks(update='[ "$1" != refs/heads/hook ] || { %s; }' % latch.command)
g = Gate({"reaper.mode": "observe", "deadline.hook": "2s"}, hooks=hooks.dir)
repo = g.repo("r.git", "receive.unpackLimit=1")
work = g.work("work")
commit(work, "large", os.urandom(1 << 20))
oid, pack = pack_of(work)
CUT = len(pack) // 2
KEEPALIVE = b"0005\x01"         # receive-pack's own, every 5 s


def session(c):
    found = [s for s in g.sessions() if s["peer"] == c.peer]
    return found[0] if found else {}


def processes(c):
    """Pids of a client's session, with their start: the same numbers are the same processes."""
    return {(p, read("/proc/%d/stat" % p).rsplit(")", 1)[1].split()[19]) for p in tree(session(c)["pid"])}


def pusher(ref):
    c = Raw(g)
    c.advertisement()
    c.commands(oid, "refs/heads/" + ref)
    return c


def stuck_mid_pack(ref):
    c = pusher(ref)
    c.s.sendall(pack[:CUT])
    return c


def in_phase(c, phase):
    wait_for(lambda: session(c).get("phase") == phase, "phase " + phase)
    return c, processes(c)


def observed(c):
    return g.events("session.observed", peer=c.peer)


def heard(c):
    """What has been sent to the client, without waiting: bytes, or None at the end of the connection. Keep-alives are left out."""
    data = b""
    while select.select([c.s], [], [], 0)[0]:
        more = c.s.recv(65536)
        if not more:
            return None
        data += more
    return data.replace(KEEPALIVE, b"")


# --- three stuck clients, and a fourth that starts when they have been stuck for their whole deadline ----------------------
begun = time.monotonic()
silent = Raw(g, request=False)
hanging = pusher("hook")
hanging.s.sendall(pack)
latch.reached()
clients = {
    "silent": (*in_phase(silent, "request"), "request", "init", "deadline.init", INIT),
    "mid-pack": (*in_phase(stuck_mid_pack("pack"), "pack"), "pack", "idle", "deadline.idle", IDLE),
    "hanging hook": (*in_phase(hanging, "hook"), "hook", "hook", "deadline.hook", HOOK),
}
for what, (c, procs, *_) in clients.items():
    tap.eq(observed(c), [], "%s: not observed before its deadline" % what, "%.2fs after the first began" % (time.monotonic() - begun))
for what, (c, *_) in clients.items():
    wait_for(lambda: observed(c), "%s to be observed" % what)
daemons = [cmdline(p) for c, procs, *_ in clients.values() for p, _ in procs if "--inetd" in cmdline(p)]
tap.ok(len(daemons) >= 2 and all("--init-timeout=0" in d for d in daemons), "git-daemon has no timeout of its own", *daemons)
later = [stuck_mid_pack("later-%d" % n) for n in range(2)]
for c in later:
    wait_for(lambda: observed(c), "the later one to be observed")

for what, (c, procs, phase, reason, key, limit) in clients.items():
    e = observed(c)
    if not tap.eq(len(e), 1, "%s: observed exactly once" % what, *e):
        continue
    e = e[0]
    tap.eq((e["phase"], e["reason"], e["key"], e["limit_ms"]), (phase, reason, key, limit * 1000), "%s: phase, reason, key and limit" % what)
    tap.ok(limit * 1000 <= e["quiet_ms"] <= e["age_ms"] and e["quiet_ms"] < (limit + 2 * SAMPLE + BUSY) * 1000,
           "%s: quiet for that long, and not much longer" % what, e)
    tap.eq(e["service"] if c is not silent else "", "receive-pack" if c is not silent else "", "%s: the service" % what)
    tap.ok(procs and processes(c) == procs and all(alive(p) for p, _ in procs), "%s: the same processes live" % what, procs, processes(c))
    tap.eq([s for s in (state(p) for p, _ in procs) if not s or s not in "SDR"], [], "%s: none is stopped" % what)
    tap.eq(heard(c), b"", "%s: the connection is open, nothing was sent" % what)
    tap.eq(session(c)["ending"], None, "%s: it is a session as before" % what)
status = g.status()
tap.eq((status["mode"], status["observed"], status["reaped"], status["by_reason"]), ("observe", 5, 0, {}), "status: five observed, none reaped")
tap.eq(g.ask("reaped"), [], "nothing is in git-gate reaped")
tap.eq(sorted(e["reason"] for e in g.events("session.observed")), ["hook", "idle", "idle", "idle", "init"], "each was logged once")

# --- they go on, and succeed ------------------------------------------------------------------------------------------------
latch.release()
silent.packet(b"git-receive-pack /r.git\0host=x\0")
silent.advertisement()
silent.commands(oid, "refs/heads/silent")
silent.s.sendall(pack)
for c in (clients["mid-pack"][0], *later):
    c.s.sendall(pack[CUT:])
for c, ref in ((silent, "silent"), (clients["mid-pack"][0], "pack"), (hanging, "hook"), (later[0], "later-0"), (later[1], "later-1")):
    answer = c.rest()
    tap.ok(b"unpack ok" in answer and b"ok refs/heads/%s\n" % ref.encode() in answer and b"git-gate" not in answer,
           "%s goes on and its push succeeds" % ref, answer)
    tap.eq(git("rev-parse", "refs/heads/" + ref, cwd=repo, check=False).stdout.strip(), oid, "%s: the branch is there" % ref)
g.settle()
tap.eq((fsck(repo), leftovers(repo)), ("", []), "fsck is clean, nothing is left")

# --- one that goes on and is stuck again; one that leaves ---------------------------------------------------------------------
again = stuck_mid_pack("again")
wait_for(lambda: observed(again), "it to be observed")
again.s.sendall(pack[CUT:CUT + 1000])
wait_for(lambda: len(observed(again)) > 1, "it to be observed again")
tap.eq(len(observed(again)), 2, "one that moved and is stuck again is logged again")
again.close()
g.settle()
tap.ok(leftovers(repo), "what a push left behind is not touched either")
tap.eq([g.events(e) for e in ("session.reaped", "session.kept", "session.stray")], [[]] * 3, "its leaving was its own")
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
