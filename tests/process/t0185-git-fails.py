#!/usr/bin/python3
"""git itself is missing, broken, not executable, hangs or is replaced, when the gate starts and while it runs: the start fails at once and names
culprit and cure; a session fails with a reason and a record, the gate goes on, and serves again as soon as git does."""
from gate import *

tap = Tap()
GIT, CORE = shutil.which("git"), git("--exec-path").stdout.strip()


def put(file, text, mode=0o755):
    """Whole at any moment; text None: nothing is there any more."""
    if text is None:
        os.unlink(file)
        return
    with open(file + ".new", "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(file + ".new", mode)
    os.rename(file + ".new", file)


RUBBISH = b"\x7fELF\x01\x02\0\0\xff" * 100
GOOD = '#!/bin/sh\nexec %s "$@"\n' % GIT

# --- at the start ------------------------------------------------------------------------------------------------------------------------
os.mkdir(path("bin"))
os.mkdir(path("empty"))
git_file = path("bin", "git")
ASKED = '#!/bin/sh\ncase $1 in %s) %s;; *) exec %s "$@";; esac\n'
core_without = {}
for lacks in "git-daemon", "git-http-backend":
    core_without[lacks] = path("without-" + lacks)
    os.mkdir(core_without[lacks])
    for name in ("git", "git-daemon", "git-http-backend"):
        if name != lacks:
            os.symlink(os.path.join(CORE, name), os.path.join(core_without[lacks], name))
BROKEN = "install git again"
HTTP, NO_GIT = {"listen.http": "127.0.0.1:0"}, {"listen.git": "off", "listen.http": "127.0.0.1:0"}
for what, text, mode, settings, words in (
        ("is not executable", GOOD, 0o644, {}, [git_file, "cannot be run by uid %d" % os.geteuid(), "make it executable"]),
        ("is a directory", "dir", 0, {}, ["git is not in PATH (%s)" % path("bin"), "install it"]),
        ("is rubbish", RUBBISH, 0o755, {}, [git_file, "Exec format error", BROKEN]),
        ("needs an interpreter that is missing", "#!%s\n" % path("none"), 0o755, {}, [git_file, "No such file", BROKEN]),
        ("exits at once with 0", "#!/bin/sh\n", 0o755, {}, [git_file, "said ''", "no version", BROKEN]),
        ("exits at once with 3", "#!/bin/sh\nexit 3\n", 0o755, {}, [git_file, "exit status is 3", BROKEN]),
        ("is killed", "#!/bin/sh\nkill -9 $$\n", 0o755, {}, [git_file, "signal 9", BROKEN]),
        ("prints rubbish", "#!/bin/sh\nhead -c 3000000 /dev/urandom\n", 0o755, {}, [git_file, "no version", BROKEN]),
        ("fails for --exec-path alone", ASKED % ("--exec-path", "exit 4", GIT), 0o755, {}, [git_file, "--exec-path", "exit status is 4"]),
        ("has no git-daemon", ASKED % ("--exec-path", "echo " + core_without["git-daemon"], GIT), 0o755, HTTP, [core_without["git-daemon"] + "/git-daemon", "package", "listen.git = off"]),
        ("has no git-http-backend", ASKED % ("--exec-path", "echo " + core_without["git-http-backend"], GIT), 0o755, HTTP,
         [core_without["git-http-backend"] + "/git-http-backend", "package", "listen.http = off"])):
    if text == "dir":
        os.unlink(git_file)
        os.mkdir(git_file)
    else:
        if os.path.isdir(git_file):
            os.rmdir(git_file)
        put(git_file, text, mode)
    bad = Gate(settings, env={"PATH": path("bin") + ("" if what in ("is not executable", "is a directory") else ":/usr/bin:/bin")}, start=False)
    bad.launch()
    try:
        code = bad.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        code = "none: it serves"
        bad.process.kill()
    said = bad.text()
    tap.eq((code, said.count("\n"), [w for w in words if w not in said]), (2, 1, []), "at the start, git %s: one line names culprit and cure" % what, said)
    tap.ok(not [c for c in said[:-1] if ord(c) < 32], "at the start, git %s: and drives no terminal" % what, said)
# whoever serves nothing in a way need not have what it takes
for lacks, settings, url in (("git-daemon", NO_GIT, Gate.http), ("git-http-backend", {}, Gate.url)):
    put(git_file, ASKED % ("--exec-path", "echo " + core_without[lacks], GIT))
    q = Gate({**PATIENT, **settings}, env={"PATH": path("bin") + ":/usr/bin:/bin"})
    q.repo()
    tap.eq((git("ls-remote", url(q, "r.git"), check=False).returncode, q.stop()), (0, 0), "at the start, no %s, and it is not needed: the gate serves" % lacks)

# --- while it runs -----------------------------------------------------------------------------------------------------------------------
# programs of git's that a session starts; each is a script that can be replaced, and names its own directory to what it starts
core = path("core")
os.mkdir(core)
for name in os.listdir(CORE):
    os.symlink(os.path.join(CORE, name), os.path.join(core, name))
PROGRAMS = ("git-daemon", "git-http-backend", "git")
WELL = {name: '#!/bin/sh\nGIT_EXEC_PATH=%s exec %s "$@"\n' % (core, os.path.join(CORE, name)) for name in PROGRAMS}
for name in PROGRAMS:
    os.unlink(os.path.join(core, name))
    put(os.path.join(core, name), WELL[name])
# git-daemon takes git from PATH
put(git_file, ASKED % ("--exec-path", "echo " + core, os.path.join(core, "git")))
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "deadline.work": "never"}, env={"PATH": path("bin") + ":" + ENV["PATH"]})
repo, work = g.repo("r.git", "receive.unpackLimit=1"), g.work("work")
URLS = {"git": g.url("r.git"), "http": g.http("r.git")}


def session(transport, push):
    if not push:
        return git("ls-remote", URLS[transport], check=False)
    commit(work, "f", "%d %s\n" % (tap.n, transport))
    return git("push", URLS[transport], "HEAD:main", cwd=work, check=False)


def serves(what):
    bad = [(t, p, r.stderr) for t in URLS for p in (True, False) for r in [session(t, p)] if r.returncode]
    tap.eq(bad, [], "%s: pushes and fetches are served on both transports" % what)
    g.settle()
    tap.eq((fsck(repo), leftovers(repo), g.reaped(), g.events("gate.error")), ("", [], [], []), "%s: the repository is sound, and nobody was ended" % what)


serves("at first")
idle = g.idle_fds()
for name in PROGRAMS:
    file = os.path.join(core, name)
    for what, text, mode in (("missing", None, 0), ("not executable", WELL[name], 0o644), ("rubbish", RUBBISH, 0o755), ("one that exits at once", "#!/bin/sh\nexit 1\n", 0o755),
                             ("one that prints rubbish", "#!/bin/sh\nhead -c 100000 /dev/urandom; echo fatal: rubbish >&2\n", 0o755)):
        put(file, text, mode)
        for transport in URLS:
            if name != "git" and (name == "git-daemon") != (transport == "git"):
                continue
            # an advertisement and a push over HTTP and a fetch over git:// are started by ourselves, where nothing speaks against it
            for push, asked in (True, False), (False, False), (False, True):
                if asked and name != "git-daemon":
                    continue
                if asked:
                    git("config", "daemon.uploadpack", "yes", cwd=repo)
                before = len(g.events())
                r = session(transport, push)
                whose = "%s is %s, a %s over %s%s" % (name, what, "push" if push else "fetch", transport, " that it is asked about" if asked else "")
                if asked:
                    git("config", "--unset", "daemon.uploadpack", cwd=repo)
                g.settle()
                seen = [e for e in g.events()[before:] if e["event"] == "session.log" or e["priority"] not in ("debug", "info") or (e["event"] == "session.closed" and not e["message"].startswith("exit status 0"))]
                # of git's programs over HTTP only what a fetch posts goes through git http-backend
                needed = {"git-daemon": push or asked, "git-http-backend": not push, "git": what != "not executable" or r.returncode}[name]
                if not needed:
                    tap.eq(r.returncode, 0, "%s: it does without, or has another in PATH" % whose, r.stderr)
                    continue
                tap.ok(r.returncode and re.search("git-gate: |fatal: |error: ", r.stderr), "%s: it fails, with a reason" % whose, r.stderr)
                tap.ok(seen, "%s: and a record" % whose, *g.events()[before:])
                if name == "git-daemon" and what in ("missing", "not executable"):
                    tap.ok("git-gate: git cannot be started" in r.stderr, "%s: the client is told by us" % whose, r.stderr)
        put(file, WELL[name])
    serves("%s is there again" % name)
# an upgrade: another file in the same place, while a session runs
raw = Raw(g)
raw.advertisement()
for name in PROGRAMS:
    put(os.path.join(core, name), WELL[name] + "# another version\n")
oid, pack = pack_of(work)
raw.commands(oid, "refs/heads/upgraded")
raw.s.sendall(pack)
said = raw.rest()
raw.close()
tap.ok(b"ok refs/heads/upgraded" in said, "git is upgraded while a session runs: that goes on", said)
serves("after the upgrade")

# what it opens nobody writes to; it is called as git is
HANGING = '#!/bin/bash\ncase $1 in receive-pack|upload-pack) exec -a git cat "$1";; esac\n' + WELL["git"].partition("\n")[2]
for name in "receive-pack", "upload-pack":
    os.mkfifo(os.path.join(repo, name))

# one that hangs: the gate serves others, and ends it when it is told to, or by deadline.work
put(os.path.join(core, "git"), HANGING)
hung = [popen(["git", "ls-remote", URLS[t]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for t in URLS]
wait_for(lambda: len([p for p in g.processes() if cmdline(p) == "git upload-pack"]) == 2, "two to hang")
tap.eq((g.cli("health", "--ready").returncode, len(g.sessions())), (0, 2), "git hangs: the gate answers")
put(os.path.join(core, "git"), WELL["git"])
bad = [(t, r.stderr) for t in URLS for r in [session(t, True)] if r.returncode]
tap.eq(bad, [], "git hangs: others are served")
ids = wait_for(lambda: (lambda v: v if len(v) == 2 else None)([s["id"] for s in g.sessions()]), "the others' connections to be gone")
tap.ok(ids, "git hangs: with deadline.work = never it is waited for")
g.cli("kill", ids[0])
g.cli("kill", ids[1])
for p in hung:
    code, out = end(p)
    tap.ok(code and re.search("git-gate: |fatal: |error: ", out), "git hangs: its client is told when it is ended", out)
g.settle()
tap.eq(sorted(e["reason"] for e in g.reaped()), ["operator"] * 2, "git hangs: and there is a record")
wait_for(lambda: fd_count(g.pid) <= idle, "descriptors")
tap.ok(True, "no descriptor is left")
tap.eq(fsck(repo), "", "the repository is sound")

# by deadline.work, where an operator has set it
w = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "deadline.work": "1s", "gate.basePath": g.base}, env={"PATH": path("bin") + ":" + ENV["PATH"]})
put(os.path.join(core, "git"), HANGING)
for url in w.url("r.git"), w.http("r.git"):
    r = git("ls-remote", url, check=False)
    tap.ok(r.returncode and re.search("git-gate: |fatal: ", r.stderr), "git hangs: with deadline.work = 1s its client over %s is let go" % url.split(":")[0], r.stderr)
wait_for(lambda: len(w.reaped()) == 2, "both records")
tap.eq([(e["reason"], e["key"]) for e in w.reaped()], [("work", "deadline.work")] * 2, "and the record names it")
put(os.path.join(core, "git"), WELL["git"])
finish(tap, g, w)
