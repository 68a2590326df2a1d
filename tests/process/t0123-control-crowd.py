#!/usr/bin/python3
"""1000 clients of the control socket at once that are silent, slow, send garbage or never read their answer: a stuck session is ended in time, a push
goes through although its hooks have to ask the gate too, people get answers, and nothing is left of the crowd afterwards.
"""
import resource

from gate import *

tap = Tap()
CROWD = 1000
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < CROWD + 200:
    skip_all("%d descriptors are too few" % hard)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 200), hard))
g = Gate()
repo, work = g.repo(), g.work("work")
for i in range(300):            # an answer that no socket holds
    Raw(g, "git-upload-pack", "no-such-repository-%d-%s" % (i, "x" * 200)).rest()
tap.ok(len(json.dumps(g.ask("reaped", "--all"))) > 150000, "the answer of reaped --all is long")


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", read("/proc/%d/status" % g.pid))[1])


class Client:
    """One of the crowd. It is turned away again and again, and comes back each time."""

    kinds = {           # what it sends, and how many bytes at a time
        "silent": (b"", 1), "slow": (b'{"cmd":"status","x":"' + b"x" * 3000, 1), "garbage": (os.urandom(3000).replace(b"\n", b"x") + b"\n", 4096),
        "no JSON": (b"[" * 4000 + b"\n", 4096), "never read": (b'{"cmd":"reaped","all":true}\n', 4096), "no end": (b"x" * 1000000, 65536),
    }

    def __init__(self, kind):
        self.data, self.step = self.kinds[kind]
        self.reads = kind != "never read"
        self.s, self.at, self.came = None, 0, 0

    def act(self):
        if not self.s:
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            try:
                s.connect(g.control)
            except OSError:             # the queue is full
                s.close()
                return
            self.s, self.at = s, 0
            self.came += 1
        try:
            if self.at < len(self.data):
                self.at += self.s.send(self.data[self.at:self.at + self.step])
            elif self.reads and not self.s.recv(65536):
                self.leave()
        except BlockingIOError:
            pass
        except OSError:
            self.leave()

    def leave(self):
        if self.s:
            self.s.close()
            self.s = None


calm, calm_memory = g.idle_fds(), resident()
names = list(Client.kinds)
crowd = [Client(names[i % len(names)]) for i in range(CROWD)]
over = threading.Event()


def press():
    while not over.wait(0.02):
        for c in crowd:
            c.act()


pressing = threading.Thread(target=press)
pressing.start()
wait_for(lambda: fd_count(g.pid) > calm + 100, "the crowd to fill the socket's places")
stuck = Raw(g)
stuck.advertisement()


def answers(*args):
    """Ask until there is an answer: under pressure a client may be turned away, and asks again. How often it asked."""
    for n in range(1, 200):
        r = g.cli(*args)
        if r.returncode == 0:
            return n
        if r.returncode != 1:
            break
    tap.ok(False, "git-gate %s under pressure" % " ".join(args), r)
    return 0


most, asked = fd_count(g.pid), []
for ref in "a", "b", "c":
    code, out = end(g.push(work, ref))
    tap.eq(code, 0, "a push goes through, hooks and all", out)
    most = max(most, fd_count(g.pid))
for args in ("status",), ("health", "--ready"), ("sessions",), ("metrics",):
    n = answers(*args)
    tap.ok(n > 0, "git-gate %s is answered (asked %d times)" % (" ".join(args), n))
    most = max(most, fd_count(g.pid))
stuck.rest()
over.set()
pressing.join()
came = {k: sum(c.came for c in crowd[i::len(names)]) for i, k in enumerate(names)}
tap.ok(all(came.values()), "all of them were there: %s" % ", ".join("%s %d" % x for x in came.items()))
for c in crowd:
    c.leave()
tap.ok(calm + 100 < most <= calm + 200, "its connections are bounded (%d descriptors, %d before)" % (most, calm))
wait_for(lambda: fd_count(g.pid) <= calm, "the last of them to be dropped")
used = resident()
tap.ok(used - calm_memory < 4096 + FREED, "so is its memory (%d KiB more)" % (used - calm_memory))
reaped = [e for e in g.reaped() if e["peer"] == stuck.peer]
tap.ok(len(reaped) == 1 and reaped[0]["reason"] == "commands" and reaped[0]["age_ms"] < (COMMANDS + BUSY) * 1000, "the stuck session was ended in time (%s ms)" %
       (reaped and reaped[0]["age_ms"]), *reaped)
tap.eq(sorted(git("for-each-ref", "--format=%(refname:short)", cwd=repo).stdout.split()), ["a", "b", "c"], "what was pushed is there, and no more")
tap.eq(g.cli("health").stdout, "healthy\n", "without the crowd it is answered at once")
finish(tap, g)
