"""What the process tests share: a gate on a free port over repositories in a temporary directory, real git, TAP.

Every test is a program: it prints TAP, waits for conditions (never for a time to pass), and leaves no process behind. BUILD
in the environment says where the programs are; default is build/ beside tests/.
"""
import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from ports import free_port                                             # noqa: F401  for those that import all of this

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
GATE = os.path.join(BUILD, "git-gate")
TORTURE = os.path.join(BUILD, "git-gate-torture")

# The deadlines under test, in seconds; the same as settings.
INIT, COMMANDS, PACK_START, IDLE, GRACE = 2.0, 3.0, 3.0, 2.0, 0.5
SCALED = {
    "deadline.init": "2s", "deadline.commands": "3s", "deadline.packStart": "3s", "deadline.idle": "2s", "deadline.grace": "500ms",
}
PATIENT = {k: "10m" for k in SCALED if "grace" not in k}         # for what is about something else: a client of ours may be held up for long
SAMPLE = 0.25           # an eighth of the shortest deadline
# seconds by which anything may be late: a shared machine stands still for some at times. What waits for something that does not come is later.
# How late the gate is by itself: tests/unit/policy.c and tests/bench
BUSY = 20.0
PATIENCE = 60           # seconds; a limit for what should happen at once, generous because machines are shared

# what is started in the background by a shell or nohup has these ignored, and so would all that tests start and signal
for s in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP:
    if signal.getsignal(s) == signal.SIG_IGN:
        signal.signal(s, signal.SIG_DFL)


# --- TAP ---------------------------------------------------------------------------------------------------------------

class Tap:
    """Counts, prints, and remembers whether anything failed."""

    def __init__(self):
        self.n = self.failed = 0
        self.lock = threading.Lock()        # threads of a test share it, and a line of TAP is one line

    def ok(self, passed, what, *details):
        with self.lock:
            self.n += 1
            self.failed += not passed
            print("%s %d - %s" % ("ok" if passed else "not ok", self.n, what), flush=True)
            if not passed:
                for d in details:
                    note(d)
        return passed

    def eq(self, got, want, what, *details):
        return self.ok(got == want, what, "got:  %r" % (got,), "want: %r" % (want,), *details)

    def skip(self, what, why):
        with self.lock:
            self.n += 1
            print("ok %d - %s # SKIP %s" % (self.n, what, why), flush=True)

    def done(self):
        for crash in crashes:
            self.ok(False, "a thread of the test crashed", crash)
        print("1..%d" % self.n, flush=True)
        sys.exit(1 if self.failed else 0)


crashes = []            # tracebacks of threads: a check that was not reached has not passed
threading.excepthook = lambda a: crashes.append("".join(traceback.format_exception(a.exc_type, a.exc_value, a.exc_traceback)))


def note(text):
    for line in str(text).splitlines() or [""]:
        print("#", line[:1000], flush=True)


def skip_all(why):
    print("1..0 # SKIP", why)
    sys.exit(0)


# --- waiting and processes ---------------------------------------------------------------------------------------------

def wait_for(condition, what, patience=PATIENCE):
    """Poll until condition() is true and return its value. The only waiting there is."""
    end = time.monotonic() + patience
    while True:
        begun = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            raise TimeoutError("waited %gs for: %s" % (patience, what))
        time.sleep(max(0.01, min(now - begun, 0.05)))       # what takes long to find out is asked less often


def least(attempt, limit, tries=5):
    """The least that attempt() returns, tried until it is below limit: a shared machine may disturb any of them, and not each."""
    best = attempt()
    while best >= limit and tries > 1:
        best, tries = min(best, attempt()), tries - 1
    return best


GONE = FileNotFoundError, ProcessLookupError, PermissionError


def read(path, mode="r"):
    try:
        with open(path, mode, **({} if "b" in mode else {"errors": "surrogateescape"})) as f:
            return f.read()
    except GONE:
        return b"" if "b" in mode else ""


SANITIZED = b"__asan_init" in read(GATE, "rb")       # a build with AddressSanitizer
FREED = 1 << 20 if SANITIZED else 0      # KiB that may be kept of what was freed, as a sanitizer does


def proc_read(pid, name):
    """A file of a process, up to 256 KiB; b"" when it cannot be read. For those that are read of all processes, many times a second."""
    try:
        fd = os.open("/proc/%d/%s" % (pid, name), os.O_RDONLY)
    except GONE:
        return b""
    try:
        return os.read(fd, 1 << 18)
    except GONE:
        return b""
    finally:
        os.close(fd)


def open_files(pid):
    """What the descriptors of a process refer to, as the kernel shows it; [] when it has none or is gone."""
    found = []
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            with contextlib.suppress(FileNotFoundError):         # closed meanwhile
                found.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
    except GONE:
        return []
    return found


def fd_count(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


START = 19              # when it was started, among proc_fields


def proc_fields(pid):
    """Of its stat, from the state on; [] when there is no such process."""
    return proc_read(pid, "stat").rpartition(b")")[2].split()


def proc_stat(pid):
    """(state, ppid, sid) of a process, or None."""
    f = proc_fields(pid)
    return (f[0].decode(), int(f[1]), int(f[3])) if f else None


def state(pid):
    """Its letter; "" when it is gone, which may be at any moment."""
    return (proc_stat(pid) or ("",))[0]


def alive(pid):
    st = proc_stat(pid)
    return st is not None and st[0] not in "ZX"


def pids():
    return [int(d) for d in os.listdir("/proc") if d.isdigit()]


def has_environment(pid, entry):
    """Is it alive, with NAME=VALUE in its environment?"""
    text = proc_read(pid, "environ")
    return entry in text and entry in text.split(b"\0") and alive(pid)


def with_environment(entry):
    """Live processes whose environment has NAME=VALUE."""
    return [p for p in pids() if has_environment(p, entry.encode())]


def cmdline(pid):
    return proc_read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def tree(pid, everybody=None):
    """A process and its descendants. everybody: proc_fields() of all processes, when they are known."""
    kids = {}
    for p, f in (everybody or {p: proc_fields(p) for p in pids()}).items():
        if f:
            kids.setdefault(int(f[1]), []).append(p)
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += kids.get(p, [])
    return found


def signal_one_of(pid, sig, alive):
    """Signal the process if, once it is held, alive() still names it: its number may have become another's since it was looked up. Whether."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if pid not in alive():
            return False
        signal.pidfd_send_signal(fd, sig)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


# --- the test's own directory ------------------------------------------------------------------------------------------

TMP = tempfile.mkdtemp(prefix="git-gate-test.")
started = []            # subprocesses that must not outlive the test


def clean_up():
    for p in started:
        if p.poll() is None:
            # behind strace, or a shell, is who was meant
            below = {q: f[START] for q in tree(p.pid)[1:] if (f := proc_fields(q))}
            p.send_signal(signal.SIGCONT)
            p.kill()
            p.wait()
            for q, born in below.items():
                signal_one_of(q, signal.SIGKILL, lambda: [q] if proc_fields(q)[START:START + 1] == [born] else [])
    shutil.rmtree(TMP, ignore_errors=True)


atexit.register(clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

ENV = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": TMP, "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.path.join(TMP, "gitconfig"), "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000", "XDG_RUNTIME_DIR": TMP,
}
# what makes git quick here, and judges nothing: no sample of a hook, no look at whether there is something to tidy up, no wait for the disk
os.makedirs(os.path.join(TMP, "template", "hooks"))
os.mkdir(os.path.join(TMP, "template", "info"))
for name in "description", "info/exclude":
    with open(os.path.join(TMP, "template", name), "w") as config:
        config.write("# of the tests\n")
with open(ENV["GIT_CONFIG_GLOBAL"], "w") as config:
    config.write("[user]\n\tname = Test\n\temail = test@example.invalid\n[init]\n\tdefaultBranch = main\n\ttemplateDir = %s/template\n"
                 "[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[core]\n\tfsync = none\n[advice]\n\tdetachedHead = false\n" % TMP)


def path(*parts):
    return os.path.join(TMP, *parts)


def put_script(file, text):
    """An executable of sh in its place, whole at any moment: whoever starts it anew gets the new one."""
    with open(file + ".new", "w") as f:
        f.write("#!/bin/sh\n%s\n" % text)
    os.chmod(file + ".new", 0o755)
    os.rename(file + ".new", file)


def git(*args, cwd=None, check=True, env=None, stdin=None, timeout=PATIENCE * 2):
    """Run git; the result has returncode, stdout, stderr (text)."""
    r = subprocess.run(("git",) + args, cwd=cwd or TMP, env={**ENV, **(env or {})}, input=stdin, capture_output=True, text=True,
                       errors="replace", timeout=timeout)
    if check and r.returncode:
        raise RuntimeError("git %s: exit %d\n%s" % (" ".join(args)[:200], r.returncode, r.stderr[-2000:]))
    return r


class Process(subprocess.Popen):
    """Shows what it is at when it does not end in time, and what it said last."""

    def wait(self, timeout=None):
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            if timeout >= PATIENCE:
                of = {p: [read("/proc/%d/%s" % (p, f)).strip() for f in ("stat", "wchan", "syscall")] for p in [self.pid, *tree(self.pid)]}
                log = "/proc/%d/fd/2" % self.pid
                print("# %d is still there: %s\n# its last words: %r" % (self.pid, of, read(log)[-3000:] if os.path.isfile(log) else ""), flush=True)
            raise


def popen(args, **kw):
    """Start a process of the test's; it is ended when the test ends."""
    kw.setdefault("env", ENV)
    kw.setdefault("cwd", TMP)
    p = Process(args, **kw)
    started.append(p)
    return p


def end(p, patience=PATIENCE):
    """Exit code and output of a process that popen() started with stdout=PIPE, stderr=STDOUT, text=True."""
    out, _ = p.communicate(timeout=patience)
    return p.returncode, out


def unexplained(code, out):
    """Has a git client failed and read no reason? One that writes to a connection which has just been closed dies of SIGPIPE, and says nothing."""
    return code not in (0, -signal.SIGPIPE) and not re.search("git-gate: |rejected|error|fatal", out)


class Latch:
    """Holds whoever runs its shell command, until it is released."""

    def __init__(self):
        self.path = tempfile.mktemp(prefix="latch.", dir=TMP)
        os.mkfifo(self.path, 0o666)
        self.fd = os.open(self.path, os.O_RDWR)
        self.command = "echo >>%s.at; head -c1 %s >/dev/null" % (self.path, self.path)
        self.seen = 0

    def reached(self, n=1):
        """Wait until n more have come."""
        self.seen += n
        wait_for(lambda: len(read(self.path + ".at")) >= self.seen, "%d to reach the latch" % n)

    def release(self, n=1):
        os.write(self.fd, b"x" * n)


def pack_refs(repo, oid, prefix, n):
    """Give a bare repository n refs PREFIXnnnnnn at oid, at once."""
    with open(os.path.join(repo, "packed-refs"), "w") as f:
        f.write("# pack-refs with: peeled fully-peeled sorted\n" + "".join("%s %s%06d\n" % (oid, prefix, i) for i in range(n)))


def new_work(seed, size=20000, n=[0]):
    """A clone of a repository with a commit of its own, of a file of so many bytes, and the name of a branch that nobody has."""
    n[0] += 1
    w = path("work%d" % n[0])
    git("clone", "-q", "--no-hardlinks", seed, w)
    commit(w, "c%d" % n[0], os.urandom(size))
    return w, "b%d" % n[0]


def commit(work, name, content="x"):
    with open(os.path.join(work, name), "w" if isinstance(content, str) else "wb") as f:
        f.write(content)
    git("add", name, cwd=work)
    git("commit", "-qm", name, cwd=work)


def pack_of(work):
    """Oid of HEAD, and a pack of all that the work tree has."""
    r = subprocess.run(["git", "pack-objects", "-q", "--stdout", "--all"], cwd=work, env=ENV, stdin=subprocess.DEVNULL,
                       capture_output=True, check=True, timeout=PATIENCE)
    return git("rev-parse", "HEAD", cwd=work).stdout.strip(), r.stdout


# --- a gate ------------------------------------------------------------------------------------------------------------

class Events:
    """The lines of a log that are JSON, each parsed once however often they are asked for. For any thread."""

    def __init__(self):
        self.lock, self.log, self.offset, self.at, self.found = threading.Lock(), None, 0, 0, []

    def events(self, log, offset=0):
        """All that is there, from an offset on; what is still being written is not."""
        with self.lock, open(log, "rb") as f:
            if (log, offset) != (self.log, self.offset) or f.seek(0, os.SEEK_END) < self.at:
                self.log, self.offset, self.at, self.found = log, offset, offset, []
            f.seek(self.at)
            data = f.read()
            whole = data[:data.rfind(b"\n") + 1]
            self.found += [json.loads(line.decode(errors="replace")) for line in whole.split(b"\n") if line.startswith(b"{")]
            self.at += len(whole)
            return list(self.found)


def accepts(file):
    """Does anybody listen on a unix socket? Its file is there a moment before that."""
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(file) == 0


def ask_control(control, **request):
    """One request on a control socket, as a hook or the command line makes it; the whole answer, None if it was closed without one."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(control)
        s.sendall(json.dumps(request).encode() + b"\n")
        data = s.makefile("rb").readline()
    return json.loads(data) if data.endswith(b"\n") else None


def told(control, cmd):
    """What `git-gate CMD --json` prints, without a process for it: for what is asked many times a second. RuntimeError if there is no such answer."""
    try:
        answer = ask_control(control, cmd=cmd)
    except OSError as e:
        raise RuntimeError("%s: %s: %s" % (control, cmd, e))
    if not answer or not answer["ok"]:
        raise RuntimeError("%s: %s: %s" % (control, cmd, answer))
    return answer["data"]


class Gate:
    """A running git-gate, on a free loopback port, over repositories below a directory of its own."""

    count = 0

    def __init__(self, settings=None, hooks=None, prefix=(), base=None, start=True, env=None, control=None):
        Gate.count += 1
        self.dir = path("gate%d" % Gate.count)
        self.base = base or os.path.join(self.dir, "git")
        self.control = control or os.path.join(self.dir, "run", "control")
        self.log = os.path.join(self.dir, "log")
        os.makedirs(self.dir, exist_ok=True)
        os.makedirs(self.base, exist_ok=True)
        self.settings = {
            "listen.git": "127.0.0.1:0", "listen.http": "off", "gate.basePath": self.base, "gate.control": self.control, "gate.exportAll": "true",
            "gate.log": "json", "gate.logLevel": "debug", "hook.scanner": "none", "hook.path": hooks or os.path.join(BUILD, "hooks"),
            **SCALED, **(settings or {}),
        }
        self.prefix, self.env, self.process, self.port, self.since, self.parsed = prefix, env or {}, None, None, 0, Events()
        if start:
            self.start()

    def args(self):
        args = list(self.prefix) + [GATE, "run"]
        for key, value in self.settings.items():
            args += ["-c", "%s=%s" % (key, value)]
        return args

    def launch(self, *more, **kw):
        """Start the process and wait for nothing. more: arguments after those from the settings."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        with open(self.log, "ab") as log:
            self.offset = log.tell()
            self.process = popen(self.args() + list(more), stdout=log, stderr=log, env={**ENV, **self.env}, **kw)
        self.since = int(proc_fields(self.process.pid)[START])
        return self

    def ready(self, condition=None):
        """Wait until the gate serves; condition when its log cannot tell."""
        wait_for(lambda: self.process.poll() is not None or (condition or self.events)("gate.ready"), "the gate to be ready")
        if self.process.poll() is not None:
            raise RuntimeError("the gate did not start: " + self.text())
        status = self.status()
        self.pid, self.instance = status["pid"], status["instance"]
        ports = dict((a.split("://")[0], int(a.rsplit(":", 1)[1])) for a in reversed(status["listening"]) if a.rsplit(":", 1)[1].isdigit())
        self.port, self.http_port = ports.get("git"), ports.get("http")
        return self

    def start(self, *more, **kw):
        return self.launch(*more, **kw).ready()

    def text(self):
        with open(self.log, "rb") as f:
            f.seek(self.offset)
            return f.read().decode(errors="replace")

    def all_events(self):
        return self.parsed.events(self.log, self.offset)

    def events(self, name=None, **fields):
        """Events of this run, as dictionaries; those with the name and fields asked for."""
        return [e for e in self.all_events()
                if (name is None or e["event"] == name) and all(e.get(k) == v for k, v in fields.items())]

    def cli(self, *args):
        return subprocess.run([GATE, *args, "--control", self.control], env=ENV, capture_output=True, text=True, timeout=PATIENCE)

    def ask(self, *args):
        r = self.cli(*args, "--json")
        if r.returncode:
            raise RuntimeError("git-gate %s: exit %d: %s" % (" ".join(args), r.returncode, r.stderr))
        return json.loads(r.stdout)

    def request(self, **request):
        """One request on the control socket; the whole answer, None if the gate closed without one."""
        return ask_control(self.control, **request)

    def status(self):
        return told(self.control, "status")

    def sessions(self):
        return told(self.control, "sessions")

    def reaped(self, **fields):
        return [e for e in self.ask("reaped") if all(e.get(k) == v for k, v in fields.items())]

    def url(self, repo):
        return "git://127.0.0.1:%d/%s" % (self.port, repo)

    def http(self, repo):
        """The same over HTTP, for a gate with listen.http."""
        return "http://127.0.0.1:%d/%s" % (self.http_port, repo)

    def repo(self, name="r.git", *config):
        """Make a bare repository; returns its directory."""
        d = os.path.join(self.base, name)
        git("init", "-q", "--bare", d)
        for c in config:
            git("config", *c.split("=", 1), cwd=d)
        return d

    def work(self, name, repo="r.git"):
        """A work tree with one commit and the gate's repository as origin."""
        w = path(name)
        git("init", "-q", w)
        git("remote", "add", "origin", self.url(repo), cwd=w)
        commit(w, "first", "first\n")
        return w

    def processes(self):
        """Every live process of this gate's sessions, by environment and by ancestry; detached gc apart."""
        everybody = {p: proc_fields(p) for p in pids()}
        own, entry = set(tree(self.process.pid, everybody)) - {self.process.pid, self.pid}, ("GIT_GATE_INSTANCE=" + self.instance).encode()
        # what is older than the gate is not of it
        own |= {p for p, f in everybody.items() if f and int(f[START]) >= self.since and has_environment(p, entry)}
        return [p for p in own if alive(p) and " gc" not in cmdline(p)]

    def settle(self):
        """Wait until no session is left."""
        wait_for(lambda: not self.sessions() and not self.processes(), "all sessions to be gone")

    def idle_fds(self):
        """How many descriptors it has at rest, without a child but its services: it begins with a cleanup, and what it has of that is not to be
        counted, nor what asking it takes."""
        wait_for(lambda: not self.sessions(), "all sessions to be gone")
        services, alike = {s["pid"] for s in self.status()["services"]}, []

        def at_rest():
            now = fd_count(self.pid), {p for p in tree(self.pid) if (proc_stat(p) or (0, 0))[1] == self.pid} - services
            alike[:] = [n for n in alike if n == now] + [now]
            return len(alike) >= 10 and not now[1]
        wait_for(at_rest, "the gate to be at rest")
        return alike[0][0]

    def push(self, work, ref="main"):
        """A push in the background, for end()."""
        return popen(["git", "push", self.url("r.git"), "HEAD:" + ref], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                     text=True, errors="replace")

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            # behind a prefix such as strace the gate is not the process that was started
            os.kill(self.pid, sig)
            self.process.wait(PATIENCE)
        return self.process.returncode if self.process else None


def leftovers(repo):
    """What a dead push may leave in a repository."""
    found = []
    for top, dirs, files in os.walk(repo):
        for name in dirs + files:
            if name.startswith(("tmp_", "incoming-")) or (name.endswith((".lock", ".keep")) and name != "git-gate.lock"):
                found.append(os.path.relpath(os.path.join(top, name), repo))
    return found


def fsck(repo, *more):
    """'' when git finds nothing wrong."""
    r = git("fsck", "--strict", "--no-dangling", "--no-progress", *more, cwd=repo, check=False)
    return "" if r.returncode == 0 else r.stdout + r.stderr


def finish(tap, *gates):
    """Stop the gates; none may leave a process, or have said that it failed."""
    for g in gates:
        code = g.stop()
        tap.eq(code, 0, "the gate stops cleanly", g.text()[-2000:])
        wait_for(lambda g=g: not with_environment("GIT_GATE_INSTANCE=" + g.instance), "processes of sessions to go")
        tap.eq(g.events("gate.error") + g.events("scan.failed"), [], "the gate met no error")
    tap.done()


class Hooks:
    """A directory of hooks for hook.path; pre-receive is there and accepts unless it is given."""

    def __init__(self, **scripts):
        self.dir = tempfile.mkdtemp(prefix="hooks.", dir=TMP)
        self.set(**{"pre_receive": "cat >/dev/null", **scripts})

    def set(self, **scripts):
        """name with '_' for '-'; None removes it."""
        for name, script in scripts.items():
            file = os.path.join(self.dir, name.replace("_", "-"))
            if os.path.exists(file):
                os.unlink(file)
            if script is not None:
                with open(file, "w") as f:
                    f.write("#!/bin/sh\n" + script + "\n")
                os.chmod(file, 0o755)


# --- a raw client ------------------------------------------------------------------------------------------------------

def last_heard(s):
    """When the last data came in, in monotonic time, as the kernel has it: whoever reads them may be late."""
    return time.monotonic() - struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 52)[0] / 1000


class Raw:
    """A connection that speaks pkt-lines."""

    def __init__(self, gate, service="git-receive-pack", repo="r.git", request=True, extra=b"host=x\0", host="127.0.0.1"):
        self.s = socket.create_connection((host, gate.port), timeout=PATIENCE)
        self.peer = "%s:%d" % self.s.getsockname()[:2]
        if request:
            self.packet(("%s /%s\0" % (service, repo)).encode() + extra)

    def packet(self, data):
        self.s.sendall(b"%04x" % (len(data) + 4) + data)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                return None
            data += more
        return data

    def read_packet(self):
        """Bytes of one packet, b'' for a flush, None at the end."""
        head = self.exactly(4)
        if head is None:
            return None
        n = int(head, 16)
        return self.exactly(n - 4) if n > 4 else b""

    def advertisement(self):
        refs = {}
        while True:
            p = self.read_packet()
            if not p:
                return refs
            oid, name = p.split(b"\0")[0].split()[:2]
            refs[name.decode(errors="replace")] = oid.decode()

    def commands(self, oid, ref, capabilities="report-status side-band-64k", old="0" * 40):
        """The command list of a push of one ref, with the flush."""
        self.packet(("%s %s %s\0%s" % (old, oid, ref, capabilities)).encode())
        self.s.sendall(b"0000")

    def rest(self):
        """Everything up to the end of the connection."""
        data = b""
        while True:
            try:
                more = self.s.recv(65536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more

    def close(self):
        self.s.close()
