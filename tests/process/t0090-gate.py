#!/usr/bin/python3
"""The gate proper, end to end, with a real sshd as upstream: what is pushed over git:// and HTTP is upstream's before the client hears of it, with
exactly what the client was told; what comes to upstream otherwise is fetched; hooks of the operator run; nothing of the identity reaches anybody."""
import shutil

from gate import *
from sshd import upstream

tap = Tap()
up = upstream()
steps = path("steps")
for d in "pre-receive.d", "post-receive.d":
    os.makedirs(os.path.join(steps, d))


def step(kind, name, text):
    file = os.path.join(steps, kind + ".d", name)
    with open(file, "w") as f:
        f.write("#!/bin/sh\n" + text + "\n")
    os.chmod(file, 0o755)
    return file


def section(name):
    return {"repo.%s.upstream" % name: up.url(os.path.join(up.base, name)), "repo.%s.identityFile" % name: up.identity,
            "repo.%s.knownHostsFile" % name: up.known_hosts, "repo.%s.fresh" % name: "0"}


LONG = {**PATIENT, "deadline.hook": "2m"}
# what whoever starts a gate may have: it is nobody's below it, and none of it gets in the way of the forward
AGENT = {"SSH_AUTH_SOCK": path("agent"), "SSH_AGENT_PID": "99999999", "SSH_ASKPASS": path("askpass"), "GIT_ASKPASS": path("askpass"), "GIT_SSH": path("agent"), "GIT_SSH_COMMAND": path("agent")}
g = Gate({"listen.http": "127.0.0.1:0", "hook.dir": steps, **LONG, **section("r.git"), **section("s256.git"), **section("c.git")}, env=AGENT)


def refs(d):
    return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout


def same(what, name="r.git"):
    a, b = os.path.join(up.base, name), os.path.join(g.base, name)
    g.settle()
    tap.eq(refs(a), refs(b), "%s: upstream and gate have the same" % what)
    tap.eq((fsck(a), fsck(b), leftovers(b)), ("", "", []), "%s: both are sound" % what)


def push(what, *args, ok=True, says=(), url=None, env=None, cwd=None):
    r = git("push", *args[:-1], url or URL, args[-1], cwd=cwd or work, check=False, env=env)
    tap.eq(r.returncode == 0, ok, "%s: %s" % (what, "accepted" if ok else "refused"), r.stderr)
    for text in says:
        tap.ok(text in r.stderr, "%s: the client reads %r" % (what, text), r.stderr)
    return r.stderr


def mirror(name, *options, seed=None):
    up.repo(name, *options)
    if seed:
        git("push", "-q", os.path.join(up.base, name), "HEAD:seed", cwd=seed)
    git("clone", "-q", "--bare", os.path.join(up.base, name), os.path.join(g.base, name))
    git("config", "receive.advertisePushOptions", "true", cwd=os.path.join(g.base, name))
    git("remote", "remove", "origin", cwd=os.path.join(g.base, name))


mirror("r.git")
mirror("c.git")
ours, theirs = os.path.join(g.base, "r.git"), os.path.join(up.base, "r.git")
with open(os.path.join(theirs, "hooks", "pre-receive"), "w") as f:
    f.write('#!/bin/sh\necho "$GIT_PUSH_OPTION_COUNT|$GIT_PUSH_OPTION_0" >%s\nwhile read old new ref; do\n'
            'case $ref in *protected*) echo "GH006: protected branch hook declined" >&2; exit 1;; esac; done\n' % path("options"))
os.chmod(f.name, 0o755)
work = path("work")
git("init", "-q", work)
commit(work, "one", "1\n")
s256 = path("s256")             # git 2.39 cannot push into an empty repository of this kind
git("init", "-q", "--object-format=sha256", s256)
commit(s256, "x", "x")
mirror("s256.git", "--object-format=sha256", seed=s256)
for transport in "git", "http":
    URL = {"git": g.url, "http": g.http}[transport]("r.git")
    t = transport
    out = push(t + " a branch", "HEAD:refs/heads/main-" + t, says=["remote: git-gate: forwarding to upstream", "git-gate: forwarded main-" + t])
    same(t + " a branch")
    commit(work, "two-" + t, os.urandom(300000))
    push(t + " an update", "HEAD:refs/heads/main-" + t, says=["forwarded main-" + t])
    git("tag", "-am", "annotated", "v-" + t, cwd=work)
    git("tag", "light-" + t, cwd=work)
    push(t + " a tag", "refs/tags/v-%s" % t)
    push(t + " a light tag", "refs/tags/light-%s" % t)
    same(t + " tags")
    r = git("push", "--atomic", URL, "HEAD:refs/heads/a-" + t, "HEAD:refs/heads/b-" + t, ":refs/tags/light-" + t, cwd=work, check=False)
    tap.eq(r.returncode, 0, t + " two created and one deleted, atomic", r.stderr)
    same(t + " atomic")
    r = git("push", "--atomic", URL, "HEAD:refs/heads/c-" + t, "HEAD:refs/heads/protected-" + t, cwd=work, check=False)
    tap.ok(r.returncode == 1 and "upstream push failed for" in r.stderr and "GH006: protected branch hook declined" in r.stderr,
           t + " upstream refuses one of two: the client reads upstream's words", r.stderr)
    same(t + " upstream refuses")
    r = git("push", URL, "HEAD:refs/heads/c-" + t, "HEAD:refs/heads/protected-" + t, cwd=work, check=False)
    tap.eq(r.returncode, 1, t + " and without atomic all or nothing too", r.stderr)
    same(t + " upstream refuses, not atomic")
    git("commit", "-q", "--amend", "-m", "rewritten " + t, cwd=work)
    push(t + " a rewritten branch", "HEAD:refs/heads/main-" + t, ok=False, says=["non-fast-forward"])
    push(t + " forced", "--force", "HEAD:refs/heads/main-" + t, says=["forwarded main-" + t])
    push(t + " push options", "-o", "a=b c", "HEAD:refs/heads/options-" + t)
    tap.eq(read(path("options")), "1|a=b c\n", t + " push options: upstream has them")
    push(t + " a deletion", ":refs/heads/options-" + t, says=["options-" + t])
    push(t + " a deletion of what is not there", ":refs/heads/never-" + t)
    same(t + " after all")
    # LFS pointers are text like any other
    commit(work, "pointer-" + t, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % ("4d" * 32))
    push(t + " an LFS pointer", "HEAD:refs/heads/lfs-" + t)
    # what comes to upstream otherwise
    other = path("other-" + t)
    git("clone", "-q", "-b", "main-" + t, theirs, other)
    commit(other, "by others", "x")
    git("push", "-q", "origin", "HEAD:main-" + t, "HEAD:fresh-" + t, cwd=other)
    listed = git("ls-remote", URL, cwd=work).stdout
    tap.ok("refs/heads/fresh-" + t in listed and git("rev-parse", "HEAD", cwd=other).stdout.strip() in listed, t + " a fetch has what others pushed to upstream", listed)
    push(t + " a push behind others", "HEAD:refs/heads/main-" + t, ok=False, says=["rejected"])
    git("push", "-q", "origin", ":fresh-" + t, cwd=other)
    tap.ok("fresh-" + t not in git("ls-remote", URL, cwd=work).stdout, t + " and no longer what they deleted")
    same(t + " after others")
    commit(s256, t, t)
    push(t + " sha256", "HEAD:refs/heads/" + t, url={"git": g.url, "http": g.http}[t]("s256.git"), cwd=s256, says=["forwarded " + t])
    same(t + " sha256", "s256.git")
URL = g.url("r.git")

# --- a signed push, and dulwich ---------------------------------------------------------------------------------------------------------
if shutil.which("gpg"):
    os.mkdir(path("gpg"), 0o700)
    gpg = {"GNUPGHOME": path("gpg")}
    subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "Test <test@example.invalid>", "default", "default"],
                   env={**ENV, **gpg}, capture_output=True, check=True, timeout=PATIENCE)
    git("config", "receive.certNonceSeed", "x", cwd=ours)
    git("config", "receive.certNonceSlop", "60", cwd=ours)
    step("pre-receive", "50-cert", 'cat >/dev/null; env | grep ^GIT_PUSH_CERT >%s; true' % path("cert"))
    for t, url in ("git", g.url("r.git")), ("http", g.http("r.git")):
        r = git("push", "--signed", url, "HEAD:refs/heads/signed-" + t, cwd=work, check=False, env=gpg)
        # over HTTP the nonce comes from one process and is checked by another, maybe a second later
        tap.ok(r.returncode == 0 and re.search("GIT_PUSH_CERT_NONCE_STATUS=(OK|SLOP)", read(path("cert"))), t + " a signed push: a step sees the certificate", r.stderr, read(path("cert")))
        same(t + " a signed push")
        os.unlink(path("cert"))
    os.unlink(os.path.join(steps, "pre-receive.d", "50-cert"))
    for key in "Seed", "Slop":
        git("config", "--unset", "receive.certNonce" + key, cwd=ours)
    subprocess.run(["gpgconf", "--kill", "all"], env={**ENV, **gpg}, capture_output=True, timeout=PATIENCE)
else:
    tap.skip("a signed push", "no gpg")
try:
    import dulwich.porcelain
except ImportError:
    dulwich = None
for t in "git", "http":
    if not dulwich:
        tap.skip("dulwich over %s" % t, "no dulwich")
        continue
    url = {"git": g.url, "http": g.http}[t]("c.git")
    code = "import sys, dulwich.porcelain as p\np.push(sys.argv[1], sys.argv[2], sys.argv[3])\n"
    r = subprocess.run(["/usr/bin/python3", "-c", code, work, url, "HEAD:refs/heads/dulwich-" + t], capture_output=True, text=True, env=ENV, timeout=PATIENCE)
    tap.eq(r.returncode, 0, "dulwich over %s" % t, r.stderr)
    same("dulwich over %s" % t, "c.git")

# --- who sees what ------------------------------------------------------------------------------------------------------------------------
# environment and command line of every process from the one that looks up to the gate
LOOK = 'p=$$; while [ $p -gt 1 ] && ! grep -qzx run /proc/$p/cmdline; do { echo "== $p"; tr "\\0" " " </proc/$p/cmdline; echo; tr "\\0" "\\n" </proc/$p/environ; } >>%s; p=$(cut -d" " -f4 /proc/$p/stat); done\n'
step("pre-receive", "10-look", "cat >%s; env >%s\n%s" % (path("seen"), path("env"), LOOK % path("env-above")))
step("post-receive", "10-look", "cat >%s; env >%s\n%s" % (path("seen-after"), path("env-after"), LOOK % path("env-above-after")))
commit(work, "look", "look")
tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
push("a step", "HEAD:refs/heads/look")
line = "%s %s refs/heads/look\n" % ("0" * 40, tip)
wait_for(lambda: read(path("env-after")), "post-receive.d to run")
tap.eq((read(path("seen")), read(path("seen-after"))), (line, line), "the operator's steps have the updates, before and after")
HIDDEN = (up.identity, up.known_hosts, "sshd", *AGENT, *AGENT.values())


def hides(what, *has):
    text = read(path(what))
    tap.ok(all(h in text for h in has) and not [v for v in HIDDEN if v in text], "nothing of identity and agent is in %s" % what, text)


for what in "env", "env-after":
    hides(what, "GIT_GATE_SESSION=")
for what in "env-above", "env-above-after":
    hides(what, "receive-pack", "-receive", "GIT_GATE_SESSION=")
tap.ok("GIT_GATE_CONTROL" not in read(path("env")) and "GIT_GATE_SESSION=" in read(path("env")), "a step knows the session, and not the control socket", read(path("env")))
step("pre-receive", "20-no", "cat >/dev/null; printf 'not on a Friday\\033[31m\\n' >&2; exit 1")
push("a step that says no", "HEAD:refs/heads/no", ok=False, says=["pre-receive.d/20-no", "not on a Friday"])
tap.ok("refs/heads/no" not in refs(theirs) + refs(ours), "and nothing was forwarded")
os.unlink(os.path.join(steps, "pre-receive.d", "20-no"))
step("post-receive", "20-fails", "cat >/dev/null; exit 3")
push("a step afterwards that fails", "HEAD:refs/heads/after")
wait_for(lambda: [e for e in g.events("push.step-failed") if "post-receive.d/20-fails" in e["message"]], "push.step-failed")
tap.ok(True, "is an event")

# --- a scanner ----------------------------------------------------------------------------------------------------------------------------
scanner = path("scanner")
with open(scanner, "w") as f:
    f.write("#!/bin/sh\n" + LOOK % path("env-above-scanner"))
    f.write('# a word that must not leave\ncd "$1" || exit 3\nLC_ALL=C grep -a -n -r -F GEHEIM-4711 . >%s\nwhile IFS=: read -r file line text; do\n'
            '\tprintf "%%s\\t%%s\\tword\\n" "${file##*/}" "$line"\ndone <%s\n[ ! -s %s ]\n' % ((path("hits"),) * 3))
os.chmod(scanner, 0o755)
scanned = Gate({"listen.http": "127.0.0.1:0", "hook.dir": steps, **LONG, **section("r.git"), "hook.scanner": "command", "hook.scannerCommand": scanner}, base=g.base, env=AGENT)
for t in "git", "http":
    url = {"git": scanned.url, "http": scanned.http}[t]("r.git")
    commit(work, "clean-" + t, "nothing\n")
    push(t + " scanned", "HEAD:refs/heads/scanned-" + t, url=url, says=["scanning ", "forwarded scanned-" + t])
    commit(work, "secret-" + t, "one\npassword = GEHEIM-4711\n")
    git("rm", "-q", "secret-" + t, cwd=work)
    git("commit", "-qm", "gone again", cwd=work)
    said = push(t + " added, then removed", "HEAD:refs/heads/secret-" + t, url=url, ok=False, says=["secret-" + t, "word"])
    tap.ok("GEHEIM" not in said, t + ": the client reads where, not what", said)
    tap.ok("secret-" + t not in refs(ours) + refs(theirs), t + ": neither here nor upstream")
    git("reset", "-q", "--hard", "HEAD~2", cwd=work)
hides("env-above-scanner", "receive-pack", "pre-receive", "GIT_GATE_SESSION=")
long, cut = path("long"), path("cut")
git("init", "-q", long)
commit(long, "a", "a")
commit(long, "b", "b")
git("clone", "-q", "--depth=1", "file://" + long, cut)
push("a shallow clone", "HEAD:refs/heads/shallow", url=scanned.url("r.git"), cwd=cut, ok=False, says=["git fetch --unshallow"])
tap.eq([e["message"] for e in scanned.events("push.step-failed") if "scan" in (e.get("reason") or "")], [], "is no trouble of the operator's")
tap.ok("shallow" not in refs(ours) + refs(theirs), "and is nowhere")
tap.ok(len(scanned.events("push.rejected")) == 3 and len(scanned.events("push.scanned")) == 2, "push.scanned and push.rejected", scanned.events("push.rejected"))
tap.eq([f for f in os.listdir("/dev/shm") if scanned.instance in f], [], "nothing is left in hook.scratch")
tap.eq((scanned.reaped(), scanned.stop()), ([], 0), "nobody was ended, the gate stops cleanly")

# --- a mirror that the settings do not know ----------------------------------------------------------------------------------------------
unknown = Gate({"listen.http": "127.0.0.1:0", **LONG}, base=g.base)
open(os.path.join(ours, "git-gate-upstream"), "w").close()
push("a mirror without its section", "HEAD:refs/heads/lost", url=unknown.url("r.git"), ok=False, says=["git-gate reload"])
os.unlink(os.path.join(ours, "git-gate-upstream"))
unknown.stop()

# --- events ----------------------------------------------------------------------------------------------------------------------------------
forwarded = g.events("push.forwarded")
tap.ok(len(forwarded) > 20 and all(e["repo"] and e["session"] and e["peer"] for e in forwarded), "push.forwarded has repository, session and peer", *forwarded[:2])
tap.ok(len(g.events("push.forward-failed")) >= 4, "push.forward-failed for what upstream refused")
tap.eq(g.events("push.diverged"), [], "nothing diverged")
tap.eq(g.reaped(), [], "no session was ended")
up.stop()
for t, says in ("git", "remote error: git-gate: the repository cannot be brought up to date: upstream"), ("http", "returned error: 503"):
    r = git("ls-remote", {"git": g.url, "http": g.http}[t]("r.git"), cwd=work, check=False)
    tap.ok(r.returncode and says in r.stderr and "up to date: upstream" in r.stderr, t + " upstream is gone: nothing stale is served, the client reads why", r.stderr)
finish(tap, g)
