#!/usr/bin/python3
"""What is new upstream is fetched before a client is served: what is mirrored, how often, by whom when many ask, and what happens when upstream does not
answer or a push is under way.
"""
from mirror import *

tap = Tap()
up = upstream()

work = path("work")
git("init", "-q", work)
commit(work, "first", "first\n")


def asked():
    return [line.split()[0] for line in up.served()]


def mirrored():
    m = Mirror(up)
    specs = ["refs/heads/main", "refs/heads/a/b", "refs/tags/v1", "refs/notes/commits", "refs/custom/x"]
    git("push", "-q", m.up, *["HEAD:" + s for s in specs + ["refs/pull/1/head", "refs/merge-requests/1/head", "refs/changes/01/1/1"]], cwd=work)
    code, text = m.refresh()
    tap.ok(code == 0, "a first refresh", text)
    tap.eq(sorted(m.refs()), sorted(specs), "heads, tags, notes and others are mirrored, pull requests and the like are not")
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    git("update-ref", "refs/pull/7/head", head, cwd=m.dir)
    git("push", "-q", m.up, ":refs/heads/a/b", "HEAD:refs/heads/a", ":refs/tags/v1", "+HEAD:refs/heads/new", cwd=work)
    code, text = m.refresh()
    want = {"refs/heads/main", "refs/heads/a", "refs/heads/new", "refs/notes/commits", "refs/custom/x", "refs/pull/7/head"}
    tap.eq((code, set(m.refs())), (0, want), "what is gone upstream goes, a branch in a folder's place too; what is not mirrored stays", text)
    rewritten = git("commit-tree", "-m", "rewritten", "HEAD^{tree}", cwd=work).stdout.strip()
    git("push", "-q", m.up, "+%s:refs/heads/main" % rewritten, cwd=work)
    m.refresh()
    tap.eq(m.refs()["refs/heads/main"], rewritten, "a rewritten branch is followed")
    tap.eq(fsck(m.dir), "", "fsck is clean")
    tap.eq((m.left(), os.path.exists(os.path.join(m.dir, "FETCH_HEAD"))), ([], False), "nothing is left behind")
    tap.ok(all(e["event"] == "refresh.done" for e in m.control.events()), "each is recorded", m.control.events())


def head_follows():
    m = Mirror(up)
    git("push", "-q", m.up, "HEAD:refs/heads/trunk", "HEAD:refs/heads/main", cwd=work)
    git("symbolic-ref", "HEAD", "refs/heads/trunk", cwd=m.up)
    m.refresh()
    tap.eq(read(os.path.join(m.dir, "HEAD")).strip(), "ref: refs/heads/trunk", "HEAD is upstream's")
    up.forget()
    m.refresh()
    tap.eq(asked(), ["git-upload-pack"], "which is not asked for each time")
    stamp = os.path.join(m.dir, "git-gate.fresh")
    word, at, head = read(stamp).split()
    with open(stamp, "w") as f:
        f.write("%s %s %d\n" % (word, at, int(head) - 300001))
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=m.up)
    m.refresh()
    tap.eq(read(os.path.join(m.dir, "HEAD")).strip(), "ref: refs/heads/main", "but after five minutes")


def how_often():
    m = Mirror(up, fresh_ms=3600000)
    git("push", "-q", m.up, "HEAD:refs/heads/main", cwd=work)
    m.refresh()
    up.forget()
    m.refresh()
    tap.eq(asked(), [], "within repo.NAME.fresh upstream is not asked again")
    stamp = os.path.join(m.dir, "git-gate.fresh")
    for what, text in (("long ago", "ok 1000 1000\n"), ("in a time to come", "ok 99999999999999 1\n"), ("unreadable", "nonsense"), ("failed", "failed %d 0 x\n" % (time.time() * 1000))):
        with open(stamp, "w") as f:
            f.write(text)
        up.forget()
        code, _ = m.refresh()
        tap.ok(code == 0 and asked(), "a result that is %s is none" % what)
    m.set(fresh_ms=0)
    m.refresh()
    # many at once
    latch = Latch()
    up.forget()
    lock = popen(["flock", os.path.join(m.dir, "git-gate.lock"), "-c", latch.command], start_new_session=True)
    latch.reached()
    many = [popen([HOOK, "refresh", m.dir], env=m.env("m%d" % i), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for i in range(20)]
    lockfile = os.path.join(m.dir, "git-gate.lock")

    def waiting():
        return sum(" -> " in line for line in read("/proc/locks").splitlines()) and all(lockfile in open_files(p.pid) for p in many)
    wait_for(waiting, "all of them to wait")
    latch.release()
    ends = [end(p) for p in many]
    tap.eq([c for c, _ in ends], [0] * 20, "20 at once")
    tap.ok(1 <= len(asked()) <= 2, "ask upstream once (%d)" % len(asked()))
    lock.wait(PATIENCE)


def in_doubt():
    """Fresh for an hour, but not when it is not certain that both sides have the same."""
    m = Mirror(up, fresh_ms=3600000)
    mark = os.path.join(m.dir, "git-gate.doubt")

    def child(parent, name):
        return git("commit-tree", "-m", name, "HEAD^{tree}", "-p", parent, cwd=work).stdout.strip()

    def refreshed(what, asks):
        up.forget()
        code, text = m.refresh()
        tap.eq((code, "git-upload-pack" in asked(), os.path.exists(mark)), (0, asks, False), "%s: upstream is %sasked" % (what, "" if asks else "not "), text)
        tap.eq(m.same(), "", "%s: both sides agree" % what)

    m.push(work, "HEAD:main")
    m.refresh()
    m.push(work, "%s:main" % child("HEAD", "one"))
    m.unlocked()
    refreshed("after a push", False)
    theirs = child(m.refs()["refs/heads/main"], "theirs")
    git("push", "-q", m.up, theirs + ":main", cwd=work)
    code, text, _ = m.push(work, "%s:main" % child(m.refs()["refs/heads/main"], "ours"))
    tap.ok(code and "fetch first" in text, "others were first", text)
    refreshed("after others were first", True)
    m.set(known_hosts_file=path("nothing"))
    m.push(work, "%s:main" % child(theirs, "ours"))
    m.set(known_hosts_file=up.known_hosts)
    refreshed("after upstream was not reached", False)
    up.behave("nolist")
    m.push(work, "%s:main" % child(theirs, "ours"))
    up.behave()
    refreshed("after nobody knew", True)
    # a push that is under way, and one that is killed there
    fifo = path("doubt-held")
    os.mkfifo(fifo)
    new = child(m.refs()["refs/heads/main"], "new")
    push = m.begin(work, "%s:main" % new, HOOK_WAIT_HELD=fifo)
    lock = os.path.join(m.dir, "git-gate.lock")
    holder = int(wait_for(lambda: read(lock).split(), "the holder")[0])
    up.forget()
    code, text = m.refresh()
    tap.eq((code, asked(), os.path.exists(mark)), (0, [], True), "while a push is under way nothing is asked, and nobody waits", text)
    for p in tree(push.pid)[1:] + [holder]:
        os.kill(p, signal.SIGKILL)
    end(push)
    m.unlocked()
    tap.eq(m.refs()["refs/heads/main"] == m.refs(m.up)["refs/heads/main"], False, "all of it is killed: upstream has it, here it is not")
    refreshed("after it was killed", True)
    # somebody else's success is no answer to that
    with open(mark, "w") as f:
        f.write("1 s1\n")
    m.push(work, "%s:refs/heads/other" % new)
    m.unlocked()
    tap.eq(read(mark), "1 s1\n", "a push that succeeds leaves another's doubt")
    refreshed("after that", True)


def fails():
    m = Mirror(up, refresh_ms=60000, connect_ms=1000)
    git("push", "-q", m.up, "HEAD:refs/heads/main", cwd=work)
    m.refresh()
    before, stamp = m.refs(), os.path.join(m.dir, "git-gate.fresh")
    since = read(stamp).split()[1]
    kept = dict(m.settings)
    silent = Silent()
    for what, settings, how, says, within in (
            ("nobody listens", {"upstream": "ssh://127.0.0.1:%d/x" % free_port()}, "", "EIO: upstream refuses connections", BUSY),
            ("upstream never speaks", {"upstream": silent.url(m.up)}, "", "EIO: ", 6 + BUSY),
            ("upstream hangs after the login", {"refresh_ms": 3000}, "asleep " + path("asleep"), "ETIMEDOUT: git fetch did not end within 3s (deadline.refresh)", 3 + BUSY),
            ("upstream hangs up", {}, "gone", "EIO: ", BUSY)):
        m.set(**{**kept, **settings})
        up.behave(how)
        begun = time.monotonic()
        code, text = m.refresh()
        took = time.monotonic() - begun
        tap.ok(code != 0 and text.startswith(says) and took < within, "%s: %s (%.1fs)" % (what, text.strip(), took), text)
        tap.eq(m.refs(), before, "%s: what is there stays" % what)
        tap.eq(m.left(), [], "%s: nothing is left behind" % what)
        word, at, _, good = read(stamp).split()[:4]
        tap.ok(word == "failed" and good == since and int(at) >= int(good), "%s: since when it is stale is known" % what, read(stamp), since)
    up.behave()
    m.set(**kept)
    tap.eq(len(m.control.events("refresh.failed")), 4, "each is recorded")
    code, text = m.refresh()
    tap.eq(code, 0, "the next one succeeds", text)
    # the limit that is told is the setting's, however much of it was left
    m.set(refresh_ms=3000)
    up.behave("asleep " + path("asleep"))
    latch = Latch()
    lock = popen(["flock", os.path.join(m.dir, "git-gate.lock"), "-c", latch.command], start_new_session=True)
    latch.reached()
    late = popen([HOOK, "refresh", m.dir], env=m.env("late"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: os.path.join(m.dir, "git-gate.lock") in open_files(late.pid), "it to wait")
    latch.release()
    code, text = end(late)
    lock.wait(PATIENCE)
    tap.ok(code != 0 and text.startswith("ETIMEDOUT: git fetch did not end within 3s (deadline.refresh)"), "a fetch that had to wait before: %s" % text.strip(), text)
    up.behave()
    # who waited for one that failed does not try again
    m.set(refresh_ms=20000, connect_ms=1000, upstream=silent.url(m.up))
    n = len(silent.taken)
    many = [popen([HOOK, "refresh", m.dir], env=m.env("f%d" % i), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for i in range(8)]
    begun = time.monotonic()
    ends = [end(p) for p in many]
    tap.ok(all(c for c, _ in ends) and len(silent.taken) - n <= 2, "8 at once, upstream does not speak: tried once (%d) in %.1fs" % (len(silent.taken) - n, time.monotonic() - begun), ends)


def beside_a_push():
    """A refresh waits while a push is between upstream and here; neither loses anything."""
    m = Mirror(up)
    m.push(work, "HEAD:main")
    p1 = path("go1")
    os.mkfifo(p1)
    new = git("commit-tree", "-m", "new", "HEAD^{tree}", "-p", "HEAD", cwd=work).stdout.strip()
    push = m.begin(work, "%s:main" % new, "%s:refs/heads/created" % new, HOOK_WAIT_FORWARDED=p1)
    wait_for(lambda: m.refs(m.up).get("refs/heads/created") == new, "upstream to have it")
    theirs = git("commit-tree", "-m", "theirs", "HEAD^{tree}", cwd=work).stdout.strip()
    git("push", "-q", m.up, "%s:refs/heads/theirs" % theirs, cwd=work)
    r = popen([HOOK, "refresh", m.dir], env=m.env("beside"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: os.path.join(m.dir, "git-gate.lock") in open_files(r.pid), "the refresh to wait")
    tap.ok("refs/heads/created" not in m.refs(), "the refresh does not come between")
    fd = os.open(p1, os.O_WRONLY)
    os.write(fd, b"x")
    os.close(fd)
    code, text = end(push)
    tap.ok(code == 0, "the push succeeds", text)
    code, text = end(r)
    tap.ok(code == 0 and not m.same(), "then the refresh", text, m.same())
    tap.eq(m.control.events("push.diverged"), [], "nothing diverged")


for test in (mirrored, head_follows, how_often, in_doubt, fails, beside_a_push):
    if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
        test()
up.stop()
tap.done()
