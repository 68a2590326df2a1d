#!/usr/bin/python3
"""The order of pushes to one repository: who waits, who holds the lock between upstream's yes and the move of the references here, and what is left
when any of them is killed.
"""
from mirror import *

tap = Tap()
up = upstream()

work = path("work")
git("init", "-q", work)
commit(work, "first", "first\n")


def new_oid():
    new_oid.n += 1
    return git("commit-tree", "-m", "%d" % new_oid.n, "HEAD^{tree}", "-p", "HEAD", cwd=work).stdout.strip()


new_oid.n = 0


def fifo(name):
    """A FIFO for hook-forward to wait at; returns its path and how to let it go on."""
    p = path(name)
    os.mkfifo(p)

    def go():
        fd = os.open(p, os.O_WRONLY)        # returns once somebody waits there
        os.write(fd, b"x")
        os.close(fd)
    return p, go


def holders(m):
    """Processes that have the repository's lock file open."""
    lock = os.path.join(m.dir, "git-gate.lock")
    return [p for p in pids() if lock in open_files(p)]


def held(m):
    """Wait for the holder; returns it and pre-receive, which both have the lock."""
    one = wait_for(lambda: read(os.path.join(m.dir, "git-gate.lock")).split(), "the holder's signature")[0]
    return int(one), wait_for(lambda: [p for p in holders(m) if p != int(one)], "pre-receive")[0]


def is_locked(m):
    return subprocess.run(["flock", "-n", os.path.join(m.dir, "git-gate.lock"), "true"]).returncode != 0


def order():
    """Twenty to one branch at once: one wins, the others are told to fetch; to twenty branches: all succeed. Upstream is asked by one at a time."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    pushes = [m.begin(work, "%s:main" % new_oid()) for _ in range(20)]
    ends = [end(p) for p in pushes]
    tap.eq(sorted(c for c, _ in ends), [0] + [1] * 19, "20 pushes to one branch: one wins")
    tap.eq(m.same(), "", "both sides agree")
    # one that came when it was over sees that before it pushes
    told = [t for c, t in ends if c and any(s in t for s in ("ESTALE", "fetch first", "non-fast-forward"))]
    tap.eq(len(told), 19, "the others are told why", *[t for c, t in ends if c and t not in told][:2])
    pushes = [m.begin(work, "%s:refs/heads/b%d" % (new_oid(), i)) for i in range(20)]
    ends = [end(p) for p in pushes]
    tap.eq([c for c, _ in ends], [0] * 20, "20 pushes to 20 branches: all succeed", *[t for c, t in ends if c][:2])
    tap.eq(m.same(), "", "both sides agree")
    tap.ok(any("waiting for another push" in t for _, t in ends), "who waits is told")
    tap.eq(m.control.events("push.diverged"), [], "nothing diverged")
    m.unlocked()
    tap.eq(holders(m), [], "no holder is left")


def holder_stays():
    """Between the end of pre-receive and the move the lock is held; post-receive has it let go."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    at, go = fifo("held1")
    p = m.begin(work, "%s:main" % new_oid(), HOOK_WAIT_HELD=at)
    one, _ = held(m)
    fds = sorted(open_files(one))
    tap.eq([f for f in fds if f.startswith("pipe:")], [], "the holder has no pipe of git's", fds)
    tap.eq(fds.count("/dev/null"), 3, "its streams are /dev/null", fds)
    tap.eq(len(fds), 6, "and no more than lock, receive-pack and signals", fds)
    tap.eq(read(os.path.join(m.dir, "git-gate.lock")).split()[::2], [str(one), "s%d" % m.sessions], "it signs with its pid and session")
    go()
    code, text = end(p)
    tap.ok(code == 0, "the push succeeds", text)
    tap.ok(not alive(one), "when the client has its answer the holder is gone")
    tap.eq(read(os.path.join(m.dir, "git-gate.lock")), "", "and its signature")
    tap.eq(m.control.events("push.diverged"), [], "nothing diverged")


def moves_are_seen():
    """receive-pack is killed once upstream has the push: recorded, the lock is free, the next refresh heals."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    for how in ("receive-pack", "everything"):
        at, go = fifo("held-" + how)
        new = new_oid()
        p = m.begin(work, "+%s:main" % new, HOOK_WAIT_HELD=at)
        one, pre = held(m)
        before = len(m.control.events("push.diverged"))
        os.kill(proc_stat(pre)[1], signal.SIGKILL)
        if how == "everything":
            os.kill(one, signal.SIGKILL)
        os.kill(pre, signal.SIGKILL)
        code, text = end(p)
        tap.ok(code != 0, "%s is killed: the client sees a failure" % how, text)
        m.unlocked()
        wait_for(lambda: not alive(one), "the holder to be gone")
        tap.eq((m.refs(m.up)["refs/heads/main"], m.refs()["refs/heads/main"] == new), (new, False), "upstream has it, here it is not")
        diverged = m.control.events("push.diverged")[before:]
        if how == "receive-pack":
            tap.ok(len(diverged) == 1 and "refs/heads/main" in diverged[0]["message"] and diverged[0]["id"] == "s%d" % m.sessions, "push.diverged says so", diverged)
        else:
            tap.eq(diverged, [], "nobody is left to say so")
        code, text = m.refresh()
        tap.ok(code == 0 and not m.same(), "the next refresh heals it", text, m.same())
        for f in leftovers(m.dir):          # the gate's cleanup removes a dead push's
            full = os.path.join(m.dir, f)
            shutil.rmtree(full, ignore_errors=True) if os.path.isdir(full) else os.path.exists(full) and os.unlink(full)


def refused_here():
    """A reference is moved here while upstream was asked (by hand, against the rules): the client sees it, and it is recorded."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    at, go = fifo("held-move")
    mine, theirs = new_oid(), new_oid()
    p = m.begin(work, "%s:main" % mine, "%s:refs/heads/b" % theirs, HOOK_WAIT_HELD=at)
    held(m)
    git("update-ref", "-d", "refs/heads/main", cwd=m.dir)
    go()
    code, text = end(p)
    tap.ok(code != 0 and "main" in text, "the client sees what failed here", text)
    wait_for(lambda: m.control.events("push.diverged"), "push.diverged")
    tap.ok("upstream has 1 references" in m.control.events("push.diverged")[0]["message"], "and how much of it", m.control.events("push.diverged"))
    m.unlocked()
    m.refresh()
    tap.eq(m.same(), "", "a refresh heals it")


def waits_are_bounded():
    m = Mirror(up, hook_ms=1500)
    m.push(work, "HEAD:main")
    lock = popen(["flock", os.path.join(m.dir, "git-gate.lock"), "sleep", "1000"], start_new_session=True)
    wait_for(lambda: is_locked(m), "the lock")
    code, text, took = m.push(work, "%s:main" % new_oid())
    tap.ok(code != 0 and "no lock" in text and 1 < took < 1.5 + BUSY and "waiting for another push" in text, "a push waits no longer than it may (%.1fs)" % took, text)
    m.set(refresh_ms=1000)
    begun = time.monotonic()
    code, text = m.refresh()
    took = time.monotonic() - begun
    tap.ok(code != 0 and text.startswith("EBUSY") and took < 1 + BUSY, "so does a refresh (%.1fs)" % took, text)
    os.killpg(lock.pid, signal.SIGKILL)
    lock.wait()
    m.set(hook_ms=60000, refresh_ms=30000)
    code, text, _ = m.push(work, "%s:main" % new_oid())
    tap.eq(code, 0, "then it goes on", text)


def file_is_replaced():
    """Somebody removes the lock file under its holder: who waits sees it, and there are never two."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    lock = os.path.join(m.dir, "git-gate.lock")
    holder = popen(["flock", lock, "sleep", "1000"], start_new_session=True)
    wait_for(lambda: is_locked(m), "the lock")
    p = m.begin(work, "%s:main" % new_oid())
    wait_for(lambda: len(holders(m)) >= 2, "the push to wait")
    os.rename(lock, lock + ".old")
    os.killpg(holder.pid, signal.SIGKILL)
    holder.wait()
    code, text = end(p)
    tap.ok(code == 0 and os.path.exists(lock), "it takes the one that is there", text)
    os.unlink(lock + ".old")
    os.symlink(path("elsewhere"), lock) if os.path.exists(lock) and not os.unlink(lock) else None
    code, text, _ = m.push(work, "%s:main" % new_oid())
    tap.ok(code != 0 and not os.path.exists(path("elsewhere")), "a symbolic link is not followed", text)


def forward_outlives_hook(what):
    """pre-receive is killed while upstream is at work on the push: the next one waits until that has ended, and sees what it did."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    first, second = Latch(), Latch()
    hook = os.path.join(m.up, "hooks", "pre-receive")
    with open(hook, "w") as f:
        f.write("#!/bin/sh\ncat >/dev/null; %s; for i in 1 2 3; do echo working >&2; done; %s\n" % (first.command, second.command))
    os.chmod(hook, 0o755)
    new = new_oid()
    p = m.begin(work, "%s:main" % new)
    first.reached()
    pre = [h for h in holders(m) if os.path.basename(cmdline(h)) == "pre-receive"]
    tap.eq(len(pre), 1, "%s: pre-receive has the lock" % what)
    if what == "a fetch":
        waiting = m.begin_refresh()
    os.kill(pre[0], signal.SIGKILL)
    code, text = end(p)
    tap.ok(code != 0, "%s: pre-receive is killed: the client sees a failure" % what, text)
    tap.ok(is_locked(m), "%s: the lock is held" % what, [cmdline(h) for h in holders(m)])
    os.unlink(hook)
    next_new = git("commit-tree", "-m", "next", "HEAD^{tree}", "-p", new, cwd=work).stdout.strip()
    if what != "a fetch":
        waiting = m.begin(work, "%s:refs/heads/next" % next_new)
    first.release()         # what upstream says now nobody reads
    second.reached()
    wait_for(lambda: len([h for h in holders(m) if HOOK in cmdline(h) or "pre-receive" in cmdline(h)]) == 1, "the next one to wait")
    for h in holders(m):
        if "git push" in cmdline(h):
            os.kill(h, signal.SIGKILL)
            wait_for(lambda: not alive(h), "git push to die")
    left = [cmdline(h) for h in holders(m)]
    tap.eq([c.split()[0] for c in left if "pre-receive" not in c and HOOK not in c], ["/bin/sh"], "%s: and still, by what waits for ssh, when git push is killed too" % what, left)
    tap.ok(is_locked(m) and waiting.poll() is None, "%s: which is what the next one waits for" % what)
    tap.ok("main" not in m.refs(m.up) or m.refs(m.up)["refs/heads/main"] != new, "%s: upstream is not done" % what)
    second.release()
    code, text = end(waiting)
    tap.ok(code == 0, "%s: what waited goes on" % what, text)
    tap.eq(m.refs(m.up)["refs/heads/main"], new, "%s: upstream has taken the push" % what)
    if what != "a fetch":
        tap.ok("waiting for another push" in text, "%s: which was told to wait" % what, text)
        tap.eq(m.refs(m.up).get("refs/heads/next"), next_new, "%s: and then had its turn" % what)
        code, text = m.refresh()
        tap.eq(code, 0, "%s: a refresh" % what, text)
    tap.eq(m.refs()["refs/heads/main"], new, "%s: what upstream took is seen" % what)
    tap.eq(m.same(), "", "%s: both sides agree" % what)
    m.unlocked()
    wait_for(lambda: not holders(m), "all of it to end")


def receive_pack_is_gone():
    """git receive-pack is killed while the hook waits for the lock: nobody could move the references any more, so nothing is sent."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    m.unlocked()
    before, asked = m.refs(m.up), len(up.served())
    lock = popen(["flock", os.path.join(m.dir, "git-gate.lock"), "sleep", "1000"], start_new_session=True)
    wait_for(lambda: is_locked(m), "the lock")
    push = m.begin(work, "%s:main" % new_oid())
    hook = wait_for(lambda: [h for h in holders(m) if os.path.basename(cmdline(h)) == "pre-receive"], "the hook to wait")[0]
    server = proc_stat(hook)[1]
    os.kill(server, signal.SIGKILL)
    code, text = end(push)
    tap.ok(code != 0 and alive(hook), "receive-pack is killed, its hook waits for the lock", text)
    os.killpg(lock.pid, signal.SIGKILL)
    lock.wait()
    wait_for(lambda: not alive(hook), "the hook to end")
    tap.eq((m.refs(m.up), up.served()[asked:], m.control.events("push.forwarded")[1:]), (before, [], []), "upstream is not even asked")
    tap.ok(not os.path.exists(os.path.join(m.dir, "git-gate.doubt")), "nothing is in doubt")
    m.unlocked()
    code, text, _ = m.push(work, "%s:main" % new_oid())
    tap.ok(code == 0 and not m.same(), "the next push is fine", text, m.same())


def orphaned():
    forward_outlives_hook("a push")
    forward_outlives_hook("a fetch")


for test in (orphaned, receive_pack_is_gone, order, holder_stays, moves_are_seen, refused_here, waits_are_bounded, file_is_replaced):
    if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
        test()
up.stop()
tap.done()
