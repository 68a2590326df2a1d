#!/usr/bin/python3
"""Where the gate runs: as PID 1, in a bare environment, told by systemd where to listen and whom to notify; what it was given does
not reach hooks."""
from pidone import *

tap = Tap()
# a hook that writes down what it was given
REPORT = """exec /usr/bin/python3 -c '
import json, os, sys
fds = {}
for n in os.listdir("/proc/self/fd"):
    try:
        fds[n] = os.readlink("/proc/self/fd/" + n)
    except FileNotFoundError:
        pass    # that of the listing
json.dump([fds, dict(os.environ)], open("%s", "w"))
sys.stdin.read()
'"""


def hook_fds():
    return json.loads(read(seen))[0]


def hook_env():
    return json.loads(read(seen))[1]


# --- what a hook can see, beside another client and someone who asks the gate -------------------------------------------

seen = path("seen")
hooks = Hooks(pre_receive=REPORT % seen)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(path("notify"))
g = Gate(hooks=hooks.dir, env={"NOTIFY_SOCKET": path("notify"), "SECRET": "1", "LISTEN_PID": "1", "LISTEN_FDS": "1", "GIT_DIR": "/nowhere",
                               "LISTEN_FDNAMES": "git", "WATCHDOG_USEC": "1000000000", "WATCHDOG_PID": "1", "HTTP_PROXY": "http://x"})
tap.ok(True, "LISTEN_FDS with another process's LISTEN_PID is ignored")
g.repo()
work = g.work("work")
others = [Raw(g), Raw(g, "git-upload-pack"), Raw(g, request=False)]
others[0].advertisement()
asking = socket.socket(socket.AF_UNIX)
asking.connect(g.control)
wait_for(lambda: len(g.sessions()) == 3, "three sessions")
code, out = end(g.push(work))
tap.eq(code, 0, "a push beside others", out)
tap.eq({n: to.split(":")[0] for n, to in hook_fds().items()}, {"0": "pipe", "1": "pipe", "2": "pipe"},
       "a hook has descriptors 0 to 2, which are git's pipes, and no other")

OURS = {"PATH", "LC_ALL", "GIT_GATE_SESSION", "GIT_GATE_INSTANCE", "GIT_GATE_CONTROL", "REMOTE_ADDR", "REMOTE_PORT", "GIT_CONFIG_COUNT",
        *("GIT_CONFIG_%s_%d" % (k, n) for k in ("KEY", "VALUE") for n in (0, 1))}
GITS = {"GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_EXEC_PATH",
        "GIT_PUSH_OPTION_COUNT"}
tap.eq(sorted((hook_env().keys() - {"PWD", "OLDPWD", "_", "SHLVL"}) ^ (OURS | GITS)), [], "a hook's environment is what the gate and git put there")
env = hook_env()
tap.ok(env["REMOTE_ADDR"] == "127.0.0.1" and env["GIT_GATE_INSTANCE"] == g.instance and env["GIT_DIR"] == ".", "with the right values", env)
for s in others + [asking]:
    s.close()
g.stop()

# --- NOTIFY_SOCKET ------------------------------------------------------------------------------------------------------


def datagrams(s):
    """What has arrived, each as its lines."""
    s.settimeout(0)
    found = []
    while True:
        try:
            found.append(s.recv(65536).decode().split("\n"))
        except BlockingIOError:
            return found


def count(got, line):
    return sum(d.count(line) for d in got)


got = datagrams(notify)
tap.eq((count(got, "READY=1"), count(got, "STOPPING=1")), (1, 1), "NOTIFY_SOCKET, a path: READY=1 and STOPPING=1, once each", got)
name = "@git-gate-test-%d" % os.getpid()
for name, what in (path("notify2"), "a path"), (name, "abstract"), (name.ljust(107, "x"), "107 bytes"):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(name.replace("@", "\0"))
    s.settimeout(PATIENCE)
    port = free_port()
    q = Gate({"listen.git": "127.0.0.1:%d" % port}, env={"NOTIFY_SOCKET": name}, start=False).launch()
    got = [s.recv(65536).decode().split("\n")]      # systemd takes READY=1 as a promise: the port accepts now
    try:
        Raw(type("", (), {"port": port}), request=False).close()
        accepts = True
    except ConnectionRefusedError:
        accepts = False
    tap.ok("READY=1" in got[0] and accepts, "NOTIFY_SOCKET, %s: the port accepts when READY=1 arrives" % what, got)
    q.ready()
    code = q.stop()
    got += datagrams(s)
    tap.eq((code, count(got, "READY=1"), count(got, "STOPPING=1")), (0, 1, 1), "NOTIFY_SOCKET, %s: READY=1, then STOPPING=1" % what, got)
for name in (path("missing"), "", "@", "relative", "@" + "x" * 107, "/" + "x" * 200):
    q = Gate(env={"NOTIFY_SOCKET": name})
    tap.eq((q.stop(), q.events("gate.error")), (0, []), "NOTIFY_SOCKET=%.20s: the gate does its work" % name)

# --- bare environments --------------------------------------------------------------------------------------------------

SH = ("sh", "-c")
for what, prefix, cwd in (
        ("descriptors 0 to 2 closed", SH + ('exec "$@" 0<&- 1>&- 2>&-', "sh"), None),
        ("descriptor 0 closed", SH + ('exec "$@" 0<&-', "sh"), None),
        ("descriptor 2 closed", SH + ('exec "$@" 2>&-', "sh"), None),
        ("no HOME, nothing but PATH", ("env", "-i", "PATH=" + ENV["PATH"]), None),
        ("no PATH either", (shutil.which("env"), "-i"), None),
        ("a working directory that cannot be written", (), "/proc")):
    hooks = Hooks(pre_receive=REPORT % seen)
    q = Gate(prefix=prefix, hooks=hooks.dir, start=False).launch(**({"cwd": cwd} if cwd else {}))
    q.ready(lambda _: q.cli("health").returncode == 0)
    q.repo()
    w = q.work("bare%d" % tap.n)
    code, out = end(q.push(w))
    tap.ok(code == 0 and "socket:" not in str(hook_fds()), "%s: a push succeeds" % what, out, hook_fds(), q.text()[-500:])
    own = {n: os.readlink("/proc/%d/fd/%d" % (q.process.pid, n)) for n in range(3)}
    tap.ok(not any(to.startswith(("socket:", "anon_inode:", "pipe:")) for to in own.values()), "%s: no socket sits on 0 to 2" % what, own)
    tap.eq(q.stop(), 0, "%s: stops with 0" % what)

# --- PID 1 --------------------------------------------------------------------------------------------------------------

if not can_unshare():
    tap.skip("as PID 1", "no PID namespace can be made here")
else:
    for sig in signal.SIGTERM, signal.SIGINT:
        latch = Latch()
        latch.command = latch.command.replace("echo", "trap '' HUP; echo")
        hooks = Hooks(pre_receive='cat >/dev/null; for i in $(seq 50); do ( ( %s ) </dev/null >/dev/null 2>&1 & ) ; done' % latch.command)
        q = Gate(prefix=UNSHARE, hooks=hooks.dir)
        tap.eq(q.pid, 1, "the gate is PID 1")
        pid = outer(q)
        q.repo()
        w = q.work("pid1-%s" % sig.name)
        code, out = end(q.push(w))
        tap.eq(code, 0, "PID 1: a push succeeds", out)
        latch.reached(50)
        n = len(states(pid))
        tap.ok(n > 50, "PID 1: the hook left 50 processes behind (%d in the namespace)" % n)
        latch.release(50)
        wait_for(lambda: len(q.processes()) == 1, "orphans to end")     # the gate itself, below unshare
        wait_for(lambda: not q.sessions(), "the session to be gone")
        for i in range(20):
            hooks.set(pre_receive="cat >/dev/null; (true &) ; true & exit 0")
            commit(w, "more%d" % i)
            git("push", "-q", q.url("r.git"), "HEAD:main", cwd=w)
        q_states = wait_for(lambda: [s for s in [states(pid)] if not [1 for _, st, _ in s if st in "ZX"]], "no zombie", 5)
        tap.ok(True, "PID 1: no zombie is left", q_states)
        os.kill(pid, sig)
        tap.eq(q.process.wait(PATIENCE), 0, "PID 1: %s stops it with 0" % sig.name, q.text()[-1000:])
        tap.eq(len(q.events("gate.stopped")), 1, "PID 1: %s: gate.stopped" % sig.name)

# --- LISTEN_FDS ---------------------------------------------------------------------------------------------------------

ADOPT = ("bash", "-c", 'f=$1 n=$2; shift 2; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=$n exec "$@" 3<&$f')


def adopt(s, name):
    q = Gate({"listen.git": "127.0.0.1:1"}, start=False, hooks=Hooks(pre_receive=REPORT % seen).dir,
             prefix=ADOPT + ("bash", str(s.fileno()), name))
    return q.launch(pass_fds=[s.fileno()])


server = socket.create_server(("127.0.0.1", 0))
q = adopt(server, "git").ready()
tap.eq(q.port, server.getsockname()[1], "LISTEN_FDS: the socket given is served, not listen.git")
q.repo()
code, out = end(q.push(q.work("adopted")))
tap.eq(code, 0, "LISTEN_FDS: a push succeeds", out)
tap.eq(sorted(n for n in hook_env() if n.startswith("LISTEN")), [], "LISTEN_FDS: the variables do not reach a hook")
tap.ok("socket:" not in str(hook_fds()), "LISTEN_FDS: the socket does not reach a hook", hook_fds())
tap.eq(q.stop(), 0, "LISTEN_FDS: stops with 0")
late = socket.create_connection(server.getsockname(), timeout=PATIENCE)
q = adopt(server, "git").ready()
wait_for(lambda: q.sessions(), "the client that came between two gates to be served")
tap.ok(True, "LISTEN_FDS: a client that came between two gates is served by the second")
late.close()
tap.eq(q.stop(), 0, "LISTEN_FDS: the second stops with 0")
unix = socket.socket(socket.AF_UNIX)
unix.bind(path("stream"))
with open(path("plain"), "w") as plain:
    for s, name, text in ((server, "web", "'web'"), (server, "unknown", "FileDescriptorName=git"), (plain, "git", "not a listening"),
                          (unix, "git", "not a listening"), (notify, "git", "not a listening")):
        q = adopt(s, name)
        tap.eq(q.process.wait(PATIENCE), 2, "LISTEN_FDS: %s named %s: exit code" % (type(s).__name__, name))
        tap.ok("LISTEN_FDS" in q.text() and text in q.text() and q.text().count("\n") == 1, "the error says what is wrong", q.text())

if shutil.which("systemd-socket-activate"):
    port = free_port()
    q = Gate(prefix=["systemd-socket-activate", "-l", "127.0.0.1:%d" % port, "--fdname=git"], start=False).launch()
    wait_for(lambda: "Listening on" in q.text(), "systemd-socket-activate to listen")
    q.port = port
    q.repo()
    code, out = end(q.push(q.work("activated")))
    tap.eq(code, 0, "systemd-socket-activate: the push that starts the gate succeeds", out)
    q.ready()
    finish(tap, q)
tap.skip("systemd-socket-activate", "not installed")
tap.done()
