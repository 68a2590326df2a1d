#!/usr/bin/python3
"""What git-gate-http seldom meets: a head that comes in pieces, or not whole, behind another request; replies that nobody reads; git's POST without the
question before it, while upstream is away; programs in a directory that a shell would take apart; a base path that is away; a repository's
configuration that says much, or nothing that can be read."""
from rawhttp import *
from sshd import *

tap = Tap()
INFO = request("GET", "/r.git/info/refs?service=git-upload-pack")
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")

# --- behind another request -------------------------------------------------------------------------------------------------------------

g = Gate({"listen.http": "127.0.0.1:0", "deadline.idle": "5m"})
repo = g.repo()
git("push", "-q", repo, "HEAD:main", cwd=seed)
c = Http(g, INFO)
tap.eq(c.reply().status, 200, "a request")
c.send(INFO[:20])
session = wait_for(lambda: [s for s in g.sessions() if s["peer"] == c.peer and s["phase"] == "request"], "the second head to be known")[0]["id"]
c.send(INFO[20:])
tap.eq(c.reply().status, 200, "the head of a second one comes in pieces, and it is served")
c.send(INFO[:20])
r = c.reply()
tap.ok(r.status == 408 and b"deadline.init" in r.body, "the head of a third one does not come whole: told, and ended", r)
tap.ok(c.ends(), "with the connection")
wait_for(lambda: g.reaped(id=session), "the record")
tap.eq([(e["reason"], e["key"]) for e in g.reaped(id=session)], [("init", "deadline.init")], "and recorded")
finish_later = [g]

g = Gate({"listen.http": "127.0.0.1:0", "deadline.drain": "500ms"})
g.repo()
c = Http(g, INFO)
tap.eq(c.reply().status, 200, "a request")
session = wait_for(lambda: [s for s in g.sessions() if s["phase"] == "keep-alive"], "its connection to be kept")[0]
os.kill(session["pid"], signal.SIGSTOP)
tap.eq(g.stop(), 0, "the gate stops while who keeps a connection stands still")
tap.eq((alive(session["pid"]), g.events("session.reaped")), (False, []), "which is ended with it, and nobody lost anything by it")
c.close()

# --- nobody reads -----------------------------------------------------------------------------------------------------------------------

with open(path("tokens"), "w") as f:
    os.fchmod(f.fileno(), 0o600)
    f.write("ann:sha256:%064x\n" % 1)
g = Gate({"listen.http": "127.0.0.1:0", **PATIENT, "access.tokenFile": path("tokens"), "repo.secret.git.allowFetch": "user:ann"})
finish_later.append(g)
g.repo("secret.git")
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)        # with large segments the kernel takes megabytes
s.settimeout(PATIENCE)
s.connect(("127.0.0.1", g.http_port))
asked, enough = [0], threading.Event()


def ask():
    """As many as it takes until the kernel takes no more of the replies; who is asked for a token may come again at once."""
    while not enough.is_set() and asked[0] < 200000:
        asked[0] += 100
        s.sendall(INFO.replace(b"r.git", b"secret.git") * 100)


sender = threading.Thread(target=ask, daemon=True)
sender.start()
wait_for(lambda: [p for p in g.processes() if read("/proc/%d/comm" % p) == "http:reply\n"], "a reply that nobody reads")
enough.set()
c = Http.__new__(Http)
c.s, c.data = s, b""
replies = []
for last in False, True:
    if last:
        sender.join(PATIENCE)
    while len(replies) < asked[0]:
        replies.append(c.reply().status)
tap.eq(set(replies), {401}, "%d requests at once, and their replies are read late: each comes" % len(replies))
c.close()

# --- the repository's own configuration, and the base path -----------------------------------------------------------------------------------

g = Gate({"listen.http": "127.0.0.1:0", **PATIENT})
finish_later.append(g)
repo = g.repo()


def pushed():
    commit(seed, "f", "%d\n" % tap.n)
    return git("push", g.http("r.git"), "HEAD:main", cwd=seed, check=False)


config = os.path.join(repo, "config")
plain = read(config)
for what, text, ok in (("of 200 kB", plain + "# and so on\n" * 20000, True), ("that names pushes in a comment", plain + "# receivepack\n", True),
                       ("with a NUL in a comment", plain + "# \0\n", True), ("with a NUL in a value", plain + "[http]\n\treceivepack = fal\0se\n", False),
                       # a plain true is believed, and git asked about all else
                       ("that says true", plain + "[HTTP] ReceivePack=true", True), ("that says true in lines of DOS", plain + "[http]\r\n\treceivepack\t=\ttrue \r\n", True),
                       ("that says true and why", plain + "[http]\n\treceivepack = true ; why\n", True),
                       ("that says true and goes on", plain + "[http]\n\treceivepack = true\\\nfalse\n", False),
                       ("that says true in quotes, and more", plain + "[http]\n\treceivepack = true\"x\"\n", False),
                       ("that says true, and then false", plain + "[http]\n\treceivepack = true\n\tRECEIVEPACK = \"false\"\n", False),
                       ("that says false, and then true", plain + "[http]\n\treceivepack = false\n\treceivepack = true\n", True),
                       ("that says false, and true where it does not count", plain + "[http]\n\treceivepack = off\n[daemon]\n\treceivepack = true\n", False)):
    with open(config, "w") as f:
        f.write(text)
    r = pushed()
    tap.ok((r.returncode == 0) == ok and (ok or "git config fails there" in r.stderr or "its http.receivepack" in r.stderr), "a configuration %s" % what, r.stderr)
with open(config, "w") as f:
    f.write(plain)
os.rename(g.base, g.base + ".away")
r = pushed()
tap.ok(r.returncode and "404" in r.stderr + r.stdout or "not found" in r.stderr, "the base path is away: as if it were not there", r.stderr)
os.rename(g.base + ".away", g.base)
tap.eq(pushed().returncode, 0, "it is back")

# --- upstream is away ---------------------------------------------------------------------------------------------------------------------

up = Upstream()
if missing():
    tap.skip("upstream is away", missing())
else:
    up.start()
    programs = path("it's $a b")
    os.makedirs(os.path.join(programs, "hooks"))
    for name in "git-gate", "git-gate-session", "git-gate-http", "git-gate-hook":
        shutil.copy(os.path.join(BUILD, name), programs)
    for name in "pre-receive", "post-receive":
        os.symlink("../git-gate-hook", os.path.join(programs, "hooks", name))

    class Copied(Gate):
        def args(self):
            return [os.path.join(programs, "git-gate") if a == GATE else a for a in super().args()]

    base = path("mirrors")
    g = Copied({"listen.http": "127.0.0.1:0", **PATIENT, **up.mirrored(base, seed=seed), "repo.r.git.onStale": "serve"}, hooks=os.path.join(programs, "hooks"), base=base)
    finish_later.append(g)
    tip = git("ls-remote", g.http("r.git"), "main").stdout.split()[0]
    up.behave("gone")
    for url in g.url("r.git"), g.http("r.git"):
        work = path("stale-" + url[:4])
        r = git("clone", "-q", url, work, check=False)
        tap.ok(r.returncode == 0 and "warning: " in r.stderr, "programs in %s: a clone says that upstream is away" % programs, r.stderr)
    body = b"".join(b"%04x%s" % (len(p) + 4, p) if p else b"0000" for p in (b"want %s side-band-64k ofs-delta\n" % tip.encode(), b"", b"done\n"))
    c = Http(g, rpc("upload-pack", body))
    r = c.reply()
    tap.ok(r.status == 200 and b"warning: " in r.body and b"PACK" in r.body, "a POST without the question before it is served, and told so too", r)
    c.close()
for g in finish_later[:-1]:
    tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])
finish(tap, finish_later[-1])
