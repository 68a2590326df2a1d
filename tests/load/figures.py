"""What load and soak measure of a gate, and how they judge and print it."""
import os
import re
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from gate import *                                                      # noqa: E402


class Silent(Tap):
    """Counts as Tap does, and says only what is wrong: for a program that prints tables."""

    def ok(self, passed, what, *details):
        self.n += 1
        self.failed += not passed
        if not passed:
            print("wrong: %s\n%s" % (what, "\n".join("  " + str(d)[:2000] for d in details)), file=sys.stderr, flush=True)
        return passed

    def done(self):
        for crash in crashes:
            self.ok(False, "a thread crashed", crash)
        print("\n%d checks, %d failed" % (self.n, self.failed), flush=True)
        sys.exit(1 if self.failed else 0)


def more_descriptors(n):
    """For as many sockets of this process; the gate raises its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        raise SystemExit("this takes %d descriptors, and no more than %d are allowed: ulimit -Hn %d" % (n, hard, n))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n), hard))


def memory(pid):
    """RSS and private dirty memory of a process in KiB."""
    text = read("/proc/%d/smaps_rollup" % pid)
    return tuple(int(re.search(r"(?m)^%s:\s+(\d+)" % key, text)[1]) for key in ("Rss", "Private_Dirty"))


def peak_rss(pid):
    """The most that it ever had, in KiB."""
    return int(re.search(r"(?m)^VmHWM:\s+(\d+)", read("/proc/%d/status" % pid))[1])


def at_rest(gate):
    """Wait until nobody is served and nobody waits."""
    def busy():
        s = gate.status()
        return s["sessions"] or s["waiting"] or [p for p in gate.processes() if "git-gate-admin" not in cmdline(p)]

    wait_for(lambda: not busy(), "all sessions to be gone", 5 * PATIENCE)


class Level:
    """What a gate holds now that nobody is connected: memory, descriptors, processes."""

    def __init__(self, gate):
        at_rest(gate)
        # the ends of connections linger for up to ten seconds, and others of the gate's children may be about to end
        self.fds, self.kids = settled(lambda: (fd_count(gate.pid), len(tree(gate.pid)) - 1))
        self.rss, self.dirty = memory(gate.pid)


def settled(look, quiet=2.0, patience=PATIENCE):
    """What look() returns once it has been the same, and no less, for so long."""
    end, value, since = time.monotonic() + patience, look(), time.monotonic()
    while time.monotonic() - since < quiet and time.monotonic() < end:
        time.sleep(0.1)
        now = look()
        if now != value:
            value, since = now, time.monotonic()
    return value


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))] if values else None


def seconds(values, *points):
    """Cells of a table: the percentiles asked for; 100 is the largest."""
    return ["%.2f" % percentile(values, p) if values else "-" for p in points]


def table(head, rows):
    print("\n| %s |\n|---%s|" % (" | ".join(head), "|--:" * (len(head) - 1)))
    for r in rows:
        print("| %s |" % " | ".join(str(x) for x in r))
    sys.stdout.flush()


def refs(repo):
    """name → id"""
    return dict(line.split() for line in git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repo).stdout.splitlines())
