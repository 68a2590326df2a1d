#!/usr/bin/python3
"""Healthy clients over HTTP that look stuck: slow, silent, or with a server that is busy. None may be ended."""
from httppush import *
from tortured import *

LONG = 5 * INIT
tap = Tap()
hooks = Hooks(pre_receive="cat >/dev/null; [ ! -f slow ] || sleep %g" % LONG, post_receive="cat >/dev/null; [ ! -f slow ] || sleep %g" % LONG)
g = Gate({"listen.http": "127.0.0.1:0", "rate.window": "4s", "limit.sessions": "200"}, hooks=hooks.dir)
git("init", "-q", path("work"))
commit(path("work"), "file", os.urandom(30000))
OID, PACK = pack_of(path("work"))
late, results, peers = {}, {}, {}


def silence(name, begun, limit):
    """A client that the machine made slower than it wanted to be is no healthy client."""
    took = time.monotonic() - begun
    if took > 0.97 * limit:
        late[name] = "silent for %.2fs of %gs" % (took, limit)


def accepted(c, ref="topic"):
    status, body = c.reply()
    if status != 200 or b"ok refs/heads/" + ref.encode() not in body:
        raise RuntimeError("%s %r" % (status, body[-300:]))


def slow_push(name, c):
    """It takes much longer than any deadline, and is never silent for one."""
    c.post()
    c.chunk(commands(OID, "refs/heads/topic"))
    step = len(PACK) // 8 + 1
    for at in range(0, len(PACK), step):
        begun = time.monotonic()
        time.sleep(0.8 * IDLE)
        c.chunk(PACK[at:at + step])
        silence(name, begun, IDLE)
    c.end()
    accepted(c)


def slow_length(name, c):
    """The same with a length, and in pieces that are none of the protocol's."""
    body = commands(OID, "refs/heads/topic") + PACK
    c.post(length=len(body))
    for at in range(0, len(body), 600):
        time.sleep(0.25)
        c.send(body[at:at + 600])
    accepted(c)


def slow_head(name, c):
    begun, head = time.monotonic(), c.head()
    for at in range(0, len(head), 10):
        c.send(head[at:at + 10])
        time.sleep(0.8 * INIT / (len(head) / 10))
    silence(name, begun, INIT)
    if c.reply()[0] != 200:
        raise RuntimeError("no advertisement")


def before_commands(name, c):
    c.post()
    begun = time.monotonic()
    time.sleep(0.9 * COMMANDS)
    c.chunk(commands(OID, "refs/heads/topic") + PACK)
    silence(name, begun, COMMANDS)
    c.end()
    accepted(c)


def before_pack(name, c, capabilities="report-status side-band-64k"):
    c.post()
    c.chunk(commands(OID, "refs/heads/topic", capabilities))
    begun = time.monotonic()
    time.sleep(0.9 * PACK_START)
    c.chunk(PACK)
    silence(name, begun, PACK_START)
    c.end()
    accepted(c)


def plain(name, c):
    before_pack(name, c, "report-status")


def kept(name, c):
    """A connection that is kept, and used again in time."""
    for n in range(5):
        if c.get() != 200:
            raise RuntimeError("request %d" % n)
        begun = time.monotonic()
        time.sleep(0.8 * INIT)
        silence(name, begun, INIT)
    c.post()
    c.chunk(commands(OID, "refs/heads/topic") + PACK)
    c.end()
    accepted(c)


def twenty(name, c):
    """Twenty requests on a connection, half of them sent before the reply to the one before was read."""
    for n in range(10):
        c.send(c.head() + c.head("git-upload-pack"))
        if (c.reply()[0], c.reply()[0]) != (200, 200):
            raise RuntimeError("request %d" % n)
    c.post()
    c.chunk(commands(OID, "refs/heads/topic") + PACK)
    c.end()
    accepted(c)


def lies_ready(name, c):
    """git is slow: the rest of the body has been sent, and nothing follows that could wake anybody."""
    oid, pack = BIG
    c.post()
    c.in_phase("commands")
    p = [p for p in tree(c.session()["pid"]) if "git receive-pack" in cmdline(p)][-1]
    os.kill(p, signal.SIGSTOP)
    body = commands(oid, "refs/heads/topic") + pack
    for at in range(0, len(body), 1000):
        c.chunk(body[at:at + 1000])
    c.end()
    time.sleep(IDLE)            # nobody waits for the client meanwhile
    os.kill(p, signal.SIGCONT)
    accepted(c)


def slow_hook(name, c):
    open(os.path.join(g.base, c.repo, "slow"), "w").close()
    c.post()
    c.chunk(commands(OID, "refs/heads/topic") + PACK)
    c.end()
    accepted(c)


def real_hook(name, c):
    """git itself; the hooks take longer than every deadline of its own, twice."""
    c.close()
    open(os.path.join(g.base, c.repo, "slow"), "w").close()
    git("push", "-q", g.http(c.repo), "HEAD:topic", cwd=path("work"))


def pre_push(name, c):
    """git keeps its connection while its own hook runs, here for longer than the gate does: it makes another."""
    c.close()
    w = path(name)
    git("clone", "-q", path("work"), w)
    with open(os.path.join(w, ".git/hooks/pre-push"), "w") as f:
        f.write("#!/bin/sh\nsleep %g\n" % (1.5 * INIT))
    os.chmod(f.name, 0o755)
    git("push", "-q", g.http(c.repo), "HEAD:topic", cwd=w)


def torture(name, c):
    c.close()
    k = tortured(g.http(c.repo), [name], limit="60s", pause=800 * IDLE)[0]
    if k["paused_ms"] > 970 * IDLE:
        late[name] = k
    if k["ended_by"] != "server" or not ("complete" in k["report"] or k["report"].startswith("unpack ok")):
        raise RuntimeError(k)
    git("push", "-q", g.http(c.repo), "HEAD:topic", cwd=path("work"))


git("init", "-q", path("big"))
commit(path("big"), "file", os.urandom(90000))
BIG = pack_of(path("big"))
CASES = [("slow-push", slow_push), ("slow-length", slow_length), ("slow-head", slow_head), ("before-commands", before_commands),
         ("before-pack", before_pack), ("plain", plain), ("kept", kept), ("twenty", twenty), ("lies-ready", lies_ready),
         ("slow-hook", slow_hook), ("real-hook", real_hook), ("pre-push", pre_push), ("slow-pack", torture), ("slow-clone", torture),
         ("paused-clone", torture), ("half-close", torture)]


def play(name, client):
    for attempt in range(4):
        repo = "%s-%d.git" % (name, attempt)
        g.repo(repo)
        late.pop(name, None)
        results[name] = None
        try:
            c = Http(g, repo)
            peers[name] = (repo, c.peer)
            client(name, c)
        except Exception as e:
            results[name] = repr(e)
        if name not in late:
            return
        note("%s: %s; once more" % (name, late[name]))


threads = [threading.Thread(target=play, args=case, daemon=True) for case in CASES]
for t in threads:
    t.start()
for t in threads:
    t.join(4 * PATIENCE)
g.settle()


def is_healthy(e):
    return any(e.get("repo") == r or e.get("peer") == p for r, p in peers.values())


for name, client in CASES:
    repo, peer = peers[name]
    log = [e for e in g.events() if e.get("repo") == repo or e.get("peer") == peer]
    tap.eq(results.get(name, "it did not end"), None, "%s: it succeeds" % name, *log)
    d = os.path.join(g.base, repo)
    tap.eq(git("rev-parse", "refs/heads/topic", cwd=d, check=False).returncode, 0 if client is not slow_head else 128, "%s: the branch" % name)
    tap.eq((fsck(d), leftovers(d)), ("", []), "%s: fsck is clean, nothing is left" % name)
for event in ("session.reaped", "session.observed", "session.kept", "session.stray", "cleanup.removed"):
    tap.eq([e for e in g.events(event) if is_healthy(e)], [], "no %s" % event)
tap.eq([e for e in g.ask("reaped") if is_healthy(e)], [], "git-gate reaped has none of them")
ticks = sum(int(x) for x in read("/proc/%d/stat" % g.pid).rsplit(")", 1)[1].split()[11:13])
tap.ok(ticks < 300, "the gate itself was idle meanwhile (%d ticks)" % ticks)
finish(tap, g)
