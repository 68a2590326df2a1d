#!/usr/bin/python3
"""Allocations of git-gate-session, git-gate-http, git-gate-admin and the commands that change something fail, one by one: what they do they do whole,
or say that memory lacks; and a gate that may have no more memory serves on. A sample by chance (SEED=), each one with ALLOC=all.
"""
import http.client
import resource

from allocbench import *

tap = Tap()
if not alloc.works():
    skip_all("a sanitizer has an allocator of its own")
if missing():
    skip_all(missing())
sweeps = alloc.Sweeps(tap)
bench = AllocBench()
t = Trial(bench, bench.gate().start())
tap.eq(t.wrong(), [], "nothing fails: all is well")
t.before = t.g.idle_fds()
for where, action, sample in (("git-gate-session", "push", 4), ("git-gate-session", "fetch", 3), ("git-gate-http", "push-http", 4), ("git-gate-http", "fetch-http", 4)):
    s = Suffering(t, where, action)
    sweeps.sweep("%s, %s" % (where, action), s.once, s.total, sample, bench.faults, s.program) if s.total else tap.ok(True, "%s, %s: it asks for none" % (where, action))


# --- git-gate-admin --------------------------------------------------------------------------------------------------------

quiet = Gate()
quiet.repo()
Raw(quiet).close()
quiet.settle()
faults = alloc.Faults("git-gate-admin")
ADMIN = os.path.join(BUILD, "git-gate-admin")
said = path("admin.said")


def admin():
    """One of its own beside the gate's. It may write to no file."""
    with open(said, "wb") as out:
        to = popen(["cat"], stdin=subprocess.PIPE, stdout=out)
    p = popen([ADMIN, quiet.control, "127.0.0.1:0"], env={**ENV, **faults.env}, stdout=to.stdin, stderr=to.stdin)
    to.stdin.close()
    p.to = to
    return p


def port():
    found = re.search(r"listening on http://127\.0\.0\.1:(\d+)/\n", read(said))
    return int(found[1]) if found else 0


def begin(n):
    faults.arm(n)
    p = admin()
    wait_for(lambda: port() or p.poll() is not None, "it to listen or to end")
    faults.disarm()
    if p.poll() is None:
        p.kill()
        p.wait()
        return ""
    p.to.wait()
    return "" if p.returncode == 1 and "emory" in read(said) else "exit code %s: %s" % (p.returncode, read(said))


tap.eq(begin(0), "", "git-gate-admin starts")
sweeps.sweep("git-gate-admin, its start", begin, faults.count, 5, faults, ADMIN)
running = admin()
wait_for(port, "it to listen")


def get(url):
    """Status, headers and body; None: it closed the connection."""
    c = http.client.HTTPConnection("127.0.0.1", port(), timeout=PATIENCE)
    try:
        c.request("GET", url)
        r = c.getresponse()
        return r.status, sorted(k for k, v in r.getheaders()), r.read().decode()
    except (http.client.HTTPException, ConnectionError):
        return None
    finally:
        c.close()


def page(url, whole):
    def once(n):
        wait_for(lambda: time.monotonic() > once.asked + 1.01, "it to ask the gate anew")
        faults.arm(n)
        got = get(url)
        faults.disarm()
        once.asked = time.monotonic()
        if running.poll() is not None:
            raise RuntimeError("it died: %s: %s" % (running.returncode, read(said)))
        if got is None or (got[0] == 503 and "emory" in got[2]):
            return ""
        if got[0] == 200 and got[1] == once.headers and (whole(got[2]) or "not enough memory" in got[2]):
            return ""
        return "a part of it is missing: %s" % (got,)
    faults.arm()
    once.headers, once.asked = get(url)[1], time.monotonic()
    return once, faults.disarm()[0]


for url, whole, sample in (("/", lambda b: b.rstrip().endswith("</html>") and "Time line" in b and "Live sessions" in b, 6),
                           ("/metrics", lambda b: b.startswith("# HELP") and "git_gate_sessions" in b, 4), ("/readyz", lambda b: b == "ready\n", 3)):
    once, total = page(url, whole)
    sweeps.sweep("git-gate-admin, " + url, once, total, sample, faults, ADMIN)
    wait_for(lambda: (get(url) or (0,))[0] == 200, "the next answer")
running.kill()
running.wait()
tap.eq(quiet.stop(), 0, "its gate stops with 0")


# --- commands --------------------------------------------------------------------------------------------------------------

faults = alloc.Faults("git-gate")


def run(*args):
    r = subprocess.run([GATE, *args], env={**ENV, **faults.env}, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE)
    faults.disarm()
    return r


def command(what, sample, once):
    tap.eq(once(0), "", what)
    sweeps.sweep(what, once, faults.count, sample, faults)


def excused(r):
    """It has failed, and said why."""
    return r.returncode in (1, 2) and "emory" in r.stdout + r.stderr


base, conf = path("own"), path("own.conf")
os.makedirs(base)
with open(conf, "w") as f:
    f.write("[gate]\n\tbasePath = %s\n\tcontrol = %s\n[listen]\n\tgit = off\n" % (base, path("own.control")))
left = path("left")


def left_in(name):
    """A repository in which a push has left its quarantine."""
    d = os.path.join(left, name, "objects", "incoming-x")
    os.makedirs(d)
    with open(os.path.join(left, name, "HEAD"), "w") as f:
        f.write("ref: refs/heads/main\n")
    return d


os.makedirs(os.path.join(left, "used.git"))
user = popen(["sleep", "1000"], stdin=open(os.path.join(left, "used.git", "config"), "w"))
used, unused = left_in("used.git"), [left_in("%d.git" % i) for i in range(3000 if sweeps.all else 8)]      # one allocation for each process of the machine
# a git that works in a work tree, whose file .git alone leads there
git("init", "-q", "--bare", os.path.join(left, "tree.git"))
in_tree = left_in("tree.git")
os.makedirs(path("tree"))
with open(path("tree", ".git"), "w") as f:
    f.write("gitdir: %s\n" % os.path.join(left, "tree.git"))
worker = popen(["git", "cat-file", "--batch"], cwd=path("tree"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
born = time.time()
wait_for(lambda: time.time() > born + 1.2, "them to be older than a look at who uses them")


def cleanup_used(name, quarantine):
    def once(n):
        faults.arm(n)
        r = run("cleanup", "--base", left, name)
        return "" if os.path.isdir(quarantine) and r.returncode == 1 else "removed under who uses it: %s %s %s" % (r.returncode, r.stdout, r.stderr)
    return once


def cleanup(n):
    d = unused.pop()
    faults.arm(n)
    r = run("cleanup", "--base", left, os.path.basename(os.path.dirname(os.path.dirname(d))))
    if r.returncode == 0:
        return "it is still there, and nothing is said: %s" % r.stdout if os.path.isdir(d) else ""
    return "" if excused(r) or (os.path.isdir(d) and r.stdout.startswith("kept\t")) else "exit code %d: %s %s" % (r.returncode, r.stdout, r.stderr)


command("git-gate cleanup, in use", 6, cleanup_used("used.git", used))
command("git-gate cleanup, in use from a work tree", 4, cleanup_used("tree.git", in_tree))
command("git-gate cleanup", 6, cleanup)


def state():
    return sorted(os.listdir(base)), read(conf), sorted(f for f in os.listdir(TMP) if f.startswith("own.conf"))


def all_or_nothing(what, *args):
    """All of it is there, even if there was no memory to print how to use it."""
    def once(n):
        before = state()
        faults.arm(n)
        r = run(*args, "--config", conf)
        if r.returncode == 0 or "what was to be printed is missing" in r.stderr:
            after = undo(before)
            once.want = once.want or after
            return "" if after == once.want else "not all of it is done: %s %s" % (r.stdout, r.stderr)
        if state() != before:
            return "half of it is done: %s: %s" % (r.stderr, undo(before))
        return "" if excused(r) else "exit code %d: %s" % (r.returncode, r.stderr)

    def undo(before):
        after = state()
        for name in set(os.listdir(base)) - set(before[0]):
            shutil.rmtree(os.path.join(base, name))
        with open(conf, "w") as f:
            f.write(before[1])
        return after
    once.want = None
    return once


command("git-gate add --local", 6, all_or_nothing("add", "add", "--local", "new.git"))
command("git-gate add --upstream", 4, all_or_nothing("add", "add", "up.git", "--upstream", bench.up.url(os.path.join(bench.up.base, "r.git")),
                                                     "--identity", bench.up.identity, "--known-hosts", bench.up.known_hosts))


def doctor(n):
    faults.arm(n)
    r = run("doctor", "--config", conf)
    lines = [line.split(":")[0] for line in r.stdout.splitlines()]
    if not n:
        doctor.code, doctor.lines = r.returncode, lines
    if excused(r):
        return ""
    return "" if (r.returncode, lines) == (doctor.code, doctor.lines) else "exit code %d: %s %s" % (r.returncode, r.stdout, r.stderr)


command("git-gate doctor", 5, doctor)
for args in (("sessions",), ("explain", "idle"), ("client", "--config", conf)) if sweeps.all else (("sessions",),):
    def once(n):
        faults.arm(n)
        r = run(*args, *(("--control", t.g.control) if args[0] == "sessions" else ()))
        if not n:
            once.want = (r.returncode, r.stdout)
        return "" if (r.returncode, r.stdout) == once.want or excused(r) or "emory" in r.stderr else "exit code %d: %s %s" % (r.returncode, r.stdout, r.stderr)
    command("git-gate " + args[0], 4, once)


# --- no more memory for the gate -------------------------------------------------------------------------------------------

def size(pid):
    return int(re.search(r"VmSize:\s+(\d+) kB", read("/proc/%d/status" % pid))[1]) << 10


tap.eq(t.wrong(), [], "all is well")
no, hard = resource.prlimit(t.g.pid, resource.RLIMIT_AS)
refused = []
for room in (0, 64 << 10, 1 << 20):
    resource.prlimit(t.g.pid, resource.RLIMIT_AS, (size(t.g.pid) + room, hard))
    clients = [popen(["git", "ls-remote", url], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
               for url in [t.g.url("l.git"), t.g.http("l.git")] * 8]
    asked = [t.g.cli(*args).returncode for args in (("status", "--json"), ("metrics",), ("report",), ("sessions",), ("reload",), ("health",)) * 3]
    tap.ok(t.g.process.poll() is None, "with room for %d KiB more it lives (%d of %d questions answered)" % (room >> 10, asked.count(0), len(asked)))
    resource.prlimit(t.g.pid, resource.RLIMIT_AS, (no, hard))
    said = [c.communicate(timeout=PATIENCE)[1] for c in clients]
    refused += [s for c, s in zip(clients, said) if c.returncode]
    tap.eq(t.wrong(), [], "and serves all again once it has memory")
note("%d clients were refused: %s" % (len(refused), sorted(set(re.sub(r"session \w+|\d+", "", s.strip()) for s in refused))[:6]))
tap.eq(t.g.stop(), 0, "it stops with 0")
sweeps.done()
