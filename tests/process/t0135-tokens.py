#!/usr/bin/python3
"""Tokens over HTTP: git with each way that it has to show one, other clients, what is answered to none and to a wrong one, a connection that
is kept alive over a reload, and where no token must ever stand."""
import base64
import hashlib

from gate import *
from rawhttp import *

tap = Tap()
TOKENS = path("tokens")
SEEN = path("seen")
hooks = Hooks(pre_receive='cat >/dev/null; echo "user=$REMOTE_USER,$GIT_GATE_USER" >>%s; env >>%s.env' % (SEEN, SEEN))
open(TOKENS, "w").close()
g = Gate({"listen.http": "127.0.0.1:0", "access.tokenFile": TOKENS, "access.allowFetch": "user:*", "gate.uploadArchive": "true"}, hooks=hooks.dir)
g.repo()


def token(name):
    r = subprocess.run([GATE, "token", "add", name, "-c", "access.tokenFile=" + TOKENS, "-c", "gate.basePath=" + g.base], env=ENV, capture_output=True, text=True)
    assert r.returncode == 0, r
    return r.stdout.strip()


def basic(name, secret):
    return "Authorization: Basic " + base64.b64encode(("%s:%s" % (name, secret)).encode()).decode()


ann, bob = token("ann"), token("bob")
r = g.cli("reload")
tap.ok(r.returncode == 0 and "access.tokenFile" in r.stdout, "a reload takes new tokens, and says so", r)
w = g.work("work")
HTTP = g.http("r.git")
NEVER = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""}


def with_user(user, secret, repo="r.git"):
    return HTTP.replace("://", "://%s:%s@" % (user, secret)).replace("r.git", repo)


# --- git ---------------------------------------------------------------------------------------------------------------

HELPER = path("helper")
put_script(HELPER, 'case $1 in get) echo username=ann; echo password=%s;; *) echo "$1" >>%s.calls;; esac' % (ann, HELPER))
ways = {
    "in the URL": ((), with_user("ann", ann)),
    "by a credential helper": (("-c", "credential.helper=" + HELPER), HTTP),
    "basic, by http.extraHeader": (("-c", "http.extraHeader=" + basic("ann", ann)), HTTP),
    "bearer, by http.extraHeader": (("-c", "http.extraHeader=Authorization: Bearer " + ann), HTTP),
}
for i, (way, (options, url)) in enumerate(ways.items()):
    commit(w, "n%d" % i)
    r = git(*options, "push", url, "HEAD:main", cwd=w, env=NEVER, check=False)
    tap.eq(r.returncode, 0, "git pushes with a token %s" % way, r.stderr)
    r = git(*options, "ls-remote", url, env=NEVER, check=False)
    tap.ok(r.returncode == 0 and "refs/heads/main" in r.stdout, "and reads", r.stderr)
tap.eq(read(SEEN).splitlines(), ["user=ann,ann"] * len(ways), "a hook knows who it is, as REMOTE_USER and GIT_GATE_USER")
tap.ok("store" in read(HELPER + ".calls") and "erase" not in read(HELPER + ".calls"), "git has its helper store what worked", read(HELPER + ".calls"))
put_script(HELPER, 'case $1 in get) echo username=ann; echo password=%s;; *) echo "$1" >>%s.calls;; esac' % (bob, HELPER))
r = git("-c", "credential.helper=" + HELPER, "ls-remote", HTTP, env=NEVER, check=False)
tap.ok(r.returncode == 128 and "erase" in read(HELPER + ".calls"), "somebody else's token is wrong, and git has its helper forget it", r.stderr)
r = git("push", HTTP, "HEAD:main", cwd=w, env=NEVER, check=False)
tap.ok(r.returncode == 128 and "could not read Username" in r.stderr, "without a token git is asked for one", r.stderr)
r = git("ls-remote", g.url("r.git"), check=False)
tap.ok(r.returncode == 128 and "ERR" not in r.stderr and "access denied" in r.stderr and "use http with one" in r.stderr, "over git:// it reads what would help", r.stderr)
big = path("big")
git("init", "-q", big)
with open(os.path.join(big, "blob"), "wb") as f:
    f.write(os.urandom(8 << 20))
git("add", ".", cwd=big)
commit(big, "c")
r = git("-c", "credential.helper=" + HELPER, "push", HTTP, "HEAD:big", cwd=big, env=NEVER, check=False)
tap.ok(r.returncode == 128, "a large push with a wrong token ends by itself, and by no signal", r.returncode, r.stderr)
r = git("push", with_user("bob", bob), "HEAD:big", cwd=big, env=NEVER, check=False)
tap.eq(r.returncode, 0, "with the right one it gets through", r.stderr)
try:
    import pygit2
    creds = pygit2.UserPass("ann", ann)
    repo = pygit2.clone_repository(HTTP, path("pygit2"), bare=True, callbacks=pygit2.RemoteCallbacks(credentials=creds))
    tap.ok("refs/remotes/origin/main" in list(repo.references) or "refs/heads/main" in list(repo.references), "libgit2 clones with a token")
except ImportError as e:
    tap.skip("libgit2 clones with a token", str(e))
try:
    from dulwich import porcelain
    from dulwich.client import HttpGitClient
    refs = HttpGitClient("http://127.0.0.1:%d/" % g.http_port, username="ann", password=ann).get_refs("/r.git")
    tap.ok(b"refs/heads/main" in refs, "dulwich reads with a token", refs)
except ImportError as e:
    tap.skip("dulwich reads with a token", str(e))

# --- what is answered ---------------------------------------------------------------------------------------------------

GET = "/r.git/info/refs?service=git-upload-pack"
h = Http(g)
for what, headers, status in (
        ("none", [], 401), ("a wrong one", [basic("ann", bob)], 401), ("an unknown name", [basic("eve", ann)], 401),
        ("one that is no base64", ["Authorization: Basic !!!!"], 401), ("another scheme", ["Authorization: Digest x"], 401),
        ("its beginning", [basic("ann", ann[:-1])], 401), ("the right one", [basic("ann", ann)], 200), ("none again", [], 401),
        ("a bearer token", ["authorization: bearer " + bob], 200), ("a header of the same name as the environment's", ["Remote-User: ann", "REMOTE_USER: ann"], 401)):
    h.send(request("GET", GET, headers))
    r = h.reply()
    tap.eq(r.status, status, "%s: %d, on one connection" % (what, status), r)
    if status == 401:
        tap.ok(r["WWW-Authenticate"] == 'Basic realm="git-gate"' and b"access denied" in r.body and r["Connection"] is None, "it says so, how to show one, and stays open", r)
h = Http(g, request("GET", GET, [basic("ann", ann), basic("ann", ann)]))
tap.eq(h.reply().status, 400, "two of them: 400")
h = Http(g, rpc("receive-pack", b"", ["Expect: 100-continue", "Content-Length: 1000000"]))
r = h.reply()
tap.ok(r.status == 401 and r["Connection"] == "close", "a body that waits for a 100 is not asked for", r)
h.close()
h = Http(g, rpc("receive-pack", b"x" * 100000, ["Content-Length: 100000000"]))
tap.eq(h.reply().status, 401, "the answer comes before the body's end")
h.close()
denied = wait_for(lambda: [e for e in g.events("session.refused") if e["key"] == "access.tokenFile" and e["transport"] == "http"], "the record")
tap.ok(all(e["reason"] == "access" and e["peer"].startswith("127.0.0.1:") and "user" not in e for e in denied), "a wrong token is recorded with its peer", denied[:2])
tap.ok(g.events("session.challenged") and not [e for e in denied if "show a token" in e["message"]], "who is only asked for one is not")

# --- a reload -----------------------------------------------------------------------------------------------------------

kept, other = Http(g, request("GET", GET, [basic("ann", ann)])), Http(g, request("GET", GET, ["Authorization: Bearer " + bob]))
tap.eq([kept.reply().status, other.reply().status], [200, 200], "two connections that are kept alive")
s = wait_for(lambda: [x for x in g.sessions() if x["peer"] == kept.peer], "the session")[0]
tap.eq(s["user"], "ann", "git-gate sessions knows who it is")
table = g.cli("sessions").stdout.splitlines()
tap.ok(table[0].split()[-1] == "USER" and [l for l in table if s["id"] in l][0].split()[-1] == "ann", "its table has a column for that", *table)
subprocess.run([GATE, "token", "remove", "ann", "-c", "access.tokenFile=" + TOKENS, "-c", "gate.basePath=" + g.base], env=ENV, check=True, capture_output=True)
kept.send(request("GET", GET, [basic("ann", ann)]))
tap.eq(kept.reply().status, 200, "a token that is removed counts until the reload")
tap.eq(g.cli("reload").returncode, 0, "reload")
kept.send(request("GET", GET, [basic("ann", ann)]))
other.send(request("GET", GET, ["Authorization: Bearer " + bob]))
tap.eq([kept.reply().status, other.reply().status], [401, 200], "from then on it is worth nothing, on a connection that is kept alive either; others go on")
good = read(TOKENS)
with open(TOKENS, "a") as f:
    f.write("nonsense\n")
r = g.cli("reload")
tap.ok(r.returncode and TOKENS + " line 2: is no NAME:sha256:HEX" in r.stderr, "a bad line is an error with file, line and cure", r)
other.send(request("GET", GET, ["Authorization: Bearer " + bob]))
tap.eq(other.reply().status, 200, "and the tokens are as before")
with open(TOKENS, "w") as f:
    f.write(good)
os.chmod(TOKENS, 0o666)
r = g.cli("reload")
tap.ok(r.returncode and "may be written by others (mode 0666): chmod go-w" in r.stderr, "so is a file that others may write", r)

# --- secrecy ------------------------------------------------------------------------------------------------------------

everything = g.text() + read(SEEN + ".env") + json.dumps(g.ask("reaped", "--all"))
for e in g.ask("reaped", "--all")[:5]:
    everything += g.cli("show", e["id"]).stdout
tap.ok(len(everything) > 10000 and "REMOTE_USER=ann" in everything, "there is something to look at (%d bytes)" % len(everything))
for secret in ann, bob, base64.b64encode(("ann:" + ann).encode()).decode(), hashlib.sha256(ann.encode()).hexdigest():
    tap.ok(secret not in everything, "no token, no hash in the log, in a hook's environment, in what is shown")
tap.ok("AUTHORIZATION" not in read(SEEN + ".env").upper(), "nor the header")
for c in kept, other:
    c.close()
finish(tap, g)
