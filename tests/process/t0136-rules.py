#!/usr/bin/python3
"""Rules of who may push and fetch: over git:// and HTTP, for all repositories and for one, whatever it is called by the client; what is hidden
looks as if it were not there; a reload counts for the next request."""
import base64

from gate import *
from rawhttp import *

tap = Tap()
TOKENS, CONFIG = path("tokens"), path("config")
open(TOKENS, "w").close()


def token(name):
    return subprocess.run([GATE, "token", "add", name, "-c", "access.tokenFile=" + TOKENS, "-c", "gate.basePath=" + TMP], env=ENV, capture_output=True, text=True,
                          check=True).stdout.strip()


def configure(text):
    with open(CONFIG, "w") as f:
        f.write("[access]\n\ttokenFile = %s\n" % TOKENS + text)


ann, bob = token("ann"), token("bob")
configure('\tallowFetch = 127.0.0.0/8\n\tallowPush = user:ann\n[repo "team/secret.git"]\n\tallowFetch = user:ann\n[repo "open.git"]\n\tallowPush = any\n')
g = Gate({"listen.http": "127.0.0.1:0", "gate.uploadArchive": "true"}, start=False)
g.start("--config", CONFIG)
for name in "r.git", "open.git", "team/secret.git":
    g.repo(name)
os.symlink("team/secret.git", os.path.join(g.base, "link.git"))
os.symlink("team", os.path.join(g.base, "t"))
w = g.work("work")
NEVER = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""}


def said(r):
    """What a client reads, without what it was that it asked for."""
    return re.sub(r"(fetch|push to) \S+;", r"\1 *;", "\n".join(l for l in r.stderr.splitlines() if "access denied" in l))


def as_(user, secret, repo):
    return g.http(repo).replace("://", "://%s:%s@" % (user, secret))


# --- for all, and for one -----------------------------------------------------------------------------------------------

for what, url, code in (("git:// fetches what all may fetch", g.url("r.git"), 0), ("so does HTTP without a token", g.http("r.git"), 0),
                        ("and with one", as_("bob", bob, "r.git"), 0), ("who may fetch the hidden one does", as_("ann", ann, "team/secret.git"), 0)):
    r = git("ls-remote", url, env=NEVER, check=False)
    tap.eq(r.returncode, code, what, r.stderr)
for what, url, code, words in (
        ("git:// may not push", g.url("r.git"), 128, "you may not push to r.git; over this transport no token can be shown: use http with one"),
        ("nor may another's token", as_("bob", bob, "r.git"), 128, "403"), ("the right one may", as_("ann", ann, "r.git"), 0, ""),
        ("a repository's own rule lets everybody push", g.url("open.git"), 0, "")):
    r = git("push", url, "HEAD:main", cwd=w, env=NEVER, check=False)
    tap.ok(r.returncode == code and words in r.stderr, what, r.returncode, r.stderr)
refused = wait_for(lambda: g.events("session.refused", reason="access", user="bob"), "the record of bob's push")[0]
tap.ok((refused["key"], refused["repo"], refused["service"]) == ("access.allowPush", "r.git", "receive-pack"), "the record has the rule, the repository and who it was", refused)
git("push", as_("ann", ann, "team/secret.git"), "HEAD:main", cwd=w, env=NEVER)

# --- what is hidden -----------------------------------------------------------------------------------------------------

for transport, url in ("git://", g.url), ("http, bob", lambda repo: as_("bob", bob, repo)), ("http", g.http):
    for service in "ls-remote", "push", "archive":
        if service == "archive" and transport != "git://":
            continue
        how = {"ls-remote": ("ls-remote", "URL"), "push": ("push", "URL", "HEAD:x"), "archive": ("archive", "--remote=URL", "main")}[service]
        missing, *hidden = (git(*(a.replace("URL", url(name)) for a in how), cwd=w, env=NEVER, check=False)
                            for name in ("no/where.git", "team/secret.git", "team/secret", "link.git", "t/secret.git/"))
        tap.ok(missing.returncode and {(h.returncode, said(h)) for h in hidden} == {(missing.returncode, said(missing))},
               "%s, %s: by whatever name, as if it were not there" % (transport, service), missing, *hidden)
        tap.ok(not [h for h in hidden[2:3] if "team" in h.stderr], "nor is its real name told")
replies = []
for name in "nowhere.git", "team/secret.git":
    c = Http(g)
    for target in "info/refs?service=git-upload-pack", "HEAD", "info/refs?service=git-receive-pack":
        c.send(request("GET", "/%s/%s" % (name, target), ["Authorization: Bearer " + bob]))
        r = c.reply()
        replies.append((r.status, r.body.replace(name.encode(), b"*"), sorted(n for n, _ in r.headers)))
        if r["Connection"]:
            c.close()
            c = Http(g)
    c.close()
tap.eq(replies[:3], replies[3:], "status, headers and text of each request are those of a missing one")
keys = {e["key"] for e in g.events("session.refused", reason="access") if e["repo"] == "team/secret.git"}
tap.ok("repo.team/secret.git.allowFetch" in keys, "the operator reads which rule it was", keys)

# --- reload, and what is wrong -------------------------------------------------------------------------------------------

c = Http(g, request("GET", "/r.git/HEAD", []))
tap.eq(c.reply().status, 200, "a connection is kept alive, without a token")
waiting = Raw(g, "git-upload-pack", request=False)
configure("\tallowFetch = user:ann\n\tallowFetch = uid:%d\n" % os.getuid())
tap.eq(g.cli("reload").returncode, 0, "the rules change")
c.send(request("GET", "/r.git/HEAD", []))
tap.eq(c.reply().status, 401, "its next request follows the new ones")
waiting.packet(b"git-upload-pack /r.git\0host=x\0")
tap.ok(b"access denied" in waiting.rest(), "so does a connection that was open already and had asked for nothing")
c.close()
configure("\tallowPush = user:eve\n")
r = subprocess.run([GATE, "check-config", "--config", CONFIG, "-c", "gate.basePath=" + g.base], env=ENV, capture_output=True, text=True)
tap.ok(r.returncode == 0 and "warning: access.allowPush: no token is named eve" in r.stderr, "check-config warns of a user that has no token", r)
for text, words in (("\tallowPush = eve\n", "'eve' is nobody; write a net"), ("\tallowPush = uid:no-such-user\n", "is no user in /etc/passwd"),
                    ('[repo "r.git"]\n\tallowFetch = 10.0.0.1/8\n', "repo.r.git.allowFetch"), ("[access]\n\ttokenFile =\n\tallowPush = user:*\n", "access.tokenFile is not set")):
    configure(text)
    r = g.cli("reload")
    tap.ok(r.returncode and words in r.stderr, "an error: %s" % words, r)

# --- who waits for a turn -------------------------------------------------------------------------------------------------

configure("\tallowFetch = any\n\tallowPush = any\n")
turns = Gate({"limit.sessionsPerRepo": "1"}, start=False)
turns.start("--config", CONFIG)
turns.repo()
first, second = Raw(turns), None
first.advertisement()
second = Raw(turns, "git-upload-pack")
wait_for(lambda: turns.status()["waiting"] == 1, "the second to wait for the repository")
configure("\tallowFetch = user:ann\n\tallowPush = any\n")
tap.eq(turns.cli("reload").returncode, 0, "a request waits for its turn, and the rules change")
first.close()
tap.ok(b"access denied" in second.rest(), "when it comes, the new ones count")
finish(tap, g, turns)
