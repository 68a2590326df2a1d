#!/usr/bin/python3
"""HTTP as the wire has it: statuses with their reasons, framing, connections, and what a request cannot reach."""
import gzip
import shutil
import struct
import zlib
from email.utils import parsedate_to_datetime

from gate import *
from rawhttp import Cut, Http, Reply, chunk, chunks, request, rpc

tap = Tap()
hooks = Hooks(pre_receive="cat >/dev/null; env -0 >>%s" % path("hook-env"))
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0"}, hooks=hooks.dir)
repo = g.repo()
work = g.work("work")
git("push", "-q", repo, "HEAD:main", cwd=work)
git("repack", "-q", cwd=repo)
git("update-server-info", cwd=repo)
packed = "/r.git/objects/pack/" + [f for f in os.listdir(os.path.join(repo, "objects", "pack")) if f.endswith(".pack")][0]
tip, pack = pack_of(work)
first_tip, first_pack = tip, pack
LS = b"0014command=ls-refs\n0000"
V2 = "Git-Protocol: version=2"
INFO = "/r.git/info/refs?service=git-upload-pack"
ADVERT = b"001e# service=git-upload-pack\n0000"
tips = lambda: git("for-each-ref", cwd=repo).stdout


def push_body(ref, capabilities="report-status side-band-64k", body=None):
    command = ("%s %s %s\0%s" % ("0" * 40, tip, ref, capabilities)).encode()
    return b"%04x" % (len(command) + 4) + command + b"0000" + (pack if body is None else body)


def is_ours(r, status):
    """An answer of the gate's own: the status, and a reason in plain text."""
    return r.status == status and (r["Content-Type"] or "").startswith("text/plain") and r.body.startswith(b"git-gate: ") and r.body.endswith(b"\n")


def attempt(gate, data, method="GET"):
    """The reply to that, and whether the connection ended after it."""
    c = Http(gate, data)
    try:
        r = c.reply(method)
        return r, r["Connection"] == "close" and c.ends()
    except (Cut, AssertionError, ValueError) as e:
        return e, False
    finally:
        c.close()


def one(gate, data, method="GET"):
    c = Http(gate, data)
    try:
        return c.reply(method)
    finally:
        c.close()


# --- every doubt about framing: 400 and the end ---------------------------------------------------------------------------
LSH = ["Content-Type: application/x-git-upload-pack-request", V2]
POST = "POST /r.git/git-upload-pack HTTP/1.1\r\nHost: x\r\n" + "".join(h + "\r\n" for h in LSH)
CHUNKED = "Transfer-Encoding: chunked\r\n"
n = len(LS)


def post(*headers, body=LS):
    return (POST + "".join(h + "\r\n" for h in headers) + "\r\n").encode("latin-1") + body


for what, data in (
        ("two lengths", post("Content-Length: %d" % n, "Content-Length: %d" % (n + 4))),
        ("the same length twice", post("Content-Length: %d" % n, "Content-Length: %d" % n)),
        ("a length and chunks", post("Content-Length: %d" % n, "Transfer-Encoding: chunked", body=chunks(LS))),
        ("chunks and a length", post("Transfer-Encoding: chunked", "Content-Length: %d" % n, body=chunks(LS))),
        ("chunked twice", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=chunks(LS))),
        ("a space before the colon", post("Content-Length : %d" % n)),
        ("a folded length", post("Content-Length:", " %d" % n)),
        ("a folded header", post("X: y", "\tz", "Content-Length: %d" % n)),
        ("a length with a plus", post("Content-Length: +%d" % n)),
        ("a negative length", post("Content-Length: -1")),
        ("a hexadecimal length", post("Content-Length: 0x18")),
        ("a list of lengths", post("Content-Length: %d, %d" % (n, n))),
        ("an empty length", post("Content-Length:")),
        ("a length over 2^64", post("Content-Length: 18446744073709551640")),
        ("chunked in HTTP/1.0", post("Transfer-Encoding: chunked", body=chunks(LS)).replace(b"HTTP/1.1", b"HTTP/1.0")),
        ("a bare LF in the head", post("X: y\nContent-Length: %d" % n)),
        ("only LF", post("Content-Length: %d" % n).replace(b"\r\n", b"\n")),
        ("a bare CR in a value", post("X: y\rz", "Content-Length: %d" % n)),
        ("a NUL in a value", post("X: y\0z", "Content-Length: %d" % n)),
        ("a header without a name", post(": y", "Content-Length: %d" % n)),
        ("a header without a colon", post("nonsense", "Content-Length: %d" % n)),
        ("two hosts", post("Host: y", "Content-Length: %d" % n)),
        ("no host", b"GET %s HTTP/1.1\r\n\r\n" % INFO.encode()),
        ("no version", b"GET %s\r\n\r\n" % INFO.encode()),
        ("two spaces", b"GET  %s HTTP/1.1\r\nHost: x\r\n\r\n" % INFO.encode()),
        ("a space in the target", b"GET /r.git/in fo/refs HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a lower-case method", b"get %s HTTP/1.1\r\nHost: x\r\n\r\n" % INFO.encode()),
        ("another protocol", b"SSH-2.0-OpenSSH_9\r\n"),
        ("a TLS hello", bytes.fromhex("16030100c8010000c40303") + os.urandom(32) + b"\r\n"),
        ("NULs", b"\0" * 8 + b"\r\n"),
        ("empty lines", b"\r\n\r\n\r\n"),
        ("a chunk of size -1", post(CHUNKED[:-2], body=b"-1\r\n" + LS)),
        ("a chunk of size 0x18", post(CHUNKED[:-2], body=b"0x18\r\n%s\r\n0\r\n\r\n" % LS)),
        ("a chunk size with a blank", post(CHUNKED[:-2], body=b"18 \r\n%s\r\n0\r\n\r\n" % LS)),
        ("no chunk size", post(CHUNKED[:-2], body=b"\r\n%s\r\n0\r\n\r\n" % LS)),
        ("a chunk of 2^64-1", post(CHUNKED[:-2], body=b"ffffffffffffffff\r\n" + LS)),
        ("a chunk over 2^64", post(CHUNKED[:-2], body=b"1" + b"0" * 16 + b"\r\n" + LS)),
        ("a chunk longer than its size", post(CHUNKED[:-2], body=b"10\r\n%s\r\n0\r\n\r\n" % LS)),
        ("LF between chunks", post(CHUNKED[:-2], body=b"18\n%s\n0\n\n" % LS)),
        ("a bad chunk after a good one", post(CHUNKED[:-2], body=chunk(LS) + b"zz\r\n")),
        ("a chunk extension of 1 MB", post(CHUNKED[:-2], body=b"18;" + b"x" * (1 << 20) + b"\r\n")),
        ("a folded trailer", post(CHUNKED[:-2], body=chunk(LS) + b"0\r\nA: b\r\n c\r\n\r\n")),
        ("endless trailers", post(CHUNKED[:-2], body=chunk(LS) + b"0\r\n" + b"A: b\r\n" * 9000))):
    r, closed = attempt(g, data)
    tap.ok(isinstance(r, Reply) and is_ours(r, 400) and closed, "400 and close: " + what, r)

big = "x" * 10000
for what, data, status, says in (
        ("a transfer coding that is not chunked", post("Transfer-Encoding: gzip, chunked", body=chunks(LS)), 501, b"chunked"),
        ("identity", post("Transfer-Encoding: identity"), 501, b"chunked"),
        ("a method that nobody knows", b"BREW /r.git HTTP/1.1\r\nHost: x\r\n\r\n", 501, b"method"),
        ("HTTP/2.0", b"GET %s HTTP/2.0\r\nHost: x\r\n\r\n" % INFO.encode(), 505, b"HTTP/1.1"),
        ("HTTP/0.9", b"GET %s HTTP/0.9\r\nHost: x\r\n\r\n" % INFO.encode(), 505, b"HTTP/1.1"),
        ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, b"HTTP/1.1"),
        ("a target of 10 kB", request("GET", "/" + big), 414, b"too long"),
        ("a path of 5 kB", request("GET", "/" + big[:5000] + "/info/refs"), 414, b"too long"),
        ("a target without end", b"GET /" + b"x" * 200000, 414, b"too long"),
        ("a header of 40 kB", request("GET", INFO, ["X: " + big * 4]), 431, b"too large"),
        ("200 headers", request("GET", INFO, ["X%d: y" % i for i in range(200)]), 431, b"too many"),
        ("an unknown expectation", post("Expect: foo", "Content-Length: %d" % n), 417, b"100-continue"),
        ("two expectations", post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: %d" % n), 417, b"100-continue"),
        ("a wrong content type", rpc("upload-pack", LS).replace(b"upload-pack-request", b"receive-pack-request"), 415, b"content type"),
        ("no content type", request("POST", "/r.git/git-upload-pack", [], LS), 415, b"content type"),
        ("deflate", rpc("upload-pack", LS, ["Content-Encoding: deflate"]), 415, b"gzip"),
        ("br", rpc("receive-pack", b"0000", ["Content-Encoding: br"]), 415, b"gzip"),
        ("two content codings", rpc("upload-pack", LS, ["Content-Encoding: gzip", "Content-Encoding: gzip"]), 415, b"gzip"),
        ("a POST without a length", post(body=b""), 411, b"Content-Length"),
        ("a repository that is not there", request("GET", "/none.git/info/refs?service=git-upload-pack"), 404, b"no such repository"),
        ("a push to it", rpc("receive-pack", b"0000", repo="none.git"), 404, b"no such repository"),
        ("the base path", request("GET", "/"), 404, b"nothing is served"),
        ("a file that is no part of the protocol", request("GET", "/r.git/config"), 404, b"nothing is served"),
        ("a ref's file", request("GET", "/r.git/refs/heads/main"), 404, b"nothing is served"),
        ("a service that does not exist", request("GET", "/r.git/info/refs?service=git-foo"), 403, b"no such service"),
        ("two services", request("GET", INFO + "&service=git-receive-pack"), 400, b"more than one service"),
        ("git archive", rpc("upload-archive", b"0000"), 501, b"archive")):
    r, closed = attempt(g, data)
    tap.ok(isinstance(r, Reply) and is_ours(r, status) and says in r.body and closed, "%d: %s" % (status, what), r)

for method, target, allow in (("PUT", INFO, "GET, HEAD"), ("DELETE", "/r.git/HEAD", "GET, HEAD"), ("POST", "/r.git/info/refs", "GET, HEAD"),
                              ("GET", "/r.git/git-upload-pack", "POST"), ("HEAD", "/r.git/git-receive-pack", "POST"),
                              ("PROPFIND", "/r.git/", "GET, HEAD, POST"), ("MKCOL", "/r.git/refs/", "GET, HEAD, POST"),
                              ("LOCK", "/r.git/info/refs", "GET, HEAD"), ("OPTIONS", INFO, "GET, HEAD"), ("TRACE", INFO, "GET, HEAD"),
                              ("PUT", "/r.git/objects/x", "GET, HEAD, POST")):
    r, closed = attempt(g, request(method, target), method)
    tap.ok(r.status == 405 and r["Allow"] == allow and (method == "HEAD" or is_ours(r, 405)) and closed, "405: %s %s" % (method, target), r)

# --- a path means one repository, below the base path -----------------------------------------------------------------------
git("init", "-q", "--bare", path("outside.git"))
os.symlink(path("outside.git"), os.path.join(g.base, "out.git"))
os.symlink("r.git", os.path.join(g.base, "alias.git"))
os.symlink(TMP, os.path.join(g.base, "tmp"))
os.makedirs(os.path.join(g.base, "gitfile"))
with open(os.path.join(g.base, "gitfile", ".git"), "w") as f:
    f.write("gitdir: %s\n" % path("outside.git"))
for target in ("/../r.git/HEAD", "/r.git/../r.git/HEAD", "/%2e%2e/r.git/HEAD", "/%2E%2e/r.git/HEAD", "/x%2fr.git/HEAD", "//r.git/HEAD", "/r.git//HEAD",
               "/r.git/./HEAD", "/r.git%00/HEAD", "/r.git/%0aHEAD", "/r.git/HEAD%0d%0aX: y", "/r.git/%zz/HEAD", "/r.git/HEAD%", "*", "r.git/HEAD",
               "/r.git/HEAD#x", "http:///r.git/HEAD"):
    r, closed = attempt(g, request("GET", target))
    tap.ok(isinstance(r, Reply) and is_ours(r, 400) and closed, "400: " + target, r)
for target, says in (("/out.git/HEAD", b"outside the base path"), ("/out/info/refs?service=git-receive-pack", b"outside the base path"),
                     ("/tmp/outside.git/HEAD", b"outside the base path"), ("/gitfile/HEAD", b"a file that names another directory")):
    r, closed = attempt(g, request("GET", target))
    tap.ok(is_ours(r, 403) and says in r.body and closed, "403: %s: %s" % (target, says.decode()), r)
tap.eq(git("for-each-ref", cwd=path("outside.git")).stdout, "", "nothing was written outside")
for target in ("/r.git/HEAD", "/r/HEAD", "/alias.git/HEAD", "http://h/r.git/HEAD", "HTTP://h:80/r.git/HEAD", "/r%2egit/HEAD", "/r.git/HEAD?x=y"):
    r = one(g, request("GET", target))
    tap.ok(r.status == 200 and r.body == b"ref: refs/heads/main\n", "the one repository as " + target, r)
deep = "/".join("x" * 200 for _ in range(6)) + ".git"
git("init", "-q", "--bare", os.path.join(g.base, deep))
r, closed = attempt(g, request("GET", "/" + deep + "/HEAD"))
tap.ok(is_ours(r, 414) and closed, "414: a repository whose path is longer than what is examined", r)
tap.eq({e["repo"] for e in g.events("session.opened") if not e["repo"].startswith("xxx")} - {"/none.git"}, {"r.git"}, "and by one name in the log")

# --- dumb clients, lfs, other endpoints: an answer, and the connection stays -------------------------------------------------
c = Http(g)
for method, target, status, text in (
        ("GET", "/r.git/info/refs", 200, ("%s\trefs/heads/main\n" % tip).encode()), ("GET", "/r.git/HEAD", 200, b"ref: refs/heads/main\n"),
        ("GET", "/r.git/objects/info/packs", 200, None), ("GET", packed, 200, None), ("GET", packed[:-4] + "idx", 200, None), ("GET", "/r.git/objects/%s/%s" % (tip[:2], tip[2:]), 200, None),
        ("HEAD", "/r.git/objects/%s/%s" % (tip[:2], tip[2:]), 200, b""), ("GET", "/r.git/objects/00/" + "0" * 38, 404, None),
        ("GET", "/r.git/objects/info/http-alternates", 404, None), ("GET", INFO, 200, None), ("HEAD", INFO, 200, b""),
        ("GET", INFO.replace("upload", "receive"), 200, None)):
    c.send(request(method, target, ["Range: bytes=0-3"]))
    r = c.reply(method)
    tap.ok(r.status == status and r["Connection"] is None and (text is None or r.body == text), "%s %s, kept alive" % (method, target), r)
    tap.ok(status == 200 or is_ours(r, status), "%s %s: what is refused has a reason" % (method, target), r)
c.close()
tap.eq(g.events("session.accepted")[-1]["peer"], c.peer, "all on one connection")
for method, target in (("POST", "/r.git/info/lfs/objects/batch"), ("POST", "/r.git/info/lfs/locks/verify"), ("GET", "/r.git/info/lfs/locks")):
    r, closed = attempt(g, request(method, target, ["Accept: application/vnd.git-lfs+json"], b"{}" if method == "POST" else b""))
    tap.ok(r.status == 404 and "lfs" in json.loads(r.body)["message"], "%s %s: 404 in JSON" % (method, target), r)

# --- who is asked for what: nothing of a header but Git-Protocol and gzip ------------------------------------------------------
for what, headers, begins in (
        ("version=2", [V2], b"000eversion 2\n"), ("a list", ["Git-Protocol: foo:version=2"], b"000eversion 2\n"),
        ("any case", ["GIT-PROTOCOL: version=2"], b"000eversion 2\n"), ("none", [], ADVERT), ("two", [V2, V2], ADVERT),
        ("a long one", ["Git-Protocol: version=2:" + "x" * 300], ADVERT), ("blanks in it", ["Git-Protocol: version=2 x"], ADVERT),
        ("what a shell would take", ["Git-Protocol: version=2;$(id)"], ADVERT), ("as CGI spells it", ["HTTP_GIT_PROTOCOL: version=2"], ADVERT),
        ("version=1", ["Git-Protocol: version=1"], ADVERT[:-4])):
    r = one(g, request("GET", INFO, headers))
    tap.ok(r.status == 200 and r.body.startswith(begins), "Git-Protocol: " + what, r)
    tap.eq((r["Content-Type"], r.framing), ("application/x-git-upload-pack-advertisement", "chunked"), "Git-Protocol: %s: its type" % what)
refs = b"%s HEAD" % tip.encode()
r = one(g, rpc("upload-pack", LS, [V2]))
tap.ok(r.status == 200 and refs in r.body, "version 2 in a POST", r)
hostile = ["Proxy: http://evil.example", "HTTP_PROXY: http://evil.example", "Git-Dir: /etc", "GIT_DIR: /etc", "Remote-User: root", "REMOTE_USER: root",
           "Remote_User: root", "Remote-Addr: 192.0.2.9", "Authorization: Basic eDp5", "Path-Info: /x", "X-Forwarded-For: 192.0.2.9", "Content-Foo: x",
           "Git-Config-Count: 9", "User-Agent: evil", "Cookie: evil", "Referer: evil", "Path: /evil", "Ld-Preload: evil", "Trailer: evil"]
r = one(g, rpc("receive-pack", push_body("refs/heads/env"), hostile + [V2]))
tap.ok(r.status == 200 and b"ok refs/heads/env" in r.body, "a push with headers of that kind", r)
env = dict(e.split("=", 1) for e in read(path("hook-env")).split("\0") if "=" in e)
tap.eq([v for v in env.items() if "evil" in v[1] or "/etc" in v[1] or "192.0.2.9" in v[1] or "eDp5" in v[1]], [], "none of them is in a hook's environment", env)
tap.eq((env["REMOTE_ADDR"], env.get("REMOTE_USER"), env.get("GIT_PROTOCOL")), ("127.0.0.1", None, "version=2"), "who pushes is who is connected")
tap.eq(sorted(k for k in env if k.startswith("HTTP_")), ["HTTP_GIT_PROTOCOL"], "of HTTP_ there is only that")

# --- bodies: by length, in chunks of every form, gzip --------------------------------------------------------------------------
for what, data in (
        ("a length", post("Content-Length: %d" % n)), ("a length with zeros before it", post("Content-Length: 000%d" % n)),
        ("any case", post("content-LENGTH:%d   " % n)), ("one chunk", post(CHUNKED[:-2], body=chunks(LS))),
        ("a chunk a byte", post(CHUNKED[:-2], body=chunks(LS, 1))), ("capitals", post("TRANSFER-ENCODING: Chunked", body=chunks(LS, 26).replace(b"18", b"018"))),
        ("chunk extensions", post(CHUNKED[:-2], body=chunk(LS, b";a=b;c=\"d e\";f") + b"0;last\r\n\r\n")),
        ("trailers", post(CHUNKED[:-2], "Trailer: A", body=chunk(LS) + b"0\r\nA: b\r\nContent-Length: 3\r\n\r\n")),
        ("gzip", rpc("upload-pack", gzip.compress(LS), [V2, "Content-Encoding: gzip"])),
        ("x-gzip, in chunks", rpc("upload-pack", gzip.compress(LS), [V2, "content-encoding: X-GZIP"], chunked=True)),
        ("identity", rpc("upload-pack", LS, [V2, "Content-Encoding: identity"]))):
    r = one(g, data)
    tap.ok(r.status == 200 and refs in r.body and r["Content-Type"] == "application/x-git-upload-pack-result", "a body: " + what, r)
    c = Http(g)
    c.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(len(data)):
        c.send(data[i:i + 1])
    r = c.reply()
    c.close()
    tap.ok(r.status == 200 and refs in r.body, "a body: %s, byte by byte" % what, r)
r = one(g, rpc("receive-pack", gzip.compress(push_body("refs/heads/gzip")), ["Content-Encoding: gzip"], chunked=True))
tap.ok(r.status == 200 and b"ok refs/heads/gzip" in r.body, "a push in gzip", r)

# --- a body that is cut is no body ----------------------------------------------------------------------------------------------
commit(work, "blob", os.urandom(300000))
tip, pack = pack_of(work)
zeros = b"PACK" + struct.pack(">II", 2, 1) + bytes([0xb0 | 0x80, 0x80, 0x80, 0x01]) + zlib.compress(bytes(1 << 18), 0)  # one blob, never whole
before = tips()
whole = push_body("refs/heads/cut")


def is_failure(r):
    """No client takes that for a good end: an error's status, a reply that is cut, or git's own report of a failure."""
    return isinstance(r, Cut) or (isinstance(r, Reply) and (r.status >= 400 or (b"unpack " in r.body and b"unpack ok" not in r.body)))


def cut(data):
    c = Http(g, data).end()
    try:
        return c.reply()
    except Cut as e:
        return e
    finally:
        c.close()


for what, data in (
        ("a push by length", rpc("receive-pack", whole)[:-1000]), ("a push in chunks", rpc("receive-pack", whole, chunked=True)[:-2000]),
        ("a push in its commands", rpc("receive-pack", whole)[:-len(pack) - 20]), ("a push in gzip", rpc("receive-pack", gzip.compress(whole), ["Content-Encoding: gzip"])[:-1000]),
        ("a push without a body", rpc("receive-pack", whole)[:-len(whole)]),
        ("a whole request of half a push", rpc("receive-pack", whole[:-1000])), ("a whole request of ten bytes", rpc("receive-pack", whole[:10])),
        ("a whole request of half a gzip", rpc("receive-pack", gzip.compress(whole)[:-1000], ["Content-Encoding: gzip"])),
        ("a whole request of ten bytes of gzip", rpc("receive-pack", gzip.compress(whole)[:10], ["Content-Encoding: gzip"])),
        ("an empty push", rpc("receive-pack", b"")), ("an empty push in gzip", rpc("receive-pack", b"", ["Content-Encoding: gzip"])),
        ("no packets at all", rpc("receive-pack", b"zzzz")), ("gzip that is none", rpc("receive-pack", b"0000", ["Content-Encoding: gzip"])),
        ("gzip that is not told", rpc("receive-pack", gzip.compress(whole))),
        ("a fetch by length", rpc("upload-pack", LS, [V2])[:-10]), ("a fetch in chunks", rpc("upload-pack", LS, [V2], chunked=True)[:-20]),
        ("a whole request of half a fetch", rpc("upload-pack", LS[:-10], [V2])), ("an empty fetch", rpc("upload-pack", b"")),
        ("a fetch in half a gzip", rpc("upload-pack", gzip.compress(LS)[:-12], ["Content-Encoding: gzip", V2])),
        ("a fetch of more than git http-backend takes", rpc("upload-pack", b"0032want %s\n0000" % tip.encode() + b"0032have %s\n" % (b"1" * 40) * 220000)),
        ("a verb that git does not know", rpc("upload-pack", b"0017command=bundle-uri\n0000", [V2])),
        ("an old fetch by length", rpc("upload-pack", b"0032want %s\n" % tip.encode() + b"00000009done\n")[:-9])):
    r = cut(data)
    tap.ok(is_failure(r), "not passed as complete: " + what, r)
    tap.ok(not isinstance(r, Reply) or r.status != 200 or r.body, "nor an empty 200: " + what, r)
g.settle()
wait_for(lambda: not leftovers(repo), "what git left to be removed")
tap.eq((tips(), fsck(repo)), (before, ""), "no ref was made, nothing is left")

# --- Expect: 100-continue ---------------------------------------------------------------------------------------------------------
def expect(gate, data, *more, version=None):
    """Heads of replies to a head that waits; the body only after a 100."""
    head, body = data.split(b"\r\n\r\n", 1)
    c = Http(gate, head + b"\r\nExpect: 100-continue\r\n\r\n")
    first = c.reply()
    if first.status == 100:
        c.send(body)
        return first, c.reply(), c
    return first, None, c


first, r, c = expect(g, rpc("receive-pack", push_body("refs/heads/expect"), chunked=True))
tap.ok(first.status == 100 and r.status == 200 and b"ok refs/heads/expect" in r.body, "100, then the push", first, r)
c.send(request("GET", "/r.git/HEAD"))
tap.eq(c.reply().status, 200, "and the connection is kept")
c.close()
for what, data, status in (("a missing repository", rpc("receive-pack", whole, repo="none.git"), 404),
                           ("a wrong type", request("POST", "/r.git/git-receive-pack", ["Content-Type: text/plain"], whole), 415),
                           ("a wrong method", request("PUT", "/r.git/HEAD", [], whole), 405)):
    first, r, c = expect(g, data)
    tap.ok(is_ours(first, status) and c.ends(), "no 100 for %s, %d at once" % (what, status), first)
c = Http(g, rpc("upload-pack", LS, [V2, "Expect: 100-continue"], version="1.0"))
r = c.reply()
tap.ok(r.status == 200 and refs in r.body, "no 100 for HTTP/1.0", r)
c.close()
if shutil.which("curl"):
    with open(path("body"), "wb") as f:
        f.write(os.urandom(8 << 20))
    for name, want in (("none.git", "404"), ("r.git", "500")):
        r = subprocess.run(["curl", "-sv", "-m60", "-H", "Content-Type: application/x-git-receive-pack-request", "-H", "Expect: 100-continue",
                            "--data-binary", "@" + path("body"), "-w", "%{http_code}", g.http(name) + "/git-receive-pack"],
                           env=ENV, capture_output=True, text=True, timeout=PATIENCE)
        tap.ok(r.stdout.startswith("git-gate: ") and r.stdout.endswith(want), "curl sends 8 MB that nobody wants and reads why: " + want, r.stdout, r.stderr[-1500:])
else:
    tap.skip("curl", "it is not installed")

# --- HTTP/1.0, HEAD, keep-alive, pipelining ------------------------------------------------------------------------------------------
def old(data, headers=(), method="GET", half_close=False):
    c = Http(g, data)
    if half_close:
        c.end()
    return c.reply(method), c


r, c = old(request("GET", INFO.replace("upload", "receive"), version="1.0"))
tap.ok(r.framing == "close" and r["Connection"] == "close" and r.body.startswith(b"001f# service=git-receive-pack\n0000"), "HTTP/1.0: close marks the end", r)
r, c = old(b"GET /r.git/HEAD HTTP/1.0\r\n\r\n")
tap.ok(r.status == 200 and r.framing == "length" and r["Connection"] == "close" and c.ends(), "HTTP/1.0: without Host, a known length", r)
c = Http(g)
for i in range(2):
    c.send(request("GET", "/r.git/HEAD", ["Connection: keep-alive"], version="1.0"))
    r = c.reply()
    tap.ok(r.status == 200 and r.framing == "length" and r["Connection"] == "keep-alive", "HTTP/1.0: kept when asked for", r)
c.close()
r, c = old(request("GET", INFO, ["Connection: keep-alive"], version="1.0"))
tap.ok(r.framing == "close" and r["Connection"] == "close" and r.body.startswith(ADVERT), "HTTP/1.0: not kept when only close marks the end", r)
r, c = old(rpc("receive-pack", push_body("refs/heads/old"), version="1.0"), half_close=True)
tap.ok(r.framing == "close" and b"ok refs/heads/old" in r.body, "HTTP/1.0: a push, half-closed", r)
r, c = old(rpc("receive-pack", push_body("refs/heads/half"), chunked=True), half_close=True)
tap.ok(r.framing == "chunked" and b"ok refs/heads/half" in r.body, "HTTP/1.1: a push, half-closed", r)
c = Http(g, b"".join(request("GET", "/r.git/HEAD") for _ in range(3))).end()
tap.eq([c.reply().status for _ in range(3)] + [c.ends()], [200, 200, 200, True], "three requests, half-closed: all are answered")
r, c = old(request("GET", INFO, ["Connection: close"]))
tap.ok(r.framing == "chunked" and r["Connection"] == "close" and c.ends(), "HTTP/1.1: closed when asked for", r)
c = Http(g)
for target in (INFO, "/r.git/HEAD", "/r.git/info/refs"):
    c.send(request("HEAD", target) + request("GET", "/r.git/HEAD"))
    r, next_one = c.reply("HEAD"), c.reply()
    tap.ok(r.status == 200 and next_one.body == b"ref: refs/heads/main\n", "HEAD %s has no body, the next reply parses" % target, r, next_one)
c.send(request("HEAD", "/none.git/HEAD"))
tap.ok(c.reply("HEAD").status == 404 and c.ends(), "HEAD: a refusal has no body either")
c = Http(g)
c.send(b"\r\n" + rpc("receive-pack", b"0000") + request("GET", INFO) + request("GET", "/r.git/HEAD") + rpc("upload-pack", LS, [V2], chunked=True)
       + request("GET", "/r.git/HEAD", ["Connection: close"]) + request("GET", "/r.git/HEAD"))
got = [c.reply() for _ in range(5)]
tap.eq([r.status for r in got], [200] * 5, "five requests in one segment", *got)
tap.ok(got[0].body == b"" and got[1].body.startswith(ADVERT) and refs in got[3].body and got[4]["Connection"] == "close", "answered in order", *got)
tap.ok(c.ends(), "nothing behind a close is answered")
before_all = len(g.events("session.opened"))
c = Http(g)
seen = []
for i in range(50):
    c.send(request("GET", INFO))
    seen.append(c.reply().status)
for i in range(3):
    c.send(rpc("receive-pack", b"0000") + rpc("receive-pack", push_body("refs/heads/kept%d" % i), chunked=True))
    seen += [c.reply().status, c.reply().status]
tap.eq(seen, [200] * 56, "56 requests on one connection, among them pushes after probes")
root = [e["pid"] for e in g.sessions() if e["peer"] == c.peer]
tap.eq(len(g.sessions()), 1, "one session", g.sessions())
c.close()
g.settle()
tap.eq(sorted(r for r in tips().split() if "kept" in r), ["refs/heads/kept%d" % i for i in range(3)], "the pushes are there")
tap.ok(len(g.events("session.opened")) - before_all <= 2, "in the log a session a service, not a request", *g.events("session.opened")[before_all:])

# --- Date ---------------------------------------------------------------------------------------------------------------------------------
for what, data in ("a reply of git's", request("GET", INFO, ["Connection: close"])), ("one of ours", request("GET", "/none.git/HEAD")):
    r = one(g, data)
    tap.ok(r["Date"] and abs(parsedate_to_datetime(r["Date"]).timestamp() - time.time()) < 60, "Date: " + what, r)

# --- 403, 413, 503 by settings ---------------------------------------------------------------------------------------------------------
g.settle()
tap.eq((g.reaped(), fsck(repo), leftovers(repo)), ([], "", []), "the gate ended nothing so far; sound and tidy")
tap.eq([e["message"] for e in g.events("session.log") if "Broken" in e["message"] or "failed" in e["message"].split(":")[0]], [], "no noise")
with open(path("included"), "w") as f:
    f.write("[http]\n\treceivepack = false\n")
PUSH, FETCH, FILE = "info/refs?service=git-receive-pack", "info/refs?service=git-upload-pack", "HEAD"
for settings, target, status, says in (
        (["http.receivepack=false"], PUSH, 403, b"http.receivepack"), (["daemon.receivepack=no"], PUSH, 403, b"daemon.receivepack"),
        (["http.receivepack=true", "daemon.receivepack=false"], PUSH, 200, b""), (["http.receivepack=false", "http.receivepack=true"], PUSH, 200, b""),
        (["include.path=" + path("included")], PUSH, 403, b"http.receivepack"), (["http.receivepack=perhaps"], PUSH, 403, b"cannot be read"),
        (["http.uploadpack=false"], FETCH, 403, b""), (["http.uploadpack=false"], PUSH, 200, b""), (["http.getanyfile=false"], FILE, 403, b""),
        (["http.getanyfile=false"], FETCH, 200, b"")):
    says_no = g.repo("says-no.git")
    for setting in settings:
        git("config", "--add", *setting.split("=", 1), cwd=says_no)
    r, ended = attempt(g, request("GET", "/says-no.git/" + target, ["Connection: close"]))
    tap.ok(r.status == status and says in r.body and ended, "a repository that says no: %s, %s: %d" % (" ".join(settings), target, status), r)
    if target == PUSH and status == 403:
        r, ended = attempt(g, rpc("receive-pack", b"0000", repo="says-no.git"))
        tap.ok(is_ours(r, 403) and says in r.body and ended, "a repository that says no: %s: nor what is posted" % settings[0], r)
    shutil.rmtree(says_no)
closed = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "gate.receivePack": "false", "gate.exportAll": "false"}, base=g.base)
r, ended = attempt(closed, request("GET", INFO))
tap.ok(is_ours(r, 404) and b"gate.exportAll" in r.body, "not exported: 404", r)
open(os.path.join(repo, "git-daemon-export-ok"), "w").close()
r, ended = attempt(closed, request("GET", INFO, ["Connection: close"]))
tap.ok(r.status == 200 and ended, "exported by git's own file", r)
for data in (request("GET", INFO.replace("upload", "receive")), rpc("receive-pack", b"0000")):
    r, ended = attempt(closed, data)
    tap.ok(is_ours(r, 403), "pushes are off: 403", r)
small = Gate({"listen.http": "127.0.0.1:0", "limit.push": "100k", "limit.sessions": "2", "limit.waiting": "0", "deadline.init": "1m", "deadline.commands": "1m",
              "deadline.idle": "1m", "deadline.packStart": "1m"}, base=g.base)
r, ended = attempt(small, rpc("receive-pack", whole))
LARGE = rb"git-gate: push refused: it is larger than %s \(%s\), session [0-9a-f]{8}\n"
tap.ok(is_ours(r, 413) and re.search(LARGE % (b"100k", b"limit.push"), r.body) and ended, "413 by its length", r)
first, r, c = expect(small, rpc("receive-pack", whole))
tap.ok(is_ours(first, 413) and c.ends(), "413 by its length, no 100 before", first)
def push_below():
    """The first commit again, under another name."""
    command = ("%s %s refs/heads/below\0report-status" % ("0" * 40, first_tip)).encode()
    return b"%04x" % (len(command) + 4) + command + b"0000" + first_pack


small.settle()
plain = push_body("refs/heads/cut", "report-status")
r, ended = attempt(small, rpc("receive-pack", plain, chunked=True))
tap.ok(is_ours(r, 413) and re.search(LARGE % (b"100k", b"limit.push"), r.body) and ended, "413 by what came in chunks", r)
small.settle()
r, ended = attempt(small, rpc("receive-pack", whole, chunked=True))
tap.ok(r.status == 200 and re.search(b"\2" + LARGE % (b"100k", b"limit.push"), r.body) and b"unpacker error" in r.body and ended,
       "a client that shows what is on side-band 2 gets it there, with git's report", r)
small.settle()
r, ended = attempt(small, rpc("receive-pack", gzip.compress(push_body("refs/heads/cut", body=zeros)), ["Content-Encoding: gzip"]))
tap.ok(b"exceeds maximum allowed size" in (r.args[0] if isinstance(r, Cut) else r).body, "what is inflated is counted too", r)
small.settle()
r, ended = attempt(small, rpc("receive-pack", push_below(), ["Connection: close"], chunked=True))
tap.ok(r.status == 200 and b"unpack ok" in r.body and ended, "below the limit there is none", r)
small.settle()
holders = [Http(small), Http(small)]
wait_for(lambda: len(small.sessions()) == 2, "the room to be full")
r, ended = attempt(small, request("GET", INFO))
tap.ok(is_ours(r, 503) and int(r["Retry-After"]) > 0 and ended, "503 with Retry-After when the room is full", r)
for c in holders:
    c.close()
small.settle()
tap.eq((closed.reaped(), small.reaped()), ([], []), "nobody was ended")

# --- 408 -------------------------------------------------------------------------------------------------------------------------------
hasty = Gate({"listen.http": "127.0.0.1:0", "deadline.init": "2s"}, base=g.base)
for what, data in (("half a head", b"GET /r.git/HE"), ("nothing", b"")):
    c = Http(hasty, data)
    r = c.reply()
    tap.ok(is_ours(r, 408) and c.ends(), "408: " + what, r)
c = Http(hasty, request("GET", "/r.git/HEAD"))
c.reply()
tap.ok(c.ends(), "a kept connection that nobody uses is closed without a word")
finish(tap, g, closed, small, hasty)
