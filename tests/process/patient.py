"""Healthy clients that look stuck, for t0003. Each is a function (gate, name of a repository): it returns when its push has succeeded,
raises Failed when it has not, and Late when the machine made it slower than it wanted to be: then it was no healthy client.
"""
import hashlib
import threading
import zlib

from gate import *
from tortured import tortured

LONG = 5 * IDLE
late = set()            # peers, of clients that were late before they could name a repository
strict = set()          # gates that have the limits of SCALED


class Late(Exception):
    """The client was silent for longer than it wanted to be."""


class Failed(Exception):
    """The push did not succeed."""


def silence(begun, limit, gate):
    """Judge a silence that has just ended. Only the gate with the limits of SCALED has to bear it."""
    took = time.monotonic() - begun
    if gate in strict and took > 0.97 * limit:
        raise Late("silent for %.2fs of %gs" % (took, limit))


# --- what is pushed ---------------------------------------------------------------------------------------------------------
git("init", "-q", path("small"))
commit(path("small"), "file", os.urandom(30000))
OID, PACK = pack_of(path("small"))
# stored without compression, packed with: pack-objects computes while it sends, for some seconds, and stops when it is stopped
git("init", "-q", path("large"))
git("config", "core.looseCompression", "0", cwd=path("large"))
for n in range(40):
    with open(path("large", "%d" % n), "w") as f:
        f.write(os.urandom(1 << 20).hex())
git("add", ".", cwd=path("large"))
git("commit", "-qm", "large", cwd=path("large"))
git("init", "-q", path("middle"))
commit(path("middle"), "file", os.urandom(6 << 20))
MIDDLE = pack_of(path("middle"))


def varint(n, bits=7, first=0):
    """A number as pack entries have it; 'first' are bits above the first 4."""
    out = [first | n & 15] if bits == 4 else [n & 127]
    n >>= bits
    while n:
        out[-1] |= 128
        out.append(n & 127)
        n >>= 7
    return bytes(out)


def heavy(n):
    """PACK, one blob of 16 MiB, and n deltas to it: small to send, long to resolve."""
    size = 0xffffff
    base = hashlib.sha1(b"blob %d\0" % size + bytes(size)).digest()
    body = [PACK[12:-20], varint(size, 4, 3 << 4), zlib.compress(bytes(size), 1)]
    for i in range(n):
        delta = varint(size) + varint(size + 8) + b"\xf0\xff\xff\xff" + b"\x08%08d" % i
        body += [varint(len(delta), 4, 7 << 4), base, zlib.compress(delta, 1)]
    p = b"PACK\0\0\0\2" + (int.from_bytes(PACK[8:12], "big") + 1 + n).to_bytes(4, "big") + b"".join(body)
    return p + hashlib.sha1(p).digest()


def deltas_for(seconds):
    """How many take so long here."""
    git("init", "-q", "--bare", path("trial"))
    begun = os.times().children_user
    subprocess.run(["git", "index-pack", "--stdin", "--strict", "--threads=1"], cwd=path("trial"), env=ENV, input=heavy(30), check=True,
                   stdout=subprocess.DEVNULL)
    return int(30 * seconds / (os.times().children_user - begun)) + 1


HEAVY = heavy(deltas_for(LONG + 2))


# --- clients ----------------------------------------------------------------------------------------------------------------

def accepted(answer):
    if b"ok refs/heads/topic" not in answer:
        raise Failed(answer[-300:])


def raw(gate, repo, capabilities="report-status side-band-64k"):
    c = Raw(gate, repo=repo)
    c.advertisement()
    c.commands(OID, "refs/heads/topic", capabilities)
    return c


def send(c, data):
    try:
        c.s.sendall(data)
        return True
    except OSError:
        return False


def push(gate, repo, work, *more):
    r = git(*more, "push", "-q", gate.url(repo), "HEAD:topic", cwd=work, check=False)
    if r.returncode:
        raise Failed(r.stderr)


def slow_request(gate, repo):
    begun = time.monotonic()
    c = Raw(gate, repo=repo, request=False)
    time.sleep(0.9 * INIT)
    c.packet(("git-receive-pack /%s\0host=x\0" % repo).encode())
    late.add(c.peer)
    silence(begun, INIT, gate)
    late.remove(c.peer)
    c.advertisement()
    c.commands(OID, "refs/heads/topic")
    c.s.sendall(PACK)
    accepted(c.rest())


def pre_push_hook(gate, repo):
    w = tempfile.mkdtemp(prefix="work.", dir=TMP)
    git("clone", "-q", path("small"), w)
    with open(os.path.join(w, ".git/hooks/pre-push"), "w") as f:
        f.write("#!/bin/sh\nsleep %g; date +%%s.%%N >%s/ended" % (0.9 * COMMANDS, w))
    os.chmod(f.name, 0o755)
    now = time.time()
    try:
        push(gate, repo, w)
    except Failed:
        silence(time.monotonic() - (float(read(os.path.join(w, "ended"))) - now), COMMANDS, gate)
        raise


def counting(gate, repo, capabilities="report-status side-band-64k"):
    c, begun = raw(gate, repo, capabilities), time.monotonic()
    time.sleep(0.9 * PACK_START)
    silence(begun, PACK_START, gate)
    c.s.sendall(PACK)
    accepted(c.rest())


def hook(gate, repo, name, how):
    """A hook is silent for long; the client is git, one without side-band, or one that has closed its half."""
    open(os.path.join(gate.base, repo, "silent-" + name), "w").close()
    if how == "git":
        return push(gate, repo, path("small"))
    c = raw(gate, repo, "report-status" if how == "plain" else "report-status side-band-64k")
    c.s.sendall(PACK)
    if how == "half-closed":
        c.s.shutdown(socket.SHUT_WR)
    accepted(c.rest())


def kind(gate, repo, name):
    """A healthy kind of git-gate-torture."""
    c = tortured(gate.url(repo), [name], limit="60s", pause=900 * IDLE)[0]
    if c["ended_by"] != "server" or not ("complete" in c["report"] or c["report"].startswith("unpack ok")):
        if gate in strict and c["paused_ms"] > 970 * IDLE:
            raise Late("silent for %d ms of %gs" % (c["paused_ms"], IDLE))
        raise Failed(c)
    push(gate, repo, path("small"))


def unpackers(gate, repo):
    d = os.path.realpath(os.path.join(gate.base, repo))
    return [p for p in gate.processes() if "index-pack" in cmdline(p) and os.path.realpath("/proc/%d/cwd" % p) == d]


def heavy_work(gate, repo):
    """Long delta resolution on one CPU, and index-pack stopped for a while in the middle: neither CPU nor I/O then."""
    c = raw(gate, repo)
    c.s.sendall(HEAVY)
    wait_for(lambda: any(s["repo"] == repo and s["phase"] == "work" and s["bytes_in"] > len(HEAVY) for s in gate.sessions()), "delta resolution")
    for p in unpackers(gate, repo):
        os.kill(p, signal.SIGSTOP)
        time.sleep(2 * IDLE)
        os.kill(p, signal.SIGCONT)
    accepted(c.rest())


def stalled_server(gate, repo):
    """The server stops reading in the middle of the pack: what the client has sent lies in the queue."""
    oid, pack = MIDDLE
    c = Raw(gate, repo=repo)
    c.advertisement()
    c.commands(oid, "refs/heads/topic")
    c.s.sendall(pack[: len(pack) // 3])
    p = wait_for(lambda: unpackers(gate, repo), "index-pack")[0]
    os.kill(p, signal.SIGSTOP)
    rest = threading.Thread(target=send, args=(c, pack[len(pack) // 3:]), daemon=True)
    rest.start()
    time.sleep(2 * IDLE)
    os.kill(p, signal.SIGCONT)
    rest.join()
    accepted(c.rest())


def stopped_client(gate, repo):
    """The whole git push is stopped and goes on, three times in the middle of the pack."""
    p = popen(["git", "-c", "pack.compression=9", "-c", "pack.window=0", "-c", "pack.threads=1", "push", "-q", gate.url(repo), "HEAD:topic"],
              cwd=path("large"), stderr=subprocess.PIPE, text=True)

    def sent():
        """What came of it so far; -1: there is no session of it any more."""
        return next((s["bytes_in"] for s in gate.sessions() if s["repo"] == repo), -1)

    for n in range(1, 4):
        wait_for(lambda: p.poll() is not None or sent() > n * 6e6, "bytes of the pack")
        if p.poll() is not None:
            break
        procs, begun = tree(p.pid), time.monotonic()
        for q in procs:
            os.kill(q, signal.SIGSTOP)
        time.sleep(0.65 * IDLE)         # for a gate with half the limit too long; the rest is for git to get going again
        before = sent()
        for q in procs:
            os.kill(q, signal.SIGCONT)
        wait_for(lambda: p.poll() is not None or sent() != before, "it to go on")   # a busy machine may let it wait
        silence(begun, IDLE, gate)
    err = p.communicate(timeout=PATIENCE)[1]
    if p.returncode or n < 3:
        raise Failed(err or "it was over before it could be stopped")


def sender(gate, repo, size, pause):
    c, begun = raw(gate, repo), None
    for at in range(0, len(PACK), size):
        if at:
            time.sleep(pause)
            silence(begun, IDLE, gate)
        begun = time.monotonic()
        if not send(c, PACK[at:at + size]):
            raise Failed("the connection was ended")
    accepted(c.rest())


def slow_reader(gate, repo):
    """It reads a little of what a hook says, pauses, and so on; then the rest."""
    open(os.path.join(gate.base, repo, "noisy-pre-receive"), "w").close()
    c = Raw(gate, repo=repo)
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    c.advertisement()
    c.commands(OID, "refs/heads/topic")
    c.s.sendall(PACK)
    begun = time.monotonic()
    for _ in range(5):
        time.sleep(0.8 * IDLE)
        silence(begun, IDLE, gate)
        begun = time.monotonic()
        if c.exactly(200000) is None:
            raise Failed("the connection was ended")
    accepted(c.rest())
