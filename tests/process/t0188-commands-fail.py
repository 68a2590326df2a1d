#!/usr/bin/python3
"""Commands of people when a call of the machine fails in them, when git or rm does, or when what answers in the gate's place does not do what a gate does:
each says which and why, has the exit code that is documented, and leaves all as it was."""
import fcntl
import shutil
import termios

from gate import *

tap = Tap()
STRACE = shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "inject=getpid:error=EIO", "true"], capture_output=True).returncode == 0
NO_STRACE = "strace cannot inject here"
ROOT_ONLY = "needs root, to be two users"
IS_ROOT = os.geteuid() == 0
os.chmod(TMP, 0o755)
TOOLS = path("tools")
os.mkdir(TOOLS)
TRACE = path("trace")


def inject(*faults, follow=False):
    """faults: "CALL:error=E[:when=N]", or "CALL:…@PATH": only where it is about that path."""
    args = ["strace", "-qq", "-o", TRACE, "-e", "signal=none"] + ["-f"] * follow
    for f in faults:
        what, _, at = f.partition("@")       # a path may have one, too
        args += ["-e", "inject=" + what] + (["-P", at] if at else [])
    return args + ["-e", "trace=" + ",".join(f.split(":")[0] for f in faults)]


def run(args, faults=(), prefix=(), follow=False, tools=(), only=False, env=None, **kw):
    """tools: (name, what it does first, as sh, with all arguments in "$*") for programs that are found before the machine's; only: no others."""
    shutil.rmtree(TOOLS)
    os.mkdir(TOOLS)
    for name, does in tools:
        if does.startswith("#!") or not does:
            with open(os.path.join(TOOLS, name), "w") as f:
                f.write(does)
            os.chmod(os.path.join(TOOLS, name), 0o755)
        else:
            put_script(os.path.join(TOOLS, name), "%s\nexec %s \"$@\"" % (does, shutil.which(name)))
    where = {"PATH": TOOLS if only else TOOLS + ":" + ENV["PATH"]} if tools else {}
    command = [*(inject(*faults, follow=follow) if faults else []), *prefix, GATE, *args]
    p = subprocess.Popen(command, env={**ENV, **where, **(env or {})}, cwd=TMP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                         start_new_session=True, **kw)
    try:
        out, err = p.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:       # whom strace follows outlives it
        os.killpg(p.pid, signal.SIGKILL)
        out, err = p.communicate()
    return subprocess.CompletedProcess(command, p.returncode, out, err)


def state(*tops):
    """Names, and what is in the files; of a bare repository its being there."""
    found = {}
    for top in tops:
        for at, dirs, files in os.walk(top):
            if "HEAD" in files:
                found[at], dirs[:] = "a repository", []
                continue
            found.update({os.path.join(at, d): "a directory" for d in dirs})
            found.update({os.path.join(at, f): read(os.path.join(at, f)) for f in files})
    return found


def judge(what, r, code, says, out=""):
    """says: what stands in its errors, "" nothing does."""
    fine = r.returncode == code and out in r.stdout and (all(s in r.stderr for s in ([says] if isinstance(says, str) else says)) if says else not r.stderr)
    return tap.ok(fine, what, "exit code %d, wanted %d" % (r.returncode, code), r.stdout, r.stderr)


# --- what is typed wrong --------------------------------------------------------------------------------------------------

for args, says in (
        (["statsu"], "unknown command 'statsu'; did you mean 'status'?"), (["frobnicate"], "unknown command 'frobnicate'; 'git-gate --help' lists them"),
        (["help", "frobnicate"], "unknown command 'frobnicate'"), (["explain", "repo.x.frobnicate"], "is no reason, setting or event"), (["status", "--jsno"], ["status: unknown option '--jsno'; did you mean '--json'?", "try 'git-gate status --help'"]),
        (["status", "--frobnicate"], "status: unknown option '--frobnicate'\n"), (["status", "-z"], "status: unknown option '-z'"),
        (["status", "--control"], "status: '--control' needs a value (PATH)"), (["status", "-c"], "status: '-c' needs a value (KEY=VALUE)"),
        (["status", "--json=yes"], "status: '--json' takes no value"), (["status", "extra"], "status: unexpected argument 'extra'"), (["kill"], "kill: ID is missing"),
        (["status", "--gate", "a/b"], "--gate: a name is 1 to 64"), (["status", "--gate", "a", "--control", "b"], "leave one out"),
        (["cleanup"], "cleanup: --base DIR is missing"), (["cleanup", "--base", TMP, "--since", "monday"], "--since: 'monday' is not a number of milliseconds"),
        (["tail", "--lines", "many"], "--lines: 'many' is no number"), (["token", "frob"], "'frob' is nothing that can be done"),
        (["status", "--control", "/" + "x" * 200], "a socket's path has at most 107 bytes"), (["kill", "ab", "--reason", "x" * 5000, "--control", "/x"], "a request has at most 4096 bytes"),
        (["kill", b"\xff", "--control", "/x"], "not valid UTF-8")):
    judge("%s: said, and 2" % " ".join(map(repr, args))[:60], run(args), 2, says)
r = run([])
judge("no command: the list of them", r, 2, ["Usage: git-gate COMMAND", "\nExit status: 0 done"])
judge("--help: the same", run(["--help"]), 0, "", r.stderr)
judge("--version", run(["--version"]), 0, "", "git-gate ")
judge("help COMMAND", run(["help", "kill"]), 0, "", "Usage: git-gate kill")
judge("sessions --watch NUMBER is as --watch=NUMBER", run(["sessions", "--watch", "1", "extra"]), 2, "unexpected argument 'extra'")
closed = subprocess.run(["sh", "-c", 'exec "$0" status --control /nowhere 0<&- 1>&-', GATE], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
judge("closed descriptors are filled", closed, 3, "no gate is running")
full = subprocess.run(["sh", "-c", 'exec "$0" explain >/dev/full', GATE], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
judge("what cannot be printed", full, 1, "cannot write: No space left on device")

# --- repositories and their settings --------------------------------------------------------------------------------------

BASE, CONF = path("base"), path("etc", "conf")
SETTINGS = "[gate]\n\tbasePath = %s\n\tcontrol = %s\n[listen]\n\tgit = 127.0.0.1:9418\n" % (BASE, path("none"))


def lay(more="[repo \"own.git\"]\n\tupstream =\n", repo="own.git"):
    for d in BASE, path("etc"):
        shutil.rmtree(d, ignore_errors=True)
        os.mkdir(d)
    with open(CONF, "w") as f:
        f.write(SETTINGS + more)
    if repo:
        git("init", "-q", "--bare", os.path.join(BASE, repo))


def nth(call, word, args, **kw):
    """Which of its calls is about word."""
    run(args, faults=["%s:delay_enter=0" % call], **kw)
    lines = [line for line in read(TRACE).splitlines() if call + "(" in line]
    return next(i for i, line in enumerate(lines, 1) if word in line)


ADD, REMOVE, DELETE = ["add", "--local", "new.git"], ["remove", "own.git"], ["remove", "own.git", "--delete"]
FAILS = 'case "$*" in *%s*) %s;; esac'
NOT_GIT = ("git", FAILS % ("--remove-section", "exit 3"))
LOCKED = path("etc", "conf.lock")


def refused(what, args, says, code=1, same=True, config=True, **kw):
    """It fails, and (same) all is as before."""
    before = state(BASE, path("etc"))
    r = run(args + (["--config", CONF] if config else []), **kw)
    judge("%s: %s" % (" ".join(args[:3]), what), r, code, says)
    after = state(BASE, path("etc"))
    if same and after != before:
        tap.ok(False, "and all is as it was", {k: (before.get(k), after.get(k)) for k in {*before, *after} if before.get(k) != after.get(k)})
    return after


def with_strace(what, args, says, *faults, **kw):
    if not STRACE:
        return tap.skip(what, NO_STRACE)
    return refused(what, args, says, faults=faults, **kw)


lay()
refused("the settings know it from the command line only", ["remove", "x.git", "-c", "repo.x.git.upstream="], "not set in a file, but on the command line")
with_strace("a directory cannot be made", DELETE, "cannot make a directory in %s: Read-only" % BASE, "mkdir:error=EROFS")
with_strace("it cannot be moved", DELETE, ["cannot move %s/own.git to %s/." % (BASE, BASE), "Input/output error"], "renameat2:error=EIO:when=1")
with_strace("no number by chance", DELETE, "no random number: Input/output error", "getrandom:error=EIO")
with open(LOCKED, "w"):
    pass
refused("a locked configuration; it is put back", DELETE, ["cannot change %s: git: " % CONF, "left %s" % LOCKED])
left = with_strace("nor can it be put back", DELETE, ["cannot change", "cannot move %s/." % BASE], "renameat2:error=EIO:when=2", same=False)
if left:
    tap.eq([v for k, v in left.items() if k.startswith(BASE)].count("a repository"), 1, "then it is where the message says")
lay()
left = with_strace("what was taken cannot be renamed", DELETE, ["cannot rename %s/." % BASE, "what is left of the repository is in %s/." % BASE], "rename:error=EIO", same=False)
if left:
    tap.ok("own.git" not in read(CONF) and "a repository" in left.values(), "its settings are gone, and what is left is where it says", left)
lay()
for what, does, says in (("ends without a word", "exit 3", "git: exit status 3, and no word"), ("is killed", "kill -9 $$", "git: killed by signal 9"),
                         ("says too much", "head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1", "xxx..."), ("says why", "echo >&2 'fatal: one'; echo >&2 two; exit 1", "git: one; two")):
    refused("git %s" % what, REMOVE, "cannot change %s: %s" % (CONF, says) if says[0] == "g" else says, tools=[("git", FAILS % ("--remove-section", does))])
    refused("git %s; it is put back" % what, DELETE, says, tools=[("git", FAILS % ("--remove-section", does))])
refused("the file goes meanwhile", REMOVE, "cannot look at %s: No such file" % CONF, tools=[("git", FAILS % ("--remove-section", "rm %s; exit 0" % CONF))], same=False)
lay()
for what, does, says in (("cannot be run", "", "rm: Exec format error"), ("ends without a word", FAILS % ("", "exit 4"), "rm: exit status 4, and no word")):
    left = refused("rm %s" % what, DELETE, [says, "what is left of the repository is in"], tools=[("rm", does)], same=False)
    tap.ok("a repository" in left.values() and "own.git" not in read(CONF), "its settings are gone, and what is left is where it says", left)
    lay()
left = refused("there is no rm", DELETE, "rm: not found in PATH", tools=[("git", "#!/bin/sh\nexec %s \"$@\"\n" % shutil.which("git"))], only=True, same=False)
lay(repo=None)
judge("remove --delete of what is not there", run(DELETE + ["--config", CONF]), 0, "", "%s/own.git is not there" % BASE)
tap.ok("own.git" not in read(CONF), "its settings are gone", read(CONF))
lay("[include]\n\tpath = more\n[repo \"own.git\"]\n\tupstream =\n")
with open(path("etc", "more"), "w") as f:
    f.write("[repo \"own.git\"]\n\tupstream =\n")
judge("remove: one of two files", run(REMOVE + ["--config", CONF]), 0, "settings of own.git remain in another file")
lay()
with_strace("the base path cannot be looked at", DELETE, "cannot look at %s (gate.basePath)" % BASE, "newfstatat:error=EIO@" + BASE)
with_strace("the configuration cannot be looked at", REMOVE, "cannot look at %s" % CONF, "newfstatat:error=EIO:when=3@" + CONF)
lay(repo=None)
with_strace("no number by chance", ADD, "no random number", "getrandom:error=EIO")
with_strace("a directory cannot be made", ADD, "cannot make a directory in %s" % BASE, "mkdir:error=ENOSPC")
with_strace("nor one of its name", ["add", "--local", "a/new.git"], "cannot make the directory of %s/a/new.git" % BASE, "mkdir:error=ENOSPC:when=2")
with_strace("it cannot be put in place", ["add", "--local", "a/new.git"], "cannot move", "renameat2:error=EIO")
with_strace("nor can its settings be taken back", ["add", "--local", "a/new.git"], ["cannot move", "cannot change %s: git: exit status 3" % CONF],
            "renameat2:error=EIO", tools=[NOT_GIT], same=False)
lay(repo=None)
refused("git cannot set its HEAD", ADD, "git: exit status 7", tools=[("git", FAILS % ("symbolic-ref", "exit 7"))])
refused("the path of the configuration is not known", ADD + ["--config", "conf"], "conf: No such file", config=False,
        prefix=["sh", "-c", 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"', "sh"])
if STRACE:
    n = nth("openat", "git-daemon-export-ok", ADD + ["--config", CONF])
    lay(repo=None)
    refused("told to stop when all is made", ADD, "interrupted", faults=["openat:signal=SIGTERM:when=%d" % n])
    MISSING = ["add", "--missing", "--config", CONF]
    lay(repo=None)
    n = nth("openat", "git-daemon-export-ok", MISSING)
    lay(repo=None)
    refused("told to stop when all is made", MISSING, "interrupted", faults=["openat:signal=SIGTERM:when=%d" % n], config=False)
    lay(repo=None)
r = run(ADD + ["--config", CONF], tools=[("rm", FAILS % ("", "exit 4"))])
judge("add: an empty directory is removed without rm", r, 0, "")
lay(repo=None)
if STRACE:
    r = run(ADD + ["--config", CONF], faults=["rmdir:error=EBUSY"], tools=[("rm", FAILS % ("", "exit 4"))])
    judge("add: an empty directory cannot be removed", r, 1, "rm: exit status 4")
lay(repo=None)
judge("add: on every address", run(ADD + ["--config", CONF, "-c", "listen.git=0.0.0.0:9418", "-c", "listen.http=off", "-c", "gate.public=true"]), 0,
      "the gate listens on every address: name the one that clients see with --host HOST", "(what git-gate client new.git --host HOST prints)")
CLIENT = ["client", "new.git", "--config", CONF, "-c", "gate.public=true", "-c", "listen.http=off"]
judge("client: only on a unix socket", run(CLIENT + ["-c", "listen.git=unix:" + path("sock")]), 1, "it is not known where the gate listens")
r = run(CLIENT + ["--host", "h", "-c", "listen.git=127.0.0.1:9418", "-c", "listen.git=127.0.0.2:9418", "-c", "listen.git=127.0.0.3:9419"])
judge("client: addresses that are the same to clients", r, 0, "", "git://h:9418/new.git")
tap.eq((r.stdout.count("9418"), r.stdout.count("9419")), (1, 1), "are printed once", r.stdout)
# a configuration that is new: only the default one may be, so with an /etc of its own
ETC = ["unshare", "--mount"] + ([] if IS_ROOT else ["--user", "--map-root-user"]) + ["--", "sh", "-c", 'mount -t tmpfs none /etc && cat >/etc/passwd && %s "$@"; s=$?; find /etc/ -name "*.*"; exit $s', "sh"]
NEW = ADD + ["-c", "gate.basePath=" + BASE, "-c", "listen.git=127.0.0.1:9418"]


def with_etc(what, code, says, first="mkdir /etc/git-gate;", faults=(), **kw):
    before = state(BASE)
    prefix = [a.replace("%s", first + " exec 2>&1;" * 0) for a in ETC]
    with open("/etc/passwd") as passwd:
        r = run(NEW, prefix=prefix + (inject(*faults) if faults else []), stdin=passwd, **kw)
    judge("add, with a configuration that is new: %s" % what, r, code, says)
    tap.eq((state(BASE) == before, r.stdout.strip()) if code else "git-gate/config" in r.stdout, (True, "") if code else True, "and all is as it was" if code else "it is there", r.stdout)


if subprocess.run([a.replace("%s", "") for a in ETC] + ["true"], stdin=subprocess.DEVNULL, env=ENV, capture_output=True).returncode:
    tap.skip("add, with a configuration that is new", "nothing can be mounted here")
else:
    lay(repo=None)
    with_etc("it has no directory", 1, ["cannot change /etc/git-gate/config", "make its directory first"], first="")
    if STRACE:
        with_etc("its mode cannot be set", 1, "cannot change the mode of /etc/git-gate/config", faults=["chmod:error=EROFS"])
    with_etc("all is well", 0, "")

# as another user
nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
if not IS_ROOT:
    tap.skip("as another user", ROOT_ONLY)
else:
    lay()
    refused("as somebody else", DELETE, ["%s (gate.basePath) belongs to uid 0, and you are uid 65534" % BASE], prefix=nobody)
    refused("where he may not write", REMOVE, ["cannot change %s" % CONF, "do it as who may write there"], prefix=nobody)
    os.chmod(BASE, 0o777)
    os.chmod(path("etc"), 0o777)
    os.chmod(CONF, 0o666)
    r = run(ADD + ["--config", CONF], prefix=nobody)
    judge("add: root's directory, in which others may write", r, 0, "")
    tap.eq(os.stat(os.path.join(BASE, "new.git")).st_uid, 65534, "what is made is theirs")
    for d in BASE, os.path.join(BASE, "own.git"), CONF:
        os.chown(d, 65534, 65534)
    for top, dirs, files in os.walk(BASE):
        for f in dirs + files:
            os.chown(os.path.join(top, f), 65534, 65534)
    with_strace("no process for its user", DELETE, "cannot start a process: Resource temporarily", "clone:error=EAGAIN", tools=[])
    with_strace("it cannot become its user", DELETE, "cannot become uid 65534: Operation not permitted", "setresuid:error=EPERM", follow=True)
    with_strace("it cannot give the file back", REMOVE, "cannot give %s back to its owner" % CONF, "chown:error=EPERM", same=False)

# --- tokens ----------------------------------------------------------------------------------------------------------------

lay()
TOKENS = path("etc", "tokens")
WITH = ["-c", "access.tokenFile=" + TOKENS]
judge("token: none is there", run(["token", "remove", "ann", "--config", CONF, *WITH]), 1, "No such file")
judge("token: one is made", run(["token", "add", "ann", "--config", CONF, *WITH]), 0, "after: git-gate reload", "ggt_")
for what, says, fault in (("it cannot be written", "cannot write %s.lock: No space" % TOKENS, "write:error=ENOSPC:when=1"), ("it has no room", "cannot write %s.lock: Input" % TOKENS, "fsync:error=EIO:when=1"),
                          ("its mode cannot be set", "cannot give its owner and mode to %s.lock" % TOKENS, "fchmod:error=EROFS"),
                          ("it cannot be put in place", "cannot replace %s: Input" % TOKENS, "rename:error=EIO"), ("no number by chance", "cannot make a token", "getrandom:error=EIO")):
    with_strace(what, ["token", "add", "bob", *WITH], says, fault)
refused("no directory", ["token", "add", "bob", "-c", "access.tokenFile=" + path("etc", "no", "tokens")], "cannot make %s.lock: No such file" % path("etc", "no", "tokens"))
MOST = int(re.search(r"GG_TOKENS_MAX\D+(\d+)", read(os.path.join(ROOT, "base", "tokenfile.h")))[1])
with open(TOKENS, "w") as f:
    f.writelines("u%d:sha256:%064x\n" % (i, i) for i in range(MOST))
refused("there are as many as can be", ["token", "add", "one-more", *WITH], "there are %d tokens already, and no more can be" % MOST)
if IS_ROOT:
    with open(TOKENS, "w") as f:
        f.write("u:sha256:%064x\n" % 1)
    for what, name in (("a file", TOKENS), ("a new one, as the base path's", path("etc", "fresh"))):
        os.chown(TOKENS, 65534, 65534)
        os.chown(BASE, 65534, 65534)
        judge("token: %s" % what, run(["token", "add", "bob", "--config", CONF, "-c", "access.tokenFile=" + name]), 0, "reload")
        tap.eq(os.stat(name).st_uid, 65534, "keeps its owner")
    os.chown(BASE, 0, 0)

# --- cleanup ---------------------------------------------------------------------------------------------------------------

lay()
judge("cleanup: no such base", run(["cleanup", "--base", path("nowhere")]), 1, "cannot open '%s': No such file" % path("nowhere"))
judge("cleanup: a scratch directory that is none", run(["cleanup", "--base", BASE, "--scratch", CONF]), 1, "cannot clean up '%s': Not a directory" % CONF)
if STRACE:
    judge("cleanup: a repository that cannot be opened", run(["cleanup", "--base", BASE, "own.git"], faults=["openat:error=EIO@" + os.path.join(BASE, "own.git")]), 1, "",
          "unread\town.git\tInput/output error")
    judge("cleanup: a directory in one", run(["cleanup", "--base", BASE], faults=["openat:error=EMFILE@" + os.path.join(BASE, "own.git", "objects")]), 1, "",
          "unread\town.git/objects\tToo many open files")
    judge("cleanup: a base that cannot be opened", run(["cleanup", "--base", BASE], faults=["openat:error=EIO@" + BASE]), 1, "cannot clean up '%s'" % BASE, "unread\t.\tInput/output error")
    judge("cleanup: a repository that cannot be found", run(["cleanup", "--base", BASE, "own.git"], faults=["readlink:error=EIO@" + os.path.join(BASE, "own.git")]), 1, "cannot clean up '%s/own.git': " % BASE)
    judge("cleanup: /proc cannot be read", run(["cleanup", "--base", BASE], faults=["openat:error=EMFILE@/proc"]), 1, "cannot clean up '%s': Too many open files" % BASE)

# what is kept, who made it being alive, dead, or no push; a room that somebody stands in; a repository that is elsewhere
lay()
PACK = os.path.join(BASE, "own.git", "objects", "pack")
for name, text in ("own", "kept by hand\n"), ("dead", "receive-pack %d on %s\n" % (1 << 30, os.uname().nodename)):
    with open(os.path.join(PACK, "pack-%s.keep" % name), "w") as f:
        f.write(text)
r = wait_for(lambda: (r := run(["cleanup", "--base", BASE])).returncode == 0 and r, "nothing to be left")
judge("cleanup: a dead push's .keep is removed", r, 0, "", "removed\town.git/objects/pack/pack-dead.keep\n")
tap.eq([f for f in os.listdir(PACK) if f.endswith(".keep")], ["pack-own.keep"], "and an operator's own is not")
room = os.path.join(BASE, ".git-gate." + "0" * 16)
os.mkdir(room)
os.utime(room, (1, 1))
stands = popen(["sleep", "1000"], cwd=room)
judge("cleanup: a room that a process uses", run(["cleanup", "--base", BASE]), 1, "", "kept\t%s\ta process uses it" % room)
stands.kill()
stands.wait()
judge("cleanup: once nobody does", run(["cleanup", "--base", BASE]), 0, "", "removed\t%s\n" % room)
os.mkdir(path("elsewhere.git"))
os.symlink(path("elsewhere.git"), os.path.join(BASE, "link.git"))
judge("cleanup: a repository that is elsewhere", run(["cleanup", "--base", BASE, "link.git"]), 1, "cannot clean up '%s/link.git': Invalid cross-device link" % BASE)

# --- settings, and a start that cannot be ----------------------------------------------------------------------------------------

lay()
MINE = ["--config", CONF]
TWICE = "x" * 20 + ".key=1"


def settings(what, more, code, says, out="", command="check-config", **kw):
    return judge("%s: %s" % (command, what), run([command, *MINE, *(a for m in more for a in ("-c", m))], **kw), code, says, out)


settings("a long section that there is not", [TWICE], 2, "x" * 20)
settings("a user's number", ["access.allowPush=uid:root", "repo.own.git.allowFetch=uid:root"], 0, "")
settings("no such user, for all", ["access.allowPush=uid:no-such-user"], 2, "is no user in /etc/passwd; write uid:NUMBER")
settings("no such user, for a repository", ["repo.own.git.allowPush=uid:no-such-user"], 2, ["is no user in /etc/passwd; write uid:NUMBER", "own.git"])
settings("users without tokens", ["repo.own.git.allowPush=user:ann"], 2, ["names users, and access.tokenFile is not set", "own.git"])
settings("a list that is no text", [b"hook.allowFinding=\xff"], 2, "UTF-8")
with open(TOKENS, "w") as f:
    os.fchmod(f.fileno(), 0o600)
    f.write("ann:sha256:%064x\n" % 1)
settings("a user without a token", ["repo.own.git.allowPush=user:bob", "access.allowFetch=user:eve", "access.tokenFile=" + TOKENS], 0, "no token is named bob")
settings("a file of tokens that is a directory", ["access.tokenFile=" + BASE], 2, "is no regular file")
with open(path("etc", "large"), "w") as f:
    os.fchmod(f.fileno(), 0o600)
    f.truncate(1 << 30)
settings("a file of tokens that is too large", ["access.tokenFile=" + path("etc", "large")], 2, "is larger than")
if IS_ROOT:
    os.chown(TOKENS, 12345, 12345)
    settings("somebody else's file of tokens", ["access.tokenFile=" + TOKENS], 2, "belongs to uid 12345, who is neither root nor the gate's user: chown it")
    os.chown(TOKENS, 0, 0)
if STRACE:
    settings("a file of tokens that cannot be read", ["access.tokenFile=" + TOKENS], 2, "cannot be read: Input/output error", faults=["read:error=EIO@" + TOKENS])
settings("no PATH", [], 0, "", prefix=["env", "-u", "PATH"])
for what, does, says in (("is killed", "kill -9 $$", "killed by signal 9"), ("says nothing", "exit 7", "it ended with status 7")):
    judge("check-config: git %s" % what, run(["check-config", *MINE], tools=[("git", does)]), 2, says)
judge("check-config: over 4 MiB", run(["check-config", *MINE], tools=[("git", "head -c 5000000 /dev/zero; exit 0")]), 2, "over 4 MiB of settings")
NOEXEC = ["unshare", "--mount", "--", "sh", "-c"] if IS_ROOT and not subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode else None
NOT = ["listen.git=127.0.0.1:0", "listen.http=off", "hook.path=" + os.path.join(BUILD, "hooks")]
CONTROL = path("run", "control")
settings("a control socket of too long a name", NOT + ["gate.control=" + path("n" * 100)], 2, "a socket's path has at most", command="run")
if STRACE:
    settings("a control socket that cannot be", NOT + ["gate.control=" + CONTROL], 2, "gate.control: %s: Operation not permitted" % CONTROL, command="run", faults=["bind:error=EPERM:when=1"])
    settings("a lock that cannot be written", NOT + ["gate.control=" + CONTROL], 2, "gate.control: cannot write %s.lock: No space" % CONTROL, command="run",
             faults=["%s:error=ENOSPC@%s.lock" % (call, CONTROL) for call in ("ftruncate", "pwrite64", "write")])
    settings("nor for good", NOT + ["gate.control=" + CONTROL], 2, "gate.control: cannot write %s.lock: No space" % CONTROL, command="run", faults=["pwrite64:error=ENOSPC:when=2@%s.lock" % CONTROL])
    settings("a unix socket that cannot be", ["listen.git=unix:" + path("git.socket"), *NOT[1:], "gate.control=" + CONTROL], 2,
             "listen.git: cannot listen on %s: Operation not permitted" % path("git.socket"), command="run", faults=["bind:error=EPERM:when=2"])
    settings("an address that cannot be listened on", NOT + ["gate.control=" + CONTROL], 2, "cannot listen on 127.0.0.1:0 (listen.git): No buffer space", command="run", faults=["listen:error=ENOBUFS:when=2"])
HOOK = os.path.join(BUILD, "git-gate-hook")
r = subprocess.run([HOOK, "git", "pack-objects"], env={**ENV, "PATH": "/nowhere"}, capture_output=True, text=True, timeout=PATIENCE)
judge("git-gate-hook in place of git, which is not there", r, 127, "git-gate-hook: cannot run git: No such file")
judge("git-gate-hook by hand", subprocess.run([HOOK, "frobnicate"], env=ENV, capture_output=True, text=True, timeout=PATIENCE), 2, "not for use by hand")
r = subprocess.run([os.path.join(BUILD, "git-gate-http"), "--frobnicate"], env=ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2, "git-gate-http by hand", r.returncode, r.stderr)
if not os.path.exists("/usr/local/libexec/git-gate"):
    shutil.copy(GATE, path("alone"))
    r = subprocess.run([path("alone"), "run", *MINE, *(a for m in NOT for a in ("-c", m))], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    judge("run: the other programs are nowhere", r, 2, "is neither beside git-gate nor in")
DOCTOR = ["hook.scanner=none", "hook.path=" + os.path.join(BUILD, "hooks")]
judge("doctor: more than one error", run(["doctor", *MINE, "-c", "a.b=1", "-c", "limit.sessions=x", "-c", "deadline.idle=y"]), 1, "", "and 2 more, see git-gate check-config")
with open(path("pre-receive.d"), "w"):
    pass
settings("what should be a directory of steps", DOCTOR + ["hook.dir=" + TMP], 1, "", "pre-receive.d: Not a directory; every push is refused", command="doctor")
os.unlink(path("pre-receive.d"))
with open(path("post-receive.d"), "w"):
    pass
settings("what should be a directory of steps", DOCTOR + ["hook.dir=" + TMP], 1, "", "post-receive.d: Not a directory; every push is refused", command="doctor")
os.unlink(path("post-receive.d"))
if IS_ROOT:
    os.chown(os.path.join(BASE, "own.git"), 12345, 12345)
    settings("somebody else's repository", DOCTOR, 1, "", "belongs to uid 12345, and gate.basePath to uid 0", command="doctor")
    os.chown(os.path.join(BASE, "own.git"), 0, 0)
settings("a time without a limit", DOCTOR + ["deadline.hook=never"], 1, "", "a push has never for its hook", command="doctor")
if STRACE:
    SCANS = DOCTOR[1:] + ["hook.scanner=command", "hook.scannerCommand=/bin/true", "hook.scratch=" + TMP]
    settings("no place for what is planted", SCANS, 1, "", "scanner: %s: No space left on device" % TMP, command="doctor", faults=["mkdirat:error=ENOSPC"])
    # with settings from the command line alone nothing has been run yet
    r = run(["doctor", *(a for m in [*DOCTOR, "gate.basePath=" + BASE] for a in ("-c", m))], faults=["pidfd_open:error=ENOSYS"])
    tap.ok(r.returncode == 1 and "git: needs system calls" in r.stdout and "hook version: needs system calls" in r.stdout, "doctor: no pidfd", r.stdout, r.stderr)
settings("a scratch directory that fills", DOCTOR[1:] + ["hook.scanner=command", "hook.scannerCommand=/bin/true", "hook.scratch=" + path("nowhere")], 1, "", "has to be able to make directories there", command="doctor")

judge("reaped: no gate, and none was there", run(["reaped", "--control", path("no", "control"), "--journal", ""]), 3, "no gate is running")
judge("status: which gate is not known", run(["status", "-c", "a.b=1"]), 2, ["a.b", "the configuration names the control socket; --control PATH needs none"])
judge("client: no repository has settings", run(["client", "x.git", "-c", "gate.basePath=" + BASE]), 1, "the settings know no repository 'x.git': there is no [repo \"NAME\"] section")
judge("client: no such name, nor one like it", run(["client", "zzzzzzzz", *MINE]), 1, "the settings know no repository 'zzzzzzzz'")
# a base path that leaves no room for a name
deep, fd = BASE, os.open(BASE, os.O_RDONLY)
while len(deep) < 3900:
    os.mkdir("d" * 100, dir_fd=fd)
    below = os.open("d" * 100, os.O_RDONLY, dir_fd=fd)
    os.close(fd)
    deep, fd = deep + "/" + "d" * 100, below
last = "d" * (4070 - len(deep) - 1)
os.mkdir(last, dir_fd=fd)
os.close(fd)
r = run(["add", "--local", "n" * 100 + "/" + "m" * 130, *MINE, "-c", "gate.basePath=" + deep])
tap.ok(r.returncode == 1 and "the path is too long" in r.stderr, "add: a path that is too long", r.stderr)
r = run(["add", "--local", "made.git", *MINE, "-c", "gate.basePath=%s/%s" % (deep, last)])
tap.ok(r.returncode == 1 and deep[:1000] in r.stderr and "made.git" not in read(CONF), "add: one that is, only while it is made", r.stderr)
judge("add: a base path that is a file", run(["add", "--local", "n.git", *MINE, "-c", "gate.basePath=" + CONF]), 1, "cannot look at %s (gate.basePath): Not a directory" % CONF)
if NOEXEC:
    settings("no /proc", NOT, 2, "/proc, by which the gate follows processes, is not mounted", command="run", prefix=[*NOEXEC, 'mount -t tmpfs none /proc && exec "$@"', "sh"])
    d = path("noexec")
    os.mkdir(d)
    judge("check-config: nobody knows where it stands", run(["check-config", "--config", "conf"], prefix=[*NOEXEC, 'mount -t tmpfs none %s && cd %s && : >conf && umount -l %s && exec "$@"' % (d, d, d), "sh"]),
          2, "cannot read 'conf': No such file")
    for what, mount, says in (("hooks that nobody can run", "mount -t tmpfs -o noexec none %s && cp %s/hooks/* %s && " % (d, BUILD, d), "is on a file system where nothing can be run (noexec)"),
                              ("a scratch directory of memory", "mount -t ramfs none %s && " % d, "as much as there is memory")):
        hooks = d if "-o noexec" in mount else os.path.join(BUILD, "hooks")
        settings(what, ["hook.scanner=none", "hook.path=" + hooks, "hook.scratch=" + (TMP if "-o noexec" in mount else d)], 1, "", says, command="doctor", prefix=[*NOEXEC, mount + 'exec "$@"', "sh"])

# --- what answers in the gate's place ------------------------------------------------------------------------------------------

PLACE = path("place")
listener = socket.socket(socket.AF_UNIX)
listener.bind(PLACE)
listener.listen(8)
answers = []            # each to one who asks; the last one again and again


def answer():
    while True:
        c, _ = listener.accept()
        with c:
            try:
                c.settimeout(PATIENCE)
                c.recv(8192)
                a = answers.pop(0) if len(answers) > 1 else answers[0]
                for piece in a if isinstance(a, list) else [a]:
                    c.sendall(piece)
            except OSError:
                pass


threading.Thread(target=answer, daemon=True).start()


def data(value):
    return json.dumps({"ok": True, "data": value}).encode() + b"\n"


def ask(what, args, code, says, *answered, out="", **kw):
    answers[:] = answered
    return judge(what, run(args + ["--control", PLACE], **kw), code, says, out)


ask("too long an answer", ["status"], 1, "the answer is longer than 64 MiB", [b"x" * (1 << 20)] * 66)
ask("no answer", ["status"], 1, "closed the connection without an answer", b"")
ask("another protocol", ["status"], 1, "does not speak git-gate's control protocol", b"HTTP/1.1 200 OK\n")
lay()
answers[:] = [b""]
refused("whether it is used is not known", ["remove", "own.git", "--control", PLACE], "it is not known whether sessions of own.git run")
if STRACE:
    ask("it takes nobody", ["status"], 1, "the gate takes no connection (waited", b"", faults=["connect:error=EAGAIN"])
    ask("another error of connecting", ["status"], 1, "No buffer space", b"", faults=["connect:error=ENOBUFS"])
    ask("it may not be asked", ["status"], 1, "permission denied: you must be the gate's user", b"", faults=["connect:error=EACCES"])
    ask("an error of reading", ["status"], 1, PLACE + ": Input/output error", b"", faults=["recvfrom:error=EIO"])
    with open(path("etc", "plain"), "w") as f:
        f.write("[gate]\n\tbasePath = %s\n" % BASE)
    # root's own is the machine's
    r = run(["status", "--config", path("etc", "plain"), "--gate", "none-of-this-name"], faults=["access:retval=0@/run/git-gate@none-of-this-name/control"], prefix=nobody if IS_ROOT else ())
    tap.ok(r.returncode == 3 and "no gate is running (nothing listens on /run/git-gate" in r.stderr, "the machine's gate is meant, where there is one", r.stderr)

# --- git-gate-admin, which the gate starts ---------------------------------------------------------------------------------------

ADMIN = os.path.join(BUILD, "git-gate-admin")
for what, args, code, says in (
        ("by hand", [], 2, "usage: git-gate-admin CONTROL ADDRESS"), ("no such directory", [path("no", "control"), "127.0.0.1:0"], 1, "no/control: No such file or directory"),
        ("no address", [PLACE, "nonsense", "--", "127.0.0.0/8"], 1, "'nonsense': "), ("too many", [PLACE] + ["127.0.0.1:0"] * 100, 1, "addresses at most"),
        ("not its own address", [PLACE, "192.0.2.1:80"], 1, "it must be an address of this machine")):
    judge("git-gate-admin: %s" % what, subprocess.run([ADMIN, *args], env=ENV, capture_output=True, text=True, timeout=PATIENCE), code, says)
if STRACE:
    r = subprocess.run(["sh", "-c", 'exec "$@" 0<&-', "sh", *inject("openat:error=EIO@/dev/null"), GATE, "version"], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq((r.returncode, r.stdout), (1, ""), "without /dev/null a closed descriptor is not used", r.stderr)

# --- what a gate may answer, and seldom does ----------------------------------------------------------------------------------

STATUS = {"version": "9.9.9", "mode": "observe", "uptime_ms": 61000, "pid": 12, "draining": True, "paused": True, "instance": "i", "listening": ["git://[::1]:1"], "control": "c",
          "base_path": "/b", "ended": 5, "reaped": 0, "observed": 3, "by_reason": {}, "waiting": 1, "longest_wait_ms": 2000, "refused": 1, "cgroup": None, "cgroup_unused": "why",
          "reduced_evidence": True, "dropped_events": 2, "last_error": {"time": "t", "event": "gate.error", "message": "m", "x": None, "wait_ms": 1500, "n": 3}, "limits": [],
          "services": [{"name": "tunnel", "state": "gave-up", "pid": None, "uptime_ms": None, "restarts": 4, "last": {}}]}
ask("status of one that has it all", ["status"], 0, "", data(STATUS), out="; draining: no new client is served; accepting is paused for want of resources; 0.1.0 is installed: restart the gate")
for what in ("3 would have been ended", "reduced: the system calls", "2 events were lost", "t gate.error: m", " x=- wait=1500ms n=3", "none: why"):
    ask("status: %s" % what, ["status"], 0, "", data(STATUS), out=what)
tap.ok(re.search(r"(?m)^tunnel +gave-up +- +- +4 +-", run(["status", "--control", PLACE]).stdout), "status: a service that gave up")
ROW = {"id": "ab", "repo": "r.git", "peer": "p", "transport": "git", "service": "git-receive-pack", "phase": "idle", "age_ms": 5000, "quiet_ms": 1, "deadline_ms": 1000, "deadline_used_ms": 99999999,
       "step": None, "steps": [], "ending": "idle", "user": "ann", "state": "busy"}
ask("sessions: far over its deadline", ["sessions"], 0, "", data([ROW, {**ROW, "id": "cd", "age_ms": 6000}]), out="999%")
HEAD = {"since": 1.7e9, "period_ms": 3600000, "mode": "observe", "seen": 9, "healthy": 7, "watched": 2}
ask("report: of watched servers", ["report"], 0, "", data({**HEAD, "would_end": 3, "finished_well": 1, "failed": 1, "running": 0, "unknown": 1, "reasons": [], "false_alarms_left_out": 4, "keys": [],
    "false_alarms": [{"id": "ab", "key": "deadline.idle", "limits": [{"key": "deadline.idle"}, {"key": "deadline.hook"}]}]}), out="; how 2 of watched servers ended is not known")
ask("report: what is not known", ["report"], 0, "", answers[0], out="0 still run, of 1 it is not known")
ask("report: and older ones", ["report"], 0, "", answers[0], out="and 4 older ones")
ask("tune: less than it should be", ["tune"], 0, "", data({**HEAD, "keys": [{"key": "deadline.idle", "proposal": "cannot", "stuck": 1, "stuck_later_ms": -1000, "healthy": 7,
    "lower": [{"limit_ms": 1000, "ends_healthy": 2}]}], "settings": []}), out="nothing to change")
ask("tune: and what it would cost", ["tune"], 0, "", answers[0], out="ends 1.0s earlier than now; deadline.session, or a day, is less than it should be; 1.0s would have ended 2 of 7 healthy ones")
FRAMES = [data(STATUS), data([ROW] * 2000)] * 99    # one is more than a pipe takes


def watch(*args, blocking=True):
    """Of sessions --watch: the process and the pipe that it fills; once it is full."""
    answers[:] = FRAMES
    out, to = os.pipe()
    os.set_blocking(to, blocking)
    p = popen([GATE, "sessions", "--watch=0.1", "--control", PLACE, *args], stdout=to)
    os.close(to)
    wait_for(lambda: int.from_bytes(fcntl.ioctl(out, termios.FIONREAD, b"1234"), sys.byteorder) > 60000, "a full pipe")
    return p, out


for what, args in ("--watch", ()), ("--watch --json", ("--json",)):
    p, out = watch(*args)
    p.terminate()
    tap.eq(p.wait(PATIENCE), -signal.SIGTERM, "sessions %s: nobody reads it, and it ends when it is told to" % what)
    os.close(out)
p, out = watch(blocking=False)
with open(out) as f:
    frame = "".join(f.readline() for _ in range(2005))
    tap.ok("observe, up 1m01s, draining, accepting is paused, reduced evidence" in frame and frame.count(" ending: idle ") == 2000, "sessions --watch: a frame comes whole, by and by", frame[:800])
    p.terminate()
p.wait(PATIENCE)
STORY = [{"phase": "p%d" % i, "from_ms": 1000 * i} for i in range(30)]
SHOWN = {**ROW, "timeline": STORY, "timeline_left_out": 7, "processes": [{"pid": 1, "ppid": 2}, {"pid": 2, "ppid": 1}], "evidence": [], "log": []}
ask("show: a part that is not kept", ["show", "ab"], 0, "", data(SHOWN), out="7 between this and the one above are not kept")
shown = run(["show", "ab", "--control", PLACE])
tap.ok(re.search(r"(?s)processes:.*\n +1 .*\n +2 ", shown.stdout), "show: processes that are each other's parents are printed once", shown.stdout)


FOREST = [{"pid": i, "ppid": i - 1} for i in range(1, 80)]
ask("show: processes far below each other", ["show", "ab"], 0, "", data({**SHOWN, "processes": FOREST}), out=" 79 ")


def events(*rows, instance="i", lost=0):
    return data({"instance": instance, "events": list(rows), "next": 9, "lost": lost, "more": False})


EVENT = {"time": "t1", "event": "session.reaped", "message": "m", "session": "ab", "evidence": ["e1", "e2"]}
CLOSED = {"time": "t2", "event": "session.closed", "message": "c", "session": "ab"}
ask("tail: what was seen, a line each", ["tail", "ab"], 0, "3 events are missing here", data(ROW), events(EVENT, lost=3), events(CLOSED), out="t1 session.evidence: e1 session=ab\nt1 session.evidence: e2")
ask("tail --json: a line each", ["tail", "ab", "--json"], 0, "", data(ROW), events(EVENT, CLOSED), out='"evidence":["e1","e2"]')
ask("tail: another gate", ["tail", "ab"], 0, "another gate has been started", data(ROW), events(EVENT), events(instance="j"))
answers[:] = [events(EVENT)]
nobody_reads = subprocess.run(["bash", "-c", '"$0" tail --control "$1" | head -n 1; echo ${PIPESTATUS[0]}', GATE, PLACE], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok("t1 session.reaped" in nobody_reads.stdout, "tail ends when nobody reads", nobody_reads.stdout, nobody_reads.stderr)
answers[:] = [events(*[{**EVENT, "message": "m" * 500}] * 100)]
nobody_reads = subprocess.run(["bash", "-c", '"$0" tail --control "$1" | head -n 1; echo ${PIPESTATUS[0]}', GATE, PLACE], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok("t1 session.reaped" in nobody_reads.stdout, "nor more than fits into a pipe", nobody_reads.stdout, nobody_reads.stderr)
tap.done()
