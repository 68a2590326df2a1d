"""What is done to the gate while it serves, from a seed: its children are killed and stopped, its settings are read again, it is asked this and that."""
import asyncio
import random
import signal

from figures import *

SETTINGS = ("deadline.hook = 10m", "deadline.work = 10m", "limit.sessionsPerRepo = 50", "limit.sessionsPerPeer = 60", "deadline.scan = 4m")


def environment(pid, name):
    found = re.search(rb"(?:^|\0)%s=([^\0]*)" % name.encode(), read("/proc/%d/environ" % pid, "rb"))
    return found[1].decode() if found else None


class Harm:
    def __init__(self, soak):
        self.soak, self.gate, self.rnd = soak, soak.gate, random.Random("%d harm" % soak.seed)
        self.kills, self.reloads, self.asked, self.unanswered, self.admin = [], 0, 0, [], 0

    def hit(self, repo, begun, ended):
        """Was a process of a session of this repository killed meanwhile, or one whose repository was not known?"""
        return any(k["repo"] in (repo, "") and begun <= k["time"] <= ended for k in self.kills)

    def sessions_hit(self):
        return {k["session"] for k in self.kills}

    def victims(self):
        """Process → session, of what runs for clients now."""
        sessions = {s["id"]: s for s in self.gate.request(cmd="sessions")["data"]}
        found = []
        for p in tree(self.gate.pid)[1:]:
            s = sessions.get(environment(p, "GIT_GATE_SESSION"))
            if s:
                found.append((p, s))
        return found

    def strike(self):
        """One process of a session: killed, or stopped for a moment, which nobody may notice."""
        victims = self.victims()
        if not victims:
            return
        pid, session = self.rnd.choice(victims)
        what = cmdline(pid)[:60]
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return
        try:
            if environment(pid, "GIT_GATE_SESSION") != session["id"]:
                return
            # before the deed: what comes of it may be seen at once
            self.kills.append({"time": time.time(), "pid": pid, "session": session["id"], "repo": session["repo"] or "", "what": what, "peer": session["peer"]})
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        except OSError:
            pass
        finally:
            os.close(fd)

    async def kill(self, until, pause):
        while time.monotonic() < until:
            await asyncio.sleep(self.rnd.uniform(0.3, 1.7) * pause)
            self.strike()

    async def kill_admin(self, until):
        """Seldom enough not to be given up."""
        while time.monotonic() + 20 < until:
            await asyncio.sleep(self.rnd.uniform(12, 25))
            for p in tree(self.gate.pid)[1:]:
                if "git-gate-admin" in cmdline(p):
                    os.kill(p, signal.SIGKILL)
                    self.admin += 1

    async def reload(self, until, pause):
        while time.monotonic() < until:
            await asyncio.sleep(self.rnd.uniform(0.5, 1.5) * pause)
            some = self.rnd.sample(SETTINGS, 2)
            with open(self.soak.config + ".new", "w") as f:
                for line in some:
                    f.write("[%s]\n\t%s\n" % tuple(line.split(".", 1)))
            os.rename(self.soak.config + ".new", self.soak.config)
            r = await asyncio.to_thread(self.gate.cli, "reload")
            self.reloads += 1
            if r.returncode:
                self.unanswered.append("reload: %d %s" % (r.returncode, r.stderr))

    async def ask(self, until, pause):
        while time.monotonic() < until:
            await asyncio.sleep(self.rnd.uniform(0.5, 1.5) * pause)
            what = self.rnd.choice((["status"], ["sessions"], ["reaped"], ["health"], ["metrics"], ["report"]))
            r = await asyncio.to_thread(self.gate.cli, *what)
            self.asked += 1
            if r.returncode:
                self.unanswered.append("%s: %d %s" % (what, r.returncode, r.stderr))
