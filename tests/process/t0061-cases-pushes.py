#!/usr/bin/python3
"""Kinds of push that others have had trouble with: deletes, options, signed, shallow and thin ones, very many refs, races, alternates,
and repositories of odd shapes; and clients whose bytes make no sense. What t0001 has of these is not repeated."""
import glob

from gate import *

tap = Tap()
seen = path("seen")
hooks = Hooks(pre_receive="cat >%s; env | grep -a ^GIT_PUSH_ | LC_ALL=C sort >>%s" % (seen, seen))
g = Gate(PATIENT, hooks=hooks.dir)
repo, work = g.repo(), g.work("work")
z = "0" * 40


def head(d, rev="HEAD"):
    return git("rev-parse", "-q", "--verify", rev, cwd=d, check=False).stdout.strip()


def push(*args, cwd=work, ok=True, what, says="", env=None):
    r = git("push", *args, cwd=cwd, check=False, env=env)
    tap.ok((r.returncode == 0) == ok and says in r.stdout + r.stderr, what, "exit %d" % r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def clean(what, d=repo, *more):
    g.settle()
    tap.eq((fsck(d, *more), leftovers(d)), ("", []), "%s: fsck is clean, nothing is left" % what)


def did_hook_run():
    ran = os.path.exists(seen)
    if ran:
        os.unlink(seen)
    return ran


# --- nothing, and deletes: no pack is sent -----------------------------------------------------------------------------------------
push("-q", "origin", "HEAD:main", "HEAD:gone", "HEAD:stays", what="three branches")
tip = head(work)
did_hook_run()
push("origin", "HEAD:main", what="nothing to push", says="Everything up-to-date")
tap.ok(not did_hook_run(), "no hook runs for it")
git("symbolic-ref", "HEAD", "refs/heads/main", cwd=repo)
push("origin", ":main", ok=False, what="deleting the current branch: git's refusal is passed on", says="deletion of the current branch prohibited")
tap.eq(head(repo, "main"), tip, "it is still there")
did_hook_run()
push("origin", ":gone", what="a delete alone", says="[deleted]")
tap.ok("%s %s refs/heads/gone\n" % (tip, z) in read(seen), "the hook sees the delete", read(seen))
commit(work, "second")
push("origin", ":stays", "HEAD:main", "HEAD:new", what="delete, update and create in one push", says="[deleted]")
tap.eq([line.split()[2] for line in read(seen).splitlines() if " refs/" in line], ["refs/heads/main", "refs/heads/stays", "refs/heads/new"],
       "the hook sees all three", read(seen))
tap.eq([head(repo, r) for r in ("stays", "main", "new")], ["", head(work), head(work)], "all three were done")
c = Raw(g)
c.advertisement()
c.commands(z, "refs/heads/new", "report-status", old=head(work))
text = c.rest()
tap.ok(b"unpack ok" in text and b"ok refs/heads/new" in text and not head(repo, "new"), "an old client's delete", text)
clean("deletes")

# --- push options that a client of git would not send --------------------------------------------------------------------------------
options = g.repo("options.git", "receive.advertisePushOptions=true")
oid, pack = pack_of(work)
c = Raw(g, repo="options.git")
c.advertisement()
c.commands(oid, "refs/heads/main", "report-status push-options atomic")
for option in b"x\ny", b"a=b c", b"", b"\xff\x1b[2J", b"o" * 60000:
    c.packet(option)
c.s.sendall(b"0000" + pack)
text, got = c.rest(), read(seen, "rb")
tap.ok(b"ok refs/heads/main" in text, "options with a line feed, no text, control characters, 60 kB", text)
tap.eq([b"COUNT=5" in got, b"_0=x\n" in got, b"_1=a=b c\n" in got, b"o" * 60000 in got], [True] * 4, "the hook has them all", got[:300])
clean("options", options)

# --- signed ---------------------------------------------------------------------------------------------------------------------------
if not shutil.which("ssh-keygen"):
    tap.skip("signed pushes", "ssh-keygen is not installed")
else:
    for key in "key", "other":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(key)], check=True)
    with open(path("allowed"), "w") as f:
        f.write("test@example.invalid %s\n" % " ".join(read(path("key.pub")).split()[:2]))
    # git says G of a good signature of whomever: who signed is what a hook must ask
    signed_hooks = Hooks(pre_receive='cat >%s; env | grep ^GIT_PUSH_ >>%s; git cat-file blob "$GIT_PUSH_CERT" >>%s; [ "$GIT_PUSH_CERT_SIGNER" = '
                                     'test@example.invalid ] && [ "$GIT_PUSH_CERT_STATUS$GIT_PUSH_CERT_NONCE_STATUS" = GOK ] || { echo "not signed by a friend" >&2; exit 1; }' % (seen, seen, seen))
    s = Gate(PATIENT, hooks=signed_hooks.dir)
    signed = s.repo("signed.git", "receive.certNonceSeed=seed", "gpg.ssh.allowedSignersFile=" + path("allowed"))
    s.repo("plain.git")

    def sign(key, how, name, **kw):
        push("--signed=" + how, s.url(name), "HEAD:main", **kw, env={
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "gpg.format", "GIT_CONFIG_VALUE_0": "ssh",
            "GIT_CONFIG_KEY_1": "user.signingKey", "GIT_CONFIG_VALUE_1": path(key)})

    sign("key", "true", "signed.git", what="a signed push", says="[new branch]")
    got = read(seen)
    tap.ok("GIT_PUSH_CERT_SIGNER=test@example.invalid\n" in got and "certificate version 0.1\n" in got and "pushee " + s.url("signed.git") in got,
           "the hook has the signer and the certificate", got)
    tap.eq(head(signed, "main"), head(work), "the branch is there")
    commit(work, "third")
    sign("other", "true", "signed.git", ok=False, what="signed by a stranger: the hook refuses", says="not signed by a friend")
    push(s.url("signed.git"), "HEAD:main", ok=False, what="not signed: the hook refuses", says="not signed by a friend")
    sign("key", "true", "plain.git", ok=False, what="a repository that asks for no signature: git's refusal is passed on",
         says="does not support --signed push")
    s.settle()
    tap.eq((fsck(signed), leftovers(signed)), ("", []), "signed: fsck is clean, nothing is left")

# --- shallow, both sides ---------------------------------------------------------------------------------------------------------------
push("-q", "origin", "HEAD:main", what="a history of three")
shallow = os.path.join(g.base, "shallow.git")
git("clone", "-q", "--bare", "--depth=1", "file://" + repo, shallow)
git("clone", "-q", g.url("shallow.git"), path("of-shallow"))
commit(path("of-shallow"), "more")
push("origin", "HEAD:more", cwd=path("of-shallow"), what="push to a shallow repository, from a clone of it")
push(g.url("shallow.git"), "HEAD:whole", what="push of the whole history to it")
clean("a shallow repository", shallow)
refusing = g.repo("refusing.git")
push(g.url("refusing.git"), "HEAD:main", cwd=path("of-shallow"), ok=False, what="a shallow history where none is: refused", says="shallow update not allowed")
git("config", "receive.shallowUpdate", "true", cwd=refusing)
push(g.url("refusing.git"), "HEAD:main", cwd=path("of-shallow"), what="and taken with receive.shallowUpdate")
clean("shallow update", refusing)

# --- thin packs, with both kinds of delta, from clients that can do little ---------------------------------------------------------------
base = "".join("line %d of a file that is long enough for deltas\n" % i for i in range(2000))
commit(work, "long", base)
push("-q", "origin", "HEAD:main", what="something to make deltas to")
old = head(work)
for n, (limit, more) in enumerate(((1, []), (1, ["--delta-base-offset"]), (100, []), (100, ["--delta-base-offset"]))):
    git("config", "receive.unpackLimit", str(limit), cwd=repo)
    commit(work, "long", base + "one more: %d\n" % n)
    new = head(work)
    thin = subprocess.run(["git", "pack-objects", "--thin", "--revs", "--stdout", "-q", *more], cwd=work, env=ENV, capture_output=True,
                          input=("%s\n^%s\n" % (new, old)).encode(), check=True, timeout=PATIENCE).stdout
    what = "a thin pack of %d bytes, %s" % (len(thin), "unpacked" if limit > 1 else "kept as a pack")
    tap.ok(len(thin) < 2000, "%s: it has deltas to what the client did not send" % what)
    c = Raw(g)
    have = c.advertisement()
    c.commands(new, "refs/heads/main", "report-status", old=have["refs/heads/main"])
    c.s.sendall(thin)
    text = c.rest()
    tap.ok(b"unpack ok" in text and head(repo, "main") == new, "%s%s, only report-status: taken" % (what, ", offsets" if more else ""), text)
    old = new
clean("thin packs")

# --- very many refs ----------------------------------------------------------------------------------------------------------------------
many = g.repo("many.git")
git("clone", "-q", "--bare", work, path("many"))
tip = head(work)
pack_refs(path("many"), tip, "refs/tags/" + "x" * 60, 50000)
begun = time.monotonic()
push("-q", g.url("many.git"), "refs/tags/*:refs/tags/*", cwd=path("many"), what="50 000 tags in one push")
note("%.1f s" % (time.monotonic() - begun))
tap.eq(len(git("for-each-ref", "--format=%(refname)", cwd=many).stdout.splitlines()), 50000, "all are there")
tap.eq(len([line for line in read(seen).splitlines() if " refs/tags/" in line]), 50000, "the hook saw each")
size = len(git("ls-remote", g.url("many.git")).stdout)
push("-q", g.url("many.git"), "HEAD:new", what="a push after an advertisement of %.1f MB" % (size / 1e6))
c = Raw(g, repo="many.git", request=False)
c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
c.packet(b"git-receive-pack /many.git\0host=x\0")
got = b""
for _ in range(4):
    got += c.exactly(1 << 20)
    wait_for(lambda: max(x["quiet_ms"] for x in g.sessions()) > 400 * IDLE, "a pause")
while not got.endswith(b"\n0000"):
    got += c.s.recv(65536)
c.commands(tip, "refs/heads/slow", "report-status")
c.s.sendall(pack_of(work)[1])
text = c.rest()
tap.ok(len(got) > 4 << 20 and b"ok refs/heads/slow" in text, "a client that reads %.1f MB of it in pieces, with pauses, and pushes then" % (len(got) / 1e6), text)
clean("50 000 tags", many, "--connectivity-only")

# --- races ---------------------------------------------------------------------------------------------------------------------------------
latch = Latch()
racing = Gate(PATIENT, hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
field = racing.repo()
runners = []
for n in range(8):
    w = path("runner%d" % n)
    git("init", "-q", w)
    commit(w, "runner", str(n))
    refs = ["HEAD:a", "HEAD:b"]
    runners.append((w, popen(["git", "push", "--atomic", racing.url("r.git"), *(refs if n % 2 else refs[::-1])], cwd=w, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)))
latch.reached(8)
latch.release(8)
ends = [(w, *end(p)) for w, p in runners]
won = [w for w, code, out in ends if code == 0]
tap.eq(len(won), 1, "of 8 atomic pushes to the same two branches one wins", *[out for w, code, out in ends])
tap.eq([head(field, r) for r in "ab"], [head(won[0])] * 2, "both branches are the winner's")
tap.eq([out for w, code, out in ends if code and "rejected" not in out], [], "the others are told")
racing.settle()
tap.eq((fsck(field), leftovers(field)), ("", []), "the race: fsck is clean, nothing is left")
racing.repo("s.git")
first = racing.push(runners[0][0], "held")
latch.reached()
second = popen(["git", "push", racing.url("s.git"), "HEAD:main"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
latch.reached()                         # in its hook, while the first is in its own
third = racing.push(runners[1][0], "beside")
latch.reached()
latch.release(3)
tap.eq([end(p)[0] for p in (first, second, third)], [0, 0, 0], "pushes to two repositories, and to two branches of one, wait for nobody")

# --- alternates -------------------------------------------------------------------------------------------------------------------------------
git("init", "-q", "--bare", path("pool.git"))
git("push", "-q", path("pool.git"), "HEAD:main", cwd=work)
for what, to, lines in (("that are missing", "/none/objects", 1), ("below a missing relative path", "../../none.git/objects", 1),
                        ("outside of the base path", path("pool.git", "objects"), 0)):
    name = what.replace(" ", "-") + ".git"
    d = g.repo(name)
    with open(os.path.join(d, "objects/info/alternates"), "w") as f:
        f.write(to + "\n")
    push(g.url(name), "HEAD:main", what="alternates %s: a push succeeds" % what)
    g.settle()
    tap.eq(len(g.events("session.log", repo=name)), lines, "alternates %s: %d line in the log" % (what, lines), *g.events("session.log", repo=name))
    tap.eq((fsck(d), leftovers(d), head(d, "main")), ("", [], head(work)), "alternates %s: the branch is there, fsck is clean" % what)
    for p in glob.glob(os.path.join(d, "objects/pack/*.pack")) if lines == 0 else []:
        tap.ok(False, "what the alternates have is not stored again", p)

# --- work trees, and links that lead out ------------------------------------------------------------------------------------------------------
nonbare = os.path.join(g.base, "nonbare")
git("init", "-q", nonbare)
git("config", "receive.denyCurrentBranch", "updateInstead", cwd=nonbare)
push(g.url("nonbare"), "HEAD:main", what="a work tree that follows what is pushed")
tap.ok(os.path.exists(os.path.join(nonbare, "long")), "it has the files")
with open(os.path.join(nonbare, "long"), "w") as f:
    f.write("changed by hand\n")
commit(work, "fourth")
push(g.url("nonbare"), "HEAD:main", ok=False, what="one that was changed by hand: git's refusal is passed on", says="Working directory has unstaged changes")
tap.eq(read(os.path.join(nonbare, "long")), "changed by hand\n", "and it is left alone")
git("worktree", "add", "-q", path("linked"), "main", cwd=repo)
push("origin", "HEAD:main", ok=False, what="a branch that a linked work tree has checked out", says="refusing to update checked out branch")
clean("work trees")
os.makedirs(path("elsewhere"))
git("init", "-q", "--bare", path("elsewhere", "r.git"))
os.symlink(path("elsewhere"), os.path.join(g.base, "dir"))
os.symlink("dir/r.git", os.path.join(g.base, "twice.git"))
for name in "dir/r.git", "dir/r", "twice.git", "twice":
    push(g.url(name), "HEAD:main", ok=False, what="'%s' leaves the base path by a link: refused" % name, says="outside the base path")
tap.eq(head(path("elsewhere", "r.git"), "main"), "", "nothing was written there")

# --- bytes that make no sense -----------------------------------------------------------------------------------------------------------------
did_hook_run()
oid, pack = pack_of(work)
line = ("%s %s refs/heads/junk" % (z, oid)).encode()


def pkt(data):
    return b"%04x" % (len(data) + 4) + data


def junk(capabilities):
    """What is sent after the advertisement, by what it is."""
    ok = pkt(line + capabilities) + b"0000"
    head_of_pack = b"PACK\0\0\0\2"
    return {
        "packet length 0001": b"0001", "packet length 0002": b"0002", "no hexadecimal length": b"zzzz" + pack, "a negative length": b"-001",
        "half a length": b"00", "an empty packet": b"0004" + ok, "a command of one word": pkt(b"x" + capabilities) + b"0000",
        "a short name": pkt(b"1234 5678 refs/x" + capabilities) + b"0000", "no reference": pkt(line[:82] + capabilities) + b"0000",
        "a reference in capitals": pkt(line.upper() + capabilities) + b"0000" + pack,
        "a certificate without an end": pkt(b"push-cert" + capabilities) + pkt(b"certificate version 0.1\n") + b"0000",
        "a shallow line of no name": pkt(b"shallow zzzz") + ok, "a reference of 65 kB": pkt(line + b"x" * 65000 + capabilities) + b"0000" + pack,
        "no pack": ok, "no pack's head": ok + b"JUNK" * 10, "a pack of 2^32 - 1 objects": ok + head_of_pack + b"\xff\xff\xff\xff" + pack[12:],
        "a pack with a wrong sum": ok + pack[:-20] + b"\0" * 20, "an object of no type": ok + head_of_pack + b"\0\0\0\1\0" + b"\0" * 40,
        "a broken stream": ok + pack[:12] + b"\x95\x0a" + b"\xa5" * 400,
        "a size of 2^60": ok + head_of_pack + b"\0\0\0\1\xbf" + b"\xff" * 8 + b"\x7f" + b"x" * 40,
    }


begun, said = time.monotonic(), len(g.events())
for capabilities in b"\0report-status", b"\0report-status side-band-64k":
    for what, data in junk(capabilities).items():
        c = Raw(g)
        c.advertisement()
        try:
            c.s.sendall(data)
            c.s.shutdown(socket.SHUT_WR)
        except OSError:                 # it was closed before all was sent
            pass
        text = c.rest()
        c.close()
        tap.eq(git("for-each-ref", "refs/heads/junk*", "REFS", cwd=repo).stdout, "", "%s: nothing is accepted" % what, text)
g.settle()
tap.ok(time.monotonic() - begun < PATIENCE, "each ends at once, by itself (%.1f s)" % (time.monotonic() - begun))
tap.eq(g.reaped(), [], "the gate had to end nobody, here and before")
tap.eq([e for e in g.events()[said:] if e["event"] not in ("session.accepted", "session.opened", "session.phase", "session.closed", "session.log", "cleanup.removed")], [],
       "and says nothing else of them")
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
clean("junk")
c = Raw(g)
c.advertisement()
c.s.sendall(pkt(line + b"\0report-status") + pkt(line) + b"0000" + pack)
text = c.rest()
tap.ok(text.count(b"ok refs/heads/junk") == text.count(b"ng refs/heads/junk") == 1 and head(repo, "junk") == oid, "the same reference twice: made once", text)
push("origin", "HEAD:after", what="a push succeeds after all this")
finish(tap, g, racing, *([s] if shutil.which("ssh-keygen") else []))
