"""Half-open clients of every kind among pushes: all pushes complete, all half-open are ended in time."""
import asyncio
import datetime
import random
import re

from figures import *
from stuck import LIMITS, TORTURED, World, Stuck, kinds
from wire import Push


def when(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class HalfOpen:
    def __init__(self, tap, gate, http, pushes, stuck, tortured, rnd, tag="h"):
        self.tap, self.gate, self.http, self.tortured, self.t = tap, gate, http, tortured, "http" if http else "git"
        self.repos = ["%s%d.git" % (tag, i) for i in range(4)]
        for name in self.repos:
            gate.repo(name, "receive.autogc=false")
        self.world = World(gate, tag + "-stuck")
        self.port = gate.http_port if http else gate.port
        self.pushes = [Push(n, "127.0.0.%d" % (2 + n % 4), self.repos[n // 4 % 4], http) for n in range(pushes)]
        of = kinds(http)
        self.stuck = [Stuck(self.port, "127.0.0.%d" % (2 + n // len(of) % 4), n, of[n % len(of)], http) for n in range(stuck)]
        self.order = self.pushes + self.stuck
        rnd.shuffle(self.order)

    async def torture(self):
        """Those that are real pushes, or too large for this: what became of them."""
        if not self.tortured:
            return []
        url = (self.gate.http if self.http else self.gate.url)(self.world.stuck)
        args = [TORTURE, "--url", url, "--limit", "20m", "--json", "--count", str(self.tortured)] + [a for k in TORTURED for a in ("--kind", k)]
        p = await asyncio.create_subprocess_exec(*args, env=ENV, cwd=TMP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = await p.communicate()
        self.tap.eq(p.returncode, 0, "%s: git-gate-torture has played its clients" % self.t, err)
        return json.loads(out) if p.returncode == 0 else []

    async def nobody(self):
        """Wait until the gate serves nobody, and nobody waits."""
        while True:
            status = (await asyncio.to_thread(self.gate.request, cmd="status"))["data"]
            if not status["waiting"] and not status["sessions"]:
                return
            await asyncio.sleep(0.25)

    async def play(self):
        over = asyncio.Event()
        real = asyncio.create_task(self.torture())
        if self.tortured:       # its real clients take a while to begin, and are to be among the others
            await asyncio.sleep(0)
        pushes = [asyncio.create_task(c.run(self.port)) for c in self.order if isinstance(c, Push)]
        stuck = [asyncio.create_task(c.run(self.world, over)) for c in self.order if isinstance(c, Stuck)]
        await asyncio.gather(*pushes)
        await asyncio.gather(*[t for t, c in zip(stuck, [c for c in self.order if isinstance(c, Stuck)]) if c.kind.reason != "not-reading"])
        self.real = await real
        await self.nobody()
        over.set()
        await asyncio.gather(*stuck)

    def run(self):
        before = Level(self.gate)
        self.before = len(self.gate.events("session.reaped"))
        begun = time.monotonic()
        asyncio.run(asyncio.wait_for(self.play(), 3600))
        self.seconds = time.monotonic() - begun
        after = Level(self.gate)
        self.judge(before, after)

    def lateness(self):
        """Of verdicts, as the gate has them, and of ends, as clients see them; in seconds behind the limit that passed."""
        verdicts, ends = [], []
        for e in self.records:
            c = self.by_peer.get(e["peer"])
            if c is None or e["reason"] == "trickle":       # judged in eighths of its window, not by a silence
                continue
            verdicts.append((e["quiet_ms"] - e["limit_ms"]) / 1000)
            if c.ended and c.silent:
                served = when(e) - e["age_ms"] / 1000       # its clocks begin when it is served
                ends.append(c.ended - max(c.silent, served) - e["limit_ms"] / 1000)
        return verdicts, ends

    def judge(self, before, after):
        tap, t = self.tap, self.t
        tap.eq([c.said() for c in self.pushes if not c.accepted() or c.reset][:5], [], "%s: every one of %d pushes succeeds" % (t, len(self.pushes)))
        have = {(name, ref): oid for name in self.repos for ref, oid in refs(os.path.join(self.gate.base, name)).items()}
        tap.ok(have == {(c.repo, c.ref): c.oid for c in self.pushes}, "%s: exactly what they pushed is there" % t, len(have))
        self.records = self.gate.events("session.reaped")[self.before:]
        self.by_peer = {c.peer: c for c in self.stuck}
        real = {"127.0.0.1:%d" % c["port"]: c for c in self.real}
        peers = sorted(e["peer"] for e in self.records)
        # others waited, and its time was over with the answer to its first request: its relay has no second connection
        turned = {e["peer"] for e in self.gate.events("session.closed") if e["phase"] == "closing" and not e.get("reason")
                  and re.fullmatch(r"exit status 0; (request|keep-alive|sending) [\d.]+m?s(, (request|keep-alive|sending) [\d.]+m?s)*", e["message"])}
        expected = sorted([*self.by_peer, *(p for p in real if p not in turned)])
        odd = sorted(set(expected) ^ set(peers))[:5]
        tap.eq(peers, expected, "%s: every one of %d half-open is ended, once, and nobody else is" % (t, len(self.by_peer) + len(real)),
               *[(p, *[real.get(p, {}).get(k) for k in ("kind", "ended_by", "after_ms")],
                  *[(e["event"], e["message"]) for e in self.gate.events(peer=p)]) for p in odd])
        wrong = [(e["peer"], self.by_peer[e["peer"]].kind.play.__name__, e["reason"]) for e in self.records if e["peer"] in self.by_peer
                 and e["reason"] not in (self.by_peer[e["peer"]].kind.reason, "pressure")]
        tap.eq(wrong[:10], [], "%s: each for its own reason, or because others wait" % t)
        tap.eq([e for e in self.records if e["reason"] != "trickle" and e["quiet_ms"] < e["limit_ms"]][:5], [], "%s: none early" % t)
        tap.eq([c for c in self.real if c["ended_by"] not in ("server", "server-reset") or c["procs"]][:3], [], "%s: the real ones too" % t)
        repos = [os.path.join(self.gate.base, name) for name in self.repos + [self.world.stuck]]
        wait_for(lambda: not [f for d in repos for f in leftovers(d)], "leftovers of the half-open to be removed")
        tap.eq([f for f in map(fsck, repos) if f], [], "%s: fsck is clean, nothing is left" % t)
        tap.eq((after.fds, after.kids), (before.fds, before.kids), "%s: descriptors and processes of the gate are what they were" % t)
        verdicts, ends = self.lateness()
        self.row = [t, len(self.pushes), "%d + %d" % (len(self.stuck), len(self.real)), "%.0f" % self.seconds,
                    *seconds([c.took for c in self.pushes], 50, 100), *seconds(verdicts, 50, 99, 100), *seconds(ends, 50, 99, 100)]

    def reasons(self):
        """reason → how many"""
        return {r: sum(e["reason"] == r for e in self.records) for r in sorted({e["reason"] for e in self.records})}


HEAD = ["transport", "pushes", "half-open, + git's own", "all done, s", "a push p50, s", "max", "verdict late p50, s", "p99", "max",
        "client's end late p50, s", "p99", "max"]
