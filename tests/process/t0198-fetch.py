#!/usr/bin/python3
"""Fetches over git:// that git-gate-session serves as git upload-pack at once, and those that it leaves to git-daemon: both say byte for byte what a
stand-alone git daemon says of the same request. A gate that runs below a watched service keeps its fetches to itself."""
from gate import *
from servers import Daemon

tap = Tap()
g = Gate(PATIENT)
repo, work = g.repo(), g.work("work")
git("push", "-q", repo, "HEAD:refs/heads/main", cwd=work)
git("symbolic-ref", "HEAD", "refs/heads/main", cwd=repo)
git("clone", "-q", repo, os.path.join(g.base, "tree"))
os.makedirs(os.path.join(g.base, "deep", "er"))
git("clone", "-q", "--bare", repo, os.path.join(g.base, "deep", "er", "r.git"))
daemon = Daemon(g.base, "--informative-errors").start()


def packet(line):
    return b"%04x" % (len(line) + 4) + line


def ask(port, line, look=lambda: None):
    """All that comes back for a request after which the client says nothing more; look() once the answer has begun."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as s:
        s.sendall(packet(line))
        got = s.recv(65536)
        saw = look() if got else None
        s.shutdown(socket.SHUT_WR)
        while True:
            more = s.recv(65536)
            if not more:
                return got, saw
            got += more


def server(gate=g):
    """argv[0] and [1] of the root of the one session; whether it ignores SIGTERM, as git-daemon has its programs do."""
    def settled():
        root = gate.sessions()[0]["pid"]
        argv = cmdline(root).split()
        return argv and "git-gate-session" not in argv[0] and (root, argv)

    root, argv = wait_for(settled, "the session to be git's")
    ignored = int(re.search(r"(?m)^SigIgn:\s+(\w+)", read("/proc/%d/status" % root))[1], 16)
    return os.path.basename(argv[0]), argv[1], bool(ignored >> signal.SIGTERM - 1 & 1)


DIRECT = ("git", "upload-pack", True)
UPLOAD = b"git-upload-pack "
for line, direct in (
        (b"/r.git", True), (b"/r.git\n", True), (b"/r.git\0", True), (b"/r.git\0host=h\0", True), (b"/r.git\0host=h:9418\0", True),
        (b"/r.git\0host=\0", True), (b"/r.git\n\0host=h\0", True), (b"/r.git\0host=h\0\0version=1\0", True), (b"/r.git\0host=h\0\0version=2\0", True),
        (b"/r.git\0\0version=2\0", True), (b"/r.git\0host=h\0\0version=2\0version=1\0", True), (b"/r.git\0host=h\0\0x=y\0\0\0version=2\0", True),
        (b"/r.git\0host=h\0\0version=9\0", True), (b"/r.git\0host=h\0\0version=2:x\0", True),
        (b"/r", True), (b"/r.git/", True), (b"/tree", True), (b"/tree/", True), (b"/deep/er/r", True),
        (b"/r.git\0host=[::1]:9418\0\0version=2\0", False), (b"/r.git\0HOST=h\0\0version=2\0", False), (b"/r.git\0host=h\0\0version=2", False),
        (b"/r.git\0host=h\0\0version=2\0" + b"x" * 300 + b"\0", False), (b"/tree/.git", False)):
    want, _ = ask(daemon.port, UPLOAD + line)
    got, saw = ask(g.port, UPLOAD + line, server)
    name = repr(line)[1:][:60]
    g.settle()
    tap.eq(saw == DIRECT, direct, "%s: %s" % (name, "git upload-pack at once" if direct else "git-daemon first"), saw)
    tap.eq(got, want, "%s: as git daemon answers" % name)
# neither serves these; whose words a client reads is the gate's business, that nothing is served is not
for line in (b"//r.git", b"/./r.git", b"/deep/../r.git", b"/deep//er/r", b"r.git", b"~/r.git", b"/nothing", b"/deep", b"/r.git/objects", b"/r.git\0x=y\0", b"/r.git\0host=[::1\0",
             b"/r.git ", b" /r.git", b"", b"/", b"/r.git/.", b"/r.git/.."):
    want, _ = ask(daemon.port, UPLOAD + line)
    got, _ = ask(g.port, UPLOAD + line)
    tap.ok(b"refs/heads" not in want + got and (want[4:7], got[4:7]) in (((b"ERR",) * 2), (b"", b""), (b"", b"ERR")), "%s: not served" % repr(line)[1:],
           want, got)


# --- what the repository, the machine and the gate say ------------------------------------------------------------------------
def served(gate=g):
    got, _ = ask(gate.port, b"git-upload-pack /r.git\0host=h\0")
    gate.settle()
    if b"refs/heads/main" not in got:
        return got[4:].decode()
    return ask(gate.port, b"git-upload-pack /r.git\0host=h\0", lambda: server(gate))[1] == DIRECT


git("config", "daemon.uploadpack", "false", cwd=repo)
tap.eq(served(), "ERR service not enabled: /r.git", "daemon.uploadpack = false: refused")
git("config", "daemon.uploadpack", "yes", cwd=repo)
tap.eq(served(), False, "daemon.uploadpack = yes: git-daemon is asked")
git("config", "daemon.uploadpack", "true", cwd=repo)
tap.eq(served(), True, "daemon.uploadpack = true: at once")
git("config", "--unset", "daemon.uploadpack", cwd=repo)
tap.eq(served(), True, "without it: at once")
with open(path("included"), "w") as f:
    f.write("[daemon]\n\tuploadPack = no\n")
git("config", "include.path", path("included"), cwd=repo)
tap.eq(served(), "ERR service not enabled: /r.git", "an included file says no: refused")
git("config", "--unset", "include.path", cwd=repo)
some = Gate({**PATIENT, "gate.exportAll": "false"}, base=g.base)
tap.eq(served(some), "ERR repository not exported: /r.git", "not exported: refused")
open(os.path.join(repo, "git-daemon-export-ok"), "w").close()
tap.eq(served(some), True, "git-daemon-export-ok: at once")
off = Gate({**PATIENT, "gate.uploadPack": "false"}, base=g.base)
tap.ok("not enabled" in served(off), "gate.uploadPack = false: refused")

# --- a gate below a service that another watches ------------------------------------------------------------------------------
inner = Gate({**PATIENT, "gate.control": path("inner.control")}, base=g.base, start=False)
outer = Gate({**PATIENT, "deadline.commands": "500ms"}, base=g.base, start=False)
with open(path("outer.conf"), "w") as f:
    f.write('[service "inner"]\n\tcommand = "%s"\n\twatch = true\n' % " ".join(inner.args()))
outer.launch("--config", path("outer.conf")).ready()
inner.control = path("inner.control")
port = wait_for(lambda: accepts(inner.control) and [a for a in inner.status()["listening"] if a.startswith("git:")], "the inner gate to listen")
inner.port = int(port[0].rsplit(":", 1)[1])
HELD = packet(b"git-upload-pack /r.git\0host=h\0")
with socket.create_connection(("127.0.0.1", inner.port), PATIENCE) as s:
    s.sendall(HELD)
    tap.ok(b"refs/heads" in s.recv(65536), "a fetch from the gate below")
    for n in 1, 2, 3:           # one after the other: by the last the first has been there for several deadlines of the outer gate's
        with socket.create_connection(("127.0.0.1", outer.port), PATIENCE) as o:
            o.sendall(HELD)
            wait_for(lambda: len(outer.reaped()) >= n, "the outer gate to end a silent client of its own")
    tap.eq([x["watch"] for x in outer.reaped()], [None] * 3, "the outer gate ends silent clients of its own")
    tap.eq(len(inner.sessions()), 1, "the same of the gate below is that gate's, which gives it longer")
wait_for(lambda: not outer.sessions() and not inner.sessions(), "the sessions of both to be gone")
tap.eq(g.events("session.reaped") + g.events("session.kept"), [], "the gate ended nothing")
for x in g, some, off, outer:
    x.stop()
daemon.stop()
finish(tap, g, some, off, outer)
