#!/usr/bin/python3
"""git, jgit, dulwich and libgit2 over smart HTTP: every kind of fetch and push works as without the gate, and no session is ended."""
import io
from urllib.parse import quote

import jgit
from gate import *

tap = Tap()
hooks = Hooks(post_receive="cat >/dev/null; env | grep ^GIT_PUSH_ | sort >%s" % path("pushed"))
g = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, hooks=hooks.dir)
repo = g.repo("r.git", "receive.advertisePushOptions=true", "uploadpack.allowFilter=true", "core.logAllRefUpdates=true", "receive.certNonceSeed=x")
URL = g.http("r.git")
CHUNKED = ("-c", "http.postBuffer=65536")
LENGTH = ("-c", "http.postBuffer=%d" % (1 << 30))
counts = {"reaped": 0}


def check(what, where=None):
    g.settle()
    tap.eq((fsck(where or repo), leftovers(where or repo)), ("", []), "%s: fsck is clean, nothing is left" % what)
    reaped = g.ask("reaped")
    tap.eq(reaped[counts["reaped"]:], [], "%s: no session was ended" % what)
    counts["reaped"] = len(reaped)


def run(*args, cwd=None, ok=True, what, says="", env=None):
    r = git(*args, cwd=cwd, check=False, env=env)
    tap.ok((r.returncode == 0) == ok and says in r.stdout + r.stderr, what, "exit %d" % r.returncode, r.stdout[-3000:], r.stderr[-3000:])
    return r.stdout + r.stderr


def refs(where):
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=where).stdout.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def head(work, rev="HEAD"):
    return git("rev-parse", rev, cwd=work).stdout.strip()


# --- git's own tests for a server behind CGI, in its own order ------------------------------------------------------------
for version in ("0", "2"):
    out = run("-c", "protocol.version=" + version, "clone", URL, path("empty" + version), what="clone of an empty repository, version " + version, says="empty repository")
    tap.eq(git("symbolic-ref", "HEAD", cwd=path("empty" + version)).stdout, "refs/heads/main\n", "its branch is main, version " + version)
work = path("empty2")
commit(work, "first", "first\n")
first = head(work)
trace = run("push", "-v", "-v", "origin", "main", cwd=work, env={"GIT_TRACE_CURL": "1", "LANGUAGE": "ko_KR.UTF-8"}, what="the first push", says="POST git-receive-pack (")
tap.ok("Expect:" not in trace and trace.count("HTTP/1.1 200 OK") == 2 and trace.count("Connected to") == 1, "two requests on one connection", trace[-3000:])
tap.ok("Accept-Language: ko-KR" in trace, "it asks for a language, which is nobody's business")
run("push", "origin", "main", cwd=work, what="nothing to push", says="Everything up-to-date")
run("push", "origin", "HEAD:dev", cwd=work, what="a branch is made", says="[new branch]")
run("push", "origin", ":dev", cwd=work, what="and deleted", says="[deleted]")
run("push", "origin", ":dev", cwd=work, what="deleting what is not there", ok=False, says="remote ref does not exist")
tap.eq(refs(repo), {"refs/heads/main": first}, "what is there")
log = git("log", "-g", "-1", "--format=%gn <%ge>", "main", cwd=repo).stdout
tap.eq(log, "anonymous <anonymous@http.127.0.0.1>\n", "the reflog names the peer")
hooks.set(update="echo no branch of that name >&2; exit 1")
run("push", "origin", "HEAD:dev2", cwd=work, ok=False, what="refused by update", says="remote: no branch of that name")
hooks.set(update=None, pre_receive="cat >/dev/null; echo told by the hook >&2; exit 1")
out = run("push", "origin", "HEAD:dev2", cwd=work, ok=False, what="refused by pre-receive", says="remote: told by the hook")
tap.ok("! [remote rejected] HEAD -> dev2 (pre-receive hook declined)" in out, "and its status", out)
hooks.set(pre_receive="cat >/dev/null")
git("commit", "-q", "--amend", "-m", "rewritten", cwd=work)
run("push", "origin", "main", cwd=work, ok=False, what="a rewritten branch", says="non-fast-forward")
run("push", "origin", "main", "--force-with-lease=main:" + head(work), cwd=work, ok=False, what="a wrong lease", says="stale info")
run("push", "origin", "+main", "main:niam", cwd=work, what="forced, and a new one", says="forced update")
run("push", "origin", "HEAD:refs/heads/rama-de-árbol", "--force-with-lease=refs/heads/rama-de-árbol:", cwd=work, what="a name that is not ASCII")
tap.ok("rama-de-árbol" in git("ls-remote", URL, cwd=TMP).stdout, "it is listed")
check("t5541")

bad = ("HEAD:refs/heads/good", "HEAD:refs/heads/main/below")
run("push", "--atomic", "origin", *bad, cwd=work, ok=False, what="atomic with one bad ref fails", says="remote rejected")
tap.ok("refs/heads/good" not in refs(repo), "the good one was not made either", refs(repo))
run("push", "origin", *bad, cwd=work, ok=False, what="without atomic the bad ref fails", says="failed to update ref")
run("push", "--atomic", "origin", ":good", "HEAD:one", "HEAD:two", cwd=work, what="atomic, delete and create", says="[deleted]")
tap.eq([r in refs(repo) for r in ("refs/heads/good", "refs/heads/one", "refs/heads/two")], [False, True, True], "all were done")
run("push", "-o", "a=b c", "-o", "ü$x", "origin", "HEAD:options", cwd=work, what="push options")
tap.ok("GIT_PUSH_OPTION_0=a=b c\nGIT_PUSH_OPTION_1=ü$x\nGIT_PUSH_OPTION_COUNT=2" in read(path("pushed")), "the hook has them", read(path("pushed")))
if shutil.which("gpg"):
    os.mkdir(path("gpg"), 0o700)
    gpg = {"GNUPGHOME": path("gpg")}
    subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "Test <test@example.invalid>", "default", "default"],
                   env={**ENV, **gpg}, capture_output=True, check=True, timeout=PATIENCE)
    run("push", "--signed=if-asked", "origin", "HEAD:signed", cwd=work, env=gpg, what="signed, as the gate asks for it")
    said = dict(line.split("=", 1) for line in read(path("pushed")).splitlines())
    tap.ok(said.get("GIT_PUSH_CERT_NONCE_STATUS") in ("OK", "SLOP"), "the nonce holds from one request to the next", said)
    subprocess.run(["gpgconf", "--kill", "all"], env={**ENV, **gpg}, capture_output=True, timeout=PATIENCE)
else:
    tap.skip("signed, as the gate asks for it", "no gpg")
git("config", "--unset", "receive.certNonceSeed", cwd=repo)
run("push", "--signed=if-asked", "origin", "HEAD:unsigned", cwd=work, what="signed if asked, and it is not")
git("tag", "-am", "annotated", "v1", cwd=work)
git("tag", "blob", "HEAD:first", cwd=work)
run("push", "origin", "--tags", cwd=work, what="tags", says="[new tag]")
for name, flag in (("all.git", "--all"), ("mirror.git", "--mirror")):
    git("clone", "-q", "--bare", "--shared", repo, os.path.join(g.base, name))
    g.repo("empty-" + name)
    run("push", flag, g.http("empty-" + name), cwd=work, what="%s to an empty repository" % flag)
    commit(work, "for" + flag)
    run("push", flag, g.http(name), cwd=work, what="%s to one with alternates" % flag)
    tap.eq(refs(os.path.join(g.base, name))["refs/heads/main"], head(work), "%s: it is there" % flag)
    check(flag, os.path.join(g.base, name))
run("push", "--progress", "origin", "main", cwd=work, what="with progress", says="Writing objects")
run("push", "origin", "HEAD:refs/foo", cwd=work, ok=False, what="git's own refusal of a ref", says="funny refname")
check("kinds of push")

# --- large and small, by length and in chunks, both directions ----------------------------------------------------------------
big = path("big")
git("clone", "-q", URL, big)
for i in range(3):
    with open(os.path.join(big, "blob%d" % i), "wb") as f:
        f.write(os.urandom(2 << 20))
git("add", ".", cwd=big)
git("commit", "-qm", "blobs", cwd=big)
for name, args, says in (("chunked", CHUNKED, "POST git-receive-pack (chunked)"), ("length", LENGTH, "POST git-receive-pack (")):
    run(*args, "push", "-v", "-v", "origin", "HEAD:big-" + name, cwd=big, what="6 MB, " + name, says=says)
    run("push", "origin", ":big-" + name, cwd=big, what="deleted again")
    git("gc", "-q", "--prune=now", cwd=repo)
run("-c", "http.postBuffer=4", "push", "origin", "HEAD:big", cwd=big, what="6 MB, in chunks of 4 bytes at first")
capped = g.repo("capped.git", "receive.maxInputSize=1m")
for name, args in (("chunked", CHUNKED), ("length", LENGTH)):
    out = run(*args, "push", g.http("capped.git"), "HEAD:main", cwd=big, ok=False, what="6 MB of which git takes one, " + name,
              says="remote unpack failed")
    tap.ok("exceeds maximum allowed size" in out and "RPC failed" not in out, "git's report comes, and no reset instead, " + name, out)
check("what git refuses early", capped)
for version in ("0", "2"):
    where = path("clone" + version)
    run("-c", "protocol.version=" + version, "clone", "-q", "--branch=big", URL, where, what="6 MB cloned, version " + version)
    tap.eq((head(where), fsck(where)), (head(big), ""), "it is the same, version " + version)
    run("-c", "protocol.version=" + version, "fetch", "origin", "+refs/*:refs/all/*", cwd=where, what="all refs fetched, version " + version)
    run("-c", "protocol.version=" + version, "fetch", "origin", cwd=where, what="nothing to fetch, version " + version)
for name, args in (("shallow", ["--depth=1", "--no-single-branch"]), ("blob:none", ["--filter=blob:none"]), ("tree:0", ["--filter=tree:0"]), ("bare", ["--mirror"])):
    where = path("clone " + name)
    run("clone", "-q", *args, URL, where, what="clone: " + name)
    if name != "bare":
        commit(where, "new")
        run("push", "origin", "HEAD:from-" + name.replace(":", "-"), cwd=where, what="and a push from it")
run("fetch", "--unshallow", cwd=path("clone shallow"), what="made deep")
run("push", g.http("empty-all.git"), "HEAD:shallow", cwd=path("clone shallow"), what="and pushed")
git("clone", "-q", "--depth=1", "--branch=big", URL, path("shallow2"))
commit(path("shallow2"), "x")
run("push", g.http(g.repo("e3.git") and "e3.git"), "HEAD", cwd=path("shallow2"), ok=False, what="a shallow history to an empty repository", says="shallow update not allowed")
git("config", "uploadpack.allowFilter", "false", cwd=repo)
run("clone", "-q", "--filter=blob:none", URL, path("unfiltered"), what="a filter that is not allowed", says="filtering not recognized")
run("clone", "-q", "--bundle-uri=" + g.http("none.bundle"), URL, path("bundle"), what="a bundle that is not there is done without", says="")
check("both directions")

git("config", "transfer.hideRefs", "refs/heads/big", cwd=repo)
for version in ("0", "2"):
    out = run("-c", "protocol.version=" + version, "ls-remote", URL, what="refs listed, version " + version, says="refs/heads/main")
    tap.ok("refs/heads/big\n" not in out, "a hidden one is not, version " + version, out)
one = head(path("clone2"))
git("init", "-q", "--bare", path("by-oid"))
run("-c", "protocol.version=0", "fetch", URL, one, cwd=path("by-oid"), ok=False, what="a commit that is not listed", says="unadvertised object")
git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=repo)
run("-c", "protocol.version=0", "fetch", URL, one, cwd=path("by-oid"), what="allowed by uploadpack.allowAnySHA1InWant")
git("config", "--unset", "transfer.hideRefs", cwd=repo)
git("init", "-q", "--bare", "--object-format=sha256", os.path.join(g.base, "sha256.git"))
git("init", "-q", "--object-format=sha256", path("sha256"))
commit(path("sha256"), "x")
run("push", "-q", g.http("sha256.git"), "HEAD:main", cwd=path("sha256"), what="a push of SHA-256 objects")
for version in ("0", "2"):
    run("-c", "protocol.version=" + version, "clone", "-q", g.http("sha256.git"), path("sha256-" + version), what="cloned, version " + version)
    tap.eq(head(path("sha256-" + version)), head(path("sha256")), "it is the same, version " + version)
check("SHA-256", os.path.join(g.base, "sha256.git"))

# git's client compares every ref of a push over HTTP with every other, by itself: 2000 take seconds, 20 000 half an hour
many = g.repo("many.git")
git("clone", "-q", "--bare", path("empty2"), path("many"))
tip = head(path("many"))
pack_refs(path("many"), tip, "refs/tags/really-long-name-of-a-pushed-", 1000)
run(*CHUNKED, "push", "-q", "--mirror", g.http("many.git"), cwd=path("many"), what="1000 tags pushed")
tap.ok(len(refs(many)) >= 1000, "all are there")
git("fetch", "-q", path("many"), "+refs/*:refs/*", cwd=many)
pack_refs(many, tip, "refs/tags/really-long-name-of-a-fetched-", 20000)
for version in ("0", "2"):
    run("-c", "protocol.version=" + version, "clone", "-q", "--mirror", g.http("many.git"), path("many" + version), what="20 000 tags cloned, version " + version)
    tap.ok(len(refs(path("many" + version))) >= 20000, "all are there, version " + version)
run("push", "-q", g.http("many.git"), "HEAD:one-more", cwd=work, what="a push to 20 000 tags")
check("20 000 refs", many)
# each with a commit of its own: what the client has, it says, in requests that it compresses
stream = "".join("commit refs/own/%04d\ncommitter T <t@example.invalid> %d +0000\ndata 1\nx\n\n" % (i, 1700000000 + i) for i in range(3000))
subprocess.run(["git", "fast-import", "--quiet"], input=stream.encode(), cwd=many, env=ENV, check=True, timeout=PATIENCE)
for version in ("0", "2"):
    where = path("own" + version)
    git("init", "-q", "--bare", where)
    trace = run("-c", "protocol.version=" + version, "fetch", "-v", "-v", g.http("many.git"), "refs/own/*:refs/own/*", cwd=where, env={"GIT_TRACE_CURL": "1"},
                what="3000 refs of their own fetched, version " + version)
    tap.ok("Content-Encoding: gzip" in trace, "compressed, version " + version)
    tap.eq(len(refs(where)), 3000, "all are there, version " + version)
    git("update-ref", "refs/heads/new", git("commit-tree", "-m", "new", head(many, "refs/own/0000^{tree}"), cwd=many).stdout.strip(), cwd=many)
    run(*CHUNKED, "-c", "protocol.version=" + version, "fetch", g.http("many.git"), "refs/heads/new", cwd=where, what="then one more, having 3000, version " + version)
check("compressed requests", many)

# --- names ---------------------------------------------------------------------------------------------------------------------
small = path("small")
git("clone", "-q", "--depth=1", "file://" + repo, small)
git("clone", "-q", g.http("empty-all.git"), path("whole"))
for name in ("a b.git", " lead.git", "ü.git", "a%20b.git", "a+b.git", "~x.git", "-dash.git", "..dots.git", "x..y.git", ".hidden.git", "deep/er/r.git", "a&b?c#d.git", "info/refs.git"):
    where = g.repo("./" + name)
    run("push", "-q", g.http(quote(name)), "HEAD:main", cwd=path("whole"), what="push to '%s'" % name)
    run("clone", "-q", g.http(quote(name)), path("clone of " + name.replace("/", "-")), what="clone of '%s'" % name)
    seen = [e["repo"] for e in g.events("session.opened", transport="http")][-2:]
    tap.eq(seen, [name, name], "'%s': that is its name in the log" % name)
run("push", g.http("none.git"), "HEAD", cwd=work, ok=False, what="a repository that is not there", says="remote: git-gate: no such repository")
run("push", g.http("r"), "HEAD:by-short-name", cwd=work, what="the name without its suffix")
run("push", g.http("r.git/"), "HEAD:by-slash", cwd=work, what="and with a slash")
git("init", "-q", os.path.join(g.base, "nonbare"))
run("push", g.http("nonbare"), "HEAD:main", cwd=work, ok=False, what="a checked-out branch", says="refusing to update checked out branch")
run("push", g.http("nonbare/.git"), "HEAD:side", cwd=work, what="another branch of it")
if os.geteuid() == 0:
    other = g.repo("other.git")
    os.chown(other, 65534, 65534)
    for what in ("ls-remote",), ("push", g.http("other.git"), "HEAD:x"):
        run(*(what if len(what) > 1 else ("ls-remote", g.http("other.git"))), cwd=work, ok=False, what="%s: it belongs to someone else" % what[0],
            says="remote: git-gate: repository belongs to uid 65534")
    tap.ok([e for e in g.events("session.refused") if "gate.safeDirectory" in e["message"]], "and in the log", g.events("session.refused"))
else:
    tap.skip("a repository that belongs to someone else", "only root can make one")

# --- an egress proxy that says no ------------------------------------------------------------------------------------------------
proxy = socket.create_server(("127.0.0.1", 0))


def refuse():
    while True:
        try:
            c, _ = proxy.accept()
        except OSError:
            return
        data = b""
        while b"\r\n\r\n" not in data:
            data += c.recv(4096) or b"\r\n\r\n"
        text = b"egress policy: no pushes from here\n"
        c.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(text), text))
        c.close()


threading.Thread(target=refuse, daemon=True).start()
accepted = len(g.events("session.accepted"))


def refused():
    begun = time.monotonic()
    run("-c", "http.proxy=http://127.0.0.1:%d" % proxy.getsockname()[1], "push", URL, "HEAD:x", cwd=work, ok=False, what="a proxy refuses a push",
        says="remote: egress policy: no pushes from here")
    return time.monotonic() - begun


took = least(refused, 1)
tap.ok(took < 1, "it exits within a second (%.2f s)" % took)
tap.eq(len(g.events("session.accepted")), accepted, "the gate saw nothing of it")
proxy.close()

# --- other implementations ----------------------------------------------------------------------------------------------------------
SOURCE = "whole.git"
git("clone", "-q", "--bare", path("whole"), os.path.join(g.base, SOURCE))


def grow(where, large):
    commit(where, "more", os.urandom(3 << 20) if large else "x")


def by_dulwich(where, large):
    from dulwich import porcelain
    sink = io.BytesIO()
    r = porcelain.clone(g.http(SOURCE), where, errstream=sink)
    grow(where, large)
    porcelain.push(r, g.http(SOURCE), b"HEAD:refs/heads/" + os.path.basename(where).encode(), outstream=sink, errstream=sink)
    porcelain.fetch(r, g.http(SOURCE), errstream=sink)


def by_libgit2(where, large):
    import pygit2
    r = pygit2.clone_repository(g.http(SOURCE), where)
    grow(where, large)
    r.remotes["origin"].push(["HEAD:refs/heads/" + os.path.basename(where)])
    r.remotes["origin"].fetch()


def by_libgit2_in_c(where, large):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libgit2"], capture_output=True, text=True)
    if flags.returncode:
        raise ImportError("no libgit2-dev")
    lg2 = path("lg2")
    if not os.path.exists(lg2):
        subprocess.run(["cc", "-o", lg2, os.path.join(ROOT, "tests", "clients", "lg2.c"), *flags.stdout.split()], check=True, timeout=PATIENCE)
    for args in (["clone", g.http(SOURCE), where], ["push", where, "HEAD:refs/heads/" + os.path.basename(where)], ["fetch", where]):
        if args[0] == "push":
            grow(where, large)
        r = subprocess.run([lg2, *args], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
        if r.returncode:
            raise RuntimeError(r.stderr)


def by_jgit(where, large):
    env = jgit.environment()
    for args, cwd in ((["clone", g.http(SOURCE), where], TMP), (["push", "origin", "HEAD:refs/heads/" + os.path.basename(where)], where), (["fetch"], where)):
        if args[0] == "push":
            grow(where, large)
        r = subprocess.run(["jgit", *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE)
        if r.returncode:
            raise RuntimeError(r.stdout + r.stderr)


def by_git(where, large):
    git("clone", "-q", g.http(SOURCE), where)
    grow(where, large)
    git("push", "-q", "origin", "HEAD:refs/heads/" + os.path.basename(where), cwd=where)


for how in (by_git, by_dulwich, by_libgit2, by_libgit2_in_c, by_jgit):
    for large in (False, True):
        name = "%s-%s" % (how.__name__, "large" if large else "small")
        try:
            how(path(name), large)
            tap.eq(refs(os.path.join(g.base, SOURCE)).get("refs/heads/" + name), head(path(name)), "%s clones, pushes, fetches" % name)
        except ImportError as e:
            tap.skip("%s clones, pushes, fetches" % name, e)
        except Exception as e:
            tap.ok(False, "%s clones, pushes, fetches" % name, repr(e)[:3000])
    check(how.__name__, os.path.join(g.base, SOURCE))

# --- 64 at once ------------------------------------------------------------------------------------------------------------------------
pushers = [popen(["git", *(CHUNKED if n % 2 else LENGTH), "push", "-q", g.http("r.git"), "HEAD:many/%d" % n], cwd=big if n % 8 == 0 else work, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT, text=True) for n in range(64)]
ends = [end(p, PATIENCE * 4) for p in pushers]
tap.eq([e for e in ends if e[0]], [], "64 pushes at once all succeed")
tap.eq(sum(r.startswith("refs/heads/many/") for r in refs(repo)), 64, "all are there")
check("64 at once")
check("64 at once", many)
tap.eq([g.events(e) for e in ("session.reaped", "session.stray", "session.kept", "cleanup.removed")], [[]] * 4, "the gate ended nothing, removed nothing")
finish(tap, g)
