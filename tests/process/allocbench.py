"""A Bench whose programs are refused an allocation instead of a system call: one of its programs at a time, in one action of a client."""
import alloc
from faulty import *


class AllocBench(Bench):
    def __init__(self, settings=None):
        self.faults = alloc.Faults()
        super().__init__(settings)

    def planned(self):
        return 'export LD_PRELOAD=%s ALLOC_FAULTS=%s\nexec "$real" "$@"' % (alloc.LIBRARY, self.faults.path)

    def real(self, where):
        """The file of the program that runs there."""
        name = {"hook-refresh": "git-gate-hook", "pre-receive": "git-gate-hook", "post-receive": "git-gate-hook"}.get(where, where)
        return os.path.join(self.dir, "real-" + name, name)

    def watch(self, where):
        """From now on the allocations of the program are counted there, and no other's: as plan()."""
        open(os.path.join(self.plans, where), "w").close()
        self.faults.of("git-gate-hook" if where == "hook-refresh" else where)


def ids(repo, ref):
    return git("for-each-ref", "--format=%(objectname)", "refs/heads/" + ref, cwd=repo).stdout.strip()


class Suffering:
    """An action of a trial's while an allocation of the program that runs at where fails: once is for Sweeps.sweep, total how many there are."""

    def __init__(self, trial, where, action):
        self.t, self.b, self.where, self.action = trial, trial.b, where, action
        self.program = trial.b.real(where)
        self.once(0)
        self.total = self.b.faults.count

    def once(self, n):
        g, f = self.t.g, self.b.faults
        begun, seen = len(g.text()), len(g.events())
        self.b.watch(self.where)
        f.arm(n)
        said = self.t.patiently(Trial.ACTIONS[self.action])
        self.t.settled()
        f.disarm()
        self.b.forget_plans()
        if g.process.poll() is not None:
            raise RuntimeError("the gate died: %s" % f.where(self.program))
        log = g.text()[begun:]
        if said is None:
            return "it hangs"
        if re.search(r"signal (4|6|7|8|11)\b", log + said):
            return "it crashed: %s" % (log + said)[-500:]
        wrong = self.of_push(said) if self.action.startswith("push") else ""
        if wrong:
            return wrong
        if said and not re.search("[Mm]emory", said + log):
            return "it is not said why: %s" % said.strip()
        if said and not [e for e in g.events()[seen:] if e["priority"] not in ("debug", "info") or e["event"] == "session.log"]:
            return "there is no record: %s" % said.strip()
        return "; ".join(self.t.left()) if n else ""

    def of_push(self, said):
        """What was pushed is where the client was told that it is, and nowhere else."""
        ref, want = "n%d" % self.b.n, git("rev-parse", "HEAD", cwd=self.b.seed).stdout.strip()
        mirror = self.action == "push"
        here, there = ids(self.t.r if mirror else self.t.l, ref), ids(os.path.join(self.b.up.base, "r.git"), ref) if mirror else ""
        if said == "":
            return "" if here == want and (there == want or not mirror) else "the client was told that it is pushed: %r %r" % (here, there)
        if here or (there and "upstream" not in said):
            return "the client was told that it is refused: %r %r: %s" % (here, there, said)
        return ""
