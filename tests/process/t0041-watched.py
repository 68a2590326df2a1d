#!/usr/bin/python3
"""A watch from its beginning to its end: what it refuses, leaves alone, follows; a slow reader behind sshd; a client behind a pipe of which
nothing is known; services with watch = true, their restart, the gate's stop, and what a gate that died left of them.
"""
from servers import *

tap = Tap()
base = path("srv")
repo = os.path.join(base, "r.git")
os.makedirs(base)
git("init", "-q", "--bare", repo)
work = path("work")
git("init", "-q", work)
for n in range(24):
    with open(os.path.join(work, "%d" % n), "wb") as f:
        f.write(os.urandom(1 << 20))
git("add", ".", cwd=work)
git("commit", "-qm", "first", cwd=work)
git("push", "-q", repo, "HEAD:main", cwd=work)
OID, PACK = pack_of(work)


def ended_as(watch, peer, *want, **fields):
    rec = wait_for(lambda: watch.events("session.reaped", peer=peer), "the session of %s to be ended" % peer)
    tap.eq([(r["phase"], r["reason"]) for r in rec], [want[:2]], want[2], rec)
    return rec[0]


def found(watch, peer):
    return wait_for(lambda: [s for s in watch.sessions() if s["peer"] == peer], "the session of %s to be found" % peer)[0]


def half_a_push(server, ref):
    c = Raw(server)
    c.advertisement()
    c.commands(OID, "refs/heads/" + ref)
    c.s.sendall(PACK[:1 << 20])
    return c


def refusals():
    p = popen(["true"])
    p.wait()
    nobody = p.pid
    for args, code, says in (
            (["watch"], 2, "--pid is missing"), (["watch", "--pid", "x"], 2, "'x' is no process number"),
            (["watch", "--pid", "0"], 2, "'0' is no process number"), (["watch", "--pid", "%d" % nobody], 2, "there is none with that number"),
            (["watch", "--pid", "1", "-c", "deadline.idel=3s"], 2, "did you mean 'deadline.idle'")):
        r = subprocess.run([GATE, *args], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
        tap.eq((r.returncode, says in r.stderr), (code, True), "git-gate %s: exit %d, '%s'" % (" ".join(args), code, says), r.stderr)


def leaves_alone():
    """Told to stop, it lets go of what it watched."""
    d = Daemon(base).start()
    w = Watch(d.process.pid, base)
    c = Raw(d)
    c.advertisement()
    s = found(w, c.peer)
    tap.eq(w.stop(), 0, "TERM ends the watch")
    tap.ok(alive(s["pid"]), "its sessions go on without it")
    c.s.sendall(b"0000")
    tap.eq(c.rest(), b"", "the client goes on as if nothing had been")
    tap.eq(w.events("session.reaped"), [], "nothing was ended")
    d.stop()


def follows_to_the_end():
    """The server ends: what it began is followed until it is gone."""
    d = Daemon(base).start()
    w = Watch(d.process.pid, base)
    stuck, healthy = half_a_push(d, "stuck"), half_a_push(d, "healthy")
    found(w, stuck.peer), found(w, healthy.peer)
    d.process.kill()
    d.process.wait()
    wait_for(lambda: w.events("watch.ended"), "the end of the server to be said")
    healthy.s.sendall(PACK[1 << 20:])
    tap.ok(b"ok refs/heads/healthy" in healthy.rest(), "a healthy push outlives its server")
    ended_as(w, stuck.peer, "pack", "idle", "a stuck one is ended though its server is gone")
    tap.eq(w.process.wait(PATIENCE), 0, "then the watch ends, too")
    tap.eq(fsck(repo), "", "fsck is clean")


def loses_its_root():
    """Somebody kills git-daemon --serve: its receive-pack goes on, and so does the watch."""
    d = Daemon(base).start()
    w = Watch(d.process.pid, base)
    stuck, healthy = half_a_push(d, "orphan"), half_a_push(d, "orphan2")
    for c in (stuck, healthy):
        s = wait_for(lambda: [s for s in w.sessions() if s["peer"] == c.peer and s["service"]], "the session to be known")[0]
        said = [ask_control(w.control, cmd=cmd, id=s["id"], step="scan", name="push.allowed", message="x").get("error", "") for cmd in ("push", "step", "event")]
        tap.ok(all("not one that this gate began" in e for e in said), "no hook can speak for it", said)
        os.kill(s["pid"], signal.SIGKILL)
    healthy.s.sendall(PACK[1 << 20:])
    tap.ok(b"ok refs/heads/orphan2" in healthy.rest(), "a healthy push without its git-daemon succeeds")
    ended_as(w, stuck.peer, "pack", "idle", "a stuck one is ended")
    tap.ok(b"git-gate: nothing received" in stuck.rest(), "and is told")
    wait_for(lambda: not w.sessions(), "the sessions to be gone")
    w.stop()
    d.stop()
    wait_for(lambda: not leftovers(repo), "leftovers to be removed")


def slow_reader():
    """What sshd and the kernel hold for a client is megabytes: a client that reads slowly lets git wait for long, and is healthy."""
    server = Sshd(base)
    if server.missing():
        return tap.skip("sshd: readers", server.missing())
    try:
        server.start()
    except PermissionError as e:
        return tap.skip("sshd: readers", str(e).replace("\n", " "))
    # ssh tells of 96 KiB at once that they were read: at rate.min that is what a reader may be silent for, here 8 s
    w = Watch(server.process.pid, base, deadline__idle="1500ms", rate__min="16384")
    clients = [popen(server.ssh + ["git-upload-pack '%s'" % repo], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    slow, stuck, slowest = clients
    for c in clients:
        c.stdin.write(packets(b"want %s side-band-64k ofs-delta\n" % OID.encode(), b"", b"done\n"))
        c.stdin.flush()
    got = 0
    os.set_blocking(slow.stdout.fileno(), True)
    sips = threading.Thread(target=sip, args=(slowest,))
    sips.start()
    begun = time.monotonic()
    while True:
        piece = os.read(slow.stdout.fileno(), 65536)
        got += len(piece)
        if not piece:
            break
        time.sleep(0.01)        # what is tested: a slow reader
    tap.ok(got > 24 << 20, "a clone read slowly through sshd, for %.1fs, completes (%d bytes)" % (time.monotonic() - begun, got))
    rec = wait_for(lambda: w.events("session.reaped"), "the clone that nobody reads to be ended")
    tap.eq([(r["phase"], r["reason"]) for r in rec], [("sending", "not-reading")], "one that is not read is ended, and no other", rec)
    stuck.kill()
    sips.join(PATIENCE)
    rest = slowest.stdout.read()
    tap.ok(len(rest) > 20 << 20 and rest.endswith(b"0000"), "a clone read at 48 KiB a second for a while completes (%d bytes)" % len(rest), *w.events("session.reaped"))
    wait_for(lambda: not w.sessions(), "the sessions to be gone")
    w.stop()
    server.stop()


def sip(client):
    """Long enough for several of ssh's steps, each longer than deadline.idle, once the megabytes between are full."""
    for _ in range(44):
        os.read(client.stdout.fileno(), 12288)
        time.sleep(0.25)        # what is tested: a slow reader


def packets(*data):
    return b"".join(b"%04x" % (len(d) + 4) + d if d else b"0000" for d in data)


def behind_a_pipe():
    """Someone's own server: git with two pipes, and nothing that says who reads them. What the client does not read is not held against it."""
    parent = popen(["/bin/sh", "-c", "git upload-pack '%s'; :" % repo], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    w = Watch(parent.pid, base)
    parent.stdin.write(packets(b"want %s side-band-64k ofs-delta\n" % OID.encode(), b"", b"done\n"))
    parent.stdin.flush()
    kept = wait_for(lambda: w.events("session.kept"), "the doubt to be said")[0]
    tap.ok("it cannot be seen what the client takes" in kept["message"] and "behind a pipe" in kept["message"], "the doubt says why", kept)
    s = w.sessions()[0]
    tap.eq((s["phase"], s["transport"], s["ending"]), ("sending", "pipe", None), "a client behind a pipe that does not read is kept", s)
    tap.eq(w.events("session.reaped"), [], "and nothing is ended")
    out, _ = parent.communicate(timeout=PATIENCE)
    tap.ok(len(out) > 24 << 20, "read at last, it gets all of it (%d bytes)" % len(out))
    tap.eq(w.process.wait(PATIENCE), 0, "the watch ends with it")
    # what it does not send is seen well enough
    parent = popen(["/bin/sh", "-c", "git receive-pack '%s'; :" % repo], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    w = Watch(parent.pid, base)
    while os.read(parent.stdout.fileno(), 65536)[-4:] != b"0000":
        pass
    rec = wait_for(lambda: w.events("session.reaped"), "the silent one to be ended")[0]
    # on a busy machine git does not always go within the first grace: then more steps follow
    tap.eq((rec["phase"], rec["reason"], rec["steps"].split(",")[:2]), ("commands", "commands", ["told", "hangup"]), "one that sends nothing is ended", rec)
    tap.ok("the connection behind that is not known" in rec["message"], "the record says what was not known", rec)
    tap.eq(w.process.wait(PATIENCE), 0, "the watch ends with it")


def daemon_service(port, **more):
    exec_path = git("--exec-path").stdout.strip()
    return {"listen.git": "off", "service.git.watch": "true", "service.git.ready": "port:127.0.0.1:%d" % port,
            "service.git.command": "%s/git-daemon --reuseaddr --listen=127.0.0.1 --port=%d --base-path=%s --export-all --enable=receive-pack"
            % (exec_path, port, base), **more}


class Service(Gate):
    """A gate whose clients come through a service."""

    def __init__(self, **more):
        self.daemon_port = free_port()
        super().__init__(daemon_service(self.daemon_port, **more), base=base, start=False)
        self.launch()
        wait_for(lambda: self.events("gate.ready") or self.process.poll() is not None, "the gate to be ready: " + self.text())
        status = self.status()
        self.pid, self.instance, self.port = status["pid"], status["instance"], self.daemon_port

    def leader(self):
        return next(s for s in self.status()["services"] if s["name"] == "git")["pid"]


def serves():
    g = Service()
    soft, hard = re.search(r"Max open files +(\d+) +(\d+)", read("/proc/%d/limits" % g.pid)).groups()
    tap.ok(int(soft) >= min(int(hard), 16384), "it has descriptors for what a service's clients may be (%s of %s)" % (soft, hard))
    stuck, healthy = half_a_push(g, "s1"), half_a_push(g, "s2")
    s = found(g, stuck.peer)
    tap.eq((s["watch"], s["transport"]), ("service git", "git"), "a session below a service", s)
    tap.eq(g.status()["sessions"], 0, "it takes no place of limit.sessions")
    old = g.leader()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: g.leader() not in (None, old), "the service to run again")
    wait_for(lambda: listening(g.port), "the service to listen again")
    c = Raw(g)
    tap.ok(c.advertisement(), "it serves again, on the same port")
    c.s.sendall(b"0000")
    healthy.s.sendall(PACK[1 << 20:])
    tap.ok(b"ok refs/heads/s2" in healthy.rest(), "a healthy push outlives its service")
    ended_as(g, stuck.peer, "pack", "idle", "a stuck one is ended")
    wait_for(lambda: not g.sessions(), "the sessions to be gone")
    stops(g)


def stops(g):
    """The service takes nobody any more; sessions may finish within deadline.drain."""
    healthy, stuck = half_a_push(g, "s3"), Raw(g)
    stuck.advertisement()
    found(g, healthy.peer), found(g, stuck.peer)
    g.process.send_signal(signal.SIGTERM)
    wait_for(lambda: not listening(g.port), "the service to stop listening")
    healthy.s.sendall(PACK[1 << 20:])
    tap.ok(b"ok refs/heads/s3" in healthy.rest(), "stop: a healthy push finishes")
    ended_as(g, stuck.peer, "commands", "commands", "stop: a stuck one is ended by its deadline")
    tap.eq(g.process.wait(PATIENCE), 0, "then the gate stops", g.text()[-1000:])
    tap.eq(with_environment("GIT_GATE_INSTANCE=" + g.instance), [], "nothing of it is left")
    tap.eq(fsck(repo), "", "fsck is clean")


def dies():
    """kill -9: the next gate ends what sessions are left, as gently as ever, and its service finds the port free."""
    g = Service()
    stuck = half_a_push(g, "d1")
    found(g, stuck.peer)
    os.kill(g.pid, signal.SIGKILL)
    g.process.wait()
    begun = time.monotonic()
    g.launch()
    wait_for(lambda: g.events("gate.ready") or g.process.poll() is not None, "the next gate to be ready: " + g.text())
    tap.ok(g.events("gate.predecessor"), "the next gate finds them (%.2fs)" % (time.monotonic() - begun))
    text = stuck.rest()
    tap.ok(b"the gate was restarted" in text, "the client is told", text)
    old = g.instance
    g.instance, g.pid = g.status()["instance"], g.status()["pid"]
    wait_for(lambda: not with_environment("GIT_GATE_INSTANCE=" + old), "all of the dead gate to be gone")
    wait_for(lambda: listening(g.port), "its service to listen")        # it may have found the dead one's still there, and tries again
    c = Raw(g)
    tap.ok(c.advertisement(), "its service serves")
    c.s.sendall(b"0000")
    wait_for(lambda: not leftovers(repo), "leftovers to be removed")
    tap.eq(g.stop(), 0, "it stops")


refusals()
leaves_alone()
follows_to_the_end()
loses_its_root()
slow_reader()
behind_a_pipe()
serves()
dies()
tap.done()
