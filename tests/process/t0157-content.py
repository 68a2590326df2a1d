#!/usr/bin/python3
"""What a client may put into a repository, and what a repository may hold, that would make git or the gate do something: names of references, names in
trees, submodules, hooks, settings, alternates. A client reaches no file but objects and references, and nothing that is named there is run.
"""
from gate import *
from scanrepo import GREP, KEY

tap = Tap()
scan = path("scan")
put_script(scan, GREP)
g = Gate({"listen.http": "127.0.0.1:0", "gate.uploadArchive": "true", "hook.scanner": "command", "hook.scannerCommand": scan, "hook.scratch": TMP})
repo, work = g.repo(), g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
_, pack = pack_of(work)
empty_pack = subprocess.run(["git", "pack-objects", "-q", "--stdout"], cwd=work, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout


def own_files(d):
    """All that git or the gate believes: every file but objects, references and their logs."""
    found = {}
    for top, dirs, files in os.walk(d):
        for f in files:
            name = os.path.relpath(os.path.join(top, f), d)
            if not re.match(r"objects/([0-9a-f]{2}|pack)/|refs/|logs/|git-gate\.|packed-refs$", name):
                found[name] = (read(os.path.join(d, name), "rb"), os.stat(os.path.join(d, name)).st_mode)
    return found


def raw_push(ref, oid=tip, data=b"", name="r.git", old="0" * 40):
    c = Raw(g, repo=name)
    c.advertisement()
    c.packet(b"%s %s %s\0report-status" % (old.encode(), oid.encode(), ref))
    c.s.sendall(b"0000" + (data or empty_pack))
    c.s.shutdown(socket.SHUT_WR)
    said = c.rest()
    c.close()
    return said


# --- names of references --------------------------------------------------------------------------------------------------------------

before, refs = own_files(repo), git("for-each-ref", cwd=repo).stdout
tap.ok({"config", "HEAD"} <= set(before), "files that a client must not reach", sorted(before))
for ref in (b"config", b"../config", b"HEAD", b"refs/heads/../../config", b"refs/../config", b"refs/heads/../../hooks/pre-receive", b"hooks/post-update",
            b"objects/info/alternates", b"refs/heads/../../objects/info/alternates", b"refs/heads/x.lock", b"refs/heads/.x", b"refs/heads//x", b"/etc/passwd",
            b"refs/heads/a\n[core]\n\tsshCommand = x", b"refs/heads/\x1b[2J", b"refs/heads/a b", b"refs/heads/@{0}", b"git-gate.fresh", b"--exec=x"):
    said = raw_push(ref)
    tap.ok(b"\nok " not in said and b"ok " + ref not in said and b"\x1b" not in said.replace(ref, b""), "a reference %r is refused" % ref, said)
tap.eq(own_files(repo), before, "no name of a reference reaches another file")
tap.eq(git("for-each-ref", cwd=repo).stdout, refs, "and none was made")

# --- names in trees ---------------------------------------------------------------------------------------------------------------------


def tree(*entries):
    """A commit of a tree with (mode, name, content)."""
    lines = "".join("%s %s %s\t%s\0" % (mode, "tree" if mode == "040000" else "commit" if mode == "160000" else "blob",
                                       content if mode in ("040000", "160000") else git("hash-object", "-w", "--stdin", "--literally", "-t", "blob", cwd=work, stdin=content)
                                       .stdout.strip(), name) for mode, name, content in entries)
    t = git("mktree", "-z", "--missing", cwd=work, stdin=lines).stdout.strip()
    return git("commit-tree", "-m", "x", "-p", tip, t, cwd=work).stdout.strip()


hook = ("100755", "post-checkout", "#!/bin/sh\ntouch %s\n" % path("ran"))
hooks = git("rev-parse", tree(hook) + "^{tree}", cwd=work).stdout.strip()
for what, made in (
        ("a tree with .git/", tree(("040000", ".git", hooks))),
        ("a tree with .GIT/", tree(("040000", ".GIT", hooks))),
        ("a tree with git~1", tree(("040000", "git~1", hooks))),
        ("a tree with ..", tree(("100644", "..", "x"))),
        ("a name with a slash", None),
        ("a submodule whose url is an option", tree(("100644", ".gitmodules", '[submodule "a"]\n\tpath = a\n\turl = -u./x\n'), ("160000", "a", tip))),
        ("a submodule whose path is an option", tree(("100644", ".gitmodules", '[submodule "a"]\n\tpath = -a\n\turl = ./x\n'), ("160000", "a", tip))),
        ("a submodule of a name that leaves", tree(("100644", ".gitmodules", '[submodule "../../x"]\n\tpath = a\n\turl = ./x\n'), ("160000", "a", tip))),
        ("a submodule with a command", tree(("100644", ".gitmodules", '[submodule "a"]\n\tpath = a\n\turl = ./x\n\tupdate = !touch x\n'), ("160000", "a", tip))),
        ("a .gitmodules that is a link", tree(("120000", ".gitmodules", "/etc/passwd")))):
    if made is None:
        raw = b"100644 a/b\0" + bytes.fromhex(git("hash-object", "-w", "--stdin", cwd=work, stdin="x").stdout.strip())
        with open(path("raw-tree"), "wb") as f:
            f.write(raw)
        t = git("hash-object", "-w", "-t", "tree", "--literally", path("raw-tree"), cwd=work).stdout.strip()
        made = git("commit-tree", "-m", "x", "-p", tip, t, cwd=work).stdout.strip()
    for url in g.url("r.git"), g.http("r.git"):
        r = git("push", url, made + ":refs/heads/bad", cwd=work, check=False)
        tap.ok(r.returncode != 0 and re.search(r"unpacker error|unpack failed|index-pack abnormal|fsck error", r.stdout + r.stderr), "%s is refused over %s" % (what, url.split(":")[0]), r.stderr)
made = tree(("120000", "link", "/etc/passwd"), ("100644", ".gitattributes", "* filter=x diff=x\n"), ("100644", ".gitleaks.toml", "x"), hook)
r = git("push", g.url("r.git"), made + ":refs/heads/links", cwd=work, check=False)
tap.ok(r.returncode == 0, "links, attributes and hooks in a tree are content: they are stored, scanned, and not followed", r.stderr)

# --- settings and hooks of a repository: whoever can write them is the gate's user, and most of it counts for nothing all the same ----------

served = g.repo("own.git")
ran = path("ran-by")
os.mkdir(ran)


def marker(name):
    put_script(path("mark-" + name), 'touch %s/%s; case %s in clean) cat;; esac' % (ran, name, name))
    return path("mark-" + name)


hook_names = ("pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive", "pre-auto-gc", "push-to-checkout", "post-rewrite")
os.makedirs(path("own-hooks"))
for name in hook_names:
    for d in path("own-hooks"), os.path.join(served, "hooks"):
        os.makedirs(d, exist_ok=True)
        shutil.copy(marker(name), os.path.join(d, name))
NAMED = {"core.hooksPath": path("own-hooks"), "uploadpack.packObjectsHook": marker("packObjectsHook"), "core.fsmonitor": marker("fsmonitor"),
         "core.sshCommand": marker("sshCommand"), "core.gitProxy": marker("gitProxy"), "core.pager": marker("pager"), "core.editor": marker("editor"),
         "core.askPass": marker("askPass"), "diff.external": marker("diff"), "filter.x.process": marker("process"), "filter.x.clean": marker("clean"),
         "gpg.program": marker("gpg"), "credential.helper": marker("credential"), "interactive.diffFilter": marker("filter"),
         "http.proxy": "http://127.0.0.1:1", "receive.fsckObjects": "false", "receive.unpackLimit": "1", "gc.auto": "1", "sequence.editor": marker("sequence")}
for key, value in NAMED.items():
    git("config", key, value, cwd=served)
for url in g.url("own.git"), g.http("own.git"):
    r = git("push", url, tip + ":refs/heads/" + url[:4].strip(":"), cwd=work, check=False)
    tap.ok(r.returncode == 0, "a push to a repository with settings and hooks of its own, over %s" % url.split(":")[0], r.stderr)
    r = git("clone", "-q", url, path("clone-" + url[:4].strip(":")), check=False)
    tap.ok(r.returncode == 0, "and a clone", r.stderr)
r = subprocess.run(["git", "archive", "--remote=" + g.url("own.git"), "HEAD"], env=ENV, cwd=TMP, capture_output=True, timeout=PATIENCE)
g.settle()
tap.eq(os.listdir(ran), [], "neither its hooks nor what its settings name is run")
git("config", "receive.procReceiveRefs", "refs/heads", cwd=served)
r = git("push", g.url("own.git"), tip + ":refs/heads/proc", cwd=work, check=False)
tap.ok(r.returncode != 0 and "proc-receive" in r.stderr, "a setting that asks for a hook of its own (receive.procReceiveRefs) refuses the push", r.stderr)
git("config", "--unset", "receive.procReceiveRefs", cwd=served)
r = git("push", g.url("own.git"), tree(("040000", ".git", hooks)) + ":refs/heads/bad", cwd=work, check=False)
tap.ok(r.returncode != 0, "nor do they turn git's checks off", r.stderr)

# --- alternates ---------------------------------------------------------------------------------------------------------------------------------

outside = path("outside.git")
git("init", "-q", "--bare", outside)
other = path("other")
git("init", "-q", other)
commit(other, "key", "%s\n" % KEY)
git("push", "-q", outside, "HEAD:main", cwd=other)
secret = git("rev-parse", "HEAD", cwd=other).stdout.strip()
borrowed = g.repo("borrowed.git")
with open(os.path.join(borrowed, "objects/info/alternates"), "w") as f:
    f.write(os.path.join(outside, "objects") + "\n")
said = raw_push(b"refs/heads/main", secret, name="borrowed.git")
tap.ok(b"ng refs/heads/main" in said, "what lies in an alternate, or was left behind, is scanned when a push names it without sending it", said)
tap.ok(wait_for(lambda: g.events("push.rejected", repo="borrowed.git"), "the record"), "and refused for what is in it")
r = git("push", g.url("r.git"), "HEAD:refs/heads/main", cwd=other, check=False)
tap.ok(r.returncode != 0, "a push with a secret is refused", r.stderr)
g.settle()
r = git("fetch", g.url("r.git"), secret, cwd=work, check=False)
tap.ok(r.returncode != 0, "and who knows its id cannot fetch it either: it has never left the quarantine", r.stderr)
r = git("fetch", g.url("borrowed.git"), secret, cwd=work, check=False)
tap.ok(r.returncode == 0, "what the operator put behind an alternate, or has deleted, is there for who knows its id: protocol v2 gives any object", r.stderr)
# --- a web page in a browser that can reach the gate: a name that is its own at first and the gate's address then makes it of one origin with it -----


def page(method, target, *headers, body=b""):
    s = socket.create_connection(("127.0.0.1", g.http_port), timeout=PATIENCE)
    s.sendall(("%s %s HTTP/1.1\r\nHost: evil.example:%d\r\nConnection: close\r\n%s\r\n" % (method, target, g.http_port, "".join(h + "\r\n" for h in headers))).encode() + body)
    data = b""
    while True:
        more = s.recv(65536)
        if not more:
            s.close()
            return data
        data += more


CHROME, FIREFOX = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "User-Agent: Mozilla/5.0 (X11; rv:128.0) Gecko/20100101"
ORIGIN, FORM = "Origin: http://evil.example:%d" % g.http_port, "Content-Type: application/x-git-upload-pack-request"
ask = b"0014command=ls-refs\n0001" + b"0000"
for what, said in (("reads references", page("GET", "/r.git/info/refs?service=git-upload-pack", CHROME)), ("reads objects", page("GET", "/r.git/info/refs", FIREFOX)),
                   ("fetches", page("POST", "/r.git/git-upload-pack", ORIGIN, FORM, "Git-Protocol: version=2", "Content-Length: %d" % len(ask), body=ask)),
                   ("pushes", page("POST", "/r.git/git-receive-pack", ORIGIN, "Content-Type: application/x-git-receive-pack-request", "Content-Length: 4", body=b"0000")),
                   ("says that it is another's", page("GET", "/r.git/HEAD", "Sec-Fetch-Site: cross-site", "User-Agent: git/2.39"))):
    tap.ok(said.startswith(b"HTTP/1.1 403 ") and b"not for web pages" in said and tip.encode() not in said, "a web page that %s gets nothing" % what, said[:400])
tap.ok(git("ls-remote", g.http("r.git"), check=False).returncode == 0 and page("GET", "/r.git/HEAD", "User-Agent: curl/7.88.1").startswith(b"HTTP/1.1 200 "), "git and other programs are served")
tap.eq(own_files(repo), before, "no file of the repository but objects and references has changed")
tap.eq(os.path.exists(path("ran")), False, "nothing that was pushed has been run")
finish(tap, g)
