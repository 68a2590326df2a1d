#!/usr/bin/python3
"""The client's host vanishes: its link is cut, and no FIN comes. In every phase the session is ended in time and recorded as peer-gone, but
a hook or git at work is left to finish; a client that only stands still, and a healthy one, on a link beside it are judged as ever.

Network namespaces of its own: of a user namespace where the kernel allows that, so that no root is needed.
"""
import os
import subprocess
import sys

WITHIN = "GIT_GATE_TEST_NAMESPACE"


def enter():
    """Go on in a network namespace of our own, where we are root of it."""
    tried = []
    # of processes too: git that runs elsewhere on the machine, as a user that is none here, would protect leftovers
    more = ["-npf", "--mount-proc", "--kill-child"]
    for way in (["unshare", "-Ur"] + more, ["unshare"] + more):
        try:
            r = subprocess.run(way + ["ip", "link", "add", "probe", "type", "veth"], capture_output=True, text=True)
        except FileNotFoundError as e:
            tried.append(str(e))
            continue
        if r.returncode == 0:
            os.execvpe(way[0], way + [sys.executable, os.path.abspath(__file__)], {**os.environ, WITHIN: "1"})
        tried.append(" ".join(way) + ": " + (r.stderr or "fails").strip().replace("\n", "; "))
    print("1..0 # SKIP needs a network namespace and veth (a user namespace, or root): " + ", ".join(tried))
    sys.exit(0)


if WITHIN not in os.environ:
    enter()

import contextlib                                                       # noqa: E402
import ctypes                                                           # noqa: E402
import threading                                                        # noqa: E402

from gate import *                                                      # noqa: E402

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
HERE = os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def run(*args):
    subprocess.run(args, check=True, env=ENV, timeout=PATIENCE)


class Link:
    """Another host, in a namespace of its own, and the cable to it."""

    count = 0

    def __init__(self, *shape):
        Link.count += 1
        self.near, self.far = "near%d" % Link.count, "far%d" % Link.count
        self.host, self.guest = "10.77.%d.1" % Link.count, "10.77.%d.2" % Link.count
        holder = popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        ns = "/proc/%d/ns/net" % holder.pid
        wait_for(lambda: os.readlink(ns) != os.readlink("/proc/self/ns/net") and cmdline(holder.pid) == "cat", "a namespace")
        self.fd = os.open(ns, os.O_RDONLY)
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", str(holder.pid))
        run("ip", "addr", "add", self.host + "/24", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        with self.there():
            run("ip", "link", "set", "lo", "up")
            run("ip", "addr", "add", self.guest + "/24", "dev", self.far)
            run("ip", "link", "set", self.far, "up")
        if shape:
            run("tc", "qdisc", "add", "dev", self.near, "root", *shape)

    @contextlib.contextmanager
    def there(self):
        """This thread, what it connects and what it starts are on the other host meanwhile."""
        if libc.setns(self.fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(HERE, CLONE_NEWNET)

    def client(self, gate, repo, service="git-receive-pack", **kw):
        with self.there():
            return Raw(gate, service, repo, host=self.host, **kw)

    def down(self):
        with self.there():
            run("ip", "link", "set", self.far, "down")

    def delete(self):
        run("ip", "link", "del", self.near)


# --- what is pushed and cloned --------------------------------------------------------------------------------------------------

run("ip", "link", "set", "lo", "up")
git("init", "-q", path("small"))
commit(path("small"), "file", os.urandom(40000))
OID, PACK = pack_of(path("small"))
git("init", "-q", path("large"))
for n in range(16):
    with open(path("large", "%d" % n), "wb") as f:
        f.write(os.urandom(1 << 20))
git("add", ".", cwd=path("large"))
git("commit", "-qm", "large", cwd=path("large"))
HEAD = git("rev-parse", "HEAD", cwd=path("large")).stdout.strip()

latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; if [ -f slow ]; then %s; touch finished; fi\n"
              "if [ -f noisy ]; then head -c 60000000 /dev/zero | tr '\\0' x >&2; fi; exit 0" % latch.command)
# of every phase, and more than four times what it takes to bring the waiting there: a host that answered keep-alives in the last quarter
# of its silence is not known to be gone
DEADLINE = 20.0
KEEP = 4.0              # keepIdle + keepCount * keepInterval
SAMPLED = 1.0


def gate(deadline, interval, count):
    return Gate({"listen.git": "0.0.0.0:0", "gate.public": "true", **{"deadline." + k: "%gs" % deadline for k in ("init", "commands", "packStart", "idle")},
                 "deadline.hook": "5m", "tcp.keepIdle": "1s", "tcp.keepInterval": interval, "tcp.keepCount": count}, hooks=hooks.dir)


tap = Tap()
first = gate(10 * DEADLINE, "1s", "3")          # keep-alives are over long before the deadlines
later = gate(DEADLINE, "3s", "100")             # a deadline passes before
gates = {first: "keep-alive first", later: "deadline first"}


# --- clients, up to the point where they are cut off ------------------------------------------------------------------------------

def silent(link, gate, repo):
    return link.client(gate, repo, request=False)


def after_advert(link, gate, repo):
    c = link.client(gate, repo)
    c.advertisement()
    return c


def no_pack(link, gate, repo):
    c = after_advert(link, gate, repo)
    c.commands(OID, "refs/heads/topic")
    return c


def half(link, gate, repo):
    c = no_pack(link, gate, repo)
    c.s.sendall(PACK[:len(PACK) // 2])
    return c


def in_hook(link, gate, repo, capabilities="report-status side-band-64k"):
    open(os.path.join(gate.base, repo, "slow"), "w").close()
    c = after_advert(link, gate, repo)
    c.commands(OID, "refs/heads/topic", capabilities)
    c.s.sendall(PACK)
    return c


def in_hook_plain(link, gate, repo):
    return in_hook(link, gate, repo, "report-status")


def unpacker(gate, repo):
    d = os.path.realpath(os.path.join(gate.base, repo))
    return [p for p in gate.processes() if "index-pack" in cmdline(p) and os.path.realpath("/proc/%d/cwd" % p) == d]


def held_up(link, gate, repo):
    """git itself is slow: the rest of the pack is in the queue, read by nobody yet."""
    c = half(link, gate, repo)
    stopped.append(wait_for(lambda: unpacker(gate, repo), "index-pack")[0])
    os.kill(stopped[-1], signal.SIGSTOP)
    c.s.sendall(PACK[len(PACK) // 2:])
    wait_for(lambda: any(s["peer"] == c.peer and s["bytes_in"] > len(PACK) for s in gate.sessions()), "all of the pack to arrive")
    return c


def reads(c):
    """Go on reading, as git would."""
    def read():
        with contextlib.suppress(OSError):
            c.rest()
    threading.Thread(target=read, daemon=True).start()
    return c


def clone(link, gate, repo):
    c = link.client(gate, "large.git", "git-upload-pack")
    c.advertisement()
    c.packet(b"want %s side-band-64k ofs-delta\n" % HEAD.encode())
    c.s.sendall(b"0000")
    c.packet(b"done\n")
    return c


def noisy_hook(link, gate, repo):
    open(os.path.join(gate.base, repo, "noisy"), "w").close()
    c = no_pack(link, gate, repo)
    c.s.sendall(PACK)
    return reads(c)


# name: client, phase, key if its deadline comes first; None: not ended
CUT = {
    "request": (silent, "request", "deadline.init"),
    "commands": (after_advert, "commands", "deadline.commands"),
    "pack-start": (no_pack, "pack-start", "deadline.packStart"),
    "pack": (half, "pack", "deadline.idle"),
    "hook": (in_hook, "hook", None),
    "hook-plain": (in_hook_plain, "hook", None),
    "held-up": (held_up, "pack", None),
    "clone": (lambda *a: reads(clone(*a)), "sending", "deadline.idle"),
    "clone-unread": (clone, "sending", "deadline.idle"),
    "hook-output": (noisy_hook, "sending", "deadline.idle"),
}
# whoever sends has retransmissions or window probes instead of keep-alives, and is bound by deadline.idle alone
RECEIVING = [name for name, (_, phase, _) in CUT.items() if phase != "sending"]
# on the link that stays: kernels that answer, programs that stand still
BESIDE = {"stopped": (half, "pack", "idle"), "not-reading": (clone, "sending", "not-reading")}

for g in gates:
    g.repo("large.git")
    git("push", "-q", g.url("large.git"), "HEAD:main", cwd=path("large"))
away, beside, third = Link("tbf", "rate", "16mbit", "burst", "16kb", "latency", "50ms"), Link(), Link()
stopped, clients = [], {}


def phases(g):
    """Phases of the clients that are there, by name."""
    now = {s["peer"]: s["phase"] for s in g.sessions()}
    return {name: now.get(c.peer) for (h, name), c in clients.items() if h is g}


def make(g, name):
    repo = name + ".git"
    g.repo(repo, "receive.unpackLimit=1", "pack.threads=1")
    return repo


# a healthy push beside it, in small pieces, from before the cut until everything is judged
judged = threading.Event()
answers = {}


def healthy(g):
    c = after_advert(beside, g, make(g, "healthy"))
    c.commands(OID, "refs/heads/topic")
    at = 0
    while not judged.is_set() and at < len(PACK) - 1000:
        c.s.sendall(PACK[at:at + 400])
        at += 400
        judged.wait(0.3)
    c.s.sendall(PACK[at:])
    answers[g] = c.rest()


threads = [threading.Thread(target=healthy, args=(g,)) for g in gates]
for t in threads:
    t.start()

plan = {first: RECEIVING + ["deleted", "stopped"], later: [*CUT, "deleted", *BESIDE]}
where = {"deleted": third, **dict.fromkeys(BESIDE, beside)}
kinds = {**CUT, **BESIDE, "deleted": CUT["pack"]}
repos = {(g, name): make(g, name) for g in gates for name in plan[g]}
# at last those whose clock runs from their first byte, when whoever takes long to get there is there
WAITING = ("request", "commands", "pack-start", "pack", "deleted")


def place(names):
    for g in gates:
        for name in names:
            if name in plan[g]:
                clients[g, name] = kinds[name][0](where.get(name, away), g, repos[g, name])
    for g in gates:
        want = {name: kinds[name][1] for h, name in clients if h is g}
        wait_for(lambda: phases(g) == want, "everybody to be in place: %s" % want)


place([name for name in reversed(kinds) if name not in WAITING])
started = time.monotonic()
place(WAITING)
print("# the waiting are in place after %.1fs" % (time.monotonic() - started))
tap.eq([r for g in gates for r in g.reaped()], [], "nobody was ended before the link was cut")
away.down()
third.delete()
begun = time.monotonic()
took = {}


def told_by_kernel():
    """Peers of sessions that ended by themselves: the kernel, whose keep-alives are over at the same moment, told git before the gate had looked."""
    reaped = {r["peer"] for r in first.reaped()}
    return {e["peer"] for e in first.events("session.closed", reason="peer-gone")} - reaped


def remaining():
    """Whose turn it was, and whose session was not ended yet."""
    for g in gates:
        for r in g.reaped():
            took.setdefault((g, r["peer"]), time.monotonic() - begun)
    for peer in told_by_kernel():
        took.setdefault((first, peer), time.monotonic() - begun)
    return [(gates[g], n) for g in gates for n in plan[g] if kinds[n][2] and (g, n) != (first, "stopped") and (g, clients[g, n].peer) not in took]


with contextlib.suppress(TimeoutError):         # who remains is said below
    wait_for(lambda: not remaining(), "every session to be ended", 2 * PATIENCE)
tap.eq(remaining(), [], "every session is ended whose turn it was", *[s for g in gates for s in g.sessions()])
judged.set()


def record(g, name):
    rec = g.reaped(peer=clients[g, name].peer)
    return rec[0] if tap.eq(len(rec), 1, "%s, %s: ended once" % (name, gates[g]), *rec, *g.events(peer=clients[g, name].peer)) else None


def check_cut(g, name, want_phase, key):
    peer = clients[g, name].peer
    key, limit = ("tcp.keepCount", KEEP) if g is first else (key, DEADLINE)
    t = took.get((g, peer), float("inf"))
    if g is first and peer in told_by_kernel():
        closed = g.events("session.closed", peer=peer)
        return tap.ok("host had stopped answering" in closed[0]["message"], "%s, %s: ended by itself, and its host is named (%.1fs)" % (name, gates[g], t), *closed)
    rec = record(g, name)
    if not rec:
        return
    tap.eq((rec["phase"], rec["reason"], rec["key"], rec["limit_ms"]), (want_phase, "peer-gone", key, limit * 1000),
           "%s, %s: peer-gone, with phase, key and limit" % (name, gates[g]), rec)
    tap.ok(rec["quiet_ms"] >= limit * 1000, "%s, %s: not before its limit" % (name, gates[g]), rec)
    # keep-alives were answered until the cut, a second apart; other limits may have begun before it
    tap.ok(t >= KEEP - 1 - SAMPLED or g is later, "%s, %s: not before the keep-alives were over (%.1fs)" % (name, gates[g], t), rec)
    tap.ok(t <= limit + 2 * SAMPLED + GRACE + BUSY, "%s, %s: in time (%.1fs)" % (name, gates[g], t), rec)


for g in gates:
    for name in plan[g]:
        if name not in BESIDE and kinds[name][2]:
            check_cut(g, name, *kinds[name][1:])
tap.ok([r for r in first.reaped() if r["reason"] == "peer-gone"], "keep-alive first: the gate does not leave it to the kernel", *first.events("session.closed"))
for name, (_, want_phase, reason) in BESIDE.items():
    rec = record(later, name)
    tap.eq(rec and (rec["phase"], rec["reason"], rec["key"]), (want_phase, reason, "deadline.idle"), "%s beside it: %s" % (name, reason))
tap.eq(phases(first)["stopped"], "pack", "stopped beside it: its kernel answers keep-alives, so it is there until a deadline")
clients[first, "stopped"].close()

# git's own turn goes on: the push that was received whole is finished, though nobody is told
for g in gates:
    for name in ("hook", "hook-plain", "held-up"):
        tap.ok(phases(g)[name] in ("hook", "pack", "work"), "%s, %s: is still there" % (name, gates[g]), phases(g))
latch.reached(4)
latch.release(4)
for p in stopped:
    os.kill(p, signal.SIGCONT)
for g in gates:
    g.settle()
    for name in ("hook", "hook-plain", "held-up"):
        d, peer = os.path.join(g.base, repos[g, name]), clients[g, name].peer
        tap.eq(git("rev-parse", "refs/heads/topic", cwd=d, check=False).stdout.strip(), OID, "%s, %s: the push is complete" % (name, gates[g]))
        tap.ok(name == "held-up" or os.path.exists(os.path.join(d, "finished")), "%s, %s: the hook ran to its end" % (name, gates[g]))
        tap.eq([e.get("reason") for e in g.events("session.closed", peer=peer)], ["peer-gone"],
               "%s, %s: session.closed says that the peer was gone" % (name, gates[g]), *g.events(peer=peer))
        tap.eq(g.reaped(peer=peer), [], "%s, %s: it was not ended" % (name, gates[g]))
for t in threads:
    t.join(PATIENCE)
for g in gates:
    tap.ok(b"ok refs/heads/topic" in answers.get(g, b""), "a healthy push beside it, %s: succeeds" % gates[g], answers.get(g))
    tap.eq([e.get("reason") for e in g.events("session.closed", repo="healthy.git")], [None], "healthy, %s: closed without a reason" % gates[g])
    for repo in sorted({*[r for (h, _), r in repos.items() if h is g], "healthy.git", "large.git"}):
        d = os.path.join(g.base, repo)
        wait_for(lambda: not leftovers(d), "leftovers of %s to be removed" % repo)
        tap.eq(fsck(d), "", "%s, %s: fsck is clean" % (repo, gates[g]))
        for mark in ("slow", "noisy"):
            if os.path.exists(os.path.join(d, mark)):
                os.unlink(os.path.join(d, mark))
        r = git("push", "-q", g.url(repo), "HEAD:topic", cwd=path("small"), check=False)
        tap.eq(r.returncode, 0, "%s, %s: the next push succeeds" % (repo, gates[g]), r.stderr)
for c in clients.values():
    c.close()
finish(tap, *gates)
