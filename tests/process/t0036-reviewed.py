#!/usr/bin/python3
"""What reviewers found: each was reproduced once, and stays mended."""
from gate import *

tap = Tap()


def served(c, seconds):
    """Does the advertisement begin within the time?"""
    c.s.settimeout(seconds)
    try:
        return len(c.s.recv(4, socket.MSG_PEEK)) == 4
    except TimeoutError:
        return False
    finally:
        c.s.settimeout(PATIENCE)


# a held session waits for deadline.wait, not for the backstop of the request
g = Gate({"limit.sessionsPerRepo": "1", "deadline.init": "500ms", "deadline.grace": "50ms", "deadline.commands": "10m", "limit.waiting": "3"})
g.repo()
a = Raw(g)
a.advertisement()
b = Raw(g)
wait_for(lambda: g.status()["waiting"] == 1, "the second to be held")
tap.ok(not served(b, 2.0), "a held session is held, and lives, for longer than the backstop of deadline.init")
held = [Raw(g) for _ in range(2)]
wait_for(lambda: g.status()["waiting"] == 3, "three to be held")
text = Raw(g).rest()
tap.ok(b"ERR git-gate: too many" in text, "held sessions are bounded by limit.waiting", text)
for c in held:
    c.close()
wait_for(lambda: g.status()["waiting"] == 1, "those whose clients left to go")
a.close()
tap.ok(b.advertisement() is not None, "and goes on when there is room")
b.close()

# a request that arrives while the gate drains
g2 = Gate({**PATIENT, "limit.sessionsPerRepo": "1", "deadline.drain": "10m"})
g2.repo()
a = Raw(g2)
a.advertisement()
b = Raw(g2, request=False)
wait_for(lambda: len(g2.sessions()) == 2, "two sessions")
os.kill(g2.pid, signal.SIGTERM)
wait_for(lambda: g2.events("gate.stopping"), "the drain")
b.packet(b"git-receive-pack /r.git\0host=x\0")
text = b.rest()
tap.ok(b"ERR git-gate: the gate is stopping" in text, "a request during the drain is told so", text)
tap.eq(g2.process.poll(), None, "and the gate lives")
a.close()
tap.eq(g2.process.wait(PATIENCE), 0, "until its sessions have ended")

# an urgent byte in the request
g3 = Gate()
repo = g3.repo()
c = Raw(g3, request=False)
c.s.sendall(b"004")
c.s.send(b"0", socket.MSG_OOB)
rec = wait_for(lambda: g3.reaped(peer=c.peer), "it to be ended")[0]
tap.eq((rec["reason"], rec["phase"]), ("init", "request"), "an urgent byte does not evade deadline.init", rec)
tap.ok(b"git-gate: no complete request" in c.rest(), "and the client is told")

# pushes to what does not exist queue nothing
for _ in range(30):
    r = Raw(g3, repo="nope-%d.git" % _)
    r.rest()
    r.close()
c = Raw(g3)
c.advertisement()
c.commands("1" * 40, "refs/heads/x")
c.s.sendall(b"PACK\0\0\0\2\0\0\0\1x")
c.close()
begun = time.monotonic()
os.kill(g3.pid, signal.SIGTERM)
tap.eq(g3.process.wait(PATIENCE), 0, "stops cleanly")
tap.ok(time.monotonic() - begun < BUSY, "at once, whatever was asked for (%.1fs)" % (time.monotonic() - begun))

# the cleanup knows a user by whatever way it came to the repository
base = path("base")
os.makedirs(base)
bare, tree_, link = os.path.join(base, "bare.git"), os.path.join(base, "nonbare"), path("link.git")
git("init", "-q", "--bare", bare)
git("init", "-q", tree_)
os.symlink(bare, link)
for repo in (bare, tree_):
    oid = git("commit-tree", "-m", "x", git("hash-object", "-wt", "tree", "/dev/null", cwd=repo).stdout.strip(), cwd=repo).stdout.strip()
    git("update-ref", "refs/heads/main", oid, cwd=repo)
git("worktree", "add", "-q", "--detach", path("wt"), "main", cwd=bare)
for name, args, cwd, where in (("work tree", [], tree_, tree_ + "/.git"), ("linked work tree", [], path("wt"), bare),
                               ("relative --git-dir", ["--git-dir", "bare.git"], base, bare),
                               ("--git-dir= through a link", ["--git-dir=" + link], TMP, bare)):
    p = popen(["git", *args, "update-ref", "--stdin"], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdin.write("start\nupdate refs/heads/live %s\nprepare\n" % oid if where == bare else "start\ncreate refs/heads/live %s\nprepare\n" % oid)
    p.stdin.flush()
    wait_for(lambda: os.path.exists(where + "/refs/heads/live.lock"), "%s: the lock" % name)
    r = subprocess.run([GATE, "cleanup", "--base", base], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.ok(os.path.exists(where + "/refs/heads/live.lock") and "removed" not in r.stdout, "%s: a lock in use stays" % name, r.stdout, r.stderr)
    p.stdin.write("abort\n")
    p.communicate(timeout=PATIENCE)

# a file in the place of the control socket is not ours to remove
control = path("precious")
with open(control, "w") as f:
    f.write("data\n")
r = subprocess.run([GATE, "run", "-c", "gate.basePath=" + base, "-c", "gate.control=" + control, "-c", "listen.git=127.0.0.1:0"], env=ENV,
                   capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "is no socket" in r.stderr and read(control) == "data\n", "a file in the place of the control socket is kept", r.stderr)
finish(tap, g)
