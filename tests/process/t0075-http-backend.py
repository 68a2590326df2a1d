#!/usr/bin/python3
"""git-gate-http and a backend that misbehaves: a cut reply is never a good one, both directions move at once, nothing is kept in memory."""
import shutil

from gate import *
from rawhttp import Cut, Http, Reply, request, rpc

tap = Tap()
# A CGI program in the place of git http-backend; the repository's name says what it does. Everything else is git's own.
BACKEND = r"""#!/usr/bin/python3
import os, signal, sys, time
what = os.environ["PATH_INFO"].split("/")[1][:-4]
out, err = os.fdopen(1, "wb", 0), os.fdopen(2, "wb", 0)
def write(f, data):
    while data:
        data = data[f.write(data):]
head = b"Content-Type: application/x-git-receive-pack-result\r\n\r\n"
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
if what == "silent": pass
elif what == "fails": sys.exit(3)
elif what == "fails-behind-head": write(out, head); sys.exit(3)
elif what == "killed-behind-head": write(out, head); die()
elif what == "killed-in-body": write(out, head + b"0004" * 30000); die()
elif what == "fails-at-end": write(out, head + b"0004" * 30000); sys.exit(1)
elif what == "no-head": write(out, b"this is no header\r\n\r\n0000")
elif what == "half-head": write(out, b"Content-Type: x\r\n")
elif what == "large-head": write(out, b"X: " + b"y" * 20000 + b"\r\n\r\n0000")
elif what == "control": write(out, b"X: y\0z\r\n\r\n0000")
elif what == "no-status": write(out, b"Status: fine\r\n\r\n0000")
elif what == "second-head": write(out, head + b"Status: 500 Internal Server Error\r\n\r\n")
elif what == "status-last": write(out, b"Expires: never\nExpires: never\nStatus: 404 Not Found\nContent-Type: text/plain\n\nnot here\n")
elif what == "short": write(out, b"Content-Length: 10\r\n" + head + b"0004")
elif what == "long": write(out, b"Content-Length: 4\r\n" + head + b"0000HTTP/1.1 200 OK\r\n\r\n")
elif what == "writes-first":
    write(err, (b"e" * 99 + b"\n") * 10000)
    write(out, head + b"0004" * 250000)
    n = len(sys.stdin.buffer.read())
    write(out, b"%04x%08d" % (12, n))
elif what == "endless":
    write(out, head)
    while True: write(out, b"0004" * 4096)
elif what == "lingers":
    write(out, head + b"0008done")
    out.close()
    open(os.environ["GIT_PROJECT_ROOT"] + "/lingers", "w").close()
    while not os.path.exists(os.environ["GIT_PROJECT_ROOT"] + "/leave"): time.sleep(0.02)
elif what == "answers-early": write(out, head + b"0008done")
elif what == "reads-nothing":
    open(os.environ["GIT_PROJECT_ROOT"] + "/here", "w").close()
    while not os.path.exists(os.environ["GIT_PROJECT_ROOT"] + "/go"): time.sleep(0.02)
    n = 0
    while True:
        data = sys.stdin.buffer.read(1 << 16)
        n += len(data)
        if not data: break
    write(out, head + b"%04x%012d" % (16, n))
elif what == "env":
    text = "\n".join("%s=%s" % v for v in sorted(os.environ.items())).encode()
    write(out, head + b"%04x" % (len(text) + 4) + text)
"""
os.makedirs(path("core"))
with open(path("core", "git-http-backend"), "w") as f:
    f.write(BACKEND)
os.chmod(f.name, 0o755)
os.symlink(os.path.join(git("--exec-path").stdout.strip(), "git-daemon"), path("core", "git-daemon"))
os.makedirs(path("bin"))
with open(path("bin", "git"), "w") as f:
    f.write('#!/bin/sh\ncase $1 in --exec-path) echo %s;; *) exec %s "$@";; esac\n' % (path("core"), shutil.which("git")))
os.chmod(f.name, 0o755)
g = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, env={"PATH": path("bin") + ":" + ENV["PATH"], "SECRET": "of the gate's own"})


def ask(name, body=b"0000", version="1.1", **more):
    c = Http(g, rpc("receive-pack", body, repo=name + ".git", version=version, **more))
    try:
        return c.reply(), c
    except Cut as e:
        return e, c


def peak(pid):
    """Most memory that it ever had, in kB."""
    return int([line for line in read("/proc/%d/status" % pid).splitlines() if line.startswith("VmHWM")][0].split()[1])


def server(gate, peer):
    return wait_for(lambda: [p for p in tree(gate.pid) if "git-gate-http" in cmdline(p) and ("REMOTE_PORT=" + peer.split(":")[1]).encode()
                             in read("/proc/%d/environ" % p, "rb").split(b"\0")], "the session")[0]


for name in ("silent", "fails", "fails-behind-head", "killed-behind-head", "killed-in-body", "fails-at-end", "no-head", "half-head", "large-head", "control",
             "no-status", "second-head", "status-last", "short", "long", "writes-first", "endless", "answers-early", "reads-nothing", "lingers", "env"):
    g.repo(name + ".git")
for name, status in (("silent", 502), ("fails", 500), ("fails-behind-head", 500), ("killed-behind-head", 500), ("no-head", 502), ("half-head", 502),
                     ("large-head", 502), ("control", 502), ("no-status", 502), ("second-head", 500)):
    for version in ("1.1", "1.0"):
        r, c = ask(name, version=version)
        tap.ok(isinstance(r, Reply) and r.status == status and r.body.startswith(b"git-gate: ") and r["Connection"] == "close" and c.ends(),
               "%s, HTTP/%s: %d" % (name, version, status), r)
for name in ("killed-in-body", "fails-at-end"):
    r, c = ask(name)
    tap.ok(isinstance(r, Cut) and r.args[0].status == 200 and len(r.args[0].body) == 120000, "%s: what came, and no last chunk" % name, r)
r, c = ask("short")
tap.ok(isinstance(r, Cut) and r.args[0].body == b"0004", "short: fewer bytes than it said, and the end", r)
r, c = ask("long")
tap.ok(r.body == b"0000" and c.ends(), "long: not one byte more than it said, and the end", r, c.data)
r, c = ask("status-last")
tap.ok(r.status == 404 and r.body == b"not here\n" and r["Expires"] == "never", "status-last: passed on", r)
body = os.urandom(3 << 20)
for chunked in (False, True):
    r, c = ask("writes-first", body, chunked=chunked)
    tap.ok(isinstance(r, Reply) and r.body[-8:] == b"%08d" % len(body), "1 MB out and 1 MB of words before it reads 3 MB, chunked %s" % chunked, r)
c.send(request("HEAD", "/env.git/HEAD") + rpc("receive-pack", b"0000", repo="answers-early.git"))
tap.eq((c.reply("HEAD").status, c.reply().body), (200, b"0008done"), "and the connection is kept")
r, c = ask("answers-early", os.urandom(8 << 20))
tap.ok(isinstance(r, Reply) and r.body == b"0008done", "an answer before the end of 8 MB is read, not lost in a reset", r)
c.close()
for i in range(40):     # a send that fails, and a wait that ends by the reset, take turns
    c = Http(g, rpc("upload-pack", b"0000", repo="endless.git"))
    c.exactly(1 << 20)
    pid = server(g, c.peer)
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c.close()
    wait_for(lambda: not alive(pid), "the session of client %d, which went away, to end" % i)
tap.ok(True, "40 clients go away: what writes for them ends")
c = Http(g, rpc("receive-pack", b"0000", repo="lingers.git"))
wait_for(lambda: os.path.exists(os.path.join(g.base, "lingers")), "a backend that has closed its output")
tap.eq([s["peer"] for s in g.sessions()], [c.peer], "lingers: a backend that has closed its output is a session until it ends")
open(os.path.join(g.base, "leave"), "w").close()
tap.eq(c.reply().body, b"0008done", "lingers: only then is its reply complete")
r, c = ask("env")
env = dict(line.split("=", 1) for line in r.body[4:].decode().splitlines())
known = {"PATH", "LC_ALL", "GIT_GATE_SESSION", "GIT_GATE_INSTANCE", "GIT_GATE_CONTROL", "REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR", "SERVER_PORT", "SERVER_PROTOCOL",
         "GIT_PROJECT_ROOT", "GIT_HTTP_EXPORT_ALL", "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "GIT_CONFIG_COUNT"}
tap.eq(sorted(k for k in env if k not in known and not k.startswith("GIT_CONFIG_")), [], "the environment is what is listed", env)
tap.eq((env["REQUEST_METHOD"], env["PATH_INFO"], env["QUERY_STRING"]), ("POST", "/env.git/git-receive-pack", ""), "and says what is asked for")


# --- memory ------------------------------------------------------------------------------------------------------------------
c = Http(g)
data = rpc("receive-pack", os.urandom(48 << 20), repo="reads-nothing.git")
sender = threading.Thread(target=c.send, args=(data,))
sender.start()
wait_for(lambda: os.path.exists(os.path.join(g.base, "here")), "the backend to be there")
pid = server(g, c.peer)
wait_for(lambda: proc_stat(pid)[0] == "S" and read("/proc/%d/comm" % pid).strip() == "http:git", "git-gate-http to wait for the backend")
tap.ok(sender.is_alive(), "a backend that does not read holds up the client")
open(os.path.join(g.base, "go"), "w").close()
sender.join()
r = c.reply()
tap.eq(int(r.body[4:]), 48 << 20, "then all 48 MB come")
tap.ok(peak(pid) < 8192 + FREED, "none of it was kept (%d kB)" % peak(pid))
c.close()

real = Gate({"listen.http": "127.0.0.1:0", **PATIENT})
repo, work = real.repo(), real.work("work")
with open(os.path.join(work, "blob"), "wb") as f:
    f.write(os.urandom(48 << 20))
git("-c", "core.compression=0", "add", ".", cwd=work)
git("commit", "-qm", "blob", cwd=work)
git("-c", "pack.compression=0", "push", "-q", repo, "HEAD:main", cwd=work)
tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
FETCH = b"0032want %s\n" % tip.encode() + b"00000009done\n"
c = Http(real, rpc("upload-pack", FETCH))
c.exactly(100)
pid = server(real, c.peer)
wait_for(lambda: read("/proc/%d/comm" % pid).strip() == "http:reply", "git-gate-http to wait for the client")
tap.ok([p for p in tree(pid) if "upload-pack" in cmdline(p)], "a client that does not read holds up git")
tap.ok(peak(pid) < 8192 + FREED, "nothing is kept (%d kB)" % peak(pid))
c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
c.close()
wait_for(lambda: not alive(pid), "the session to end")
c = Http(real, rpc("upload-pack", FETCH))
got = 0
r = c.head()
while True:
    n = int(c.line(), 16)
    got += len(c.exactly(n))
    c.exactly(2)
    if not n:
        break
tap.ok(got > 48 << 20, "one that reads gets all")
c.send(request("GET", "/r.git/HEAD"))
tap.eq(c.reply().status, 200, "and the connection is kept")
c.close()

# --- what hooks leave behind is no zombie of a kept connection -----------------------------------------------------------------
hooks = Hooks(post_receive="cat >/dev/null; (exec </dev/null >/dev/null 2>&1; setsid sleep 0.01 &)")
strays = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, hooks=hooks.dir)
strays.repo()
small = strays.work("small")
tip, pack = pack_of(small)
c = Http(strays)
for i in range(8):
    command = ("%s %s refs/heads/s%d\0report-status" % ("0" * 40, tip, i)).encode()
    c.send(rpc("receive-pack", b"%04x" % (len(command) + 4) + command + b"0000" + pack))
    tap.ok(b"ok refs/heads/s%d" % i in c.reply().body, "push %d on one connection" % i)
pid = server(strays, c.peer)


def zombies():
    """After one more request: what has ended until then is waited for."""
    c.send(request("GET", "/r.git/HEAD"))
    c.reply()
    return [p for p in tree(pid) if p != pid]


wait_for(lambda: not zombies(), "nothing to be left of the hooks' children")
c.close()
tap.eq((g.reaped(), real.reaped()), ([], []), "nobody was ended")
finish(tap, g, real, strays)
