#!/usr/bin/python3
"""Processes that end at any of their system calls: of a push, from receive-pack to the ssh of the forward, of a fetch, and the gate itself; and
the link to upstream, cut at any byte. After each the gate serves on both transports, gate and upstream agree, nothing is left, and what a client was told is true.

strace ends every process below receive-pack (upload-pack, the gate) at its n-th call of a kind, which repeats. The points are a sample of all, as
$SEED says, printed first; POINTS=n takes n of each part, POINTS=all every one.
"""
import random
import shutil

from sshd import *

if not shutil.which("strace"):
    skip_all("strace is not installed")
tap = Tap()
up = upstream()
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
POINTS = os.environ.get("POINTS", "")
note("SEED=%d repeats the plan" % SEED)
rnd = random.Random(SEED)
CALLS = {               # strace counts each by itself
    "push": ("rename", "unlink", "unlinkat", "rmdir", "link", "mkdir", "mkdirat", "execve", "flock", "fsync", "connect", "clone", "clone3", "vfork", "pwrite64",
             "ftruncate", "kill", "pidfd_send_signal", "wait4", "poll", "ppoll", "openat", "sendto", "sendmsg", "setsid", "close_range"),
    "fetch": ("execve", "mmap", "clone", "vfork", "wait4", "poll", "openat", "write"),
    "gate": ("accept4", "clone", "clone3", "vfork", "pidfd_open", "sendto", "sendmsg", "shutdown", "unlink", "pipe2", "socketpair", "epoll_ctl", "setsockopt", "flock"),
}
SIGNALS = {"push": ("KILL", "KILL", "KILL", "SEGV", "TERM", "STOP"), "fetch": ("KILL", "SEGV", "STOP"), "gate": ("KILL", "KILL", "ABRT"), "role": ("KILL", "KILL", "SEGV", "TERM", "STOP")}


def sample(points, n):
    points = list(points)
    return points if POINTS == "all" else rnd.sample(points, min(len(points), int(POINTS or n)))


# --- a gate whose git can be traced ---------------------------------------------------------------------------------------------------
bin_dir, plan, trace, scratch = path("bin"), path("plan"), path("trace"), path("scratch")
os.mkdir(bin_dir)
os.mkdir(scratch, 0o700)
put_script(os.path.join(bin_dir, "git"), '[ -s %s ] && case $1 in receive-pack|upload-pack) exec strace -D -f -qq -o %s.$$ $(cat %s) %s "$@";; esac\nexec %s "$@"'
           % (plan, trace, plan, shutil.which("git"), shutil.which("git")))
latch, hold = Latch(), path("hold")
put_script(path("scanner"), "[ ! -e %s ] || { %s; }" % (hold, latch.command))
base, seed = path("git"), path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
sections = up.mirrored(base, "r.git", seed=seed)
for d in base, up.base:
    git("config", "receive.unpackLimit", "1", cwd=os.path.join(d, "r.git"))
    git("config", "receive.autogc", "false", cwd=os.path.join(d, "r.git"))       # it is nobody's session, and whoever stops it has to wake it
    git("config", "core.fsync", "committed,-loose-object", cwd=os.path.join(d, "r.git"))        # as git has it by itself: it may end there, too
here, there = os.path.join(base, "r.git"), os.path.join(up.base, "r.git")
# receive-pack ends just before its hook begins; git-daemon stays for whoever has its log, and is the hook's parent then
orphaned = path("orphaned")
hooks = Hooks(pre_receive="""h=%s; [ -e %s ] || exec $h
cat >%s.in; p=$PPID
exec 9>/proc/$p/fd/2
kill -9 $p
while [ "$(cut -d' ' -f4 </proc/$$/stat)" = $p ]; do sleep 0.01; done
exec $h <%s.in""" % (os.path.join(BUILD, "hooks", "pre-receive"), orphaned, orphaned, orphaned))
os.symlink(os.path.join(BUILD, "hooks", "post-receive"), os.path.join(hooks.dir, "post-receive"))
g = Gate({**PATIENT, **sections, "listen.http": "127.0.0.1:0", "deadline.drain": "1s", "hook.scratch": scratch, "hook.scanner": "command", "hook.scannerCommand": path("scanner")},
         base=base, hooks=hooks.dir, env={"PATH": bin_dir + ":" + ENV["PATH"]})
g.settings.update({"listen.git": "127.0.0.1:%d" % g.port, "listen.http": "127.0.0.1:%d" % g.http_port})     # the same after a restart
URLS = (g.url("r.git"), g.http("r.git"))


def refs(d):
    return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout


def traced(args):
    with open(plan, "w") as f:
        f.write(args)


def ends():
    """How processes ended that strace saw, and its files taken away."""
    found = []
    for f in [f for f in os.listdir(TMP) if f.startswith("trace.")]:
        found += re.findall(r"\+\+\+ killed by \w+|--- (?:stopped by )?SIG(?:TERM|SEGV|STOP)", read(path(f)))
        os.unlink(path(f))
    return [f.split()[-1] for f in found]


def counts(calls):
    """How many calls of each kind the process made that made most."""
    per = {}
    for f in [f for f in os.listdir(TMP) if f.startswith("trace.")]:
        for call in re.findall(r"(?m)^(\d+) +(\w+)\(", read(path(f))):
            per[call] = per.get(call, 0) + 1
        os.unlink(path(f))
    return {kind: max((n for (_, name), n in per.items() if name == kind), default=0) for kind in calls}


def wake(p):
    """Let go on what was stopped, until p and its session have ended; what ended meanwhile has ended."""
    until = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < until and (p.poll() is None or g.sessions()):
        for pid in g.processes():
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        time.sleep(0.1)         # stopped ones come without a sign


idle = {}


def sound(what, work, branch, told):
    """The invariants, after one fetch."""
    wait_for(lambda: not g.sessions(), "%s: the session to end" % what)
    wait_for(lambda: not [p for p in tree(up.process.pid)[1:] if "receive-pack" in cmdline(p)], "%s: upstream to have ended what it does" % what)
    tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    r = git("ls-remote", URLS[tap.n % 2], check=False)
    bad = [] if r.returncode == 0 else ["a fetch: " + r.stderr]
    if told and tip not in refs(there):
        bad.append("the client was told that upstream has it, and it has not")
    r = git("push", "-q", URLS[(tap.n + 1) % 2], "HEAD:" + branch, cwd=work, check=False)
    bad += [] if r.returncode == 0 else ["the next push: " + r.stderr]
    g.settle()
    bad += ["gate and upstream differ"] if refs(here) != refs(there) else []
    bad += ["fsck: " + x for x in map(fsck, (here, there)) if x]
    # the hook's directory of a push that was killed goes with the next cleanup
    left = lambda: leftovers(here) + os.listdir(scratch) + [f for f in os.listdir(here) if f.startswith("git-gate.forward")]      # noqa: E731
    try:
        wait_for(lambda: not left() and fd_count(g.pid) <= idle[g.pid], "nothing to be left", 20)
    except TimeoutError:
        bad.append("left: %s, %d descriptors of %d" % (left(), fd_count(g.pid), idle[g.pid]))
    bad += ["ended by the gate: %s" % e for e in g.reaped() if e["reason"] != "predecessor"]
    bad += ["%s" % e for e in g.events("gate.error") + g.events("scan.failed")]
    return tap.ok(not bad, "%s: gate and upstream agree, are sound, and serve" % what, *bad, *g.events()[-20:])


# what there is to be ended at
work, branch = new_work(seed)
sound("at first", work, branch, False) if idle.setdefault(g.pid, 1 << 20) else None
idle[g.pid] = g.idle_fds()
most = {}
for part, args in (("push", ["push", URLS[0], "HEAD:count"]), ("fetch", ["clone", "-q", URLS[0], path("count")])):
    traced("-e trace=" + ",".join(CALLS[part]))
    git(*args, cwd=work)
    g.settle()
    traced("")
    most[part] = counts(CALLS[part])
note("calls: %s" % most)


def push_point(kind, n, sig):
    work, branch = new_work(seed)
    what = "push, SIG%s at call %d of %s" % (sig, n, kind)
    traced("-e trace=%s -e inject=%s:signal=SIG%s:when=%d" % (kind, kind, sig, n))
    p = popen(["git", "push", URLS[0], "HEAD:" + branch], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if sig == "STOP":
        wake(p)
    code, out = end(p)
    traced("")
    wait_for(lambda: not g.sessions(), "%s: the session to end" % what)
    hit = ends()
    tap.ok(not unexplained(code, out), "%s (%s): the client has %s" % (what, ",".join(hit) or "no such call", "succeeded" if code == 0 else "a reason"), out)
    sound(what, work, branch, code == 0)
    return bool(hit)


def fetch_point(kind, n, sig):
    what = "fetch, SIG%s at call %d of %s" % (sig, n, kind)
    traced("-e trace=%s -e inject=%s:signal=SIG%s:when=%d" % (kind, kind, sig, n))
    d = path("clone%d" % tap.n)
    p = popen(["git", "clone", "-q", URLS[0], d], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if sig == "STOP":
        wake(p)
    code, out = end(p)
    traced("")
    hit = ends()
    bad = unexplained(code, out) or (code == 0 and fsck(d))
    tap.ok(not bad, "%s (%s): the client has %s" % (what, ",".join(hit) or "no such call", "succeeded" if code == 0 else "a reason"), out, bad)
    work, branch = new_work(seed)
    return sound(what, work, branch, False) and bool(hit)


def role_point(role, transport, sig):
    """One of the processes of a push that its scanner holds up."""
    work, branch = new_work(seed)
    what = "SIG%s to %s, over %s" % (sig, role, URLS[transport].split(":")[0])
    open(hold, "w").close()
    p = popen(["git", "push", URLS[transport], "HEAD:" + branch], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    latch.reached()
    os.unlink(hold)
    found = [q for q in tree(g.sessions()[0]["pid"]) if re.search(role, cmdline(q))]
    for q in found[:1]:
        os.kill(q, getattr(signal, "SIG" + sig))
    latch.release()
    if sig == "STOP":
        wake(p)
    code, out = end(p)
    tap.ok(not unexplained(code, out), "%s: the client has %s" % (what, "succeeded" if code == 0 else "a reason"), out)
    try:                # it ended with its hook before it read
        os.set_blocking(latch.fd, False)
        os.read(latch.fd, 1)
    except BlockingIOError:
        pass
    return sound(what, work, branch, code == 0) and bool(found)


def gate_point(kind, n, sig):
    """Pushes until the gate has died, then the next one."""
    global g
    what = "gate, SIG%s at call %d of %s" % (sig, n, kind)
    g.stop()
    g.prefix = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=" + kind, "-e", "inject=%s:signal=SIG%s:when=%d" % (kind, sig, n)]
    told = []
    work, branch = new_work(seed)
    g.launch()
    try:
        wait_for(lambda: g.process.poll() is not None or g.events("gate.ready"), "the gate, or its end")
        for i in range(4):
            if g.process.poll() is None:
                code, out = end(popen(["git", "push", URLS[i % 2], "HEAD:%s-%d" % (branch, i)], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
                told.append((code, out))
        died = g.process.poll() is not None
        if not died:
            for pid in tree(g.process.pid)[1:2]:
                os.kill(pid, signal.SIGKILL)
            g.process.wait(PATIENCE)
    finally:
        g.prefix = []
    g.start()
    idle[g.pid] = g.idle_fds()
    tap.ok(not [1 for code, out in told if unexplained(code, out)], "%s (%s): clients have an answer or a reason" % (what, "hit" if died else "beyond the last"), *told)
    sound(what, work, branch, told and told[0][0] == 0)
    return died


def gate_calls():
    """How many calls of each kind a gate makes by the end of two pushes."""
    g.stop()
    g.prefix = ["strace", "-qq", "-o", path("gate-calls"), "-e", "trace=" + ",".join(CALLS["gate"])]
    g.start()
    work, branch = new_work(seed)
    for url in URLS:
        git("push", "-q", url, "HEAD:%s-%s" % (branch, url[0]), cwd=work)
    g.settle()
    made = re.findall(r"(?m)^(\w+)\(", read(path("gate-calls")))
    g.stop()
    g.prefix = []
    g.start()
    return {kind: min(made.count(kind), 5) for kind in CALLS["gate"]}


ROLES = [(r, t) for t in (0, 1) for r in (("git-daemon", "git-gate-http")[t], "receive-pack", "pre-receive", "scanner")]


def part(name, point, ranges, n):
    """Of all points some; most of them must be met, else there is nothing that is tested."""
    points = ranges if name == "role" else [(kind, i + 1) for kind, top in sorted(ranges.items()) for i in range(top)]
    chosen = sample(points, n)
    hits = sum(point(kind, i, rnd.choice(SIGNALS[name])) for kind, i in chosen)
    note("%s: %d of %d points, %d met" % (name, len(chosen), len(points), hits))
    tap.ok(2 * hits >= len(chosen), "%s: at most of the points something was ended" % name, hits, chosen)


# a hook that is killed while it takes away what it forwarded from: nobody may take it from who holds the repository's lock
own = os.path.join(here, "git-gate.forward")
os.makedirs(os.path.join(own, "refs"))
with subprocess.Popen(["flock", os.path.join(here, "git-gate.lock"), "sh", "-c", "echo; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
    holder.stdout.readline()
    r = subprocess.run([GATE, "cleanup", "--base", base], env=ENV, capture_output=True, text=True)
    tap.ok(os.path.isdir(own), "cleanup leaves a forward's directory alone while the repository is locked", r.stdout)
    holder.stdin.close()
r = subprocess.run([GATE, "cleanup", "--base", base], env=ENV, capture_output=True, text=True)
tap.ok(not os.path.exists(own), "and removes it then", r.stdout, r.stderr)

# receive-pack ends just before its hook begins: who would move the references has gone, so nothing goes upstream
work, branch = new_work(seed)
open(orphaned, "w").close()
code, out = end(popen(["git", "push", URLS[0], "HEAD:" + branch], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
os.unlink(orphaned)
said = wait_for(lambda: [e for e in g.events("push.rejected") if "receive-pack has ended" in e["message"]] or g.events("push.forwarded", repo="r.git")[2:], "the hook to decide")
tap.ok(code and said[0]["event"] == "push.rejected" and "refs/heads/%s\n" % branch not in refs(there), "receive-pack has ended before its hook began: nothing is forwarded", out, *said)
sound("receive-pack has ended before its hook began", work, branch, False)

only = sys.argv[1:]
if not only or "push" in only:
    part("push", push_point, {k: min(n, 12) for k, n in most["push"].items()}, 7)
if not only or "fetch" in only:
    part("fetch", fetch_point, {k: min(n, 12) for k, n in most["fetch"].items()}, 2)
if not only or "role" in only:
    part("role", role_point, ROLES, 3)
if not only or "gate" in only:
    part("gate", gate_point, gate_calls(), 2)
g.settle()
up.stop()
finish(tap, g)
