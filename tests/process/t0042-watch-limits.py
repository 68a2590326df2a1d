#!/usr/bin/python3
"""Where a watch ends: what it leaves alone when it is told to stop, at its limit of descriptors, beside other gates, behind a socketpair."""
import types

from servers import *

tap = Tap()
base = path("srv")
repo = os.path.join(base, "r.git")
os.makedirs(base)
git("init", "-q", "--bare", repo)
work = path("work")
git("init", "-q", work)
commit(work, "first", os.urandom(8 << 20))
git("push", "-q", repo, "HEAD:main", cwd=work)
OID, PACK = pack_of(work)


def found(watch, peer):
    return wait_for(lambda: [s for s in watch.sessions() if s["peer"] == peer and s["service"]], "the session of %s to be found" % peer)[0]


def stops_at_once():
    """Told to stop while a session is being ended: it finds none of the others again, and ends none of them."""
    d = Daemon(base).start()
    w = Watch(d.process.pid, base, deadline__commands="1m", deadline__grace="1s", deadline__drain="500ms")
    going, healthy = Raw(d), Raw(d)
    for c in (going, healthy):
        c.advertisement()
    one, other = found(w, going.peer), found(w, healthy.peer)
    for p in tree(one["pid"]):
        os.kill(p, signal.SIGSTOP)        # it takes a SIGKILL to end it: two graces
    w.ask("kill", one["id"])
    w.process.terminate()
    tap.eq(w.process.wait(PATIENCE), 0, "a watch that is told to stop ends what it was ending, and stops")
    tap.eq([e["session"] for e in w.events("session.reaped")], [one["id"]], "and nothing else", w.events())
    tap.ok(alive(other["pid"]), "a healthy session of the server goes on")
    healthy.s.sendall(b"0000")
    tap.eq(healthy.rest(), b"", "and ends as it likes")
    d.stop()


def links(pid):
    return [os.readlink(e.path) for e in os.scandir("/proc/%d/fd" % pid)]


def has_few_descriptors():
    """More sessions than it has descriptors for: it follows those that it can, and ends the stuck ones among them, until all were seen."""
    d = Daemon(base).start()
    clients = [Raw(d) for _ in range(80)]
    w = Watch(d.process.pid, base, prefix=["prlimit", "--nofile=64:64", "--"])
    texts = [c.rest() for c in clients]
    tap.eq([t[-300:] for t in texts if b"git-gate: no command for" not in t], [], "80 stuck sessions, 64 descriptors: each is ended, and told")
    wait_for(lambda: len(w.events("session.closed")) == 80, "their records")
    tap.eq({e["reason"] for e in w.events("session.reaped")}, {"commands"}, "by their deadline")
    tap.eq(w.events("session.stray"), [], "nothing was left of any")
    failed = w.events("scan.failed")
    tap.eq({e["message"] for e in failed}, {"cannot look for sessions below pid %d: Too many open files" % d.process.pid},
           "that it lacked descriptors is said, and it never lacked those to look with")
    for c in clients:
        c.close()
    wait_for(lambda: not w.sessions(), "the sessions to be gone")
    # more would be one or two a session
    wait_for(lambda: fd_count(w.process.pid) < 20, "it to give back what it had: %s" % links(w.process.pid))
    tap.eq(w.stop(), 0, "the watch stops cleanly")
    d.stop()


def packets(*data):
    return b"".join(b"%04x" % (len(d) + 4) + d if d else b"0000" for d in data)


def behind_a_socketpair(command):
    """What inetd-like programs give git: a socket, but none of TCP."""
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    parent = popen(["/bin/sh", "-c", "git %s '%s'; :" % (command, repo)], stdin=theirs, stdout=theirs)
    theirs.close()
    return ours, parent, Watch(parent.pid, base)


def socketpairs():
    """Of what the client takes no more is known than behind a pipe: it is not held against it. What it does not send is."""
    ours, parent, w = behind_a_socketpair("upload-pack")
    ours.sendall(packets(b"want %s side-band-64k ofs-delta\n" % OID.encode(), b"", b"done\n"))
    wait_for(lambda: w.events("session.kept"), "the doubt to be said")
    tap.eq([(s["phase"], s["ending"]) for s in w.sessions()], [("sending", None)], "one behind a socketpair that does not read is kept")
    got = 0
    while piece := ours.recv(1 << 20):
        got += len(piece)
    tap.ok(got > 8 << 20, "read at last, it gets all of it (%d bytes)" % got)
    tap.eq(w.process.wait(PATIENCE), 0, "the watch ends with it")
    tap.eq(w.events("session.reaped"), [], "nothing was ended")

    ours, parent, w = behind_a_socketpair("receive-pack")
    wait_for(lambda: ours.recv(65536)[-4:] == b"0000", "the advertisement")
    line = b"%s %s refs/heads/pair\0report-status side-band-64k agent=test" % (b"0" * 40, OID.encode())
    ours.sendall(packets(line, b"") + PACK[:1 << 20])
    rec = wait_for(lambda: w.events("session.reaped"), "the one that sends half a pack to be ended")[0]
    tap.eq((rec["phase"], rec["reason"], rec["steps"].split(",")[:2]), ("pack", "idle", ["told", "half-close"]), "half a push is ended", rec)
    tap.ok(rec["quiet_ms"] >= IDLE * 1000 and "the client is behind a local socket" in rec["message"], "the record says what was not known", rec)
    text = b""
    while piece := ours.recv(65536):
        text += piece
    tap.ok(b"git-gate: nothing received in the middle of the pack" in text and b"unpack" in text, "its client is told, by git too", text)
    tap.eq(w.process.wait(PATIENCE), 0, "the watch ends with it")
    wait_for(lambda: not leftovers(repo), "leftovers to be removed")


def beside_a_gate():
    """Another gate below the same process judges its sessions itself, by its own limits."""
    g = Gate({"deadline.commands": "5m"}, base=base)
    d = Daemon(base).start()
    w = Watch(os.getpid(), base)
    of_gate, of_daemon = Raw(g), Raw(d)
    for c in (of_gate, of_daemon):
        c.advertisement()
    rec = wait_for(lambda: w.events("session.reaped"), "the one of the git daemon to be ended")
    tap.eq([e["peer"] for e in rec], [of_daemon.peer], "a session of a server below it is ended")
    tap.eq({e["peer"] for e in w.events("session.opened")}, {of_daemon.peer}, "that of a gate below it was not even taken for one")
    of_gate.s.sendall(b"0000")
    tap.eq(of_gate.rest(), b"", "it ends as it likes")
    g.settle()
    tap.eq(g.reaped(), [], "by itself")
    w.stop()
    d.stop()
    g.stop()


def limits_of_a_gate():
    """Clients of a watched service do not count against those of the gate itself."""
    port = free_port()
    exec_path = git("--exec-path").stdout.strip()
    g = Gate({"limit.sessionsPerPeer": "1", "limit.sessionsPerRepo": "1", "deadline.wait": "5s", "deadline.commands": "5m",
              "service.git.watch": "true", "service.git.ready": "port:127.0.0.1:%d" % port,
              "service.git.command": "%s/git-daemon --reuseaddr --listen=127.0.0.1 --port=%d --base-path=%s --export-all "
              "--enable=receive-pack" % (exec_path, port, base)}, base=base)
    of_service = Raw(types.SimpleNamespace(port=port))
    of_service.advertisement()
    wait_for(lambda: [s for s in g.sessions() if s["watch"] == "service git" and s["repo"] == "r.git"], "the service's session to be found")
    r = git("ls-remote", g.url("r.git"), check=False)
    tap.ok(OID in r.stdout, "limit.sessionsPerPeer and .sessionsPerRepo are 1, a service's session runs: the gate serves that peer", r.stderr)
    of_service.s.sendall(b"0000")
    of_service.rest()
    wait_for(lambda: not g.sessions(), "the sessions to be gone")
    tap.eq(g.stop(), 0, "the gate stops cleanly")


stops_at_once()
has_few_descriptors()
socketpairs()
beside_a_gate()
limits_of_a_gate()
tap.done()
