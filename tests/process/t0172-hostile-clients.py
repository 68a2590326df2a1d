#!/usr/bin/python3
"""Hostile clients of both transports, all at once: every form of slowness, broken framing, paths and headers that are meant for something else. Each is ended or
refused with a reason, in time, by its own fault alone; meanwhile others push and fetch, and afterwards nothing is left.
"""
import gzip

from bystander import Bystander, Cost
from gate import *
from rawhttp import chunk, request, rpc

tap = Tap()
outside = path("outside.git")
git("init", "-q", "--bare", outside)
git("config", "http.receivepack", "true", cwd=outside)
g = Gate({"rate.window": "4s", "listen.http": "127.0.0.1:0", "gate.uploadArchive": "true", "limit.sessions": "200"})
repo, work = g.repo(), g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
quiet = g.repo("quiet.git")
git("push", "-q", g.url("quiet.git"), "HEAD:main", cwd=work)
OID = git("rev-parse", "HEAD", cwd=work).stdout.strip()
os.symlink(outside, os.path.join(g.base, "link.git"))


def pkt(data):
    return b"%04x" % (len(data) + 4) + data


def ask(service, where=b"/r.git", extra=b"host=x\0"):
    return pkt(b"git-" + service + b" " + where + b"\0" + extra)


def post(service, *headers):
    return b"\r\n".join([b"POST /r.git/git-%s HTTP/1.1" % service, b"Host: x", b"Content-Type: application/x-git-%s-request" % service, *headers, b"", b""])


def dial(transport):
    s = socket.create_connection(("127.0.0.1", g.http_port if transport == "http" else g.port), timeout=PATIENCE)
    return s, "%s:%d" % s.getsockname()[:2]


def read_all(s):
    got = b""
    try:
        while more := s.recv(65536):
            got += more
    except OSError:
        pass
    return got


# --- slowness --------------------------------------------------------------------------------------------------------------------------

COMMAND = pkt(b"0" * 40 + b" " + OID.encode() + b" refs/heads/slow\0report-status")
WANT, HAVE, PREFIX = pkt(b"want " + OID.encode() + b"\n"), pkt(b"have " + b"1" * 40 + b"\n"), pkt(b"ref-prefix refs/heads/xxxxxxxxxxxxxxx\n")
CHUNKED, LENGTH, TRICKLE, INIT_OVER = b"Transfer-Encoding: chunked", b"Content-Length: 6000000", ("trickle", "rate.min"), ("init", "deadline.init")
# what is sent at once, what then comes byte by byte for ever, the reason and the key of the record
SLOW = {
    "http: request line": ("http", b"GET /", b"a", INIT_OVER),
    "http: one header": ("http", b"GET /r.git/info/refs HTTP/1.1\r\nX: ", b"a", INIT_OVER),
    "http: many headers": ("http", b"GET /r.git/info/refs HTTP/1.1\r\n", b"A: b\r\n", INIT_OVER),
    "http: a chunk's size": ("http", post(b"receive-pack", CHUNKED), b"0", TRICKLE),
    "http: a chunk's extension": ("http", post(b"receive-pack", CHUNKED) + b"4;x=", b"e", TRICKLE),
    "http: trailers": ("http", post(b"upload-pack", CHUNKED) + b"4\r\n0000\r\n0\r\n", b"T: aaaaaaaaaaaaaaaaaa\r\n", TRICKLE),
    "http: one command": ("http", post(b"receive-pack", LENGTH) + b"fff0" + COMMAND[4:], b"a", TRICKLE),
    "http: commands": ("http", post(b"receive-pack", LENGTH), COMMAND, TRICKLE),
    "http: wants": ("http", post(b"upload-pack", LENGTH), WANT, TRICKLE),
    "http: prefixes": ("http", post(b"upload-pack", b"Git-Protocol: version=2", LENGTH) + pkt(b"command=ls-refs\n") + b"0001", PREFIX, TRICKLE),
    "http: gzip": ("http", post(b"upload-pack", b"Content-Encoding: gzip", LENGTH), b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"a" * 100, TRICKLE),
    "git: path": ("git", b"fff0git-upload-pack /", b"x", INIT_OVER),
    "git: host": ("git", b"00f0git-upload-pack /r.git\0host=", b"x", INIT_OVER),
    "git: commands": ("git", ask(b"receive-pack"), COMMAND, TRICKLE),
    "git: one command": ("git", ask(b"receive-pack") + b"fff0" + COMMAND[4:], b"a", TRICKLE),
    "git: shallow lines": ("git", ask(b"receive-pack"), pkt(b"shallow " + OID.encode()), TRICKLE),
    "git: wants": ("git", ask(b"upload-pack"), WANT, TRICKLE),
    "git: haves": ("git", ask(b"upload-pack") + WANT + b"0000", HAVE, TRICKLE),
    "git: prefixes": ("git", ask(b"upload-pack", extra=b"host=x\0\0version=2\0") + pkt(b"command=ls-refs\n") + b"0001", PREFIX, TRICKLE),
    "git: archive": ("git", ask(b"upload-archive"), pkt(b"argument x\n"), TRICKLE),
}
PAUSE = 0.1             # ten bytes a second, of 1024 that are wanted


class Slow:
    def __init__(self, name):
        self.name = name
        self.transport, first, self.bytes, self.want = SLOW[name]
        self.s, self.peer = dial(self.transport)
        self.s.sendall(first)
        self.s.setblocking(False)
        self.got, self.at, self.over = b"", 0, False

    def step(self):
        """One byte more, and what came."""
        try:
            self.s.send(self.bytes[self.at % len(self.bytes):][:1])
            self.at += 1
        except BlockingIOError:
            pass
        except OSError:
            self.over = True
        try:
            while not self.over:
                more = self.s.recv(65536)
                self.over = not more
                self.got += more
        except BlockingIOError:
            pass
        except OSError:
            self.over = True


def play_slow(clients):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not all(c.over for c in clients):
        for c in clients:
            if not c.over:
                c.step()
        time.sleep(PAUSE)


# --- what is refused at once: transport, bytes, a word that the answer has -----------------------------------------------------------

PERCENT = "GET /%s/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n\r\n"
PATHS = ["../outside.git", "r.git/../../outside.git", "link.git", "./link.git", "~root/r.git", "~/r.git", "r.git//..//../outside.git", "/etc", outside, "--upload-pack=id",
         "-oProxyCommand=id", "ext::sh -c id", "file://" + outside, "r.git/.git/..", "r.git.git", "r.git/objects", "link", "con", "r.git\\..\\outside.git", "x" * 4090, "r.git/x" * 500]
HTTP_PATHS = [*PATHS, "%2e%2e/outside.git", "r.git/%2e%2e/%2e%2e/outside.git", "r.git%2f..%2foutside.git", "r.git%00", "%252e%252e/outside.git", "..%c0%afoutside.git", "%ff.git",
              "r.git;x", "r.git%0d%0aX:y"]
BOMB = gzip.compress(bytes(64 << 20), 9)
GZIP = ["Content-Encoding: gzip"]
HTTP = {        # name: bytes, what the first status may be
    "64 KB of one header": (b"GET /r.git/info/refs HTTP/1.1\r\nX: " + b"x" * 65536 + b"\r\n\r\n", {431}),
    "20 000 headers": (b"GET /r.git/info/refs HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n", {431}),
    "a header's name of 40 KB": (b"GET /r.git/info/refs HTTP/1.1\r\n" + b"x" * 40960 + b": y\r\n\r\n", {431}),
    "a target of 1 MB": (b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\n\r\n", {414, 431}),
    "a chunk's size of 100 digits": (post(b"upload-pack", CHUNKED) + b"f" * 100 + b"\r\n", {400}),
    "a chunk of 2^64": (post(b"upload-pack", CHUNKED) + b"10000000000000000\r\n", {400}),
    "a chunk of -1": (post(b"upload-pack", CHUNKED) + b"-1\r\n", {400}),
    "an extension of 1 MB": (post(b"upload-pack", CHUNKED) + b"4;" + b"e" * (1 << 20) + b"\r\n", {400}),
    "100 000 extensions": (post(b"upload-pack", CHUNKED) + chunk(b"0", b";e=" + b"e" * 200) * 500, {400}),
    "trailers of 1 MB": (post(b"upload-pack", CHUNKED) + b"4\r\n0000\r\n0\r\n" + b"T: t\r\n" * 180000 + b"\r\n", {400}),
    "a length of 2^63": (post(b"upload-pack", b"Content-Length: 9223372036854775808"), {400}),
    "a length of -1": (post(b"upload-pack", b"Content-Length: -1"), {400}),
    "a length with a sign": (post(b"upload-pack", b"Content-Length: +4") + b"0000", {400}),
    "two lengths": (post(b"upload-pack", b"Content-Length: 4", b"Content-Length: 5") + b"0000", {400}),
    "a length and chunks": (post(b"upload-pack", b"Content-Length: 4", CHUNKED) + b"0\r\n\r\n", {400}),
    "chunked, hidden": (post(b"upload-pack", b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", {400, 501}),
    "chunked twice": (post(b"upload-pack", b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", {400, 501}),
    "a folded header": (b"GET /r.git/info/refs HTTP/1.1\r\nX: a\r\n b\r\n\r\n", {400}),
    "bare line feeds": (b"GET /r.git/info/refs HTTP/1.1\nHost: x\n\n", {400}),
    "a space before the colon": (b"POST /r.git/git-upload-pack HTTP/1.1\r\nContent-Length : 4\r\n\r\n0000", {400}),
    "a NUL in a header": (b"GET /r.git/info/refs HTTP/1.1\r\nX: a\0b\r\n\r\n", {400}),
    "empty lines": (b"\r\n" * 3, {400}),
    "HTTP/0.9": (b"GET /r.git/info/refs\r\n", {400}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 501, 505}),
    "HTTP/1.0 and chunks": (b"POST /r.git/git-upload-pack HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 411, 501}),
    "CONNECT": (b"CONNECT outside:80 HTTP/1.1\r\nHost: outside\r\n\r\n", {400, 405, 501}),
    "an absolute target": (b"GET http://outside/../../etc/passwd HTTP/1.1\r\nHost: outside\r\n\r\n", {400, 404}),
    "an unknown encoding": (rpc("upload-pack", b"0000", ["Content-Encoding: br"]), {415}),
    "gzip in gzip": (rpc("upload-pack", gzip.compress(gzip.compress(b"0000")), GZIP), {400, 500, 502, "cut"}),
    "gzip that is none": (rpc("upload-pack", b"\x1f\x8b\x08" + b"\xff" * 300, GZIP), {400, 500, 502, "cut"}),
    "gzip, cut": (rpc("upload-pack", gzip.compress(b"0032want " + OID.encode() * 30)[:-12], GZIP), {400, 500, 502, "cut"}),
    "a gzip bomb of zeros": (rpc("upload-pack", BOMB, GZIP), {400, 500, 502, "cut"}),
    "a gzip bomb of packets": (rpc("receive-pack", gzip.compress(COMMAND * 200000, 9), GZIP), {200, 400, 413, 500, 502, "cut"}),
}
GIT = {         # git://: every one ends without a reference being told
    "65 520 bytes of request": b"fff0git-upload-pack /" + b"x" * 65505,
    "a request of 4 bytes": b"0004", "a flush": b"0000", "a delimiter": b"0001", "an end": b"0002", "no hex": b"zzzzgit-upload-pack /r.git\0", "a sign": b"+032git-upload-pack /r.git\0",
    "a service that there is not": pkt(b"git-shell /r.git\0"), "a service in capitals": pkt(b"GIT-UPLOAD-PACK /r.git\0"), "no path": pkt(b"git-upload-pack\0"),
    "a service with options": pkt(b"git-upload-pack --timeout=0 /r.git\0host=x\0")[:-1] + b"\0", "two services": pkt(b"git-upload-pack;id /r.git\0"),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n", "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), "a PROXY header": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + ask(b"upload-pack"),
    "PROXY v2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + ask(b"upload-pack"),
}


def first_status(got):
    """Of a reply; "cut" for one whose chunks have no end, None for no reply."""
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", got)
    if not found:
        return None
    status = int(found[1])
    return "cut" if status == 200 and b"chunked" in got.split(b"\r\n\r\n")[0] and not got.endswith(b"0\r\n\r\n") else status


answers = {}


def send_and_read(name, transport, data):
    s, peer = dial(transport)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass            # it has heard enough
    answers[name] = peer, read_all(s)
    s.close()


bystander = Bystander(g, work)
cost = Cost(g, quiet, outside)
slow = [Slow(name) for name in SLOW]
idlers = [dial("http") for _ in range(40)]          # one request, and then nothing
for s, _ in idlers:
    s.sendall(request("GET", "/quiet.git/HEAD"))
player = threading.Thread(target=play_slow, args=(slow,))
player.start()
for name, (data, _) in HTTP.items():
    send_and_read("http: " + name, "http", data)
for name, data in GIT.items():
    send_and_read("git: " + name, "git", data)
for where in PATHS:
    for service in b"upload-pack", b"receive-pack":
        send_and_read(("git", where, service), "git", ask(service, b"/" + where.encode()) + b"0000")
for where in HTTP_PATHS:
    send_and_read(("http", where), "http", (PERCENT % where.replace(" ", "%20")).encode())
    send_and_read(("dumb", where), "http", ("GET /%s/HEAD HTTP/1.1\r\nHost: x\r\n\r\n" % where.replace(" ", "%20")).encode())
player.join()

for name, (_, may_be) in HTTP.items():
    peer, got = answers["http: " + name]
    tap.ok(first_status(got) in may_be, "http: %s: %s" % (name, first_status(got)), got[:300], got[-200:])
for name in GIT:
    peer, got = answers["git: " + name]
    tap.ok(b"refs/heads" not in got and len(got) < 1000, "git: %s: refused" % name, got[:300])
for key, (peer, got) in answers.items():
    if isinstance(key, tuple):
        served = b"refs/heads" in got or b"capabilities^{}" in got or got.startswith(b"HTTP/1.1 200")
        tap.ok(not served, "%s %.40r: refused" % (key[0], key[1]), got[:300])
for c in slow:
    tap.ok(c.over, "%s byte by byte: it is ended" % c.name, c.got[:200])
    records = wait_for(lambda c=c: g.reaped(peer=c.peer), "the record of " + c.name)
    tap.eq([(r["reason"], r["key"]) for r in records], [c.want], "%s: once, with its reason" % c.name)
    tap.ok(b"git-gate: " in c.got, "%s: and it is told" % c.name, c.got[-300:])
for s, peer in idlers:
    got = read_all(s)
    tap.ok(got.startswith(b"HTTP/1.1 200") and got.count(b"HTTP/1.1") == 1, "a kept connection that nobody uses is closed without a word", got[-200:])
bystander.stop(tap, "hostile clients")
tap.eq([e for e in g.reaped() if e["peer"] not in {c.peer for c in slow}], [], "nobody else was ended")
cost.check(tap, "afterwards")
tap.eq((git("for-each-ref", cwd=outside).stdout, git("for-each-ref", cwd=quiet).stdout.count("\n")), ("", 1), "nothing was written where nobody may")
tap.eq(git("for-each-ref", "refs/heads/slow", cwd=repo).stdout, "", "nor by who was ended")
tap.eq(fsck(repo), "", "the repository is sound")
bad = [e for e in g.events() if not re.fullmatch(r"[ -~\u00a0-\uffff\n]*", e["message"].replace("\t", " "))]
tap.eq(bad, [], "and no record has what they sent as it was")
finish(tap, g)
