#!/usr/bin/python3
"""Pushes that go on to an upstream behind a real sshd, by the hook's forward alone: what can be pushed, what upstream refuses, how upstream and
the way to it can fail. Whatever happens, the client is told the truth, in bounded time, and the next push is unaffected.
"""
from mirror import *

tap = Tap()
up = upstream()

work = path("work")
git("init", "-q", work)
git("config", "pack.compression", "0", cwd=work)        # what is large here is random
commit(work, "first", "first\n")


def head(rev="HEAD", cwd=work):
    return git("rev-parse", rev, cwd=cwd).stdout.strip()


def next_commit(name="f", cwd=work):
    next_commit.n += 1
    commit(cwd, name, "%d\n" % next_commit.n)
    return head(cwd=cwd)


next_commit.n = 0


def good(m, what, *args, says=(), cwd=work, **more):
    """The push succeeds, both sides agree, and the client reads these."""
    code, text, took = m.push(cwd, *args, **more)
    tap.ok(code == 0 and not m.same(), "%s (%.1fs)" % (what, took), text[:3000], m.same()[:3000])
    for s in says:
        tap.ok(s in text, "%s: the client reads '%s'" % (what, s), text)
    return text


def bad(m, what, *args, says=(), within=40, cwd=work, unchanged=True, mark=None, **more):
    """The push fails in time and changes nothing on either side. mark: what upstream leaves where it stops; a machine may be too slow for that, and is asked again."""
    before = (m.refs(), m.refs(m.up))
    for _ in range(5):
        code, text, took = m.push(cwd, *args, patience=max(within, PATIENCE), **more)
        if not mark or os.path.exists(mark):
            break
    tap.ok(code != 0 and took < within, "%s: refused in %.1fs" % (what, took), text)
    for s in says:
        tap.ok(s in text, "%s: the client reads '%s'" % (what, s), text)
    if unchanged:
        tap.eq((m.refs(), m.refs(m.up)), before, "%s: nothing changed on either side" % what)
    tap.eq(m.left(), [], "%s: nothing is left behind" % what)
    for hidden in (m.settings["identity_file"], m.settings["known_hosts_file"], "hint:"):
        tap.ok(hidden not in text, "%s: '%s' is not shown" % (what, os.path.basename(hidden)), text)
    return text


def kinds():
    m = Mirror(up)
    first = head()
    good(m, "a new branch", "HEAD:main", says=("git-gate: forwarding to upstream…", "git-gate: forwarded main (new) " + first[:7]))
    second = next_commit()
    good(m, "a fast-forward", "HEAD:main", says=("git-gate: forwarded main %s..%s" % (first[:7], second[:7]),))
    git("tag", "-am", "one", "v1", cwd=work)
    good(m, "an annotated tag and a light one", "v1", "HEAD:refs/tags/light", says=("forwarded tags/v1 (new)", "forwarded tags/light (new)"))
    good(m, "a forced push", "+%s:main" % first, says=("forwarded main %s..%s" % (second[:7], first[:7]),))
    good(m, "a deletion", ":refs/tags/light", says=("forwarded tags/light (deleted, was %s)" % second[:7],))
    git("update-ref", "refs/notes/x", second, cwd=work)
    good(m, "notes, a deletion, a move and a new branch at once, atomic", "--atomic", ":refs/tags/v1", "+HEAD:main", "HEAD:refs/heads/a/b", "refs/notes/x")
    good(m, "a blob's tag", "%s:refs/tags/blob" % git("hash-object", "-w", "--stdin", stdin="x", cwd=work).stdout.strip())
    good(m, "the branch that HEAD names", ":main")
    next_commit()
    good(m, "an empty push option is nothing", "-o", "", "HEAD:main")
    with open(os.path.join(m.up, "hooks", "pre-receive"), "w") as f:
        f.write('#!/bin/sh\ni=0; while [ $i -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do eval "printf \'%%s\\n\' \\"\\$GIT_PUSH_OPTION_$i\\""; i=$((i+1)); done >%s\n'
                'echo "upstream says hello"\nprintf \'\\033[31mred\\033[0m\\n\'\n' % path("options"))
    os.chmod(f.name, 0o755)
    next_commit()
    text = good(m, "push options and upstream's words", "-o", "a=b c", "-o", 'quote " \\ \' ; #', "HEAD:main", says=("git-gate: upstream: upstream says hello",))
    tap.eq(read(path("options")), 'a=b c\nquote " \\ \' ; #\n', "upstream has the options as they were given")
    tap.ok("\x1b[31m" not in text and "\\x1b[31mred" in text, "upstream's words are escaped", repr(text))
    os.unlink(f.name)
    tap.eq([e["event"] for e in m.control.events() if e["event"] != "push.forwarded"], [], "every one was recorded as forwarded")
    tap.eq(fsck(m.dir) + fsck(m.up), "", "fsck is clean on both sides")
    tap.eq(m.left(), [], "nothing is left behind")


def empty_upstream():
    """Without one nothing is done."""
    m = Mirror(None)
    code, text, _ = m.push(work, "HEAD:main")
    tap.ok(code == 0 and "forward" not in text, "a repository without upstream", text)
    tap.eq(m.control.events(), [], "and no event")


def odd_names():
    m = Mirror(up)
    names = ["refs/heads/HEAD", "refs/heads/-x", "refs/heads/ünï", 'refs/heads/a"b', "refs/heads/a'b", "refs/heads/a#b;c", "refs/heads/a&$(x)`y`", "refs/heads/%h", "refs/heads/x!"]
    good(m, "odd names", *["HEAD:" + n for n in names])
    good(m, "odd names, deleted", *[":" + n for n in names])


def sha256():
    w = path("work256")
    git("init", "-q", "--object-format=sha256", w)
    commit(w, "first", "x\n")
    m = Mirror(up, "--object-format=sha256")
    good(m, "sha256: new", "HEAD:main", "HEAD:refs/tags/t", cwd=w)
    commit(w, "second", "y\n")
    good(m, "sha256: move and delete", "HEAD:main", ":refs/tags/t", cwd=w)


def many(n=20000, gone=3000):
    """gone: of those, deleted. git itself takes a minute to delete 20 000 here."""
    m = Mirror(up, forward_ms=300000, hook_ms=300000)
    good(m, "the history", "HEAD:main")
    w = path("many")
    git("clone", "-q", "file://" + m.dir, w)
    pack_refs(os.path.join(w, ".git"), head(), "refs/tags/t", n)
    for what in ("created", "deleted, and one moved"):
        if what != "created":           # by a pattern: git takes minutes for so many names
            pack_refs(os.path.join(w, ".git"), head(), "refs/tags/t", n - gone)
            commit(w, "more", "more\n")
        code, text, took = m.push(w, "--prune", "refs/tags/*:refs/tags/*", "HEAD:main", patience=300)
        tap.ok(code == 0 and not m.same(), "%d references %s in %.1fs" % (n if what == "created" else gone, what, took), text[-1500:], m.same())
        told = re.search(r"forwarded (\d+) references \((\d+) new, (\d+) moved, (\d+) deleted\)", text)
        tap.ok(told, "the client reads how many", text[-1500:])
        note(m.control.events("push.forwarded")[-1]["message"])
    tap.eq(len(m.refs()), 1 + n - gone, "what is left is what was not deleted")


def leases():
    """What the pusher did not see is not overwritten, however forced the push is."""
    m = Mirror(up)
    good(m, "the start", "HEAD:main", "HEAD:gone", "HEAD:moved")
    other = git("commit-tree", "-m", "theirs", "HEAD^{tree}", "-p", "HEAD", cwd=work).stdout.strip()
    git("push", "-q", m.up, other + ":refs/heads/moved", other + ":refs/heads/created", ":refs/heads/gone", cwd=work)
    next_commit()
    for spec, ref, why in (("+HEAD:moved", "moved", "upstream has moved it from"), ("+HEAD:created", "created", "upstream has it already"),
                           ("+HEAD:gone", "gone", "upstream has deleted it"), (":moved", "moved", "upstream has moved it from")):
        text = bad(m, "lease on %s" % spec, spec, says=("upstream push failed for refs/heads/%s: %s" % (ref, why), "fetch first"))
        tap.ok("nothing was sent" in text, "and is told that nothing was sent", text)
    bad(m, "one of two", "HEAD:main", "+HEAD:moved", says=("upstream push failed for refs/heads/moved",))
    # more deletions than are named one by one, while upstream has a branch of which nothing is known here
    names = ["refs/tags/t%03d" % i for i in range(300)]
    git("push", "-q", m.up, ":refs/heads/created", "+%s:refs/heads/moved" % head("HEAD^"), "+%s:refs/heads/gone" % head("HEAD^"), cwd=work)
    good(m, "300 tags", *["HEAD:" + n for n in names])
    theirs = git("commit-tree", "-m", "unknown here", "HEAD^{tree}", cwd=work).stdout.strip()
    git("push", "-q", m.up, theirs + ":refs/heads/theirs", theirs + ":refs/tags/theirs", "+%s:refs/tags/t000" % theirs, cwd=work)
    bad(m, "300 deletions, one of which was moved", *[":" + n for n in names], says=("upstream push failed for refs/tags/t000: upstream has moved it",))
    git("push", "-q", m.up, "+HEAD:refs/tags/t000", cwd=work)
    code, text, _ = m.push(work, *[":" + n for n in names])
    left = m.refs(m.up)
    tap.ok(code == 0 and left.get("refs/tags/theirs") == theirs and left.get("refs/heads/theirs") == theirs, "300 deletions leave alone what is not theirs", text[-500:])
    tap.eq([r for r in left if r.startswith("refs/tags/t0")], [], "and are done")
    tap.eq(m.refs().get("refs/tags/t001"), None, "here as well")


def heals():
    """A push that is half there already, or all: the repetition succeeds."""
    m = Mirror(up)
    good(m, "the start", "HEAD:main", "HEAD:old")
    new = next_commit()
    git("push", "-q", m.up, "HEAD:main", ":old", cwd=work)
    good(m, "upstream has all of it already", "HEAD:main", ":old", "HEAD:fresh")
    tap.eq(m.refs(m.up).get("refs/heads/fresh"), new, "and what was missing")


def refused():
    m = Mirror(up)
    good(m, "the start", "HEAD:main", "HEAD:b")
    base = head()
    next_commit()
    git("config", "receive.denyNonFastForwards", "true", cwd=m.up)
    old = git("commit-tree", "-m", "aside", "HEAD^{tree}", cwd=work).stdout.strip()
    bad(m, "non-fast-forward", "+%s:main" % old, says=("upstream push failed for refs/heads/main: non-fast-forward", "upstream is unchanged"))
    bad(m, "non-fast-forward of two", "HEAD:b", "+%s:main" % old, says=("upstream push failed for refs/heads/main: non-fast-forward",))
    git("config", "receive.denyDeletes", "true", cwd=m.up)
    bad(m, "deletion", ":b", says=("upstream push failed for refs/heads/b: deletion prohibited",))
    for name, script, says in (("pre-receive", "cat >/dev/null; echo 'not on a Friday' >&2; exit 1", ("upstream: not on a Friday", "pre-receive hook declined")),
                               ("update", "[ $1 != refs/heads/b ]", ("upstream push failed for refs/heads/b: hook declined",))):
        with open(os.path.join(m.up, "hooks", name), "w") as f:
            f.write("#!/bin/sh\n" + script + "\n")
        os.chmod(f.name, 0o755)
        bad(m, "upstream's %s hook" % name, "HEAD:main", "HEAD:b", says=says)
        os.unlink(f.name)
    tap.eq(len(m.control.events("push.forward-failed")), 5, "each is recorded")
    tap.ok(all(m.settings["upstream"] in e["message"] for e in m.control.events("push.forward-failed")), "with upstream")
    git("config", "receive.advertisePushOptions", "false", cwd=m.up)
    bad(m, "upstream knows no push options", "-o", "x", "HEAD:main", says=("the receiving end does not support push options",))
    good(m, "the next push", "HEAD:main", "HEAD:b")
    tap.eq(head(), m.refs()["refs/heads/main"], "is all there")


def local_trouble():
    """What could not be done here is not begun there."""
    m = Mirror(up)
    good(m, "the start", "HEAD:main", "HEAD:dir/a")
    up.forget()
    lock = os.path.join(m.dir, "refs", "heads", "main.lock")
    next_commit()
    open(lock, "w").close()
    code, text, _ = m.push(work, "HEAD:main")
    tap.ok(code != 0 and "EBUSY" in text and "(path)/refs" in text, "a locked reference", text)
    os.unlink(lock)
    code, text, _ = m.push(work, "HEAD:dir")
    tap.ok(code != 0 and "EBUSY" in text, "a name in the way", text)
    tap.eq(up.served(), [], "upstream was not even asked")
    good(m, "the next push", "HEAD:main")


def no_way():
    """The connection does not come about."""
    m = Mirror(up)
    other = keygen(path("other-id"))
    wrong = path("wrong_hosts")
    with open(wrong, "w") as f:
        f.write(up.host_line(keygen(path("other-host"))))
    nobody = path("no_hosts")
    open(nobody, "w").close()
    silent = Silent()
    kept = dict(m.settings)
    for what, settings, says in (
            ("unknown host key", {"known_hosts_file": nobody}, "upstream's host key is not the one that is pinned"),
            ("wrong host key", {"known_hosts_file": wrong}, "upstream's host key is not the one that is pinned"),
            ("wrong key", {"identity_file": other}, "upstream does not accept the gate's key"),
            ("no such key", {"identity_file": path("missing")}, "upstream does not accept the gate's key"),
            ("silent listener", {"upstream": silent.url(m.up), "connect_ms": 2000}, "(deadline.connect)"),
            ("nobody listens", {"upstream": "ssh://127.0.0.1:%d/x" % free_port()}, "upstream refuses connections"),
            ("no such repository", {"upstream": up.url("/nothing")}, "/nothing"),
            ("no ssh URL", {"upstream": "file://" + m.up}, "is no ssh:// URL"),
            ("an option in the place of a host", {"upstream": "ssh://-oProxyCommand=touch%20" + path("owned") + "/x"}, "strange hostname")):
        m.set(**{**kept, **settings})
        if settings.get("known_hosts_file") != nobody and "silent" in what:
            with open(wrong, "a") as f:
                f.write("[127.0.0.1]:%d ssh-ed25519 AAAA\n" % silent.port)
        text = bad(m, what, "HEAD:main", says=("upstream push failed for refs/heads/main: ", says, "nothing was sent"))
    tap.ok(not os.path.exists(path("owned")), "no command was run")
    m.set(**kept)
    good(m, "the next push", "HEAD:main")


def processes_of(m):
    return with_environment("HOOK_CONF=" + m.conf) + with_environment("GIT_GATE_SESSION=s%d" % m.sessions)


def falls_silent():
    """Upstream stops half-way: bounded by deadline.forward, nothing is left, and what it has is asked."""
    m = Mirror(up, forward_ms=3000, connect_ms=2000)
    git("config", "pack.compression", "0", cwd=m.dir)
    good(m, "the start", "HEAD:main")
    commit(work, "large", os.urandom(6 << 20))
    for what, how in (("mid-pack", "stops 300000 " + path("at")), ("before the pack", "stops 1 " + path("at"))):
        up.behave(how)
        text = bad(m, "upstream stops " + what, "HEAD:main", says=("did not end within 3s (deadline.forward)", "upstream is unchanged"),
                   mark=path("at"))
        tap.ok(os.path.exists(path("at")), "it did stop")
        os.unlink(path("at"))
    up.behave("asleep " + path("at"))
    bad(m, "upstream never speaks after the login", "HEAD:main", says=("did not end within 3s (deadline.forward)", "nothing was sent"), mark=path("at"))
    wait_for(lambda: not processes_of(m), "the push's processes to be gone")
    up.behave("gone")
    bad(m, "upstream hangs up", "HEAD:main", says=("nothing was sent",))
    up.behave()
    m.set(forward_ms=60000)
    good(m, "the next push", "HEAD:main")


def bounded():
    """However slow upstream tells what it has: asked no longer than deadline.connect and 5 s, and all of it within deadline.hook."""
    m = Mirror(up, connect_ms=10000)
    git("config", "pack.compression", "0", cwd=m.dir)
    good(m, "the start", "HEAD:main")
    commit(work, "larger", os.urandom(6 << 20))
    at = path("bounded-at")
    for what, seconds, settings, says in (
            ("an answer that takes most of the time", 9, {}, ("did not end within 4s (deadline.forward)", "upstream is unchanged")),
            ("an answer that takes longer", 3600, {"connect_ms": 2000}, ("did not end within 4s (deadline.forward)", "cannot be asked: git ls-remote did not end within ")),
            # half of it, but for a second to tell
            ("deadline.hook leaves less than deadline.forward", 3600, {"forward_ms": 3600000, "hook_ms": 16000},
             ("git push did not end within ", "(deadline.hook)", "cannot be asked: git ls-remote did not end within "))):
        m.set(**{"forward_ms": 4000, "connect_ms": 10000, "hook_ms": 60000, **settings})
        up.behave("slow 300000 %s %d" % (at, seconds))
        up.forget()
        text = bad(m, what, "HEAD:main", says=says)
        asked = len([c for c in up.served() if "upload-pack" in c])
        tap.eq(asked, 1, "%s: upstream is asked once" % what)
        by_hook = m.settings["hook_ms"] == 16000
        spans = {c: int(n) * (1 if unit == "ms" else 1000) for c, n, unit in re.findall(r"git (push|ls-remote) did not end within (\d+)(m?s)\b", text)}
        # of deadline.hook what was left, which a machine that stands still makes less
        least, most = (3000, 7500) if by_hook else (4000, 4000)
        tap.ok(least <= spans.get("push", 0) <= most, "%s: git push for %d to %d ms" % (what, least, most), text)
        tap.ok(spans.get("ls-remote", 0) <= (7500 if by_hook else 7000), "%s: then asked for no longer than was kept for that" % what, text)
        wait_for(lambda: not processes_of(m), "the push's processes to be gone")
    up.behave()
    m.set(forward_ms=60000, hook_ms=60000)
    good(m, "the next push", "HEAD:main")


def answer_lost():
    m = Mirror(up, connect_ms=3000)
    good(m, "the start", "HEAD:main", "HEAD:gone")
    new = next_commit()
    up.behave("mute")
    good(m, "the answer is lost, upstream has it", "HEAD:main", ":gone", "HEAD:refs/tags/t%s" % new[:7],
         says=("git-gate: upstream has taken it, though its answer did not arrive", "git-gate: forwarded main"))
    # the connection ends while upstream is at work: it is given some seconds
    with open(os.path.join(m.up, "hooks", "pre-receive"), "w") as f:
        f.write("#!/bin/sh\ncat >/dev/null\n: >%s\nexec >/dev/null 2>&1\nsleep 1\n" % path("at-work"))
    os.chmod(f.name, 0o755)
    up.behave("hasty " + path("at-work"))
    next_commit()
    good(m, "the connection ends while upstream is at work", "HEAD:main", says=("upstream has taken it, though",))
    os.unlink(f.name)
    # and now it cannot be asked either
    up.behave("nolist")
    new = next_commit()
    code, text, took = m.push(work, "HEAD:main")
    tap.ok(code != 0 and "upstream may have taken it or not, it cannot be asked" in text and took < 8 + BUSY, "unknown is said (%.1fs)" % took, text)
    tap.eq((m.refs(m.up)["refs/heads/main"], m.refs()["refs/heads/main"] == new), (new, False), "upstream has it and here it is not")
    tap.ok("what upstream has is not known" in m.control.events("push.forward-failed")[-1]["message"], "and is recorded so")
    up.behave()
    good(m, "pushed again, it heals", "HEAD:main")
    tap.eq(m.left(), [], "nothing is left behind")


def part_is_there():
    """An upstream that is not atomic, whatever it promises: what is missing is pushed again, once."""
    m = Mirror(up, connect_ms=3000)
    good(m, "the start", "HEAD:main", "HEAD:b")
    new = next_commit()
    # once: moves one reference behind the push's back, then dies
    with open(os.path.join(m.up, "hooks", "pre-receive"), "w") as f:
        f.write("#!/bin/sh\ncat >/dev/null\nmv $0 $0.done\nunset GIT_QUARANTINE_PATH\n"
                "cp -r $GIT_OBJECT_DIRECTORY/* objects/\ngit update-ref refs/heads/main %s\nexit 1\n" % new)
    os.chmod(f.name, 0o755)
    text = good(m, "one of two is there", "HEAD:main", "HEAD:b", says=("upstream has 1 of 2 references; the rest is pushed again", "forwarded main", "forwarded b"))


def disk_full():
    m = Mirror(up)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", m.up], capture_output=True).returncode:
        return tap.skip("upstream's disk is full", "no tmpfs can be mounted")
    try:
        git("init", "-q", "--bare", m.up)
        commit(work, "big", os.urandom(4 << 20))
        bad(m, "upstream's disk is full", "HEAD:main", says=("upstream push failed for refs/heads/main", "No space left"))
        git("reset", "-q", "--hard", "HEAD^", cwd=work)
        good(m, "the next push", "%s:refs/heads/main" % git("rev-list", "--max-parents=0", "HEAD", cwd=work).stdout.strip())
    finally:
        subprocess.run(["umount", m.up], check=True)


def environment():
    """What ssh is run with: nothing of an agent, a display, a quarantine; one process group of its own, no terminal."""
    m = Mirror(up)
    bin_dir = path("bin")
    os.makedirs(bin_dir)
    with open(os.path.join(bin_dir, "ssh"), "w") as f:
        f.write("#!/bin/sh\nenv >%s\nls -l /proc/self/fd >%s\nps -o sid=,tty= -p $$ >%s\nexec /usr/bin/ssh \"$@\"\n" % (path("ssh-env"), path("ssh-fd"), path("ssh-tty")))
    os.chmod(f.name, 0o755)
    good(m, "a push whose ssh is looked at", "HEAD:main", PATH=bin_dir + ":" + ENV["PATH"])
    names = {line.split("=")[0] for line in read(path("ssh-env")).splitlines()}
    for name in ("SSH_AUTH_SOCK", "DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "GIT_QUARANTINE_PATH", "HOOK_CONF", "GIT_GATE_CONTROL", "HOME"):
        tap.ok(name not in names, "ssh does not have %s" % name, sorted(names))
    fds = re.findall(r" (\d+) -> (.*)", read(path("ssh-fd")))
    tap.ok(fds[3:-1] == [("3", os.path.join(m.dir, "git-gate.lock"))] and fds[-1][1].endswith("/fd"), "nor a descriptor of ours but the lock", fds)
    tap.ok("?" in read(path("ssh-tty")), "nor a terminal", read(path("ssh-tty")))


def at_home():
    """The tests' own sshd: the shell that it starts reads nothing of the account's. That may wait for a lock, and every push with it."""
    s = Sshd("echo $HOME").start()
    try:
        tap.eq(subprocess.run(s.ssh, env=ENV, capture_output=True, text=True, timeout=PATIENCE).stdout, s.home + "\n", "upstream's shell has a home of the test's")
    finally:
        s.stop()


tests = (at_home, kinds, empty_upstream, odd_names, sha256, leases, heals, refused, local_trouble, no_way, falls_silent, bounded, answer_lost, part_is_there, disk_full,
         environment, many)
for test in tests:
    if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
        test()
up.stop()
tap.done()
