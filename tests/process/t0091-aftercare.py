#!/usr/bin/python3
"""What the killed leave: a hook its private directory below hook.scratch, git-gate add and remove theirs below gate.basePath. The gate removes it, and
nothing that somebody may still need."""
from gate import *

tap = Tap()
DAY = 86400
scratch = path("scratch")
os.mkdir(scratch)
scanner = path("scanner")


def scans(text):
    put_script(scanner, text)


scans("exit 0")
SETTINGS = {**PATIENT, "listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": scanner, "hook.scratch": scratch}
g = Gate(SETTINGS)
g.repo("r.git", "http.receivepack=true")
work = g.work("work")
pushed = 0


def begin(gate, url=None):
    global pushed
    pushed += 1
    commit(work, "f%d" % pushed)
    return popen(["git", "push", url or gate.url("r.git"), "HEAD:refs/heads/b%d" % pushed], cwd=work, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT, text=True, errors="replace")


def hook(gate):
    """pre-receive below a gate."""
    def look():
        return [p for p in tree(gate.pid) if os.path.basename(cmdline(p)) == "pre-receive"]
    return wait_for(look, "pre-receive")[0]


def dirs():
    return [os.path.join(scratch, d) for d in os.listdir(scratch)]


def works(gate, what, url=None):
    scans("exit 0")
    code, text = end(begin(gate, url))
    tap.eq(code, 0, what + ": the next push works", text)
    tap.eq(dirs(), [], what + ": and leaves nothing")


def held(gate, url=None):
    """A push whose scanner hangs, its directory, and what lets the scanner go on."""
    latch = Latch()
    scans(latch.command)
    before = dirs()
    p = begin(gate, url)
    latch.reached()
    return p, [d for d in dirs() if d not in before][0], latch.release


def cleanup(*args, base=None):
    """Exit code and the lines of git-gate cleanup, as (word, path)."""
    r = subprocess.run([GATE, "cleanup", "--base", base or g.base, *args], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    return r.returncode, sorted(tuple(line.split("\t")[:2]) for line in r.stdout.splitlines())


# --- a hook is killed ---------------------------------------------------------------------------------------------------------

# its scanner is ended after deadline.hook, as whatever a hook leaves behind
quick = Gate({**SETTINGS, "deadline.hook": "4s"}, base=g.base)
for transport, url in (("git", quick.url("r.git")), ("http", quick.http("r.git"))):
    p, d, _ = held(quick, url)
    tap.ok(os.path.basename(d).startswith("git-gate-%s-%s-" % (quick.instance, quick.sessions()[0]["id"])), transport + ": the directory says whose it is", d)
    os.kill(hook(quick), signal.SIGKILL)
    code, text = end(p)
    tap.ok(code != 0 and "pre-receive hook declined" in text, transport + ": the hook is killed, the push is refused", text)
    wait_for(lambda: not os.path.exists(d), "the directory to go")
    wait_for(lambda: [e for e in quick.events("cleanup.removed") if e["message"] == "removed " + d], "cleanup.removed")
    tap.ok(True, transport + ": its directory goes, and cleanup.removed says so")
    works(quick, transport, url)

# --- another push of this gate is being scanned meanwhile ---------------------------------------------------------------------

other, alive_dir, finish_other = held(g)
p, d, go = held(g)
mine = [h for h in tree(g.pid) if os.path.basename(cmdline(h)) == "pre-receive" and d in open_files(h)]
os.kill(mine[0], signal.SIGKILL)
end(p)
go()
wait_for(lambda: not os.path.exists(d), "the directory to go")
tap.eq([line for line in cleanup("--scratch", scratch, "--instance", g.instance)[1] if scratch in line[1]], [], "what a hook holds is no finding")
tap.ok(os.path.exists(alive_dir), "the directory of a push that is being scanned stays")
finish_other()
code, text = end(other)
tap.eq(code, 0, "and that push succeeds", text)

# --- a gate is killed ---------------------------------------------------------------------------------------------------------

second = Gate({**SETTINGS, "listen.http": "off"}, base=g.base)         # another gate, with the same scratch
bystander, theirs, finish_bystander = held(second)
p, d, _ = held(g)
os.kill(g.pid, signal.SIGKILL)
g.process.wait(PATIENCE)
os.kill(wait_for(lambda: [h for h in with_environment("GIT_GATE_INSTANCE=" + g.instance) if os.path.basename(cmdline(h)) == "pre-receive"], "the hook")[0],
        signal.SIGKILL)
g.start()
end(p)
wait_for(lambda: not os.path.exists(d), "the directory to go")
wait_for(lambda: [e for e in g.events("cleanup.removed") if e["message"] == "removed " + d], "cleanup.removed")
tap.ok(True, "a gate and its hook are killed: the next gate removes the directory")
p, d, _ = held(g)
os.kill(g.pid, signal.SIGKILL)
g.process.wait(PATIENCE)
dead = g.instance
g.start()
end(p)
wait_for(lambda: not os.path.exists(d), "the directory to go")
wait_for(lambda: not with_environment("GIT_GATE_INSTANCE=" + dead), "the dead gate's sessions to go")
tap.ok(True, "a gate is killed and its hook goes on: the next gate ends it, and nothing is left")
tap.ok(os.path.exists(theirs), "the other gate's push has its directory")
finish_bystander()
code, text = end(bystander)
tap.eq(code, 0, "and succeeds", text)
works(g, "after a gate's death")

# --- by hand: whose, how old, and who lives -----------------------------------------------------------------------------------

for gate in (g, second, quick):     # they would do the same
    gate.stop()
os.mkdir(path("empty"))


def by_hand(*args):
    return cleanup(*args, base=path("empty"))


def make(name, days=0.0, owner=scratch):
    d = os.path.join(owner, name)
    os.makedirs(os.path.join(d, "objects"))
    os.utime(d, (time.time() - days * DAY,) * 2)
    return d


CC = "cc%d" % os.getpid()      # nobody else's, when the test runs twice
young, old, ours = make("git-gate-aa-1-XXXXXX", 0.9), make("git-gate-bb-1-XXXXXX", 1.1), make("git-gate-%s-1-XXXXXX" % CC)
lives = make("git-gate-%s-2-XXXXXX" % CC)
make("git-gate-cc-XXXXXX", 9)
make("something", 9)
os.symlink("/", os.path.join(scratch, "git-gate-%s-3-XXXXXX" % CC))
of_session = popen(["sleep", "1000"], env={**ENV, "GIT_GATE_INSTANCE": CC, "GIT_GATE_SESSION": "2"})
wait_for(lambda: cmdline(of_session.pid) == "sleep 1000", "a process of a session")
tap.eq(by_hand("--scratch", scratch, "--instance", "dd," + CC), (1, sorted([("foreign", young), ("removed", old), ("removed", ours), ("kept", lives)])),
       "gone: that of a dead gate, and what is a day old; kept: while a process of its session lives; untouched: another gate's")
of_session.kill()
of_session.wait()
user = popen(["sleep", "1000"], cwd=os.path.join(lives, "objects"))
wait_for(lambda: cmdline(user.pid) == "sleep 1000", "a process in the directory")
tap.eq(by_hand("--scratch", scratch, "--instance", CC), (1, sorted([("foreign", young), ("kept", lives)])), "kept: while a process is in it")
user.kill()
user.wait()
lock = popen(["flock", young, "sleep", "1000"], start_new_session=True)
wait_for(lambda: subprocess.run(["flock", "-n", young, "true"]).returncode != 0, "the lock")
os.utime(young, (time.time() - 9 * DAY,) * 2)
tap.eq(by_hand("--scratch", scratch, "--instance", CC + ",aa"), (0, [("removed", lives)]), "what is held stays, whoever's and however old it is")
os.killpg(lock.pid, signal.SIGKILL)
lock.wait()
tap.eq(by_hand("--scratch", scratch), (0, [("removed", young)]), "and goes when it no longer is")
tap.eq(sorted(os.listdir(scratch)), sorted(["git-gate-%s-3-XXXXXX" % CC, "git-gate-cc-XXXXXX", "something"]), "no other name, and no link, is touched")
tap.eq(by_hand("--scratch", path("nowhere"))[0], 0, "a directory that is not there has nothing left in it")

# --- git-gate add and remove ---------------------------------------------------------------------------------------------------

H = "0123456789abcdef"
rooms = {name: make(name, days, g.base) for name, days in ((".git-gate." + H, 1.1), (".git-gate." + H[::-1], 0.9), (".git-gate.a" + H[1:], 1.1),
                                                           (".git-gate." + H + "0", 9), (".git-gate.b" + H[1:], 1.1))}
gone, fresh, taken, no_room, used = rooms.values()
os.mkdir(os.path.join(taken, "taken"))
os.utime(taken, (time.time() - 9 * DAY,) * 2)
user = popen(["sleep", "1000"], cwd=used)
wait_for(lambda: cmdline(user.pid) == "sleep 1000", "a process in the directory")
g.start()
wait_for(lambda: not os.path.exists(gone), "the room to go")
wait_for(lambda: [e for e in g.events("cleanup.removed") if e["message"] == "removed " + gone], "cleanup.removed")
tap.eq([os.path.exists(d) for d in (fresh, taken, no_room, used)], [True] * 4, "at the start a room goes that is a day old, and no other")
user.kill()
user.wait()
wait_for(lambda: not os.path.exists(used), "the one that was in use to go")
tap.eq([os.path.exists(d) for d in (fresh, taken, no_room)], [True] * 3, "one that was in use goes later")

# what remove does with it
conf = path("conf")
with open(conf, "w") as f:
    f.write('[gate]\nbasePath = %s\ncontrol = %s\n[repo "l.git"]\n' % (g.base, path("no-control")))
git("init", "-q", "--bare", os.path.join(g.base, "l.git"))
before = set(os.listdir(g.base))
r = subprocess.run([GATE, "add", "--local", "m.git", "--config", conf], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.eq((r.returncode, set(os.listdir(g.base)) - before), (0, {"m.git"}), "add leaves no room", r.stderr)
r = subprocess.run([GATE, "remove", "--delete", "m.git", "--config", conf], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.eq((r.returncode, set(os.listdir(g.base)) - before), (0, set()), "nor does remove", r.stderr)
finish(tap, g, second, quick)
