#!/usr/bin/python3
"""1000 pushes at once from four peers, one of which sends 900, and 60 half-open clients among them: nobody is refused or reset, every
push lands, and the peers take turns, so that the flood holds up itself alone."""
import datetime
import hashlib
import itertools
import random
import resource
import selectors
import zlib

from gate import *

seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
rnd = random.Random(seed)
note("SEED=%d" % seed)
tap = Tap()
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
PLACES, REPOS = 32, 8
FLOOD, GIT = "127.0.0.2", "127.0.0.1"
PUSHES = {FLOOD: 900, GIT: 34, "127.0.0.3": 33, "127.0.0.4": 33}       # those of GIT are git's own
HALF_OPEN = 15          # of each peer
# deadlines that no healthy client of these can miss, however busy the machine
LIMITS = {"init": 5.0, "commands": 6.0, "idle": 5.0}
# from a deadline to the end of the session: two looks, the steps, and a busy machine
ROOM = 2 * LIMITS["idle"] / 8 + GRACE + BUSY

arrived = path("all-have-arrived")
latch = Latch()
hooks = Hooks(pre_receive="read -r line; [ -e %s ] || { %s; }" % (arrived, latch.command))
g = Gate({"limit.sessions": str(PLACES), "deadline.init": "5s", "deadline.commands": "6s", "deadline.packStart": "6s", "deadline.idle": "5s"},
         hooks=hooks.dir)
repos = ["r%d.git" % i for i in range(REPOS)]
for name in repos:
    g.repo(name, "receive.autogc=false")
work = g.work("work", repos[0])


# --- the smallest push there is: a commit of one file, made by hand ---------------------------------------------------------

def thing(kind, body):
    """Name, and entry in a pack, of an object below 2048 bytes."""
    head = bytes([128 | {b"commit": 1, b"tree": 2, b"blob": 3}[kind] << 4 | len(body) & 15, len(body) >> 4])
    return hashlib.sha1(b"%s %d\0" % (kind, len(body)) + body).digest(), head + zlib.compress(body)


def small_push(n):
    blob, b = thing(b"blob", b"push number %10d\n" % n)
    tree, t = thing(b"tree", b"100644 file\0" + blob)
    who = b"Test <test@example.invalid> 1700000000 +0000"
    commit, c = thing(b"commit", b"tree %s\nauthor %s\ncommitter %s\n\npush %d\n" % (tree.hex().encode(), who, who, n))
    body = b"PACK\0\0\0\2\0\0\0\3" + b + t + c
    return commit.hex(), body + hashlib.sha1(body).digest()


class Client:
    """A client on a non-blocking socket. kind: push, or at which point it says nothing more."""

    def __init__(self, gate, n, host, kind):
        self.host, self.kind, self.repo, self.ref = host, kind, repos[n % REPOS], "refs/heads/p%d" % n
        self.oid, self.pack = small_push(n)
        self.data, self.ended, self.reset, self.told = b"", None, False, False
        self.s = socket.socket()
        self.s.setblocking(False)
        self.s.bind((host, 0))
        self.s.connect_ex(("127.0.0.1", gate.port))
        self.peer = "%s:%d" % self.s.getsockname()

    def connected(self):
        if self.kind != "init":
            line = b"git-receive-pack /%s\0host=x\0" % self.repo.encode()
            self.s.send(b"%04x" % (len(line) + 4) + line)

    def answer(self):
        """The advertisement is here: send what is to be sent, which is less than a socket takes."""
        self.data, self.told = b"", True
        if self.kind == "commands":
            return
        line = b"%s %s %s\0report-status" % (b"0" * 40, self.oid.encode(), self.ref.encode())
        line += b" side-band-64k" if int(self.oid, 16) % 2 else b""
        self.s.send(b"%04x" % (len(line) + 4) + line + b"0000" + self.pack[:len(self.pack) if self.kind == "push" else 30])

    def take(self):
        """Bytes have come. False: the end has."""
        try:
            more = self.s.recv(65536)
        except ConnectionResetError:
            self.reset, more = True, b""
        self.data += more
        at = 0
        while not self.told and len(self.data) >= at + 4:
            n = int(self.data[at:at + 4], 16)
            if n == 0:
                self.answer()
            at += n
        if not more:
            self.ended = time.time()
            self.s.close()
        return bool(more)

    def accepted(self):
        return b"unpack ok" in self.data and b"ok %s\n" % self.ref.encode() in self.data


selector, peak = selectors.DefaultSelector(), 0


def serve(until, what, gate=g):
    """Play all clients until something is true of the gate's status."""
    global peak
    end, look = time.monotonic() + 4 * PATIENCE, 0
    while True:
        if time.monotonic() > look:
            status = gate.status()
            peak, look = max(peak, status["sessions"]), time.monotonic() + 0.5
            if until(status):
                return
        if time.monotonic() > end:
            raise TimeoutError("waited for: %s; %r" % (what, status))
        for key, mask in selector.select(0.1):
            if mask & selectors.EVENT_WRITE:
                selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                key.data.connected()
            elif not key.data.take():
                selector.unregister(key.fileobj)


def start(n, host, kind, gate=g):
    c = Client(gate, n, host, kind)
    selector.register(c.s, selectors.EVENT_WRITE, c)
    return c


# --- all arrive while every place is taken by pushes that wait in their hook -------------------------------------------------
held = [start(n, FLOOD, "push") for n in range(PLACES)]
serve(lambda status: len(read(latch.path + ".at")) == PLACES, "every place to be taken")
rest = [(FLOOD, "push")] * (PUSHES[FLOOD] - PLACES - 100)
rest += [(h, "push") for h in PUSHES if h not in (FLOOD, GIT) for _ in range(PUSHES[h])]
rest += [(h, kind) for h in PUSHES for kind in LIMITS for _ in range(HALF_OPEN // 3)]
rnd.shuffle(rest)
rest = [(FLOOD, "push")] * 100 + rest           # the flood is there first
clients = held + [start(PLACES + n, *r) for n, r in enumerate(rest)]
gits = [popen(["git", "push", "-q", g.url(repos[n % REPOS]), "HEAD:refs/heads/git%d" % n], cwd=work, stdout=subprocess.PIPE,
              stderr=subprocess.STDOUT, text=True) for n in range(PUSHES[GIT])]
everybody = sum(PUSHES.values()) + 4 * HALF_OPEN
serve(lambda status: status["waiting"] == everybody - PLACES, "everybody to have arrived")
tap.ok(True, "%d clients wait, %d of them half-open, while %d pushes are served" % (everybody - PLACES, 4 * HALF_OPEN, PLACES))
open(arrived, "w").close()
released = time.time()
latch.release(PLACES)
serve(lambda status: not status["sessions"] and not status["waiting"], "all to be served")
serve(lambda status: not selector.get_map(), "all connections to end")
note("%d clients in %.1f s" % (everybody, time.time() - released))

# --- every push landed ---------------------------------------------------------------------------------------------------------
pushers = [c for c in clients if c.kind == "push"]
tap.eq([c.peer for c in clients if c.reset], [], "no connection was reset")
tap.eq([(c.peer, c.data) for c in pushers if not c.accepted()][:5], [], "every one of %d raw pushes is told that it succeeded" % len(pushers))
tap.eq([out for code, out in map(end, gits) if code], [], "so is every one of %d of git push" % len(gits))
status = g.status()
tap.eq((status["refused"], g.events("session.refused")), (0, []), "none was refused")
tap.ok(peak == PLACES, "never more than %d sessions at once (saw %d)" % (PLACES, peak))
tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
want = {(c.repo, c.ref): c.oid for c in pushers}
want.update({(repos[n % REPOS], "refs/heads/git%d" % n): tip for n in range(PUSHES[GIT])})
have = {}
for name in repos:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=os.path.join(g.base, name)).stdout.splitlines()
    have.update({(name, line.split()[0]): line.split()[1] for line in lines})
tap.ok(have == want, "exactly the %d refs that were pushed are there" % len(want), set(have.items()) ^ set(want.items()))
wait_for(lambda: not [f for name in repos for f in leftovers(os.path.join(g.base, name))], "leftovers of the half-open to be removed")
tap.eq([f for f in (fsck(os.path.join(g.base, name)) for name in repos) if f], [], "fsck is clean, nothing is left")

# --- in turns -----------------------------------------------------------------------------------------------------------------
accepted = g.events("session.accepted")
tap.eq(len(accepted), everybody, "everybody was served once")
order = [e["peer"].rsplit(":", 1)[0] for e in accepted[PLACES:]]
turns = min(PUSHES[h] for h in PUSHES if h != FLOOD) + HALF_OPEN
wrong = [(i, order[4 * i:4 * i + 4]) for i in range(turns) if set(order[4 * i:4 * i + 4]) != set(PUSHES)]
tap.eq(wrong, [], "each of the first %d turns serves each peer once" % turns)
last = {h: max(i for i, x in enumerate(order) if x == h) for h in PUSHES}
tap.ok(all(last[h] < 4 * (PUSHES[h] + HALF_OPEN) for h in PUSHES if h != FLOOD), "the small peers' last are served within as many turns as they have clients",
       last)


def when(e):
    return datetime.datetime.fromisoformat(e["time"].replace("Z", "+00:00")).timestamp()


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))]


waits = {h: [when(e) - released for e, x in zip(accepted[PLACES:], order) if x == h] for h in PUSHES}
for h, w in waits.items():
    note("%s: %d clients waited for p50 %.2f s, p95 %.2f s, at most %.2f s" % (h, len(w), percentile(w, 50), percentile(w, 95), max(w)))
half = percentile(waits[FLOOD], 50)
tap.ok(all(max(w) < half for h, w in waits.items() if h != FLOOD), "nobody of the small peers waits for as long as half of the flood", half)
done = {h: [c.ended - released for c in pushers[PLACES:] if c.host == h] for h in PUSHES if h != GIT}
for h, d in done.items():
    note("%s: its pushes were done after p50 %.2f s, p95 %.2f s, at most %.2f s" % (h, percentile(d, 50), percentile(d, 95), max(d)))
tap.ok(all(percentile(d, 95) < percentile(done[FLOOD], 50) for h, d in done.items() if h != FLOOD), "nor until its push is done")

# --- and the half-open hold a place for their deadline ---------------------------------------------------------------------------
stuck = {c.peer: c for c in clients if c.kind != "push"}
reaped = g.reaped()
tap.eq(sorted(e["peer"] for e in reaped), sorted(stuck), "the half-open are ended, each once, and nobody else is")
mild = [(stuck[e["peer"]].kind, e) for e in reaped if e["peer"] in stuck]
# while others wait, who is silent before its pack may go after deadline.idle
tap.eq([e for kind, e in mild if e["reason"] not in (kind, "pressure")], [], "for their own silence, or because others wait")
tap.eq([e for kind, e in mild if e["quiet_ms"] < 1000 * LIMITS["idle"]], [], "none early")
tap.eq([e for kind, e in mild if e["age_ms"] > 1000 * (LIMITS[kind] + ROOM)], [], "none holds its place for longer than its deadline")
gaps = [when(b) - when(a) for a, b in itertools.pairwise(accepted[PLACES - 1:])][1:]
tap.ok(max(gaps) < LIMITS["commands"] + ROOM, "so the others never wait for longer than that until someone is served (%.2f s)" % max(gaps))

# --- in turns too where limit.sessionsPerRepo makes them wait ---------------------------------------------------------------------
os.unlink(arrived)
latch.seen = len(read(latch.path + ".at"))
single = Gate({"limit.sessions": str(PLACES), "limit.sessionsPerRepo": "1", "deadline.hook": "10m"}, hooks=hooks.dir)
single.repo(repos[0])
crowd = [start(REPOS * n, FLOOD, "push", single) for n in range(60)]
serve(lambda status: status["waiting"] == 59, "the flood to be held", single)
for n in range(4):
    crowd += [start(REPOS * (60 + 3 * n + i), h, "push", single) for i, h in enumerate(h for h in PUSHES if h != FLOOD)]
serve(lambda status: status["waiting"] == 71, "the others to be held", single)
open(arrived, "w").close()
latch.release(1)
serve(lambda status: not selector.get_map(), "all to be served", single)
tap.eq([(c.peer, c.data) for c in crowd if not c.accepted()], [], "limit.sessionsPerRepo=1: every one of %d pushes succeeds" % len(crowd))
order = [c.host for c in sorted(crowd, key=lambda c: c.ended)][1:]
tap.eq([i for i in range(4) if set(order[4 * i:4 * i + 4]) != set(PUSHES)], [], "after the first, each turn serves each peer once", order)
finish(tap, g, single)
