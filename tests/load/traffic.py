"""Clients of the soak. A Worker is a healthy one with a repository of its own, so that what must be there is known; Rough ones misbehave in another."""
import asyncio
import random
import shutil
import signal

from figures import *
from wire import *

RARE, PATIENT = 5, 600      # a number of weight; seconds for one command of git's


async def run_git(*args, cwd=None, kill_after=None):
    """Exit code and output of a git of the test's, with -1 for one that was killed."""
    p = await asyncio.create_subprocess_exec("git", *args, cwd=cwd or TMP, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                             start_new_session=True)
    try:
        out, _ = await asyncio.wait_for(p.communicate(), kill_after or PATIENT)
        return p.returncode, out.decode(errors="replace")
    except (asyncio.TimeoutError, asyncio.CancelledError):
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await p.wait()
        return -1, "git %s: killed after %g s" % (args[0], kill_after or PATIENT)


class Worker:
    """known: reference → the values that it may have (None: it is not there). One, unless a session was killed in the middle."""

    def __init__(self, soak, name, upstream=None):
        self.soak, self.gate, self.name, self.repo, self.upstream = soak, soak.gate, name, name + ".git", upstream
        self.rnd, self.n, self.known, self.failed, self.excused, self.done = random.Random("%d %s" % (soak.seed, name)), 0, {}, [], 0, {}
        self.work = path("work-" + name)
        git("init", "-q", self.work)
        commit(self.work, "first", name)

    def url(self):
        return (self.gate.url if self.rnd.random() < .5 else self.gate.http)(self.repo)

    def tip(self):
        return git("rev-parse", "HEAD", cwd=self.work).stdout.strip()

    def add(self, size):
        self.n += 1
        commit(self.work, "f%d" % (self.n % 20), self.rnd.randbytes(size) + b"%d" % self.n)
        return self.tip()

    async def push(self, *specs, **wanted):
        """Push, and remember what the references (refs/ and what is here without it) are from then on."""
        code, out = await run_git("push", "-q", self.url(), *specs, cwd=self.work)
        self.pushed(code == 0, out, wanted["refs"])

    def pushed(self, accepted, out, refs):
        for ref, oid in refs.items():
            self.known[ref] = {oid} if accepted else self.known.get(ref, {None}) | {oid}
        if not accepted:
            raise Failed(out)

    # --- what it does: each a coroutine, with its weight -------------------------------------------------------------------------
    async def small(self):
        oid = self.add(200)
        await self.push("HEAD:refs/heads/b%d" % self.n, refs={"refs/heads/b%d" % self.n: oid})

    async def medium(self):
        oid = self.add(300000)
        await self.push("HEAD:refs/heads/b%d" % self.n, refs={"refs/heads/b%d" % self.n: oid})

    async def large(self):
        oid = self.add(6 << 20)
        await self.push("HEAD:refs/heads/b%d" % self.n, refs={"refs/heads/b%d" % self.n: oid})
        # what this takes is not to grow for as long as the soak runs
        git("checkout", "-q", "--orphan", "new%d" % self.n, cwd=self.work)
        git("commit", "-qm", "anew", cwd=self.work)

    async def main(self):
        oid = self.add(100)
        await self.push("+HEAD:refs/heads/main", refs={"refs/heads/main": oid})

    async def tag(self):
        self.n += 1
        git("tag", "-am", "t", "t%d" % self.n, cwd=self.work)
        oid = git("rev-parse", "t%d" % self.n, cwd=self.work).stdout.strip()
        await self.push("refs/tags/t%d" % self.n, refs={"refs/tags/t%d" % self.n: oid})

    async def delete(self):
        sure = sorted(r for r, v in self.known.items() if len(v) == 1 and None not in v and r != "refs/heads/main")
        if sure:
            gone = self.rnd.sample(sure, min(len(sure), 3))
            await self.push(*[":" + r for r in gone], refs=dict.fromkeys(gone))

    async def clone(self, *how):
        d = tempfile.mkdtemp(prefix="clone.", dir=TMP)
        try:
            code, out = await run_git("clone", "-q", *how, self.url(), d)
            if code:
                raise Failed(out)
            main = self.known["refs/heads/main"]
            got = git("rev-parse", "origin/main", cwd=d).stdout.strip()
            if got not in main:
                raise Failed("the clone has %s as main, and not %s" % (got, main))
        finally:
            shutil.rmtree(d, ignore_errors=True)

    async def shallow(self):
        await self.clone("--depth", "1")

    async def fetch(self):
        code, out = await run_git("fetch", "-q", self.url(), "refs/heads/main", cwd=self.work)
        if code:
            raise Failed(out)

    async def slow(self):
        """A push by hand that pauses in the middle of its pack, though not for as long as it may."""
        self.n += 1
        p = Push(self.n, "127.0.0.1", self.repo, False)
        p.ref, (p.oid, p.pack) = "refs/heads/s%d" % self.n, small_push(b"%s %d" % (self.name.encode(), self.n))
        c, late = Conn(self.gate.port), False
        try:
            await c.open()
            await c.send(request("receive-pack", self.repo))
            await c.packets()
            await c.send(commands(p.oid, p.ref))
            for i in range(0, len(p.pack), len(p.pack) // 3):
                begun = time.monotonic()
                await asyncio.sleep(self.soak.idle_s / 5)
                late |= time.monotonic() - begun > self.soak.idle_s * 0.6
                await c.send(p.pack[i:i + len(p.pack) // 3])
            p.answer = await c.rest()
        except (Ended, OSError) as e:
            p.answer = repr(e).encode()
        finally:
            c.close()
        if late and not p.accepted():       # on a machine like this it was no healthy client
            self.soak.late.add(c.peer)
            self.known[p.ref] = {None, p.oid}
            return
        self.pushed(p.accepted(), p.said(), {p.ref: p.oid})

    DOES = {small: 10, medium: 4, large: 1, main: 4, tag: 2, delete: 3, clone: 2, shallow: 3, fetch: 6, slow: 2}

    async def start(self):
        await self.main()

    async def go_on(self, until, pause):
        """One after the other, with pauses, so that the rate is bounded."""
        while time.monotonic() < until:
            await asyncio.sleep(self.rnd.uniform(0.2, 1.8) * pause)
            what = self.rnd.choices(list(self.DOES), list(self.DOES.values()))[0]
            begun = time.time()
            try:
                await what(self)
            except Failed as e:
                if self.soak.harm.hit(self.repo, begun - 1, time.time()):
                    self.excused += 1
                else:
                    self.failed.append("%s, %s: %s: %s" % (self.name, what.__name__, time.strftime("%H:%M:%S"), e))
            self.done[what.__name__] = self.done.get(what.__name__, 0) + 1


class Failed(Exception):
    """A healthy client did not get what it wanted."""


class Rough:
    """Clients of git's own that are killed or stopped in the middle of a push; in a repository where anything may be the result."""

    def __init__(self, soak, repo):
        self.soak, self.gate, self.repo, self.rnd, self.n = soak, soak.gate, repo, random.Random("%d rough" % soak.seed), 0
        self.work = path("work-rough")
        git("init", "-q", self.work)
        commit(self.work, "big", self.rnd.randbytes(4 << 20))

    async def go_on(self, until, pause):
        while time.monotonic() < until:
            await asyncio.sleep(self.rnd.uniform(0.2, 1.8) * pause)
            self.n += 1
            commit(self.work, "f", self.rnd.randbytes(1 << 20))
            url = (self.gate.url if self.rnd.random() < .5 else self.gate.http)(self.repo)
            await run_git("push", "-q", url, "HEAD:refs/heads/rough%d" % self.n, cwd=self.work, kill_after=self.rnd.uniform(0.01, 0.6))


class Stuck:
    """Runs of git-gate-torture: every kind there is, over both transports; longer soaks play them again and again."""

    def __init__(self, soak, repo):
        self.soak, self.gate, self.repo, self.rnd, self.clients = soak, soak.gate, repo, random.Random("%d stuck" % soak.seed), []
        self.unplayed = 0

    async def play(self, http):
        url = (self.gate.http if http else self.gate.url)(self.repo)
        begun = time.time()
        p = await asyncio.create_subprocess_exec(TORTURE, "--url", url, "--limit", "10m", "--pause", "%dms" % (self.soak.idle_s * 400), "--json", env=ENV, cwd=TMP,
                                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = await p.communicate()
        if p.returncode and (b"git fast-import failed: Connection timed out" in err or
                             b"cannot push what the clones are to fetch" in err and self.soak.harm.hit(self.repo, begun, time.time())):
            self.unplayed += 1      # a machine too busy to prepare a pack in time; or its own session was killed
            return
        if p.returncode:
            self.soak.tap.ok(False, "git-gate-torture plays its clients", err.decode(), out.decode()[-1000:])
        else:
            self.clients += json.loads(out)

    async def go_on(self, until, pause):
        http = self.rnd.random() < .5
        first = True
        while first or time.monotonic() < until - 60:
            await self.play(http)
            await self.play(not http)
            first = False
            await asyncio.sleep(pause)
