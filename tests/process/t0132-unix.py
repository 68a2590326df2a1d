#!/usr/bin/python3
"""listen.git and listen.http on unix sockets: mode, stale ones, who connects, limits by user, and what is not served."""
import stat

from gate import *
from unixsock import *

tap = Tap()
os.makedirs(path("hooks"))
put_script(path("hooks", "pre-receive"), 'env >"%s"; cat >/dev/null' % path("seen"))
GIT, HTTP = path("git.sock"), path("http.sock")
SETTINGS = {"listen.git": "unix:" + GIT, "listen.http": "unix:" + HTTP, "limit.sessionsPerPeer": "2"}
g = Gate(SETTINGS, hooks=path("hooks"))
g.repo("r.git", "http.receivepack=true")
me = os.geteuid()

# --- the socket -------------------------------------------------------------------------------------------------------------

tap.eq(g.status()["listening"], ["git://unix:" + GIT, "http://unix:" + HTTP], "where it listens")
tap.eq([oct(stat.S_IMODE(os.stat(p).st_mode)) for p in (GIT, HTTP)], ["0o660"] * 2, "their mode")
second = Gate(SETTINGS, base=g.base, start=False)
r = subprocess.run(second.args(), env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "listen.git: cannot listen on %s: Address already in use; another process serves it" % GIT in r.stderr, "nobody else gets it", r)
with open(path("file"), "w") as f:
    f.write("precious")
r = subprocess.run([*second.args(), "-c", "listen.http=", "-c", "listen.git=", "-c", "listen.git=unix:" + path("file")], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "no socket" in r.stderr and read(path("file")) == "precious", "a file is not replaced", r)
foreign = socket.socket(socket.AF_UNIX)
foreign.bind(path("foreign"))
foreign.listen()
r = subprocess.run([*second.args(), "-c", "listen.http=", "-c", "listen.git=", "-c", "listen.git=unix:" + path("foreign")], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "listen on %s: Address already in use; another process serves it" % path("foreign") in r.stderr, "nor what another program serves", r)
for what, setting, words in (("a relative path", "listen.git=unix:x", "not absolute"), ("a long one", "listen.git=unix:/" + "x" * 107, "at most 107"),
                             ("listen.admin", "listen.admin=unix:/x", "only listen.git and listen.http"), ("a mode that is none", "listen.mode=rw", "write 0660")):
    r = subprocess.run([GATE, "check-config", "-c", setting], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.ok(r.returncode == 2 and words in r.stderr, what, r)

# --- real clients -----------------------------------------------------------------------------------------------------------

work = path("work")
git("init", "-q", work)
for what, url in (("git", relay(GIT).url("git", "r.git")), ("http", relay(HTTP).url("http", "r.git"))):
    commit(work, what, what)
    r = git("push", url, "HEAD:main", cwd=work, check=False)
    tap.eq(r.returncode, 0, "%s: a push" % what, r.stderr)
    tap.eq(git("clone", "-q", url, path("clone." + what), check=False).returncode, 0, "and a clone")
    env = dict(x.split("=", 1) for x in read(path("seen")).splitlines() if "=" in x)
    tap.eq((env.get("GIT_GATE_USER"), env.get("REMOTE_USER"), "REMOTE_ADDR" in env), ("uid:%d" % me,) * 2 + (False,), "its hook is told the user, and no address")
    e = g.events("session.opened", service="receive-pack")[-1]
    tap.eq((e["peer"], e["user"], e["transport"]), ("unix:uid=%d" % me, "uid:%d" % me, what), "so is the log")
g.settle()
e = g.ask("reaped", "--all")[0]
tap.eq((e["peer"], e["user"]), ("unix:uid=%d" % me, "uid:%d" % me), "and its record")

# --- limits -----------------------------------------------------------------------------------------------------------------

held = [connect(GIT) for _ in range(3)]
wait_for(lambda: (len(g.sessions()), g.status()["waiting"]) == (2, 1), "limit.sessionsPerPeer to count users")
tap.ok(all(s["user"] == "uid:%d" % me and s["peer"] == "unix:uid=%d" % me for s in g.sessions()), "all of one user are one peer", g.sessions())
for s in held:
    s.close()
g.settle()
if me == 0:
    os.chmod(TMP, 0o755)
    os.chmod(GIT, 0o666)
    other = popen([sys.executable, "-c", "import os,socket,sys; os.setuid(4711); s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.stdin.read()", GIT],
                  stdin=subprocess.PIPE)
    wait_for(lambda: [s["user"] for s in g.sessions()] == ["uid:4711"], "another user to be seen as one")
    other.communicate()
    tap.ok(True, "another user is another peer")
else:
    tap.skip("another user is another peer", "needs root")
g.settle()

# --- a gate that died ---------------------------------------------------------------------------------------------------------

left = connect(GIT)
left.sendall(b"%04xgit-receive-pack /r.git\0host=x\0" % 35)
advertisement = b""
while not advertisement.endswith(b"0000"):
    advertisement += left.recv(4096)
wait_for(lambda: [s["phase"] for s in g.sessions()] == ["commands"], "a client that has read the advertisement")
known = g.sessions()[0]["id"]
g.process.kill()
g.process.wait()
tap.ok(os.path.exists(GIT), "a gate that was killed leaves its socket")
g.start()
wait_for(lambda: g.reaped(id=known), "the next one to end what it left")
e = g.reaped(id=known)[0]
tap.eq((e["reason"], e["peer"], e["user"], e["repo"]), ("predecessor", "unix:uid=%d" % me, "uid:%d" % me, "r.git"), "the next one ends what it left, and knows whose it was")
said = left.makefile("rb").read()
tap.ok(b"the gate was restarted" in said, "the client reads why", said)
tap.eq(git("ls-remote", relay(GIT).url("git", "r.git"), check=False).returncode, 0, "the next one replaces it")
g.settle()
g.stop()
tap.ok(not os.path.exists(GIT) and not os.path.exists(HTTP), "one that stops takes it away")

# --- from systemd -------------------------------------------------------------------------------------------------------------

server = socket.socket(socket.AF_UNIX)
server.bind(path("inherited"))
server.listen()
h = Gate({}, base=g.base, hooks=path("hooks"), start=False,
         prefix=("bash", "-c", 'f=$1; shift; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=git exec "$@" 3<&$f', "-", str(server.fileno())))
h.start(pass_fds=[server.fileno()])
tap.eq(git("ls-remote", relay(path("inherited")).url("git", "r.git"), check=False).returncode, 0, "one of systemd's is served")
tap.eq(h.events("session.opened")[-1]["user"], "uid:%d" % me, "with who connects")
h.settle()
h.stop()
tap.ok(os.path.exists(path("inherited")), "and left alone at the end")
finish(tap, h)
