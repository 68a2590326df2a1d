"""Thousands of clients at once: all are served, each gets what it came for, and the gate is afterwards what it was before."""
import asyncio

from figures import *
from wire import Look, Push

REPOS = 8
# nobody here is stuck, however busy the machine is
PATIENT = {"deadline.init": "10m", "deadline.commands": "10m", "deadline.packStart": "10m", "deadline.idle": "10m", "deadline.wait": "1h", "deadline.hook": "10m"}


class Crowd:
    """What is asked for: how many, over what, and from how many addresses."""

    def __init__(self, tap, gate, http, pushes, looks=0, gits=0, peers=4, tag="c"):
        self.tap, self.gate, self.http, self.t, self.gits, self.work = tap, gate, http, "http" if http else "git", gits, None
        self.repos = ["%s%d.git" % (tag, i) for i in range(REPOS)]
        for name in self.repos:
            gate.repo(name, "receive.autogc=false")
        make = [(Push, n) for n in range(pushes)] + [(Look, n) for n in range(pushes, pushes + looks)]
        # every kind is spread over all addresses and repositories
        self.clients = [c(n, "127.0.0.%d" % (2 + n % peers), self.repos[n // peers % REPOS], http) for c, n in make]
        self.all = len(self.clients) + gits
        self.peak = self.peak_waiting = 0
        if gits:
            self.work = gate.work("work-" + tag, self.repos[0])
            self.git_urls = [(gate.http if http else gate.url)(self.repos[n % REPOS]) for n in range(gits)]

    def places(self):
        return int(self.gate.settings["limit.sessions"])

    async def watch(self, until, what, patience=1800):
        """Follow the gate's figures until something is true of them."""
        end = time.monotonic() + patience
        while True:
            status = (await asyncio.to_thread(self.gate.request, cmd="status"))["data"]
            self.peak, self.peak_waiting = max(self.peak, status["sessions"]), max(self.peak_waiting, status["waiting"])
            if until(status):
                return status
            if time.monotonic() > end:
                raise TimeoutError("waited for %s: %r" % (what, status))
            await asyncio.sleep(0.25)

    async def git(self, n):
        """One of git's own clients: '' or what it says."""
        p = await asyncio.create_subprocess_exec("git", "push", "-q", self.git_urls[n], "HEAD:refs/heads/git%d" % n, cwd=self.work, env=ENV,
                                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = await p.communicate()
        return "" if p.returncode == 0 else "git push %d: exit %d: %s" % (n, p.returncode, out.decode(errors="replace"))

    async def play(self):
        """The first ones keep their places until all the others are there."""
        port = self.gate.http_port if self.http else self.gate.port
        event = asyncio.Event()
        places = min(self.places(), len(self.clients))
        for c in self.clients[:places]:
            c.hold = event
        first = [asyncio.create_task(c.run(port)) for c in self.clients[:places]]
        await self.watch(lambda s: s["sessions"] == places and all(c.peer for c in self.clients[:places]), "every place to be taken")
        rest = [asyncio.create_task(c.run(port)) for c in self.clients[places:]]
        gits = [asyncio.create_task(self.git(n)) for n in range(self.gits)]
        await self.watch(lambda s: s["waiting"] + s["sessions"] == self.all, "everybody to be there")
        self.waited = self.peak_waiting
        released = time.monotonic()
        event.set()
        await self.watch(lambda s: not s["waiting"] and not s["sessions"], "all to be served")
        await asyncio.gather(*first, *rest)
        self.git_said = [said for said in await asyncio.gather(*gits) if said]
        self.seconds = time.monotonic() - released

    def run(self):
        before = Level(self.gate)
        refused = self.gate.status()["refused"]
        asyncio.run(self.play())
        after = Level(self.gate)
        self.judge(before, after, refused)
        took = [c.took for c in self.clients]
        self.row = [self.t, "%d + %d + %d" % (sum(type(c) is Push for c in self.clients), self.gits,
                                                                sum(type(c) is Look for c in self.clients)),
                    self.waited, self.peak, "%.0f" % self.seconds, *seconds(took, 50, 99, 100), before.rss, peak_rss(self.gate.pid), after.rss,
                    "%d, %d" % (before.dirty, after.dirty), "%d, %d" % (before.fds, after.fds), "%d, %d" % (before.kids, after.kids)]
        return before, after

    def judge(self, before, after, refused):
        tap, t = self.tap, self.t
        tap.eq([c.said() for c in self.clients if not c.accepted() or c.reset][:5], [], "%s: each of %d raw clients has what it came for, and no reset"
               % (t, len(self.clients)))
        tap.eq(self.git_said[:5], [], "%s: each of %d of git's own too" % (t, self.gits))
        tap.eq((self.gate.status()["refused"] - refused, self.gate.reaped()), (0, []), "%s: nobody is refused, nobody is ended" % t)
        tap.ok(self.peak == self.places(), "%s: all places are used, and no more (%d)" % (t, self.peak))
        tap.ok(self.waited >= self.all - self.places(), "%s: %d clients waited at once" % (t, self.waited))
        want = {(c.repo, c.ref): c.oid for c in self.clients if type(c) is Push}
        if self.gits:
            tip = git("rev-parse", "HEAD", cwd=self.work).stdout.strip()
            want.update({(self.repos[n % REPOS], "refs/heads/git%d" % n): tip for n in range(self.gits)})
        dirs = {name: os.path.join(self.gate.base, name) for name in self.repos}
        have = {(name, ref): oid for name, d in dirs.items() for ref, oid in refs(d).items()}
        tap.ok(have == want, "%s: exactly the %d references that were pushed are there" % (t, len(want)), sorted(set(have.items()) ^ set(want.items()))[:10])
        wait_for(lambda: not [f for d in dirs.values() for f in leftovers(d)], "leftovers to be removed")
        tap.eq([f for f in map(fsck, dirs.values()) if f], [], "%s: fsck is clean, nothing is left" % t)
        tap.eq((after.fds, after.kids), (before.fds, before.kids), "%s: descriptors and processes of the gate are what they were" % t)


HEAD = ["transport", "pushes + git's own + looks", "waited at once", "sessions at once", "all done, s", "a client p50, s", "p99", "max",
        "RSS before, KiB", "peak", "after", "private dirty", "descriptors", "processes"]
