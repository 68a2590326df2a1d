"""Somebody who is served meanwhile, and what a gate costs: for tests of what hostile clients do to others."""
from gate import *


class Bystander:
    """Pushes and asks again and again, on each transport in turns, until it is told to stop."""

    def __init__(self, gate, work, *repos):
        self.gate, self.work, self.repos = gate, work, repos or ("r.git",)
        self.over, self.rounds, self.failed, self.slowest = threading.Event(), 0, [], 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def urls(self):
        return [f(r) for r in self.repos for f in (self.gate.url, self.gate.http)]

    def once(self, url):
        begun = time.monotonic()
        for args in (["push", url, "HEAD:refs/heads/bystander%d" % self.rounds], ["ls-remote", url, "refs/heads/main"]):
            r = git(*args, cwd=self.work, check=False)
            if r.returncode:
                self.failed.append((args, r.stdout[-300:], r.stderr[-700:]))
        self.rounds += 1
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def run(self):
        urls = self.urls()
        while not self.over.is_set() or self.rounds < len(urls):
            self.once(urls[self.rounds % len(urls)])
            self.over.wait(0.5)         # a neighbour, not a load

    def stop(self, tap, what):
        self.over.set()
        self.thread.join()
        tap.eq(self.failed, [], "%s: meanwhile %d rounds of push and fetch succeed (slowest: %.1f s)" % (what, self.rounds, self.slowest))


def resident(pid):
    """KiB."""
    found = re.search(r"VmRSS:\s+(\d+)", read("/proc/%d/status" % pid))
    return int(found[1]) if found else 0


def bytes_below(*directories):
    """What files take there."""
    total = 0
    for d in directories:
        for top, _, names in os.walk(d):
            for name in names:
                try:
                    total += os.lstat(os.path.join(top, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
    return total


class Cost:
    """Of a gate, now; and what is more of it later. Calm first: what lingers of earlier sessions is not counted."""

    def __init__(self, gate, *directories):
        self.gate, self.directories = gate, directories
        self.memory, self.fds, self.bytes = resident(gate.pid), gate.idle_fds(), bytes_below(*directories)

    def check(self, tap, what, more_bytes=1 << 20):
        g = self.gate
        g.settle()
        wait_for(lambda: fd_count(g.pid) <= self.fds, "descriptors of the gate to be given back")
        tap.ok(g.process.poll() is None and g.status()["instance"] == g.instance, "%s: the gate lives" % what)
        more = resident(g.pid) - self.memory
        tap.ok(more < 4096 + FREED, "%s: its memory is bounded (%d KiB more)" % (what, more))
        more = bytes_below(*self.directories) - self.bytes
        tap.ok(more <= more_bytes, "%s: so is the disk (%d KiB more)" % (what, more // 1024))
        wait_for(lambda: not [f for d in self.directories for f in leftovers(d)], "leftovers to be removed")
