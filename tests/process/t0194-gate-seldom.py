#!/usr/bin/python3
"""What a gate seldom meets, a row each: a kernel that watches no more descriptors, connections that die in the queue, a session program that cannot be
run for a while, leftovers that it cannot remove, a reload while it stops, clients held for a repository when it drains or stops; and git-gate-admin with
a control socket that is closed to others, or is no gate's."""
import http.client
import resource
import shutil

from gate import *

tap = Tap()
STRACE = shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "inject=getpid:error=EIO", "true"], capture_output=True).returncode == 0
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")


def push(g, ref="main", url=None, n=[0]):
    n[0] += 1
    commit(seed, "f", "%d\n" % n[0])
    return git("push", url or g.url("r.git"), "HEAD:" + ref, cwd=seed, check=False)


def traced(*inject):
    return ["strace", "--seccomp-bpf", "-f", "-qq", "-o", path("trace"), "-e", "signal=none", *inject]


# --- calls of the machine -------------------------------------------------------------------------------------------------------------------

for what, rounds, inject in (("every seventh descriptor is not watched", 3, ["-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOSPC:when=31+7"]),
                             ("connections die in the queue", 1, ["-e", "trace=accept4", "-e", "inject=accept4:error=ENETUNREACH:when=1+3"])):
    if not STRACE:
        tap.skip(what, "strace cannot inject here")
        continue
    g = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, prefix=traced(*inject))
    g.repo()
    # one whose control connection is not watched asks again
    said = [push(g, "n%d" % i, url) for i in range(rounds) for url in (g.url("r.git"), g.http("r.git"))]
    failed = [r.stderr for r in said if r.returncode]
    tap.eq(failed, [], "%s: pushes go on" % what)
    wait_for(lambda: not g.processes(), "sessions to end")
    tap.eq((g.events("session.reaped"), g.events("gate.error")), ([], []), "%s: nobody is ended for it" % what)
    tap.eq(g.stop(), 0, "and it stops")

# --- a session program that cannot be run; leftovers ---------------------------------------------------------------------------------------

programs = path("programs")
os.makedirs(os.path.join(programs, "hooks"))
for name in "git-gate", "git-gate-session", "git-gate-http", "git-gate-hook":
    shutil.copy(os.path.join(BUILD, name), programs)


class Copied(Gate):
    def args(self):
        return [os.path.join(programs, "git-gate") if a == GATE else a for a in super().args()]


g = Copied(PATIENT)
g.repo()
os.chmod(os.path.join(programs, "git-gate-session"), 0)
r = push(g)
tap.ok(r.returncode and "the gate cannot start a session now, try again" in r.stderr, "the session's program cannot be run: the client is told", r.stderr)
tap.ok(wait_for(lambda: [e for e in g.events("session.refused") if "git-gate-session: Permission denied" in e["message"]], "the record"), "and the log says why")
os.chmod(os.path.join(programs, "git-gate-session"), 0o755)
tap.eq(wait_for(lambda: push(g).returncode == 0, "a session"), True, "once it can be run, clients are served")
g.settle()
c = Raw(g, request=False)
session = wait_for(g.sessions, "its session")[0]
waits = lambda: "poll" in read("/proc/%d/wchan" % session["pid"])
wait_for(waits, "it to wait for a request")
c.s.sendall(b"0032git-up")      # from here on it waits for the rest
wait_for(waits, "it to wait for the rest")
c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
c.close()
wait_for(lambda: not g.sessions(), "it to end")
tap.eq([e for e in g.reaped() if e["id"] == session["id"]], [], "a client that resets its connection within its request is gone, and nobody ended it")
tap.eq(g.stop(), 0, "it stops")

if STRACE:
    # the gate looks whether who was accepted has left; his request and his end come while it looks
    unix = path("git.sock")
    g = Gate({"listen.http": "127.0.0.1:0", "listen.git": "127.0.0.1:0", **PATIENT}, prefix=traced("-e", "trace=ioctl", "-e", "inject=ioctl:delay_exit=300000"),
             start=False)
    g.launch("-c", "listen.git=unix:" + unix).ready()
    git("push", "-q", g.repo(), "HEAD:main", cwd=seed)
    GIT = b"0022git-upload-pack /r.git\0host=x\0" + b"0000"
    HTTP = b"GET /r.git/info/refs?service=git-upload-pack HTTP/1.0\r\nHost: x\r\n\r\n"
    for what, where, request, says in (("git", ("127.0.0.1", g.port), GIT, b"refs/heads/main"), ("http", ("127.0.0.1", g.http_port), HTTP, b"200 OK"), ("a unix socket", unix, GIT, b"refs/heads/main")):
        wait_for(lambda: state(g.pid) == "S", "the gate to rest")
        with socket.socket(socket.AF_UNIX if where == unix else socket.AF_INET) as s:
            s.settimeout(PATIENCE)
            s.connect(where)
            wait_for(lambda: state(g.pid) == "t", "it to look")
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while more := s.recv(65536):
                    got += more
            except ConnectionResetError as e:
                got += str(e).encode()
        tap.ok(says in got, "%s: who has sent his request and his end while the gate looked is served" % what, got)
    g.settle()
    tap.eq(g.stop(), 0, "it stops")

    base = path("left")
    os.mkdir(base)
    d = os.path.join(base, "r.git")
    git("init", "-q", "--bare", d)
    stuck = os.path.join(d, "objects", "incoming-stuck")
    os.mkdir(stuck)
    for file in stuck, d:
        os.utime(file, (1, 1))
    g = Gate(PATIENT, base=base, prefix=traced("-e", "trace=unlinkat,rmdir,openat", "-e", "inject=unlinkat,rmdir:error=EIO", "-P", stuck, "-P", "incoming-stuck"))
    found = wait_for(lambda: [e for e in g.events() if e["event"].startswith("cleanup.")], "a word of the cleanup")
    tap.ok([e for e in found if e["event"] == "cleanup.failed" and "cannot remove" in e["message"] and "Input/output error" in e["message"]], "a leftover that cannot be removed is named", found)
    g.stop()
    shutil.rmtree(stuck)
    g = Gate(PATIENT, base=base, prefix=traced("-e", "trace=openat", "-e", "inject=openat:error=EIO", "-P", os.path.join(d, "objects")))
    found = wait_for(lambda: g.events("cleanup.failed"), "a word of the cleanup")
    tap.ok("cannot look into r.git/objects: Input/output error" in found[0]["message"], "so is a directory that cannot be looked into", found)
    g.stop()
else:
    tap.skip("a leftover that cannot be removed, a directory that cannot be looked into", "strace cannot inject here")

# --- held for a repository, draining, stopping ------------------------------------------------------------------------------------------------

latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; %s" % latch.command)
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "limit.sessionsPerRepo": "1", "limit.waiting": "2", "deadline.drain": "5m"}, hooks=hooks.dir)
g.repo()
first = g.push(seed, "one")
latch.reached()
slow, early = Raw(g, request=False), Raw(g, request=False)
wait_for(lambda: {slow.peer, early.peer} <= {s["peer"] for s in g.sessions()}, "two that ask for nothing yet")
held = [Raw(g) for _ in range(2)]
wait_for(lambda: g.status()["waiting"] == 2, "two to be held")
slow.packet(b"git-receive-pack /r.git\0host=x\0")
text = slow.rest()
tap.ok(b"ERR git-gate: too many sessions of this repository" in text, "held are as many as may wait", text)
tap.eq(g.cli("drain").returncode, 0, "drain")
said = [c.rest() for c in held]
tap.ok(all(b"try again" in s for s in said), "who is held is told when it drains", said)
early.packet(b"git-receive-pack /r.git\0host=x\0")
text = early.rest()
tap.ok(b"try again" in text, "and who asks then", text)
tap.eq(g.cli("resume").returncode, 0, "resume")
with socket.create_connection(("127.0.0.1", g.http_port), timeout=PATIENCE) as s:
    s.sendall(b"GET /r.git/info/refs?service=git-receive-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    wait_for(lambda: g.status()["waiting"] == 1, "one over HTTP to be held")
    peer = "%s:%d" % s.getsockname()
    tap.eq(g.cli("kill", *(x["id"] for x in g.sessions() if x["peer"] == peer)).returncode, 0, "it is ended by an operator")
    text = s.makefile("rb").read()
tap.ok(text[:13] != b"HTTP/1.1 200 " and b"git-gate: ended by the operator" in text, "who is held is told that, too", text)
wait_for(lambda: not [x for x in g.sessions() if x["peer"] == peer], "its session to be over")
late = Raw(g)
wait_for(lambda: g.status()["waiting"] == 1, "one to be held")
os.kill(g.pid, signal.SIGTERM)
text = late.rest()
tap.ok(b"try again" in text, "and when it stops", text)
r = g.cli("reload")
tap.ok(r.returncode == 1 and "stop" in r.stderr, "a reload while it stops is refused", r.stderr)
os.kill(g.pid, signal.SIGHUP)
latch.release()
tap.eq((end(first)[0], g.process.wait(PATIENCE)), (0, 0), "a signal to reload is nothing then; the push is served, and it stops", g.text()[-1000:])
tap.eq(g.events("gate.reloaded"), [], "nothing was reloaded")

# --- a reload to what the addresses do not allow ---------------------------------------------------------------------------------------------

conf = path("conf")


def settings(text):
    with open(conf, "w") as f:
        f.write(text)


settings("[gate]\n\tpublic = true\n[listen]\n\tadmin = 0.0.0.0:0\n[limit]\n\tsessions = 64\n")
g = Gate({**PATIENT, "hook.scanner": "none"}, start=False)
g.start("--config", conf)
settings("")            # that the address goes needs a restart: it is still listened on
r = g.cli("reload")
tap.ok(r.returncode == 1 and "listen.admin: '0.0.0.0:0'" in r.stdout + r.stderr and "gate.public" in r.stdout + r.stderr, "listen.admin is on every address, and gate.public goes: nothing is reloaded", r.stdout, r.stderr)
tap.eq(g.stop(), 0, "it stops")
g = Gate(PATIENT, start=False, prefix=["prlimit", "--nofile=900:900", "--"])
del g.settings["listen.git"]
ALL = "[gate]\n\tpublic = true\n[listen]\n\tgit = 0.0.0.0:0\n[limit]\n\twaiting = 16\n\tsessions = "
settings(ALL + "16\n")
g.start("--config", conf)
settings("[listen]\n\tgit = 127.0.0.1:0\n")
r = g.cli("reload")
tap.ok(r.returncode == 1 and "listen.git: '0.0.0.0:" in r.stdout + r.stderr, "nor where git:// is", r.stdout, r.stderr)
tap.eq(g.events("gate.limited"), [], "there are as many descriptors as the limits want")
settings(ALL + "4000\n")
tap.eq(g.cli("reload").returncode, 0, "reload")
tap.ok([e for e in g.events("gate.limited") if "limit.sessions=4000" in e["message"] and "RLIMIT_NOFILE" in e["message"]], "and with more sessions there are not: that is said", g.events("gate.limited"))
tap.eq(g.stop(), 0, "it stops")

# --- what outlives its session, and nobody ends --------------------------------------------------------------------------------------------------

g = Gate({**PATIENT, "reaper.mode": "observe"}, hooks=Hooks(post_receive="cat >/dev/null; sleep 1000 </dev/null >/dev/null 2>&1 &").dir)
g.repo()
r = push(g)
stray = wait_for(lambda: g.events("session.stray"), "a word on what is left")[0]
left = [int(p) for p in stray["pids"].split(",")]
tap.ok(r.returncode == 0 and "observe mode leaves them alone" in stray["message"] and all(map(alive, left)), "observe mode: what a hook has left is named, and let be", r.stderr, stray)
for p in left:
    os.kill(p, signal.SIGKILL)
wait_for(lambda: not g.sessions(), "the session to be over with it")
tap.eq(g.stop(), 0, "it stops")

# --- git-gate-admin --------------------------------------------------------------------------------------------------------------------------

ADMIN = os.path.join(BUILD, "git-gate-admin")


def admin(where, *args, cwd=TMP, **kw):
    """Its port, what it said before, and the process."""
    p = popen([ADMIN, where, "127.0.0.1:0", *args], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    said = []
    for line in p.stdout:
        said.append(line)
        if line.startswith("listening on"):
            return int(re.search(r":(\d+)/", line)[1]), said, p
    return 0, said, p


def get(port, target):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    c.request("GET", target)
    r = c.getresponse()
    return r.status, r.read().decode()


closed = path("closed")
os.mkdir(closed, 0o700)
place = socket.socket(socket.AF_UNIX)
place.bind(os.path.join(closed, "control"))
place.listen(8)


def no_gate():
    while True:
        c, _ = place.accept()
        with c:
            c.recv(8192)
            c.sendall(b"{}\n")


threading.Thread(target=no_gate, daemon=True).start()
port, said, p = admin(os.path.join(closed, "control"), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)))
status, text = get(port, "/metrics")
tap.ok(status == 503 and "what answers is no gate" in text, "what answers is no gate", status, text)
status, text = get(port, "/")
tap.ok(status == 503 and "what answers is no gate" in text, "nor is there a page", status, text)
p.kill()
if os.geteuid() == 0:
    rest = p.communicate(timeout=PATIENCE)[0]
    tap.ok("going on as root" in "".join(said) + rest or status == 503, "a directory that is closed to others: it goes on as root, and says so", said, rest)
port, said, p = admin("control", "--", "10.0.0.0/8", cwd=closed)
status, text = get(port, "/metrics")
tap.ok(status == 403 and "access.allow" in text, "a socket beside it; while no gate says more, the nets of the start count", status, text)
p.kill()
p.wait()
r = subprocess.run([ADMIN, os.path.join(closed, "control"), "127.0.0.1:0"], env=ENV, capture_output=True, text=True, timeout=PATIENCE,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4)))
tap.ok(r.returncode == 1 and "libmicrohttpd does not start on 127.0.0.1:0: Too many open files" in r.stderr, "without descriptors it says so", r.returncode, r.stderr)
tap.done()
