"""One error of the machine at a chosen system call of a chosen program of ours, by strace's fault injection; a gate and what it serves, to
suffer it; and what must be true afterwards, whatever was injected. tests/faults/sweep goes through all of them, t0167 through a few by chance.
"""
import errno
import shutil
import stat

import http.client

from adminweb import Admin
from gate import *
from sshd import Upstream, missing

# What the machine may answer to each call. Not what only a bug would get (EBADF, EFAULT), nor close(): strace would leave its descriptor open.
ERRORS = {
    "openat": "EMFILE ENFILE ENOMEM EIO ENOSPC EROFS EDQUOT", "pipe2": "EMFILE ENFILE", "socket": "EMFILE ENFILE ENOBUFS ENOMEM",
    "socketpair": "EMFILE ENFILE ENOMEM", "accept4": "EMFILE ENFILE ENOBUFS ENOMEM EINTR ECONNABORTED", "eventfd2": "EMFILE ENFILE ENOMEM",
    "epoll_create1": "EMFILE ENFILE ENOMEM", "timerfd_create": "EMFILE ENFILE ENOMEM", "signalfd4": "EMFILE ENFILE ENOMEM",
    "epoll_ctl": "ENOSPC ENOMEM", "epoll_wait": "EINTR", "epoll_pwait": "EINTR", "poll": "EINTR ENOMEM", "ppoll": "EINTR ENOMEM", "fcntl": "EMFILE", "dup": "EMFILE",
    "clone": "EAGAIN ENOMEM", "clone3": "EAGAIN ENOMEM", "vfork": "EAGAIN ENOMEM", "execve": "ENOMEM EIO ENFILE", "pidfd_open": "EMFILE ENFILE ENOMEM",
    "bind": "ENOMEM ENOSPC EROFS", "listen": "ENOMEM", "connect": "ENOMEM EINTR EAGAIN", "sendto": "ENOBUFS ENOMEM EINTR", "sendmsg": "ENOBUFS ENOMEM EINTR",
    "recvfrom": "ENOMEM EINTR", "recvmsg": "ENOMEM EINTR", "setsockopt": "ENOMEM", "getsockname": "ENOBUFS", "read": "EIO EINTR",
    "pread64": "EIO EINTR", "write": "ENOSPC EDQUOT EIO EINTR", "writev": "ENOSPC EDQUOT EIO EINTR", "pwrite64": "ENOSPC EDQUOT EIO", "ftruncate": "EIO ENOSPC", "fallocate": "ENOSPC EIO",
    "fsync": "EIO ENOSPC", "mkdir": "ENOSPC EDQUOT EIO EROFS", "mkdirat": "ENOSPC EDQUOT EIO EROFS", "rename": "ENOSPC EIO EROFS", "renameat": "ENOSPC EIO EROFS",
    "link": "ENOSPC EIO EROFS", "symlink": "ENOSPC EIO EROFS", "symlinkat": "ENOSPC EIO EROFS", "unlink": "EIO EROFS", "unlinkat": "EIO EROFS", "rmdir": "EIO EROFS", "fchmod": "EIO EROFS",
    "chmod": "EIO EROFS", "stat": "EIO ENOMEM", "lstat": "EIO ENOMEM", "newfstatat": "EIO ENOMEM", "fstat": "EIO", "statx": "EIO ENOMEM", "access": "EIO ENOMEM",
    "faccessat": "EIO ENOMEM", "faccessat2": "EIO ENOMEM", "readlink": "EIO ENOMEM", "readlinkat": "EIO ENOMEM", "getdents64": "EIO ENOMEM", "flock": "EINTR ENOLCK ENOMEM",
    "wait4": "EINTR", "waitid": "EINTR", "getrandom": "EINTR", "pidfd_getfd": "EMFILE", "ioctl": "ENOMEM",
}
NAMES = ("git-gate-session", "git-gate-http", "git-gate-hook", "git-gate-admin")
PROGRAMS = ("git-gate",) + NAMES
HANG = 60               # seconds that nothing of this takes
RECORDED = 10           # nor that a record takes
OBJECTS = 3             # that each push adds: a commit, a tree, a file
SAID = 5                # nor that a gate that is ready takes to say so
HEALTHY = {"deadline.init": "5m", "deadline.commands": "5m", "deadline.packStart": "5m", "deadline.idle": "5m", "deadline.hook": "5m"}

# Starts strace beside the program, not above it: the program stays the child of whoever started it, and strace has none of its environment,
# by which a session's processes are known.
WRAPPER = """import json, os, sys
real, plan = sys.argv[1], sys.argv[2]
call, error, n, trace = json.load(open(plan))
os.unlink(plan)
env = [a for k, v in os.environ.items() for a in ("-E", k + "=" + v)]
os.execve("/usr/bin/strace", ["strace", "-DDD", "-qq", "-o", trace, "-e", "signal=none", "-e", "trace=" + (call or "all")]
          + (["-e", "inject=%s:error=%s:when=%s" % (call, error, n)] if n else []) + env + [real] + sys.argv[3:], {"PATH": "/usr/bin:/bin"})
"""


def no_strace():
    """Why nothing can be injected here; '' if it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    probe = subprocess.run(["strace", "-o", "/dev/null", "-e", "trace=getpid", "-e", "inject=getpid:error=EIO", "true"], capture_output=True, text=True)
    return "strace cannot trace here: " + probe.stderr.strip() if probe.returncode else missing()


class Fault:
    """One error at the n-th such call; n "3+": from the third on. call "": none, all calls are counted."""

    def __init__(self, program, action, call="", error="", n=0):
        self.program, self.action, self.call, self.error, self.n = program, action, call, error, n
        self.reached, self.said = False, ""

    def __str__(self):
        return "%s %s %s %s %s" % (self.program, self.action, self.call, self.error, self.n)


def counted(trace):
    """Of each call in a trace, which of them may be failed: the first is 1. Up to where the program becomes git, which says in its own way what it lacks."""
    seen, calls = {}, {}
    for line in read(trace).splitlines():
        name = re.match(r"(?:\d+ +)?(?:\d+:\d+:\d+ )?(\w+)\(", line)
        if not name:
            continue
        seen[name[1]] = seen.get(name[1], 0) + 1
        # what else fcntl does needs nothing of the machine; who does not wait is not interrupted
        if (name[1] != "fcntl" or "F_DUPFD" in line) and (name[1] not in ("wait4", "waitid") or "WNOHANG" not in line):
            calls.setdefault(name[1], []).append(seen[name[1]])
        if seen.get("execve", 0) > 1 and line.startswith("execve(") and line.endswith(" = 0"):
            break
    return calls


class WrappedGate(Gate):
    """Of a Bench."""

    def args(self):
        return [path("programs", "git-gate") if a == GATE else a for a in super().args()]


class Bench:
    """Programs of ours behind wrappers, an upstream, and a gate over two repositories: r.git, a mirror of it, and l.git, on its own."""

    def __init__(self, settings=None, **kw):
        self.dir, self.plans = path("programs"), path("plans")
        os.makedirs(os.path.join(self.dir, "hooks"))
        os.mkdir(self.plans)
        self.trace, self.wrapper = path("trace"), path("wrapper.py")
        with open(self.wrapper, "w") as f:
            f.write(WRAPPER)
        for name in NAMES:
            self.wrap(name)
        shutil.copy(GATE, self.dir)
        for hook in "pre-receive", "post-receive":
            os.symlink("../git-gate-hook", os.path.join(self.dir, "hooks", hook))
        self.up = Upstream().start()
        self.seed = path("seed")
        git("init", "-q", self.seed)
        commit(self.seed, "first", "first\n")
        self.base, self.scratch = path("base"), path("scratch")
        os.makedirs(self.base)
        os.mkdir(self.scratch)
        scanner = path("scanner")
        put_script(scanner, "exit 0")
        self.settings = {
            "listen.http": "127.0.0.1:0", "listen.admin": "127.0.0.1:%d" % free_port(), "hook.path": os.path.join(self.dir, "hooks"), "hook.scratch": self.scratch,
            "hook.scanner": "command", "hook.scannerCommand": scanner, "deadline.drain": "20s", **HEALTHY, **self.up.mirrored(self.base, seed=self.seed), **(settings or {})}
        local = os.path.join(self.base, "l.git")
        git("init", "-q", "--bare", local)
        git("config", "receive.unpackLimit", "1", cwd=local)       # index-pack; r.git has unpack-objects
        git("push", "-q", local, "HEAD:main", cwd=self.seed)
        self.n = 0

    def gate(self, prefix=(), **kw):
        """Not yet started."""
        return WrappedGate(self.settings, base=self.base, start=False, prefix=prefix, **kw)

    def wrap(self, name):
        """The real one in a directory of its own, in which the other programs are the wrapped ones."""
        own = os.path.join(self.dir, "real-" + name)
        os.makedirs(own)
        shutil.copy(os.path.join(BUILD, name), own)
        for other in NAMES:
            if other != name:
                os.symlink(os.path.join(self.dir, other), os.path.join(own, other))
        for hook in ("pre-receive", "post-receive") if name == "git-gate-hook" else ():
            os.symlink(name, os.path.join(own, hook))
        file = os.path.join(self.dir, name)
        base = "${0##*/}" if name == "git-gate-hook" else name
        plan = os.path.join(self.plans, base)
        put_script(file, 'real=%s/%s\n[ "$real" != %s/git-gate-hook ] || plan=%s/hook-$1\n[ -e "${plan:=%s}" ] || exec "$real" "$@"\n%s'
                   % (own, base, own, self.plans, plan, self.planned()))

    def planned(self):
        """What the shell does for "$real" and its "$plan"."""
        return 'exec /usr/bin/python3 %s "$real" "$plan" "$@"' % self.wrapper

    def plan(self, where, fault):
        """where: pre-receive, post-receive, hook-refresh, git-gate-session and so on; the next one that starts suffers it."""
        with open(os.path.join(self.plans, ".new"), "w") as f:
            json.dump([fault.call, fault.error, fault.n, self.trace], f)
        os.rename(f.name, os.path.join(self.plans, where))

    def forget_plans(self):
        for f in os.listdir(self.plans):
            os.unlink(os.path.join(self.plans, f))

    def commit(self):
        """Another commit to push, whose name tells which."""
        self.n += 1
        commit(self.seed, "f", "%d\n" % self.n)
        return "n%d" % self.n

    def push(self, url, ref):
        return git("push", url, "HEAD:refs/heads/" + ref, cwd=self.seed, check=False, timeout=HANG)

    def fetch(self, url):
        shutil.rmtree(path("clone"), ignore_errors=True)
        return git("clone", "-q", "--bare", url, path("clone"), check=False, timeout=HANG)


class Tracer:
    """strace on a process that runs already, from here to the end of the with; injected: whether the call was reached."""

    def __init__(self, pid, fault, trace):
        self.pid, self.fault, self.trace = pid, fault, trace

    def __enter__(self):
        f = self.fault
        inject = ["-e", "inject=%s:error=%s:when=%d" % (f.call, f.error, f.n)] if f.n else []
        self.process = popen(["strace", "-p", str(self.pid), "-o", self.trace, "-e", "signal=none", "-e", "trace=" + (f.call or "all")] + inject,
                             stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            raise RuntimeError("strace: " + line)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE)
        self.injected = "(INJECTED)" in read(self.trace)


class Trial:
    """A gate of a Bench that runs, an action on it with a fault, and what must be true afterwards."""

    def __init__(self, bench, g):
        self.b, self.g = bench, g
        self.r, self.l = (os.path.join(bench.base, name) for name in ("r.git", "l.git"))
        self.before = None

    def both(self):
        """The transports' URLs of both repositories."""
        return [u(name) for name in ("r.git", "l.git") for u in (self.g.url, self.g.http)]

    # each returns what the client was told when it was not served, and '' when it was

    def push(self):
        r = self.b.push(self.g.url("r.git"), self.b.commit())
        return r.stderr if r.returncode else ""

    def push_http(self):
        r = self.b.push(self.g.http("l.git"), self.b.commit())
        return r.stderr if r.returncode else ""

    def push_known(self):
        """What lies in the repository already, and nothing refers to: it is no news of the quarantine's."""
        ref = self.b.commit()
        git("fetch", "-q", self.b.seed, "HEAD", cwd=self.l)
        r = self.b.push(self.g.url("l.git"), ref)
        return r.stderr if r.returncode else ""

    def fetch(self):
        r = self.b.fetch(self.g.url("r.git"))
        return r.stderr if r.returncode else ""

    def fetch_http(self):
        r = self.b.fetch(self.g.http("r.git"))
        return r.stderr if r.returncode else ""

    def end(self):
        """A client that says nothing is ended by the operator."""
        c = Raw(self.g, repo="l.git", service="git-receive-pack")
        try:
            c.s.settimeout(PATIENCE)
            if c.read_packet() is None:
                return "closed"
            mine = [s["id"] for s in self.g.sessions() if s["peer"] == c.peer]
            r = self.g.cli("kill", *mine) if mine else None
            if not r or r.returncode:
                return r.stderr if r else "git-gate: no session"
            c.rest()
            return ""
        except (OSError, RuntimeError) as e:
            return "git-gate: without an answer: %s" % e
        finally:
            c.close()

    def cut(self):
        """A client that goes in the middle of its pack, and leaves what must be removed."""
        c = Raw(self.g, repo="l.git")
        try:
            oid, pack = pack_of(self.b.seed)
            c.advertisement()
            c.commands(oid, "refs/heads/cut")
            c.s.sendall(pack[:30])
            wait_for(lambda: leftovers(self.l) or not self.g.sessions(), "its quarantine", 5)
            for p in self.g.processes():
                if "receive-pack" in cmdline(p) or "index-pack" in cmdline(p):
                    os.kill(p, signal.SIGKILL)
            c.rest()
        except (OSError, RuntimeError, TypeError, ValueError, TimeoutError):
            pass
        finally:
            c.close()
        return ""

    def reload(self):
        r = self.g.cli("reload")
        return r.stderr if r.returncode else ""

    def ask(self):
        for args in ("status",), ("sessions",), ("metrics",), ("reaped", "--all"):
            r = self.g.cli(*args)
            if r.returncode:
                return r.stderr
        return ""

    def page(self):
        """What git-gate-admin serves."""
        try:
            for what in "/", "/metrics":
                status, _, body = Admin(self.g).get(what, timeout=HANG)
                if status != 200:
                    return "git-gate: %s: %d %s" % (what, status, body[:300])
            return ""
        except (OSError, http.client.HTTPException) as e:
            return "git-gate: no answer: %r" % e

    def admin_pid(self):
        """None when none runs, or the gate does not say."""
        try:
            return next(s["pid"] for s in self.g.status()["services"] if s["name"] == "git-gate-admin")
        except RuntimeError:
            return None

    def page_again(self):
        """The same of another git-gate-admin: the one that runs is killed."""
        old = wait_for(self.admin_pid, "git-gate-admin", HANG)
        os.kill(old, signal.SIGKILL)
        # one that met an error is started again after a while
        wait_for(lambda: self.admin_pid() not in (None, old) and self.page() == "", "git-gate-admin to serve", HANG)
        return ""

    ACTIONS = {"push": push, "push-http": push_http, "push-known": push_known, "fetch": fetch, "fetch-http": fetch_http, "end": end, "cut": cut, "reload": reload, "ask": ask, "page": page,
               "page-again": page_again}

    def count(self, program, action):
        """Which calls a program makes during an action: counted()."""
        self.suffer(Fault(program, action))
        self.settled()
        return counted(self.b.trace)

    def suffer(self, fault):
        """The action with its fault; what was wrong with how it went."""
        act, seen = self.ACTIONS[fault.action], len(self.g.events())
        if fault.program == "git-gate" or (fault.program, fault.action) == ("git-gate-admin", "page"):
            pid = self.g.pid if fault.program == "git-gate" else wait_for(self.admin_pid, "git-gate-admin", HANG)
            with Tracer(pid, fault, self.b.trace):
                said = self.patiently(act)
        else:
            if os.path.exists(self.b.trace):
                os.unlink(self.b.trace)
            self.b.plan(fault.program, fault)
            said = self.patiently(act)
            self.b.forget_plans()
        fault.reached = "(INJECTED)" in read(self.b.trace)
        fault.said = said
        if said is None:
            return ["it hangs"]
        # who is not shown the page sees that, and the next one has it
        if fault.action.startswith("page"):
            return []
        found = self.unrecorded(fault, seen) if said == "" else []
        if said and "loading shared libraries" in said + str(self.recorded(seen)):     # it has not begun: nothing of ours could
            return found
        # who could not reach the gate cannot have it recorded
        if said and "gate cannot be asked" not in said and "without an answer" not in said and "no answer from the gate" not in said and not self.recorded(seen):
            found.append("failed without a record; the client was told: %s" % said.strip())
        # git shows no text of a reply to a POST; one that has begun, as a pack's, can only be cut (18: it is not whole)
        if said and not re.search("git-gate: |RPC failed; HTTP 5" + ("|RPC failed; curl 18 " if fault.action == "fetch-http" else ""), said):
            found.append("failed, and the client was not told by us: %s" % said.strip())
        return found

    def unrecorded(self, fault, seen):
        """What there is no record of, of a push that was taken, unless the log has lost lines and says so; and what was not scanned."""
        wanted = {"push": ["push.scanned", "push.forwarded"], "push-http": ["push.scanned"], "push-known": ["push.scanned"]}.get(fault.action, [])
        have = {e["event"]: e for e in self.g.events()[seen:]}
        found = [] if self.g.status()["dropped_events"] else ["taken, and not on record: %s" % name for name in wanted if name not in have]
        if have.get("push.scanned", {}).get("objects", OBJECTS) < OBJECTS:
            found.append("taken, and not all of it was scanned: %s" % have["push.scanned"])
        return found

    def recorded(self, seen):
        """The records among the events since then. The client may have gone before the gate has read it."""
        try:
            return wait_for(lambda: [e for e in self.g.events()[seen:] if e["priority"] not in ("debug", "info") or e["event"] == "session.log"], "a record", RECORDED)
        except TimeoutError:
            return False

    def patiently(self, act):
        """What it says; None when it hangs."""
        try:
            return act(self)
        except (subprocess.TimeoutExpired, TimeoutError):
            return None

    def lasting(self):
        """What is wrong without looking closely."""
        if self.g.process.poll() is not None:
            return ["the gate has ended: %s" % self.g.process.returncode]
        found = []
        r = self.patiently(lambda t: t.b.fetch(t.g.http("l.git")))
        if r is None or r.returncode:
            found.append("afterwards, fetch over HTTP: %s" % (r.stderr if r else "hangs"))
        try:
            wait_for(lambda: self.page() == "", "git-gate-admin to serve", HANG)
        except TimeoutError:
            found.append("afterwards, the page: %s" % self.page())
        return found + self.left()

    def settled(self):
        def quiet():
            try:
                return not self.g.sessions() and not [p for p in self.g.processes() if "git-gate-admin" not in cmdline(p)]
            except RuntimeError:
                return False
        wait_for(quiet, "all sessions to be gone")

    def wrong(self):
        """What is not as it must be, once nothing is injected any more; [] if all is well."""
        if self.g.process.poll() is not None:
            return ["the gate has ended: %s" % self.g.process.returncode]
        found = []
        for what, act in self.ACTIONS.items():
            said = self.patiently(act) if what.startswith(("push", "fetch")) else ""
            if said != "":
                found.append("afterwards, %s: %s" % (what, "hangs" if said is None else said))
        found += self.left()
        for d in self.r, self.l:
            if fsck(d):
                found.append("fsck: " + fsck(d))
        mine, theirs = (git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout for d in (self.r, os.path.join(self.b.up.base, "r.git")))
        if mine != theirs:
            found.append("upstream and gate differ")
        return found

    def left(self):
        """What sessions have left that are over."""
        found = []
        try:
            self.settled()
        except TimeoutError as e:
            found.append("%s: %s" % (e, [cmdline(p) for p in self.g.processes()]))
        for d in self.r, self.l:
            try:
                wait_for(lambda d=d: not leftovers(d), "leftovers", 20)
            except TimeoutError:
                found.append("left in %s: %s" % (os.path.basename(d), leftovers(d)))
        if os.listdir(self.b.scratch):
            found.append("left in scratch: %s" % os.listdir(self.b.scratch))
        reaped = [e for e in self.g.reaped() if e["reason"] != "operator"]
        if reaped:
            found.append("a healthy session was ended: %s" % reaped[:2])
        if self.before is not None:
            try:
                wait_for(lambda: fd_count(self.g.pid) <= self.before, "descriptors", 15)
            except TimeoutError:
                found.append("descriptors: %d, %d before: %s" % (fd_count(self.g.pid), self.before, sorted(open_files(self.g.pid))))
        return found


WHERE = {                # what each program does in which action; hook-refresh is git-gate-hook before a session is served
    "git-gate": [a for a in Trial.ACTIONS if a != "push-known"], "git-gate-session": ["push", "fetch", "cut"], "git-gate-http": ["push-http", "fetch-http"],
    "pre-receive": ["push", "push-http", "push-known"], "post-receive": ["push"], "hook-refresh": ["fetch", "fetch-http"], "git-gate-admin": ["page", "page-again"],
}


def ours_that_run():
    """Processes of wrapped programs."""
    return [p for p in pids() if path("programs") in cmdline(p) and alive(p)]


def is_ready(g, begun):
    """Its log says so, or it does: the line in the log may be what has met the fault."""
    if g.events("gate.ready") or time.monotonic() - begun < SAID:
        return bool(g.events("gate.ready"))
    try:
        return bool(g.request(cmd="ready")["ok"])
    except (OSError, ValueError, TypeError, KeyError):
        return False


def start_with(bench, fault):
    """Start a gate with the fault; what was wrong. fault.said: why it did not start, '' if it did."""
    inject = ["-e", "inject=%s:error=%s:when=%d" % (fault.call, fault.error, fault.n)] if fault.n else []
    if os.path.exists(bench.trace):
        os.unlink(bench.trace)
    g = bench.gate(prefix=["strace", "-o", bench.trace, "-e", "signal=none", "-e", "trace=" + (fault.call or "all")] + inject)
    g.launch()
    found, fault.said, begun, ready = [], "", time.monotonic(), False
    try:
        wait_for(lambda: g.process.poll() is not None or is_ready(g, begun), "it to be ready or to give up", HANG)
        ready = g.process.poll() is None
        if ready:
            try:
                g.ready(lambda _: True)
            except RuntimeError:        # the first question may meet the fault
                g.ready(lambda _: True)
            t = Trial(bench, g)
            said = t.patiently(Trial.fetch_http)        # the fault may meet it
            if said is None or (said and "git-gate: " not in said):
                found.append("a fetch over HTTP: %s" % said)
            try:
                found += t.left()
            except RuntimeError:
                found += t.left()
            g.stop()
    except (TimeoutError, RuntimeError) as e:
        found.append(str(e))
        for p in [p for p in tree(g.process.pid) if alive(p)]:
            os.kill(p, signal.SIGKILL)
        g.process.wait()
    fault.reached = "(INJECTED)" in read(bench.trace)
    code, said = g.process.returncode, [line for line in g.text().splitlines() if not line.startswith("{")]
    if not ready and not g.events("gate.ready") and "loading shared libraries" not in g.text():
        fault.said = "\n".join(said) or "nothing"
        if code not in (1, 2):
            found.append("exit code %s" % code)
        named = [line for line in said if line.startswith("git-gate: ") and line[len("git-gate: "):] not in map(os.strerror, errno.errorcode)]
        if not named:
            found.append("it does not start, and says: %s" % fault.said)
    elif code and "loading shared libraries" not in g.text():
        found.append("exit code %s: %s" % (code, g.text()[-1000:]))
    try:
        wait_for(lambda: not ours_that_run(), "all processes to be gone", 20)
    except TimeoutError:
        found.append("left: %s" % [cmdline(p) for p in ours_that_run()])
        for p in ours_that_run():
            os.kill(p, signal.SIGKILL)
    if os.path.exists(g.control) and fault.call not in ("unlink", "unlinkat"):
        found.append("its control socket is left")
    return found
