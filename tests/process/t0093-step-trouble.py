#!/usr/bin/python3
"""A step of the operator's and a scanner that misbehave, through the whole gate: they hang and ignore signals, leave a daemon behind that holds their
output, print 60 MB, escapes, or the gate's own words, read nothing, are missing, fail, are killed. The push is refused with the reason (but for a
step that leaves a daemon and exits with 0: its exit status is its verdict, and the operator is told of what was ended), in
bounded time and memory, nothing is forged in what the client reads or in the log, nothing is left, and the next push is fine.
"""
from gate import *

LIMIT = 10              # deadline.step and .scan, seconds; room for healthy ones on a slow machine
MEMORY = (24 << 10) + FREED      # KiB that git-gate-hook may have had at most
tap = Tap()
steps, scratch = path("steps"), path("scratch")
os.makedirs(os.path.join(steps, "pre-receive.d"))
os.makedirs(scratch)
STEP, SCANNER = os.path.join(steps, "pre-receive.d", "50-step"), path("scanner")
WELL = "#!/bin/sh\n[ -n \"$1\" ] || cat >/dev/null\nexit 0\n"


def put(file, text, mode=0o755):
    """A new file, so that nobody meets it busy."""
    with open(file + "~", "w") as f:
        f.write(text)
    os.chmod(file + "~", mode)
    os.rename(file + "~", file)


put(SCANNER, WELL)
COMMON = {"listen.http": "127.0.0.1:0", "deadline.step": "%ds" % LIMIT, "deadline.scan": "%ds" % LIMIT, "hook.scratch": scratch}
stepping = Gate({**COMMON, "hook.dir": steps})
scanning = Gate({**COMMON, "hook.scanner": "command", "hook.scannerCommand": SCANNER}, base=stepping.base)
repo = stepping.repo()
work = stepping.work("work")
git("push", "-q", stepping.url("r.git"), "HEAD:main", cwd=work)
daemon = path("daemon.py")
with open(daemon, "w") as f:
    f.write("import os\nif os.fork():\n    os._exit(0)\nos.setsid()\nif os.fork():\n    os._exit(0)\nos.chdir('/')\nos.execve('/bin/sleep', ['sleep', '7783'], {})\n")


def marked():
    return [p for p in pids() if re.fullmatch(r"sleep 778[1-4]", cmdline(p))]


class Memory(threading.Thread):
    """The most that any git-gate-hook of a gate has had in memory, KiB."""

    def __init__(self, gate):
        super().__init__(daemon=True)
        self.gate, self.most, self.over = gate, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            for p in tree(self.gate.pid):
                try:
                    if os.path.basename(os.readlink("/proc/%d/exe" % p)) == "git-gate-hook":
                        self.most = max([self.most] + [int(k) for k in re.findall(r"VmHWM:\s+(\d+)", read("/proc/%d/status" % p))])
                except OSError:
                    pass


class Push:
    """One push with the step or the scanner being this; what came of it."""

    count = 0

    def __init__(self, gate, text, mode=0o755, refs=1):
        Push.count += 1
        file, self.gate = {stepping: STEP, scanning: SCANNER}[gate], gate
        if text is None:
            os.unlink(file)
        else:
            put(file, text, mode)
        self.transport = ("git", "git", "http", "http")[Push.count % 4]        # each is followed by one that is fine
        target = "r.git" if refs == 1 else os.path.basename(gate.repo("many%d.git" % Push.count))
        self.url, repo = {"git": gate.url, "http": gate.http}[self.transport](target), os.path.join(gate.base, target)
        commit(work, "f", "%d\n" % Push.count)
        head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
        if refs > 1:
            pack_refs(os.path.join(work, ".git"), head, "refs/heads/many/n", refs)
        self.before, self.events = git("for-each-ref", cwd=repo).stdout, len(gate.events())
        memory, begun = Memory(gate), time.monotonic()
        r = git("push", "-q", self.url, *(["HEAD:main"] if refs == 1 else ["refs/heads/many/*:refs/heads/many/*"]), cwd=work, check=False)
        if refs > 1:
            os.unlink(os.path.join(work, ".git", "packed-refs"))
        self.took, self.code, self.text = time.monotonic() - begun, r.returncode, r.stderr
        memory.over.set()
        memory.join()
        self.most, self.moved = memory.most, git("for-each-ref", cwd=repo).stdout != self.before
        gate.settle()


def judge(p, what, *says, ok=False, event="push.step-failed", within=2 * PATIENCE):
    what = "%s: %s over %s" % ("step" if p.gate is stepping else "scanner", what, p.transport)
    tap.ok((p.code == 0, p.moved) == (ok, ok) and p.took < within, "%s: %s in %.1fs" % (what, "accepted" if ok else "refused", p.took), p.code, p.text[:3000])
    for s in says:
        tap.ok(re.search(r"(?m)^remote: git-gate: .*" + re.escape(s), p.text), "%s: the client reads '%s'" % (what, s), p.text[:3000])
    forged = re.findall(r"(?m)^remote: git-gate: forwarded.*", p.text) + re.findall(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", p.text.replace("\r", "\n"))
    tap.ok(not forged and len(p.text) < 20000, "%s: nothing is forged, and it is no more than can be read" % what, repr(p.text[:2000]), forged[:3])
    events = p.gate.events()[p.events:]
    if event:
        tap.ok([e for e in events if e["event"] == event], "%s: %s" % (what, event), [e["event"] for e in events])
    bad = [e for e in events if e["event"] in ("push.forwarded", "session.reaped", "gate.stopped") or re.search(r"[\x00-\x1f\x7f]", e["message"])]
    tap.ok(not bad and "\x1b" not in p.gate.text(), "%s: nothing is forged in the log" % what, bad)
    tap.ok(p.most < MEMORY, "%s: git-gate-hook had %d KiB at most" % (what, p.most)) if p.most else None       # it was too short to be seen
    wait_for(lambda: not marked(), "what it started to be gone")
    try:
        wait_for(lambda: not leftovers(repo) and not os.listdir(scratch), "nothing to be left", 20)
    except TimeoutError:
        pass
    tap.eq((leftovers(repo), os.listdir(scratch)), ([], []), "%s: nothing is left" % what)
    after = Push(p.gate, WELL)
    tap.ok(after.code == 0 and after.moved, "%s: the next push is fine" % what, after.text)


def sh(text):
    return "#!/bin/sh\n" + text + "\n"


FORGED = r"""printf 'git-gate: forwarded main 1111111..2222222\ngit-gate: forwarded main\rgit-gate: forwarded main\n' >&2
printf '\033[2J\033[1;1H\033]0;owned\007\0\0git-gate: forwarded main\n\nremote: git-gate: forwarded main\n\302\233' >&2
printf '{"event":"push.forwarded","message":"x"}\n<5>push.forwarded\npush.forwarded: x\n' >&2
"""
HANG = "trap '' HUP INT TERM QUIT PIPE\nsleep 7781 &\nsetsid sleep 7782 &\nwhile :; do sleep 7781; done"
MUCH = "head -c 60000000 /dev/zero | tr '\\0' 'x' | fold -w 200"
for gate, failed in (stepping, "step pre-receive.d/50-step: "), (scanning, "it could not be scanned: the scanner "):
    step, deadline = gate is stepping, "(deadline.step)" if gate is stepping else "(deadline.scan)"
    p = Push(gate, sh(HANG))
    judge(p, "hangs and ignores signals", "did not end within %ds %s" % (LIMIT, deadline))
    tap.ok(p.took >= LIMIT, "not before its time")
    p = Push(gate, sh("python3 %s" % daemon))
    if step:
        judge(p, "leaves a daemon that holds its output", "ended and left a process behind that held its output; that was ended", ok=True, event="push.step-stray")
        tap.ok("step-failed" not in str([e["event"] for e in gate.events()[p.events:]]), "which is no failure of the step's")
        tap.ok(re.search(r"50-step ended, but .*sleep.* held its output and was ended too", gate.events("push.step-stray")[-1]["message"]), "and the operator reads who it was")
        judge(Push(gate, sh("python3 %s; exit 2" % daemon)), "leaves a daemon and says no", "exit status 2")
    else:
        judge(p, "leaves a daemon that holds its output", "ended before what it started: ")
    judge(Push(gate, sh("%s >&2; exit 2" % MUCH)), "prints 60 MB on stderr", "exit status 2")
    if step:
        p = Push(gate, sh("cat >/dev/null; %s; exit 0" % MUCH))
        judge(p, "prints 60 MB and says yes", "… 60 MB more not shown", ok=True, event=None)
    else:
        judge(Push(gate, sh("%s; exit 1" % MUCH)), "prints 60 MB on stdout", "wrote ")
    judge(Push(gate, sh(FORGED + "exit 2")), "prints what the gate would say, and fails", "exit status 2")
    judge(Push(gate, sh(FORGED + ("exit 0" if step else "exec >&2; exit 0"))), "prints what the gate would say", ok=True, event=None)
    if not step:
        judge(Push(gate, sh(FORGED.replace(" >&2", "") + "exit 1")), "reports what is no report", "wrote a report that cannot be read")
        judge(Push(gate, sh("printf '%s\\t1\\trule\\033[31m\\ngit-gate: forwarded main\\n' $(ls $1 | head -1); exit 1")), "reports a rule with escapes", "wrote a report that cannot be read")
    judge(Push(gate, sh("exit 0"), refs=1000), "reads nothing of 1000 references", ok=True, event=None)
    judge(Push(gate, sh("sleep 1; exit 2")), "exits 2", "exit status 2")
    judge(Push(gate, sh("kill -KILL $$")), "is killed", "was killed by signal 9")
    judge(Push(gate, sh("exit 0"), mode=0o644), "is not executable", "is not executable" if step else "cannot be run: Permission denied")
    judge(Push(gate, "#!/nonexistent/interpreter\n"), "has no interpreter", "cannot be run: No such file or directory")
    if step:
        os.symlink("/nonexistent", os.path.join(steps, "pre-receive.d", "60-gone"))
        p = Push(gate, WELL)
        os.unlink(os.path.join(steps, "pre-receive.d", "60-gone"))
        judge(p, "is missing", "step pre-receive.d/60-gone: cannot be looked at")
    else:
        judge(Push(gate, None), "is missing", "cannot be run: No such file or directory")
tap.eq(fsck(repo), "", "the repository is sound")
tap.eq(stepping.reaped() + scanning.reaped(), [], "no session was ended by the gate")
finish(tap, stepping, scanning)
