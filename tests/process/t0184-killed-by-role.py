#!/usr/bin/python3
"""Each of our processes, by its role, killed (SIGKILL, SIGTERM) or stopped while it is at work: what serves a client before its request and between
two, refresh, pre-receive, the holder of the lock, post-receive, reaper.onReap, the cleanup, git-gate-admin, git-gate watch. What is stopped goes on
later, and until then others are served. After each the gate serves on both transports, gate and upstream agree, nothing is left, and the log says
what happened.

Which of them, as $SEED says, printed first; POINTS=n takes n of them, POINTS=all every one; arguments: these roles only. What git's processes and
those of a push do that are killed at any call: t0163.
"""
import contextlib
import random
import select
import urllib.request

from sshd import *

tap = Tap()
up = upstream()
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
note("SEED=%d repeats the plan" % SEED)
rnd = random.Random(SEED)
LONG = {**PATIENT, "deadline.refresh": "5m", "deadline.forward": "5m"}
SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "STOP": signal.SIGSTOP}
latch = Latch()


def held_by(name):
    """A line of sh that waits at the latch while that is wished for."""
    return "[ ! -e %s ] || { %s; }" % (path("hold-" + name), latch.command)


def hold(name, on=True):
    open(path("hold-" + name), "w").close() if on else os.unlink(path("hold-" + name))


# --- a gate with all of them -------------------------------------------------------------------------------------------------------------
base, seed, scratch, steps, hooks = path("git"), path("seed"), path("scratch"), path("steps"), path("hooks")
for d in scratch, steps, os.path.join(steps, "post-receive.d"), hooks:
    os.mkdir(d, 0o700)
git("init", "-q", seed)
commit(seed, "first", "first\n")
sections = up.mirrored(base, "r.git", seed=seed)
here, there = os.path.join(base, "r.git"), os.path.join(up.base, "r.git")
for d in here, there:
    git("config", "receive.autogc", "false", cwd=d)       # it is nobody's session
git("config", "receive.unpackLimit", "1", cwd=here)
for name in "pre-receive", "post-receive":
    os.symlink(os.path.join(BUILD, "git-gate-hook"), os.path.join(hooks, name))
# of receive-pack's own transaction: pre-receive is over by then, and its child holds the lock
put_script(os.path.join(hooks, "reference-transaction"), 'cat >/dev/null; [ "$1" = prepared ] && grep -qa receive-pack /proc/$PPID/cmdline || exit 0\n' + held_by("references"))
put_script(path("scanner"), held_by("scanner"))
put_script(os.path.join(steps, "post-receive.d", "10-wait"), "cat >/dev/null; " + held_by("post"))
put_script(path("on-reap"), "cat >/dev/null; " + held_by("reap"))


class WithAdmin(Gate):
    def processes(self):
        """The admin service is nobody's session."""
        return [p for p in super().processes() if "git-gate-admin" not in cmdline(p)]

    def admin(self):
        """Its pid, 0 while there is none that is ready."""
        s = self.status()["services"][0]
        return s["pid"] if s["state"] == "up" else 0


admin_port = free_port()
g = WithAdmin({**LONG, **sections, "listen.http": "127.0.0.1:0", "listen.admin": "127.0.0.1:%d" % admin_port, "deadline.drain": "5s", "deadline.onReap": "2s", "hook.scratch": scratch,
               "hook.dir": steps, "hook.scanner": "command", "hook.scannerCommand": path("scanner"), "reaper.onReap": path("on-reap")}, base=base, hooks=hooks)
g.repo("l.git")
URLS = (g.url("r.git"), g.http("r.git"))
LOCAL = (g.url("l.git"), g.http("l.git"))
git("push", "-q", LOCAL[0], "HEAD:main", cwd=seed)
OID, PACK = pack_of(seed)


def begin_push(url):
    work, branch = new_work(seed)
    p = popen(["git", "push", url, "HEAD:" + branch], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    p.work, p.branch = work, branch
    return p


def ours(pattern):
    """Processes of sessions, or of the gate, with such a command line."""
    return [p for p in tree(g.pid)[1:] if re.search(pattern, cmdline(p))] or [p for p in g.processes() if re.search(pattern, cmdline(p))]


def one_of_ours(pattern):
    return wait_for(lambda: ours(pattern), pattern)[0]


def answers():
    """Whether the admin service does: just after its end the gate may not know of that."""
    try:
        return g.admin() and urllib.request.urlopen("http://127.0.0.1:%d/metrics" % admin_port, timeout=PATIENCE).status == 200
    except OSError:
        return False


class Role:
    """begin() brings the process into its role, and returns its pid; end() lets go on what was held; over() what its client says of it, an exit code
    and a text. record: events that tell what happened to one that was killed, as (event, words)."""

    record = [("session.closed", "ended by signal")]
    outlived = None     # the same of one that has outlived SIGTERM, which its client's success shows
    told = True         # the client reads something

    def __init__(self, transport):
        self.transport = transport

    def end(self):
        pass


class Session(Role):
    """Before the request."""
    told = False

    def begin(self):
        self.raw = Raw(g, repo="l.git", request=False) if self.transport == 0 else None
        if self.raw is None:
            self.raw = socket.create_connection(("127.0.0.1", g.http_port), timeout=PATIENCE)
        return wait_for(lambda: [s["pid"] for s in g.sessions()], "its session")[0]

    def over(self):
        s = self.raw.s if self.transport == 0 else self.raw
        try:
            s.sendall(b"003fgit-upload-pack /l.git\0host=127.0.0.1\0\0version=2\0".replace(b"003f", b"%04x" % 52) if self.transport == 0 else
                      b"GET /l.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if self.transport == 0:
                s.shutdown(socket.SHUT_WR)
            data = b""
            while more := s.recv(65536):
                data += more
        except OSError:
            data = b""
        s.close()
        return (0 if b"refs" in data or b"version 2" in data else 1), data.decode(errors="replace")


class KeptAlive(Role):
    """Between two requests."""
    told = False

    def begin(self):
        self.s = socket.create_connection(("127.0.0.1", g.http_port), timeout=PATIENCE)
        self.ask(b"")
        return wait_for(lambda: [s["pid"] for s in g.sessions() if s["phase"] == "keep-alive"], "it to be kept")[0]

    def ask(self, more):
        self.s.sendall(b"GET /l.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n%s\r\n" % more)
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            got = self.s.recv(65536)
            if not got:
                break
            data += got
        return data

    def over(self):
        try:
            data = self.ask(b"Connection: close\r\n")
        except OSError:
            data = b""
        self.s.close()
        return (0 if b"refs/heads/main" in data else 1), data.decode(errors="replace")


class Push(Role):
    def begin(self):
        hold(self.where)
        self.p = begin_push(URLS[self.transport])
        latch.reached()
        hold(self.where, False)
        return self.find()

    def end(self):
        latch.release()

    def over(self):
        return end(self.p)


class PreReceive(Push):
    """Below git-daemon SIGTERM is ignored, for that does so: the push goes on, and is forwarded."""
    where, record, outlived = "scanner", [("push.step-failed", "scan: the push is over, and its hook has not said")], [("push.forwarded", "")]

    def find(self):
        return one_of_ours(r"hooks/pre-receive")


class Holder(Push):
    """Nothing depends on it once it is dead but the lock, which is the kernel's."""
    where, record = "references", [("push.forwarded", "")]
    find = PreReceive.find


class PostReceive(Push):
    where, record = "post", [("push.step-failed", "step: the push is over, and its hook has not said")]

    def find(self):
        return one_of_ours(r"hooks/post-receive")


class Refresh(Role):
    record = [("session.log", "git-gate-hook was ended by signal")]

    def begin(self):
        up.behave("slow 0 %s 2" % path("slow"))
        found = []
        for _ in range(20):             # it is over before it is seen where the machine is slow
            self.p = popen(["git", "ls-remote", URLS[self.transport]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            wait_for(lambda: found or self.p.poll() is not None or found.extend(ours(r"git-gate-hook refresh")), "a refresh, or its end")
            if found:
                break
        pid = found[0]
        up.behave()
        return pid

    def over(self):
        return end(self.p)


class OnReap(Role):
    record, told = [("onreap.failed", "")], False

    def begin(self):
        hold("reap")
        self.raw = Raw(g, repo="l.git", request=False)
        ids = wait_for(lambda: [s["id"] for s in g.sessions()], "its session")
        g.cli("kill", *ids)
        latch.reached()
        hold("reap", False)
        return one_of_ours("on-reap")

    def end(self):
        latch.release()

    def over(self):
        self.raw.close()
        # what it had started has read what lets it go, before unread() takes that away
        wait_for(lambda: not [p for p in pids() if latch.path in cmdline(p)], "what it had started to end")
        return 0, ""


class Cleanup(Role):
    """After a push that was killed, and left much to be removed. It is stopped until end(), for it takes a moment only."""
    record, told = [("cleanup.failed", "the cleanup was ended by signal")], False

    def begin(self):
        for _ in range(20):
            self.pid = self.one()
            if not self.pid:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGSTOP)
                wait_for(lambda: state(self.pid) in ("T", "Z", ""), "it to be stopped, or gone")
                if state(self.pid) == "T":
                    return self.pid
        raise TimeoutError("no cleanup could be held")

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def one(self):
        """The process of a cleanup, which may be over by now; 0 when none was seen."""
        raw = Raw(g, repo="l.git")
        raw.advertisement()
        raw.commands(OID, "refs/heads/cut%d" % tap.n)
        raw.s.sendall(PACK[:30])
        wait_for(lambda: leftovers(os.path.join(base, "l.git")), "its quarantine")
        for i in range(3000):
            open(os.path.join(base, "l.git", "objects", "pack", "tmp_pack_%06d" % i), "w").close()
        for pid in reversed(tree(g.sessions()[0]["pid"])):
            with contextlib.suppress(ProcessLookupError):       # it went with another
                os.kill(pid, signal.SIGKILL)
        raw.close()
        while leftovers(os.path.join(base, "l.git")):           # without a pause
            for pid in read("/proc/%d/task/%d/children" % (g.pid, g.pid)).split():
                if read("/proc/%s/cmdline" % pid).startswith("git-gate\0cleanup\0"):
                    return int(pid)
        return 0

    def over(self):
        return 0, ""


class Admin(Role):
    record, told = [("service.exited", "")], False

    def begin(self):
        return wait_for(g.admin, "the admin service")

    def over(self):
        wait_for(answers, "the admin service to be there again")
        return 0, ""


class Watch(Role):
    """git-gate watch, beside a git daemon of somebody else's, in a push."""
    record, told = [], True

    def begin(self):
        port, other = free_port(), path("other%d" % tap.n)
        git("init", "-q", "--bare", os.path.join(other, "o.git"))
        put_script(os.path.join(other, "o.git", "hooks", "pre-receive"), "cat >/dev/null; " + latch.command)
        self.daemon = popen(["git", "daemon", "--listen=127.0.0.1", "--port=%d" % port, "--base-path=" + other, "--export-all", "--enable=receive-pack", "--reuseaddr"],
                            stderr=subprocess.DEVNULL)
        wait_for(lambda: listening(port), "git daemon")
        control = path("watch%d" % tap.n)
        # an observer's settings are an enforcer's here: nobody is stuck
        self.watch = popen([GATE, "watch", "--pid", str(self.daemon.pid), "-c", "gate.control=" + control, "-c", "deadline.hook=5m"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.p = begin_push("git://127.0.0.1:%d/o.git" % port)
        latch.reached()
        wait_for(lambda: subprocess.run([GATE, "sessions", "--json", "--control", control], env=ENV, capture_output=True, text=True).stdout.count('"id"'), "it to be found")
        return self.watch.pid

    def end(self):
        latch.release()

    def over(self):
        code, out = end(self.p)
        self.watch.terminate()
        self.watch.wait(PATIENCE)
        self.daemon.terminate()
        self.daemon.wait(PATIENCE)
        return (code and 2), out        # it was none of the watcher's to end it


# --- what must be true ---------------------------------------------------------------------------------------------------------------------

def refs(d):
    return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout


def left():
    return [f for d in ("r.git", "l.git") for f in leftovers(os.path.join(base, d))] + os.listdir(scratch) + [f for f in os.listdir(here) if f.startswith("git-gate.forward")]


def sound(what, told=None):
    """told: the push that its client believes to be done."""
    g.settle()
    wait_for(lambda: not [p for p in tree(up.process.pid)[1:] if "receive-pack" in cmdline(p)], "%s: upstream to have ended what it does" % what)
    bad = []
    if told and git("rev-parse", "HEAD", cwd=told.work).stdout.strip() not in refs(there):
        bad.append("the client was told that upstream has it, and it has not")
    for url in URLS:
        p = begin_push(url)
        code, out = end(p)
        bad += ["the next push: " + out] if code else []
        r = git("ls-remote", url, check=False)
        bad += ["the next fetch: " + r.stderr] if r.returncode or p.branch not in r.stdout else []
    g.settle()
    bad += ["gate and upstream differ"] if refs(here) != refs(there) else []
    bad += ["fsck: " + x for x in map(fsck, (here, there, os.path.join(base, "l.git"))) if x]
    try:
        wait_for(lambda: not left() and fd_count(g.pid) <= idle, "nothing to be left", 30)
    except TimeoutError:
        bad.append("left: %s, %d descriptors of %d" % (left()[:10], fd_count(g.pid), idle))
    bad += ["ended by the gate: %s" % e for e in g.reaped() if e["reason"] != "operator"]
    bad += ["%s" % e for e in g.events("gate.error") + g.events("scan.failed")]
    return tap.ok(not bad, "%s: gate and upstream agree, are sound, serve, and nothing is left" % what, *bad, *g.events()[-20:])


def others_served(what):
    bad = [r.stderr for r in (git("ls-remote", url, check=False) for url in LOCAL) if r.returncode]
    tap.ok(not bad and g.cli("health", "--ready").returncode == 0, "%s: others are served meanwhile" % what, *bad)


def unread():
    """What was let go and ended before it read that must not let go the next one. Who is there yet may be about to read it."""
    wait_for(lambda: not select.select([latch.fd], [], [], 0)[0] or not g.processes(), "what was let go to go on, or to be gone")
    os.set_blocking(latch.fd, False)
    try:
        os.read(latch.fd, 16)
    except BlockingIOError:
        pass
    os.set_blocking(latch.fd, True)


def point(kind, transport, sig):
    what = "%s to %s, %s" % (sig, kind.__name__, ("git", "http")[transport])
    role, before = kind(transport), len(g.events())
    pid = role.begin()
    os.kill(pid, SIGNALS[sig])
    if sig == "STOP":
        wait_for(lambda: state(pid) in ("T", ""), "it to be stopped")
        others_served(what)
        if kind is OnReap:      # that has a deadline
            wait_for(lambda: not alive(pid), "it to be ended")
        else:
            os.kill(pid, signal.SIGCONT)
    elif sig == "KILL":
        wait_for(lambda: not alive(pid), "it to be gone")
    role.end()
    code, out = role.over()
    unread()
    if sig == "STOP" and kind is not OnReap:
        tap.eq(code, 0, "%s: it goes on, and its client has succeeded" % what, out)
    else:
        tap.ok(code in (0, 1, 128) and (code == 0 or not role.told or re.search("git-gate: |rejected|error|fatal", out)), "%s: its client has %s" % (
            what, "succeeded" if code == 0 else "a reason" if role.told else "no answer"), code, out)
        record = role.outlived if sig == "TERM" and code == 0 and role.outlived else role.record
        told = [(e, words) for e, words in record if any(x["event"] == e and words in x["message"] for x in g.events()[before:])]
        try:
            wait_for(lambda: [1 for e, words in record if any(x["event"] == e and words in x["message"] for x in g.events()[before:])] or not record, "the record", 20)
        except TimeoutError:
            tap.ok(False, "%s: the log says what happened" % what, record, told, *g.events()[before:])
        else:
            tap.ok(True, "%s: the log says what happened" % what)
    sound(what, role.p if code == 0 and isinstance(role, Push) else None)


idle = 1 << 20
wait_for(g.admin, "the admin service")
sound("at first")
idle = g.idle_fds()
ROLES = [(k, t) for k in (Session, PreReceive, Holder, PostReceive, Refresh) for t in (0, 1)] + [(k, 0) for k in (OnReap, Cleanup, Admin, Watch)] + [(KeptAlive, 1)]
PLAN = [(k, t, s) for k, t in ROLES for s in SIGNALS if not sys.argv[1:] or k.__name__ in sys.argv[1:]]
n = os.environ.get("POINTS") or ("all" if sys.argv[1:] else "5")
for k, t, s in PLAN if n == "all" else rnd.sample(PLAN, min(int(n), len(PLAN))):
    point(k, t, s)
# a cleanup that is stopped, and never goes on, does not keep other repositories from being cleaned
if not sys.argv[1:] or "stuck" in sys.argv[1:]:
    g.stop()
    g.settings.update({"deadline.hook": "1s", "deadline.scan": "1s", "deadline.forward": "1s", "listen.git": "127.0.0.1:%d" % g.port, "listen.http": "127.0.0.1:%d" % g.http_port})
    g.start()
    g.settle()
    role = Cleanup(0)
    pid = role.begin()
    wait_for(lambda: not alive(pid), "it to be ended")
    tap.ok(wait_for(lambda: g.events("cleanup.failed"), "the record"), "a cleanup that does nothing is ended, and recorded")
    try:
        wait_for(lambda: not left(), "nothing to be left", 2 * PATIENCE)
        tap.ok(True, "and the next one does its work")
    except TimeoutError:
        tap.ok(False, "and the next one does its work", left()[:5], [(p, cmdline(p), state(p)) for p in tree(g.pid)], *g.events()[-12:])
up.stop()
finish(tap, g)
