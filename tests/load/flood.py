"""One peer floods the gate; the pushes of another complete beside it, and how long they take."""
import asyncio

from figures import *
from wire import Push

HERE = os.path.dirname(os.path.abspath(__file__))
FLOOD, OTHER = "127.0.0.66", "127.0.0.3"
# the flood's own clients are ended soon: places come free by that; the other's pushes never wait for their client
LIMITS = {"deadline.init": "2s", "deadline.commands": "3s", "deadline.packStart": "10m", "deadline.idle": "2s", "deadline.wait": "1h", "deadline.hook": "10m"}
# what the flood does, and is that over HTTP?
KINDS = [("none", False), ("silent", False), ("half", False), ("junk", False), ("missing", False), ("reconnect", False),
         ("none", True), ("silent", True), ("half", True), ("junk", True), ("missing", True), ("reconnect", True), ("keep", True), ("again", True)]


class Flood:
    def __init__(self, tap, gate, kind, http, pushes, most, tag):
        self.tap, self.gate, self.kind, self.http, self.most = tap, gate, kind, http, most
        self.port = gate.http_port if http else gate.port
        self.repo = "f%s.git" % tag
        self.dir = gate.repo(self.repo, "receive.autogc=false")
        self.pushes = [Push(n, OTHER, self.repo, http) for n in range(pushes)]

    def flood(self):
        """Begin; it is there when every place is taken and others wait, or for kinds that do not stay when the gate has seen some."""
        seen = len(self.gate.events("session.accepted"))
        p = popen([os.path.join(HERE, "flooder"), FLOOD, str(self.port), "http" if self.http else "git", self.kind, str(self.most)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        places = int(self.gate.settings["limit.sessions"])

        def there():
            status = self.gate.status()
            # a limit for each peer keeps places free
            return status["waiting"] > places or len(self.gate.events("session.accepted")) > seen + places

        wait_for(there, "the flood of %s" % self.kind)
        return p

    async def play(self):
        for p in self.pushes:
            await p.run(self.port)

    def run(self):
        p = self.flood() if self.kind != "none" else None
        ticks = cpu_ticks(self.gate.pid)
        begun = time.monotonic()
        asyncio.run(asyncio.wait_for(self.play(), 1800))
        took = time.monotonic() - begun
        ticks = cpu_ticks(self.gate.pid) - ticks
        made, reset = ("0", "0")
        if p:
            out, _ = p.communicate("", PATIENCE)
            made, reset = out.split()
        at_rest(self.gate)
        self.judge()
        self.row = ["http" if self.http else "git", self.kind, self.gate.settings.get("limit.sessionsPerPeer", "0"), made, reset,
                    *seconds([x.took for x in self.pushes], 50, 95, 100), "%.0f %%" % (100 * ticks / os.sysconf("SC_CLK_TCK") / took)]

    def judge(self):
        tap, t = self.tap, "%s, flood of %s" % ("http" if self.http else "git", self.kind)
        tap.eq([c.said() for c in self.pushes if not c.accepted() or c.reset][:5], [], "%s: every one of another's %d pushes succeeds" % (t, len(self.pushes)))
        tap.eq(refs(self.dir), {c.ref: c.oid for c in self.pushes}, "%s: exactly these are there" % t)
        tap.eq((fsck(self.dir), leftovers(self.dir)), ("", []), "%s: fsck is clean, nothing is left" % t)


def cpu_ticks(pid):
    return sum(map(int, read("/proc/%d/stat" % pid).rpartition(")")[2].split()[11:13]))


HEAD = ["transport", "flood", "limit.sessionsPerPeer", "connections", "of them reset", "a push p50, s", "p95", "max", "gate, of a core"]
