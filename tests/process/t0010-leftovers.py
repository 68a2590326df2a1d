#!/usr/bin/python3
"""Clients that are killed, stopped or vanish at random moments, until 200 were reaped: the repository stays whole, nothing is left in it.

The plan comes from a seed, printed first; SEED=n repeats it.
"""
import random

from gate import *

seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
rnd = random.Random(seed)
note("SEED=%d" % seed)
REAPS, AT_ONCE = 200, 20
tap = Tap()
hooks = Hooks(post_receive="cat >/dev/null", reference_transaction="cat >/dev/null")
SHORT = {"deadline.init": "500ms", "deadline.commands": "500ms", "deadline.packStart": "500ms", "deadline.idle": "500ms", "deadline.grace": "100ms"}
g = Gate(SHORT, hooks=hooks.dir)
repo = g.repo("r.git", "receive.unpackLimit=20")
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)

# packs of both kinds: unpacked below the limit, kept as packs above it
packs = []
for n in (5, 60):
    git("checkout", "-q", "--orphan", "o%d" % n, cwd=work)
    for i in range(n):
        commit(work, "f%d-%d" % (n, i), rnd.randbytes(3000))
    oid = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    pack = subprocess.run(["git", "pack-objects", "--revs", "--stdout", "-q"], cwd=work, env=ENV, input=("HEAD\n").encode(),
                          capture_output=True).stdout
    packs.append((oid, pack))


class Client:
    """One push that breaks off somewhere, in a way of its own."""

    def __init__(self, n):
        oid, pack = rnd.choice(packs)
        side = rnd.choice([b" side-band-64k", b""])
        self.how = rnd.choice(["rst", "fin", "silent", "silent", "silent", "half-close", "complete"])
        command = ("%s %s refs/heads/x%d\0report-status" % ("0" * 40, oid, n)).encode() + side
        stream = b"%04x" % (len(command) + 4) + command + b"0000" + pack
        cut = len(stream) if self.how == "complete" else rnd.choice([0, rnd.randrange(len(command)), rnd.randrange(len(stream)),
                                                                    len(stream) - rnd.randrange(1, 30), len(stream)])
        self.c = Raw(g)
        self.c.advertisement()
        self.c.s.sendall(stream[:cut])
        if self.how == "rst":
            self.c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.c.close()
        elif self.how == "fin":
            self.c.close()
        elif self.how == "half-close":
            self.c.s.shutdown(socket.SHUT_WR)

    def end(self):
        if self.how not in ("rst", "fin"):
            self.c.rest()
            self.c.close()


played = 0
while g.status()["reaped"] < REAPS and played < 40 * AT_ONCE:
    clients = [Client(played + i) for i in range(AT_ONCE)]
    played += AT_ONCE
    # someone ends processes of sessions too: the machine, an operator, the kernel when memory runs out
    victims = [p for p in g.processes() if rnd.random() < 0.05]
    for p in victims:
        signal_one_of(p, rnd.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]), g.processes)
    for c in clients:
        c.end()

g.settle()
status = g.status()
tap.ok(status["reaped"] >= REAPS, "%d sessions ended, %d of them by the gate" % (status["ended"], status["reaped"]))
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(leftovers(repo), [], "nothing is left in the repository")
tap.eq(fsck(repo), "", "fsck is clean")
refs = git("for-each-ref", "--format=%(refname)", cwd=repo).stdout.split()
tap.ok(len(refs) > 5, "complete pushes arrived (%d refs)" % len(refs))
g.stop()
g = Gate(hooks=hooks.dir, base=g.base)      # what a healthy push needs on a busy machine is more
git("remote", "set-url", "origin", g.url("r.git"), cwd=work)
names = ["refs/heads/x%d" % n for n in range(played)]
r = git("push", "-q", "--force", "origin", *("HEAD:" + n for n in names), cwd=work, check=False)
tap.eq(r.returncode, 0, "every ref can be pushed to", r.stderr)
wait_for(lambda: g.status()["sessions"] == 0, "the last session to end")
finish(tap, g)
