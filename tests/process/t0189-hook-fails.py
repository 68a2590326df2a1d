#!/usr/bin/python3
"""The hook when a call of the machine fails in it, or git does: whoever pushes is told which and why, upstream and gate agree afterwards, nothing is left, and
what cannot be taken back is recorded. Errors are injected by strace; others are in tests/faults/sweep, which only asks that there is some reason."""
import fcntl

from faulty import *

tap = Tap()
if no_strace():
    skip_all(no_strace())
up = Upstream().start()
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
base, PLAN, FAKE, TRACE, steps, scratch = (path(name) for name in ("base", "plan", "fake", "trace", "steps", "scratch"))
for d in base, FAKE, scratch, steps, os.path.join(steps, "pre-receive.d"):
    os.mkdir(d)
REAL = os.path.join(BUILD, "hooks")
wrapper = 'name=${0##*/}; now=; [ ! -e %s.$name ] || . %s.$name; exec $now %s/$name "$@"' % (PLAN, PLAN, REAL)
put_script(path("scanner"), "exit 0")
g = Gate({"listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": path("scanner"), "hook.dir": steps, "hook.scratch": scratch, "repo.r.git.allowForce": "false", "deadline.grace": "20s", **HEALTHY, **up.mirrored(base, seed=seed)}, base=base,
         hooks=Hooks(pre_receive=wrapper, post_receive=wrapper).dir)
REPO = os.path.join(base, "r.git")
there = os.path.join(up.base, "r.git")
count = 0


def refs(d):
    return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout


def plan(hook, *faults, sh="", fake=""):
    """The next pushes' hook begins with sh; fake: what git does first, as sh."""
    inject = []
    for f in faults:
        what, _, at = f.partition("@")
        inject += ["-e", "inject=" + what]
        for p in (at, os.path.normpath(os.path.join(REPO, at))) if at else ():
            inject += ["-P", p]
    trace = ["-e", "trace=" + ",".join(f.split(":")[0] for f in faults)]
    now = " ".join(["strace", "-DDD", "-qq", "-o", TRACE, "-e", "signal=none", *inject, *trace]) if faults else ""
    if fake:
        put_script(os.path.join(FAKE, "git"), "%s\nexec %s \"$@\"" % (fake, shutil.which("git")))
        sh += "\nPATH=%s:$PATH" % FAKE
    with open("%s.%s" % (PLAN, hook), "w") as f:
        f.write('%s\nnow="%s"\n' % (sh, now))


def forget():
    for hook in "pre-receive", "post-receive":
        if os.path.exists("%s.%s" % (PLAN, hook)):
            os.unlink("%s.%s" % (PLAN, hook))


def push(*refs, options=()):
    global count
    count += 1
    commit(seed, "f", "%d\n" % count)
    return git("push", *options, g.url("r.git"), *(refs or ["HEAD:main"]), cwd=seed, check=False)


def judge(what, r, says, ok=False, event=None, message=""):
    forget()
    tap.ok((r.returncode == 0) == ok and says in r.stderr, what, r.returncode, r.stderr, g.text()[-1500:])
    if event:
        found = wait_for(lambda: [e for e in g.events(event) if message in e["message"]], "%s: %s" % (event, message))
        tap.ok(found, "and recorded: %s" % event)
    wait_for(lambda: not g.sessions(), "the session to end")
    left = wait_for(lambda: not leftovers(REPO), "leftovers")
    tap.eq((refs(REPO), left), (refs(there), True), "both sides agree, and nothing is left")


def refused(what, says, *faults, sh="", fake="", refs=(), **kw):
    plan("pre-receive", *faults, sh=sh, fake=fake)
    judge(what, push(*refs), says, **kw)


def next_blob():
    """The id of what the next push adds."""
    return git("hash-object", "--stdin", cwd=seed, stdin="%d\n" % (count + 1)).stdout.strip()


def when(command, does):
    return 'case "$*" in *%s*) %s;; esac' % (command, does)


judge("nothing is injected", push(), "", ok=True)
refused("the lock cannot be opened", "the repository cannot be locked: Input/output error", "openat:error=EIO@./git-gate.lock")
refused("nobody can note that it is under way", "the gate's repository cannot be written to: Read-only file system", "openat:error=EROFS@./git-gate.doubt")
refused("no directory to forward from", "cannot prepare the push to upstream: No space left on device", "mkdir:error=ENOSPC@./git-gate.forward")
refused("it does not know its own program", "/proc/self/exe cannot be read", "readlink:error=EACCES@/proc/self/exe")
refused("a push option of two lines", "a push option has a line end in it", sh="export GIT_PUSH_OPTION_COUNT=1 GIT_PUSH_OPTION_0='a\nb'")
refused("git is not in PATH, and nothing is scanned", "git is not in the gate's PATH", sh="PATH=/nowhere")
refused("git cannot list what is new", "git rev-list: ", fake=when("rev-list", "echo fatal: x >&2; exit 3"))
refused("git does not say what it is", "cannot list what the push adds", fake=when("cat-file", "exit 0"))
refused("git cannot lock a reference", "git update-ref ", fake=when("update-ref", "exit 3"))
refused("it is not known what became of it here", "", fake=when("for-each-ref", "exit 3"), ok=True, event="push.diverged", message="is not known: git for-each-ref")
refused("nobody can keep the lock", "", "clone:error=EAGAIN", ok=True, event="push.step-failed", message="lock is not kept: Resource temporarily")
refused("git lists what nobody understands", "cannot tell which updates are forced: Protocol error", fake=when("--parents", "echo x; exit 0"))
refused("nor for the scanner", "git rev-list: Protocol error", fake=when("--objects", "echo x; exit 0"))
refused("git cannot read what it is", "git cat-file: exit status 3", fake=when('"cat-file --batch --buffer"', "exit 3"))
refused("it cannot be written for the scanner", "cannot lay it out for the scanner: Input/output error", "openat:error=EIO@" + next_blob())
with open(os.path.join(seed, "nul"), "wb") as f:
    f.write(b"a\0b" * 1000)
git("add", "nul", cwd=seed)
refused("a file system without unnamed files, and a file with NULs", "", "openat:error=EOPNOTSUPP@tmp", ok=True)
refused("what the scanner had cannot be removed", "", "unlinkat:error=EBUSY", ok=True)
wait_for(lambda: not os.listdir(scratch), "the gate to remove what the hook could not")
tap.ok(g.events("cleanup.removed"), "then the gate removes it")
put_script(path("scanner"), "id=$(basename $(ls -d $1/* | head -n 1)); for i in $(seq 25); do printf '%s\\t%d\\trule%d\\n' $id $i $i; done; exit 1")
refused("more findings than anybody reads", "  and 5 more")
put_script(path("scanner"), "exit 0")
# git receive-pack ends once upstream has the push, before the lock is handed on
plan("pre-receive", sh="echo $PPID >%s" % path("receive-pack"), fake='case "$*" in *push*) %s "$@"; s=$?; kill -9 $(cat %s); exit $s;; esac' % (shutil.which("git"), path("receive-pack")))
r = push()
wait_for(lambda: g.events("push.diverged", message="upstream has taken it, and git receive-pack has ended before the references here moved; the next fetch or push heals it"), "push.diverged")
forget()
tap.ok(r.returncode, "git receive-pack is killed once upstream has it: recorded, and the pusher is not told that it is done", r.stderr)
wait_for(lambda: not g.sessions(), "the session to end")
git("ls-remote", g.url("r.git"))
judge("the next fetch heals it, and the next push is as any", push(), "", ok=True)
plan("post-receive", "connect:error=ENOMEM")
judge("what follows it cannot be done", push(), "the push is accepted, but what follows it was not done", ok=True)

def long(what, says, ref):
    """A push that a latch holds, until it is said."""
    p = popen(["git", "push", g.url("r.git"), "HEAD:refs/heads/" + ref], cwd=seed, stderr=subprocess.PIPE, text=True)
    said = []
    for line in p.stderr:
        said.append(line)
        if says in line:
            latch.release()
    tap.ok(p.wait(PATIENCE) == 0 and says in "".join(said), what, *said)
    forget()


# what takes longer than a client should wait without a word
latch = Latch()
put_script(os.path.join(steps, "pre-receive.d", "slow"), latch.command)
long("a step that takes long is named", "step pre-receive.d/slow still runs after 10", "slow")
os.unlink(os.path.join(steps, "pre-receive.d", "slow"))
plan("pre-receive", fake=when("rev-list", latch.command))
commit(seed, "f", "slow git\n")
long("git that takes long in the scan", "reading what the push adds", "slow-git")
# so many references are compared, not locked
git("push", "-q", g.url("r.git"), "HEAD:main", cwd=seed)
tip = git("rev-parse", "main", cwd=REPO).stdout.strip()
plan("pre-receive", sh="env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main main~1")
many = ["HEAD:refs/heads/m%d" % i for i in range(1001)]
commit(seed, "f", "many\n")
r = push("HEAD:main", *many)
git("update-ref", "refs/heads/main", tip, cwd=REPO)
judge("one of many references has moved meanwhile", r, "refs/heads/main has moved, fetch first")
judge("none has", push("HEAD:main", *many), "", ok=True)
tap.eq(g.stop(), 0, "it stops with 0")

# no deadline at all, and a push that waits for another which does not end
mirror = {k: v for k, v in g.settings.items() if k.startswith("repo.")}
deadlines = re.findall(r'"(deadline\.\w+)"', read(os.path.join(ROOT, "base", "conf.def")))
never = Gate({"listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": path("scanner"), "hook.scratch": scratch, **mirror,
              **{d: "never" for d in deadlines if d not in ("deadline.grace", "deadline.lameDuck")}}, base=base)
for url in never.url("r.git"), never.http("r.git"):
    commit(seed, "f", url)
    r = git("push", url, "HEAD:main", cwd=seed, check=False)
    tap.ok(r.returncode == 0 and refs(REPO) == refs(there), "without any deadline: a push over %s is scanned, forwarded and accepted" % url.split(":")[0], r.stderr, never.text()[-1500:])
    r = git("ls-remote", url, "main", check=False)
    tap.eq(r.stdout.split()[:1], [git("rev-parse", "HEAD", cwd=seed).stdout.strip()], "and a fetch is fresh", r.stderr)
tap.eq(never.stop(), 0, "it stops with 0")
short = Gate({"reaper.mode": "observe", **HEALTHY, "deadline.hook": "2s", **mirror, "repo.r.git.fresh": "1h"}, base=base)
with open(os.path.join(REPO, "git-gate.lock")) as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    commit(seed, "f", "waits\n")
    r = git("push", short.url("r.git"), "HEAD:main", cwd=seed, check=False)
tap.ok(r.returncode and "another push to this repository is being forwarded, try again" in r.stderr, "a push that waited for another as long as it may is told", r.stderr)
tap.eq(short.stop(), 0, "it stops with 0")
tap.done()
