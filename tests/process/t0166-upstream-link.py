#!/usr/bin/python3
"""The link between gate and upstream, cut at any byte that a refresh, the list of references or the forward of a push sends or gets: reset, closed, or
silent for ever. What the client was told is true, after one fetch gate and upstream have the same, nothing is left, and pushes go on.

Where comes from a seed, printed first; SEED=n repeats it, POINTS=n takes n points.
"""
import random
import select
import struct

from sshd import *

tap = Tap()
up = upstream()
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
note("SEED=%d repeats the plan" % SEED)
rnd = random.Random(SEED)


class Link:
    """A port that leads to upstream's. Once armed, the n-th byte one way does what was asked for."""

    def __init__(self, port):
        self.port, self.lock = port, threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.at = self.server.getsockname()[1]
        self.heal()
        threading.Thread(target=self.serve, daemon=True).start()

    def heal(self):
        with self.lock:
            self.sent, self.cut, self.struck = {"up": 0, "down": 0}, None, False
            held, self.held = getattr(self, "held", []), []
        for s in held:
            s.close()

    def arm(self, way, n, how):
        self.heal()
        self.cut = (way, n, how)

    def serve(self):
        while True:
            near, _ = self.server.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:                     # it is over
                near.close()
                continue
            threading.Thread(target=self.pass_on, args=(near, far), daemon=True).start()

    def strike(self, way, n):
        """What becomes of the next n bytes: how many go through, and how the connection is cut then."""
        with self.lock:
            self.sent[way] += n
            if not self.cut:
                return n, None
            if self.struck:
                return (0, "silent") if self.cut[2] == "silent" else (n, None)
            if self.cut[0] != way or self.sent[way] < self.cut[1]:
                return n, None
            self.struck = True
            return n - (self.sent[way] - self.cut[1]), self.cut[2]

    def pass_on(self, near, far):
        other = {near: far, far: near}
        try:
            while other:
                for s in select.select(list(other), [], [])[0]:
                    data = s.recv(65536)
                    n, how = self.strike("up" if s is near else "down", len(data)) if data else (0, None)
                    other[s].sendall(data[:n])
                    if how == "silent":         # both ends stay connected, and hear nothing
                        with self.lock:
                            self.held += [near, far]
                        return
                    if how == "reset":
                        for e in near, far:
                            e.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if how:
                        break
                    if not data:
                        other.pop(s).shutdown(socket.SHUT_WR)
                else:
                    continue
                break
        except OSError:
            pass
        near.close()
        far.close()


link = Link(up.port)
base, seed = path("git"), path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
sections = up.mirrored(base, "r.git", seed=seed)
here, there = os.path.join(base, "r.git"), os.path.join(up.base, "r.git")
with open(path("known_hosts"), "w") as f:
    f.write(up.host_line(os.path.join(up.dir, "host")).replace("]:%d" % up.port, "]:%d" % link.at))
sections.update({"repo.r.git.upstream": "ssh://127.0.0.1:%d%s" % (link.at, there), "repo.r.git.knownHostsFile": path("known_hosts")})
LIMIT = 10
g = Gate({**{"deadline." + k: "5m" for k in ("init", "commands", "packStart", "idle", "hook")}, **{"deadline." + k: "%ds" % LIMIT for k in ("connect", "forward", "refresh")},
          **sections, "listen.http": "127.0.0.1:0"}, base=base)
URLS = (g.url("r.git"), g.http("r.git"))


def refs(d):
    return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout


def at_upstream():
    return [p for p in tree(up.process.pid)[1:] if "receive-pack" in cmdline(p)]


def point(i, way, n, how):
    what = "%s at byte %d %s" % (how, n, way)
    work, branch = new_work(seed, 50000)
    tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    link.arm(way, n, how)
    r = git("push", URLS[i % 2], "HEAD:" + branch, cwd=work, check=False)
    struck = link.struck
    link.heal()
    wait_for(lambda: not g.sessions() and not at_upstream(), "%s: all to have ended" % what)
    told = r.returncode == 0
    tap.ok(told or re.search(r"remote: .*git-gate: |git-gate: ", r.stderr), "%s: the client %s" % (what, "has succeeded" if told else "reads why"), r.stderr)
    bad = ["the client was told that upstream has it"] if told and tip not in refs(there) else []
    if not told and "refused" in r.stderr and "may" not in r.stderr and tip in refs(there):
        bad.append("the client was told that it was refused, and upstream has it: " + r.stderr)
    s = git("ls-remote", URLS[(i + 1) % 2], check=False)
    bad += [] if s.returncode == 0 else ["a fetch: " + s.stderr]
    g.settle()
    bad += [] if refs(here) == refs(there) else ["gate and upstream differ"]
    s = git("push", "-q", URLS[(i + 1) % 2], "HEAD:" + branch, cwd=work, check=False)
    g.settle()
    bad += [] if s.returncode == 0 and refs(here) == refs(there) else ["the next push: " + s.stderr]
    left = lambda: leftovers(here) + [f for f in os.listdir(here) if f.startswith("git-gate.forward")]       # noqa: E731
    try:
        wait_for(lambda: not left(), "nothing to be left", 20)
    except TimeoutError:
        bad.append("left: %s" % left())
    bad += [x for x in map(fsck, (here, there)) if x]
    tap.ok(not bad, "%s: what it was told is true, gate and upstream agree, and go on" % what, *bad, r.stderr, *g.events()[-15:])
    return struck


def total():
    """The bytes of a push, each way: of its refresh, and of its forward."""
    work, branch = new_work(seed, 50000)
    link.heal()
    r = git("push", "-q", URLS[0], "HEAD:" + branch, cwd=work, check=False)
    tap.eq(r.returncode, 0, "a push over a sound link", r.stderr)
    return dict(link.sent)


begun = time.monotonic()
sizes = total()
note("bytes of a push: %s" % sizes)
n = int(os.environ.get("POINTS") or 6)
struck = i = 0
while struck < n and i < 4 * n:         # a push whose refresh was no longer needed has fewer bytes
    way = rnd.choice(("up", "down"))
    # what ssh says before it is logged in is a part of its own: most of what comes down
    struck += point(i, way, rnd.randrange(1, int(sizes[way] * 0.95)), "silent" if struck % 4 == 3 else rnd.choice(("reset", "closed")))
    i += 1
tap.eq(struck, n, "as many points were met (of %d tried)" % i)
tap.eq(g.reaped(), [], "no session was ended by the gate")
up.stop()
finish(tap, g)
