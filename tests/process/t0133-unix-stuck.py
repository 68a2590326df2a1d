#!/usr/bin/python3
"""Over unix sockets, where no kernel counts bytes: clients that are stuck in each phase are ended, slow ones that do something are not."""
import random

from gate import *
from unixsock import connect

tap = Tap()
GIT, HTTP = path("git.sock"), path("http.sock")
g = Gate({"listen.git": "unix:" + GIT, "listen.http": "unix:" + HTTP})
work = path("work")
git("init", "-q", work)
commit(work, "big", random.Random(7).randbytes(300000))
OID, PACK = pack_of(work)
ZERO = "0" * 40
PIECES, PAUSE = 10, 0.6         # longer than deadline.commands, .packStart and twice deadline.idle, each pause shorter than any


def repo(name, refs=0, *config):
    d = g.repo(name, "http.receivepack=true", *config)
    subprocess.run(["git", "unpack-objects", "-q"], cwd=d, env=ENV, input=PACK, check=True, timeout=PATIENCE)
    if refs:
        pack_refs(d, OID, "refs/heads/b", refs)
    return "/" + name


def packet(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"%04x" % (len(data) + 4) + data


def request(service, name):
    return packet("git-%s %s\0host=x\0" % (service, name))


def post(service, name, length):
    return ("POST %s/git-%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-%s-request\r\nContent-Length: %d\r\n\r\n" %
            (name, service, service, length)).encode()


def get(service, name):
    return ("GET %s/info/refs?service=git-%s HTTP/1.1\r\nHost: x\r\n\r\n" % (name, service)).encode()


def advert(s):
    """Read it, up to its flush."""
    data = b""
    while not data.endswith(b"0000"):
        more = s.recv(65536)
        if not more:
            raise RuntimeError("no advertisement, but %r" % data)
        data += more


COMMANDS = packet("%s %s refs/heads/new\0report-status side-band-64k" % (ZERO, OID)) + b"0000"
WANT = packet("want %s side-band-64k\n" % OID) + b"0000" + packet("done\n")

# what it does, then nothing: (transport, name of its repository, refs, configuration, bytes before the advertisement, bytes after; None: it does
# not even read that), phase, reason
G, H = "git", "http"
SMALL, LARGE = "transfer.unpackLimit=1000", "transfer.unpackLimit=1"
half = COMMANDS + PACK[:len(PACK) // 2]
STUCK = [
    (G, "", 0, (), b"", None, "request", "init"),
    (G, "", 0, (), b"0032git-upl", None, "request", "init"),
    (G, "advert", 0, (), "receive-pack", b"", "commands", "commands"),
    (G, "commands", 0, (), "receive-pack", COMMANDS[:30], "commands", "commands"),
    (G, "nopack", 0, (), "receive-pack", COMMANDS, "pack-start", "pack-start"),
    (G, "small", 0, (SMALL,), "receive-pack", half, "pack", "idle"),
    (G, "large", 0, (LARGE,), "receive-pack", half, "pack", "idle"),
    (G, "fetch", 0, (), "upload-pack", b"", "commands", "commands"),
    (G, "clone", 1, (), "upload-pack", WANT, "sending", "not-reading"),
    (G, "refs", 20000, (), "upload-pack", None, "sending", "not-reading"),
    (H, "", 0, (), b"", None, "request", "init"),
    (H, "", 0, (), b"GET /x HTTP/1.1\r\nHo", None, "request", "init"),
    (H, "hbody", 0, (), lambda n: post("receive-pack", n, 5000), None, "commands", "commands"),
    (H, "hsmall", 0, (SMALL,), lambda n: post("receive-pack", n, len(COMMANDS + PACK)) + half, None, "pack", "idle"),
    (H, "hlarge", 0, (LARGE,), lambda n: post("receive-pack", n, len(COMMANDS + PACK)) + half, None, "pack", "idle"),
    (H, "hclone", 1, (), lambda n: post("upload-pack", n, len(WANT)) + WANT, None, "sending", "not-reading"),
    (H, "hrefs", 20000, (), lambda n: get("upload-pack", n), None, "sending", "not-reading"),
]
held = []                       # their sockets: nobody closes them


def be_stuck(transport, name, first, then):
    s = connect(GIT if transport == G else HTTP)
    held.append(s)
    s.sendall(first(name) if callable(first) else request(first, name) if isinstance(first, str) else first)
    if then is not None:
        advert(s)
        s.sendall(then)


# --- slow, and well ---------------------------------------------------------------------------------------------------------

outcome = {}


def in_pieces(s, data):
    size = len(data) // PIECES
    for i in range(PIECES):
        s.sendall(data[i * size:(i + 1) * size if i + 1 < PIECES else None])
        time.sleep(PAUSE)


def slowly(s, until):
    """Read little for long, then the rest."""
    data = b""
    for _ in range(PIECES * 2):
        data += s.recv(8192)
        time.sleep(PAUSE / 2)
    while not until(data):
        more = s.recv(65536)
        if not more:
            break
        data += more
    return data


def slow_push(transport, name):
    s = connect(GIT if transport == G else HTTP)
    if transport == G:
        s.sendall(request("receive-pack", name))
        advert(s)
        s.sendall(COMMANDS)
        in_pieces(s, PACK)
    else:
        s.sendall(post("receive-pack", name, len(COMMANDS + PACK)))
        in_pieces(s, COMMANDS + PACK)
    data = b""
    while b"ok refs/heads/new" not in data and (more := s.recv(65536)):
        data += more
    outcome[name] = b"unpack ok" in data and b"ok refs/heads/new" in data


def slow_fetch(transport, name):
    s = connect(GIT if transport == G else HTTP)
    if transport == G:
        s.sendall(request("upload-pack", name))
        advert(s)
        s.sendall(WANT)
    else:
        s.sendall(post("upload-pack", name, len(WANT)) + WANT)
    data = slowly(s, lambda d: d.endswith(b"0000" if transport == G else b"0\r\n\r\n"))
    outcome[name] = len(data) > 300000 or (len(data), data[-200:])


SLOW = [(slow_push, G, "gpush"), (slow_push, H, "hpush"), (slow_fetch, G, "gfetch"), (slow_fetch, H, "hfetch")]

for t, name, refs, settings, *_ in STUCK:
    if name:
        repo(name, refs, *settings)
for what, t, name in SLOW:
    if what == slow_fetch:
        repo(name, 1)
    else:
        g.repo(name, "http.receivepack=true", LARGE)
threads = [threading.Thread(target=what, args=(t, "/" + name)) for what, t, name in SLOW]
threads += [threading.Thread(target=be_stuck, args=(t, "/" + name, first, then)) for t, name, refs, settings, first, then, *_ in STUCK]
for th in threads:
    th.start()
for th in threads:
    th.join(PATIENCE)
wait_for(lambda: not [s for s in g.sessions() if s["phase"] != "keep-alive" and s["repo"].strip("/") not in [n for _, _, n in SLOW]], "the stuck ones to be ended")
found = sorted((r["transport"], r["repo"].strip("/"), r["phase"], r["reason"]) for r in g.reaped())
for want in sorted(set((t, name, phase, reason) for t, name, _, _, _, _, phase, reason in STUCK)):
    n = sum(1 for t, name, *_, phase, reason in STUCK if (t, name, phase, reason) == want)
    tap.eq(found.count(want), n, "stuck, %s %s in %s: %s" % want, [f for f in found if f[:2] == want[:2]])
for _, t, name in SLOW:
    tap.ok(outcome.get("/" + name) is True, "slow and well: %s" % name, outcome, [f for f in found if f[1] == name])
tap.eq([f for f in found if f[1] in [n for _, _, n in SLOW]], [], "none of these is ended")
tap.eq(len(found), len(STUCK), "nothing else is", found)
said = [e for e in g.events("session.reaped")][0]["evidence"]
tap.ok(any(line.startswith("unix socket: ") for line in said), "the evidence says what it is of", said)
for s in held:
    s.close()
g.settle()
for _, name, *_ in STUCK:
    if name and (left := leftovers(os.path.join(g.base, name))):
        tap.ok(False, "%s is left clean" % name, left)
finish(tap, g)
