#!/usr/bin/python3
"""The waiting room: in turns by peer, bounded, with clocks that start when a client is served; limits a peer and a repository."""
from gate import *

tap = Tap()


class From(Raw):
    """A raw client with a source address of its own on the loopback."""

    def __init__(self, gate, host, repo="r.git", service="git-receive-pack"):
        self.s = socket.socket()
        self.s.settimeout(PATIENCE)
        self.s.bind((host, 0))
        self.s.connect(("127.0.0.1", gate.port))
        self.peer = "%s:%d" % self.s.getsockname()
        self.packet(("%s /%s\0host=x\0" % (service, repo)).encode())


def served(c, wait=0.0):
    """Has the advertisement come?"""
    c.s.settimeout(wait or 0.001)
    try:
        return len(c.s.recv(4, socket.MSG_PEEK)) == 4
    except (TimeoutError, BlockingIOError):
        return False
    finally:
        c.s.settimeout(PATIENCE)


def waiting(g, n):
    wait_for(lambda: g.status()["waiting"] == n, "%d clients to wait" % n)


# one peer floods; another is served as soon as one place is free, before the rest of the flood
g = Gate({"limit.sessions": "2", "deadline.commands": "1s"})
g.repo()
work = g.work("work")
flood = [From(g, "127.0.0.2") for _ in range(20)]
waiting(g, 18)
r = git("push", "-q", "origin", "HEAD:main", cwd=work, check=False)
tap.eq(r.returncode, 0, "another peer's push gets through a flood", r.stderr)
hosts = [e["peer"].rsplit(":", 1)[0] for e in g.events("session.accepted")]
# two had a place before it came; one of the flood may have had its turn when it did
tap.ok(hosts.index("127.0.0.1") <= 3, "after at most a few of the flood", hosts)
wait_for(lambda: len(g.reaped()) == 20, "the flood to be served and ended")
tap.eq({e["reason"] for e in g.reaped()}, {"commands"}, "every one of it was served, and ended for its own silence")
# the last of them had waited for nine others in turn
ages = [e["age_ms"] for e in sorted(g.reaped(), key=lambda e: int(e["peer"].rsplit(":", 1)[1]))]
tap.ok(min(ages[-4:]) < 4000, "its clocks started when it was served", ages)
for c in flood:
    c.close()
g.settle()

# the room is bounded, in number and in time; who left is not served; a drain tells those who wait
g2 = Gate({"limit.sessions": "1", "limit.waiting": "3", "deadline.wait": "2s", **{k: "10m" for k in SCALED if "grace" not in k}})
g2.repo()
first = From(g2, "127.0.0.1")
first.advertisement()
room = [From(g2, "127.0.0.1") for _ in range(3)]
waiting(g2, 3)
begun = time.monotonic()
text = From(g2, "127.0.0.1").rest()
tap.ok(b"ERR git-gate: too many clients are waiting" in text and time.monotonic() - begun < BUSY, "a full room refuses with text", text)
room[0].s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
room[0].close()
waiting(g2, 2)
tap.ok(True, "a client that leaves makes room")
texts = [c.rest() for c in room[1:]]
tap.ok(all(b"ERR git-gate: no session became free within deadline.wait" in t for t in texts), "who waits for too long is told", texts)
tap.eq(g2.status()["refused"], 3, "three were refused")
last = From(g2, "127.0.0.1")
waiting(g2, 1)
first.close()
tap.ok(last.advertisement() is not None and not g2.reaped(), "the next is served when the place is free")
held = From(g2, "127.0.0.1")
waiting(g2, 1)
os.kill(g2.pid, signal.SIGTERM)
text = held.rest()
tap.ok(b"ERR git-gate: the gate is stopping" in text, "a drain tells those who wait", text)
last.close()
g2.process.wait(PATIENCE)

# a room that one peer has filled is open to another
g4 = Gate({"limit.sessions": "1", "limit.waiting": "4", **{k: "10m" for k in SCALED if "grace" not in k}})
g4.repo()
first = From(g4, "127.0.0.1")
first.advertisement()
flood = []
for n in range(4):
    flood.append(From(g4, "127.0.0.2"))
    waiting(g4, n + 1)
text = From(g4, "127.0.0.2").rest()
tap.ok(b"ERR git-gate: too many clients are waiting" in text, "a flood that has filled the room is refused", text)
others = [From(g4, "127.0.0.3"), From(g4, "127.0.0.4")]
texts = [c.rest() for c in flood[:1:-1]]
tap.ok(all(b"ERR git-gate: too many clients are waiting" in t for t in texts), "others get in, and its last leave for them", texts)
wait_for(lambda: g4.status()["refused"] == 3, "three to be refused")
text = From(g4, "127.0.0.4").rest()
tap.ok(b"ERR git-gate: too many clients are waiting" in text, "but not until it has fewer than they", text)
first.close()
for c in (flood[0], *others, flood[1]):
    tap.ok(c.advertisement() is not None, "%s is served" % c.peer)
    c.close()
g4.settle()

# limits a peer, and a repository
g3 = Gate({"limit.sessionsPerPeer": "1", "limit.sessionsPerRepo": "2", "deadline.wait": "3s",
           **{k: "10m" for k in SCALED if "grace" not in k}})
for name in ("r.git", "s.git"):
    g3.repo(name)
a = From(g3, "127.0.0.1")
a.advertisement()
b = From(g3, "127.0.0.1", "s.git")
waiting(g3, 1)
c = From(g3, "127.0.0.2")
c.advertisement()
tap.ok(not served(b), "a peer at limit.sessionsPerPeer waits, another is served")
a.close()
tap.ok(b.advertisement() is not None, "the first peer's next session is served when its first has ended")
a = From(g3, "127.0.0.6")
a.advertisement()
d = From(g3, "127.0.0.3")
waiting(g3, 1)
e = From(g3, "127.0.0.4", "s.git")
e.advertisement()
tap.ok(not served(d), "a repository at limit.sessionsPerRepo makes its clients wait, another is served")
c.close()
tap.ok(d.advertisement() is not None, "a held session goes on when its repository has room")
f = From(g3, "127.0.0.5")
text = f.rest()
tap.ok(b"ERR git-gate: too many sessions of this repository" in text, "a held session that waits for too long is told", text)
for x in (a, b, d, e):
    x.close()
finish(tap, g, g3, g4)
