#!/usr/bin/python3
"""A debugger that lets go of the gate may keep the SIGCHLD that it was about to have (strace 6.1 does): no child's end is missed for want of that signal."""
from gate import *

tap = Tap()

# keeps every SIGCHLD of a process from it, until it is ended
KEEP = """
import ctypes, os, signal, sys
SEIZE, CONT, ALL, EVENT_STOP = 0x4206, 7, 0x40000000, 128
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
pid = int(sys.argv[1])
if ptrace(SEIZE, pid, 0, 0) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("has it", flush=True)
while True:
    _, status = os.waitpid(pid, ALL)
    if not os.WIFSTOPPED(status):
        break
    sig = os.WSTOPSIG(status)
    kept = sig == signal.SIGCHLD
    if kept:
        print("kept", flush=True)
    ptrace(CONT, pid, 0, 0 if kept or status >> 16 == EVENT_STOP else sig)
"""


def unnoticed(*names):
    """Children of the gate that have ended, and were not waited for."""
    return [p for p in tree(g.pid) if state(p) == "Z" and read("/proc/%d/comm" % p).strip() in names]


class Rest:
    """Whether a process has done nothing for some seconds."""

    def __init__(self, pid):
        self.pid, self.seen, self.since = pid, None, 0

    def __call__(self):
        seen = re.findall(r"ctxt_switches:\s+(\d+)", read("/proc/%d/status" % self.pid))
        if seen != self.seen:
            self.seen, self.since = seen, time.monotonic()
        return time.monotonic() - self.since > 4


class Deaf:
    """A gate that no SIGCHLD reaches."""

    def __init__(self, gate):
        self.out = path("kept%d" % gate.pid)
        with open(self.out, "w") as f:
            self.tracer = popen([sys.executable, "-c", KEEP, str(gate.pid)], stdout=f, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: self.tracer.poll() is not None or read(self.out), "the debugger to have it")
        if self.tracer.poll() is not None:
            skip_all("no debugger may have a process here: %s" % self.tracer.stderr.read().strip())

    def kept(self):
        return read(self.out).count("kept")


def ends_when_told(name, before, code):
    """A script that ends when a line is written to the descriptor that this returns."""
    os.mkfifo(path(name + ".fifo"))
    put_script(path(name), "%s\nread -r x <%s.fifo\nexit %d" % (before, path(name), code))
    return os.open(path(name + ".fifo"), os.O_RDWR | os.O_CLOEXEC)


to_service, to_on_reap = ends_when_told("service", "", 3), ends_when_told("on-reap", "cat >/dev/null", 0)
g = Gate({"deadline.init": "1s", "deadline.onReap": "10m", "reaper.onReap": path("on-reap"), "service.ends.command": path("service"), "service.ends.restart": "always",
          "service.ends.backoff": "100ms", "service.stays.command": "/bin/sleep 1000", "service.stays.killAfter": "500ms"})
g.repo()
work = g.work("work")
deaf = Deaf(g)

for i in range(3):
    commit(work, "f%d" % i)
    code, out = end(g.push(work))
    tap.eq(code, 0, "push %d succeeds" % i, out)
    wait_for(lambda: not g.sessions(), "its session to end")
tap.eq([e["message"].split(";")[0] for e in g.events("session.closed")], ["exit status 0"] * 3, "their ends are recorded, with their status")

for i in range(2):
    c = Raw(g, request=False)
    c.rest()
    c.close()
wait_for(lambda: not g.sessions(), "the stuck clients' sessions to end")
tap.eq([e["reason"] for e in g.events("session.reaped")], ["init"] * 2, "clients that say nothing are ended, and recorded")
wait_for(Rest(g.pid), "the gate to have nothing to do")
os.write(to_on_reap, b"end\nend\n")
wait_for(lambda: not [p for p in tree(g.pid) if p != g.pid and "on-reap" in cmdline(p)], "reaper.onReap to end")
wait_for(lambda: not unnoticed("on-reap"), "its end to be noticed")
for i in range(2):
    os.write(to_service, b"end\n")
    wait_for(lambda: len(g.events("service.started", service="ends")) == i + 2, "the service that has ended to be started again")
tap.eq(len(g.events("service.exited", service="ends")), 2, "a service that ends is started again")


def held_cleanup():
    """A cleanup that is stopped at its work: half a pack, its client goes, and there is much to be looked at."""
    c = Raw(g)
    c.advertisement()
    oid, pack = pack_of(work)
    c.commands(oid, "refs/heads/cut")
    c.s.sendall(pack[:len(pack) // 2])
    wait_for(lambda: g.sessions(), "a push that is half there")
    c.close()
    mine = lambda: [p for p in tree(g.pid)[1:] if " cleanup " in cmdline(p) + " "]     # noqa: E731
    wait_for(lambda: mine() or not leftovers(repo), "a cleanup")
    return next((p for p in mine() if signal_one_of(p, signal.SIGSTOP, mine)), None)


repo = os.path.join(g.base, "r.git")
for i in range(20000):
    os.mkdir(os.path.join(repo, "objects", "not-ours-%d" % i))
held = wait_for(held_cleanup, "a cleanup to be stopped")
wait_for(lambda: state(held) == "T" and not g.sessions(), "it to stand still, and the session to end")
wait_for(Rest(g.pid), "the gate to have nothing to do")
tap.eq(state(held), "T", "a cleanup is at work, and nothing else happens")
os.kill(held, signal.SIGCONT)
wait_for(lambda: not leftovers(repo), "what the push left to be removed")
wait_for(lambda: not alive(held), "the cleanup to end")
wait_for(lambda: not unnoticed("git-gate"), "its end to be noticed")
tap.eq(fsck(repo), "", "its end is noticed, and the repository is sound")
tap.ok(deaf.kept() > 5, "none of %d SIGCHLD has reached the gate" % deaf.kept())
os.kill(g.pid, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "it stops", g.text()[-2000:])
tap.eq([e["message"] for e in g.events("onreap.failed")], [], "no end of reaper.onReap was missed")
tap.done()
