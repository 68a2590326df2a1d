#!/usr/bin/python3
"""What is small to send and large to take: packs, trees, references, requests, options and output without end. Each is refused or answered, for what it is, while
others push and fetch; no memory, disk or process of it is left, and what the client chose is in no environment and no command line.
"""
import hashlib
import struct
import zlib

from bystander import Bystander, Cost
from gate import *

tap = Tap()
ZERO = "0" * 40
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4, "ref-delta": 7}
steps = path("steps")
os.makedirs(os.path.join(steps, "pre-receive.d"))
scanner = path("scanner")
put_script(scanner, "exit 0")
g = Gate({"listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": scanner, "hook.dir": steps, "hook.scratch": TMP, "limit.object": "2m",
          "limit.scan": "16m", "limit.refs": "5000", "deadline.step": "5m", "deadline.scan": "5m", "deadline.commands": "1m", "deadline.packStart": "1m", "deadline.idle": "1m"})
repo, bombed = g.repo(), g.repo("bombed.git", "receive.advertisePushOptions=true")
work = g.work("work")
for r in "r.git", "bombed.git":
    git("push", "-q", g.url(r), "HEAD:main", cwd=work)
OID = git("rev-parse", "HEAD", cwd=work).stdout.strip()


# --- a push by hand --------------------------------------------------------------------------------------------------------------------

def pkt(data):
    return b"%04x" % (len(data) + 4) + data


def oid(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def varint(n):
    out = [n & 0x7f]
    while n := n >> 7:
        out[-1] |= 0x80
        out.append(n & 0x7f)
    return bytes(out)


def entry(kind, data, base=None, says=None, level=6):
    """An object of a pack; says: the size that its head tells."""
    size = len(data) if says is None else says
    first, rest = KINDS[kind] << 4 | (size & 15), size >> 4
    head = bytes([first | (0x80 if rest else 0)]) + (varint(rest) if rest else b"")
    return head + (bytes.fromhex(base) if base else b"") + zlib.compress(data, level)


def pack(*entries, says=None):
    out = b"PACK" + struct.pack(">II", 2, len(entries) if says is None else says) + b"".join(entries)
    return out + hashlib.sha1(out).digest()


def tree_entry(mode, name, what):
    return mode.encode() + b" " + name.encode() + b"\0" + bytes.fromhex(what)


def commit_of(tree):
    return b"tree %s\nauthor A <a@example.invalid> 1600000000 +0000\ncommitter C <c@example.invalid> 1600000000 +0000\n\nx\n" % tree.encode()


def whole(tree, *entries):
    """Tip and pack of a commit with this tree (its bytes) and more."""
    c = commit_of(oid("tree", tree))
    return oid("commit", c), pack(entry("commit", c), entry("tree", tree), *entries)


def push(updates, data=b"", options=(), gate=g):
    """What receive-pack answers, side bands and all."""
    caps = b"\0report-status side-band-64k" + (b" push-options" if options else b"")
    c = Raw(gate, repo="bombed.git")
    c.advertisement()
    lines = [pkt(u + (caps if i == 0 else b"")) for i, u in enumerate(updates)] + [b"0000"]
    lines += [pkt(o) for o in options] + ([b"0000"] if options else [])
    try:
        c.s.sendall(b"".join(lines) + data)
        c.s.shutdown(socket.SHUT_WR)
    except OSError:
        pass            # it has heard enough
    got = c.rest()
    c.close()
    return got


def update(tip, ref="refs/heads/bomb"):
    return ("%s %s %s" % (ZERO, tip, ref)).encode()


def refs():
    return git("for-each-ref", "--format=%(refname)", cwd=bombed).stdout.split()


def try_push(what, updates, data=b"", says=None, taken=False, options=()):
    """says: what the client reads; taken: whether the reference is there afterwards."""
    before = refs()
    got = push(updates, data, options)
    tap.ok(b"ok refs/" in got if taken else b"ok refs/heads/" not in got, "%s: %s" % (what, "accepted" if taken else "refused"), got[-700:])
    if says:
        tap.ok(re.search(says, got), "%s: and the client reads why" % what, got[-700:])
    tap.eq(len(refs()), len(before) + (len(updates) if taken else 0), "%s: the references say the same" % what)
    for r in set(refs()) - set(before):
        git("update-ref", "-d", r, cwd=bombed)


bystander = Bystander(g, work)
# what lies in the repository after a push that was taken is wanted: a few MB are let through below
cost = Cost(g, bombed)

# --- packs -----------------------------------------------------------------------------------------------------------------------------

small = b"hello\n"
blob_tree = tree_entry("100644", "x", oid("blob", small))
tip, good = whole(blob_tree, entry("blob", small))
try_push("4 294 967 295 objects that are not there", [update(tip)], pack(entry("blob", small), says=0xffffffff), rb"unpack")
for kind in "blob", "commit":
    try_push("a %s that says it has 2^60 bytes" % kind, [update(tip)], pack(entry(kind, small, says=1 << 60)), rb"unpack")
zeros = bytes(16 << 20)
zeros_deflated = entry("blob", zeros, level=9)
try_push("16 MB of zeros as an object of 10 bytes", [update(tip)], pack(entry("blob", zeros, says=10, level=9)), rb"unpack")
large, data = whole(tree_entry("100644", "x", oid("blob", zeros)), zeros_deflated)
try_push("16 MB of zeros in %d KB" % (len(data) >> 10), [update(large)], data, rb"limit\.object")

base = bytes(1 << 20)
copy = varint(len(base)) + varint(8 << 20) + b"".join(b"\xf0\0\0\x10" for _ in range(8))      # the whole of it, 8 times
result = bytes(8 << 20)
large, data = whole(tree_entry("100644", "x", oid("blob", result)), entry("blob", base, level=9), entry("ref-delta", copy, base=oid("blob", base)))
try_push("a delta of %d bytes that comes to 8 MB" % len(copy), [update(large)], data, rb"limit\.object")

content, chain, ids = b"0" * 64, [], []
ids.append(oid("blob", content))
chain.append(entry("blob", content))
for i in range(1500):
    more = content + b"%04d" % i
    delta = varint(len(content)) + varint(len(more)) + b"\xb0" + struct.pack("<H", len(content)) + bytes([4]) + b"%04d" % i
    chain.append(entry("ref-delta", delta, base=ids[-1]))
    content = more
    ids.append(oid("blob", content))
tip, data = whole(tree_entry("100644", "x", ids[-1]), *chain)
try_push("a chain of 1 500 deltas", [update(tip)], data, taken=True)

trees, below = [], oid("tree", blob_tree)
trees.append(entry("tree", blob_tree))
trees.append(entry("blob", small))
for i in range(5000):
    t = tree_entry("40000", "d", below)
    trees.append(entry("tree", t, level=1))
    below = oid("tree", t)
c = commit_of(below)
try_push("5 000 directories in each other", [update(oid("commit", c))], pack(entry("commit", c), *trees), rb"limit\.scan|unpack|missing|signal")

level, bomb = oid("blob", small), [entry("blob", small)]
for depth in range(12):
    t = b"".join(tree_entry("100644" if depth == 0 else "40000", "f%d" % i, level) for i in range(10))
    bomb.append(entry("tree", t))
    level = oid("tree", t)
c = commit_of(level)
try_push("10^12 files in 14 objects", [update(oid("commit", c))], pack(entry("commit", c), *bomb), taken=True)

blobs = [b"%d\n" % i for i in range(6000)]
names = sorted((b"%d" % i, b) for i, b in enumerate(blobs))
tip, data = whole(b"".join(tree_entry("100644", n.decode(), oid("blob", b)) for n, b in names), *(entry("blob", b, level=1) for b in blobs))
try_push("6 000 objects of a few bytes", [update(tip)], data, rb"limit\.scan")
try_push("a pack that goes on behind its end", [update(oid("commit", commit_of(oid("tree", blob_tree))))], good + b"x" * 100000, taken=True)

# --- references ------------------------------------------------------------------------------------------------------------------------

tip = oid("commit", commit_of(oid("tree", blob_tree)))
try_push("5 001 references", [update(tip, "refs/heads/many/%d" % i) for i in range(5001)], good, rb"limit\.refs")
try_push("30 000 references", [update(tip, "refs/heads/many/%d" % i) for i in range(30000)], good, rb"limit\.refs")
try_push("a name of 60 KB", [update(tip, "refs/heads/" + "x" * 60000)], good)
try_push("a name of 200 directories", [update(tip, "refs/heads" + "/d" * 200)], good, taken=True)
for b in b"\1\x1b\x7f ~^:?*[\\":
    push([("%s %s " % (ZERO, tip)).encode() + b"refs/heads/a" + bytes([b]) + b"b"], good)
for name in b"refs/heads/../x", b"refs/heads/x.lock", b"refs/heads/.x", b"refs/heads/x..y", b"refs/heads/x@{1}", b"refs/heads//x", b"refs/heads/x/", b"refs/heads/x.", b"HEAD", b"x", b"refs/x\n":
    push([("%s %s " % (ZERO, tip)).encode() + name], good)
tap.eq(refs(), ["refs/heads/main"], "no byte in a name, and no name, makes a reference that git would not have, or one elsewhere")
for ref in "refs/heads/-x", "refs/heads/--exec=id", "refs/tags/-d", "refs/heads/$(id)", "refs/heads/`id`", "refs/heads/;id", "refs/heads/|id", "refs/heads/%s%n":
    try_push("a reference %s" % ref, [update(tip, ref)], good, taken=True)

# --- fetches ---------------------------------------------------------------------------------------------------------------------------

V2 = b"host=x\0\0version=2\0"
WANT = pkt(b"want %s\n" % OID.encode())
END = b"0000"


def fetch(what, data, version=b"host=x\0"):
    c = Raw(g, "git-upload-pack", "bombed.git", extra=version)
    try:
        c.s.sendall(data)
        c.s.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    got = c.rest()
    c.close()
    tap.ok(len(got) < 1 << 20, "%s: it is answered, in %d bytes" % (what, len(got)), got[-300:])
    return got


def command(name, *args):
    return pkt(b"command=%s\n" % name) + b"0001" + b"".join(pkt(a) for a in args) + END


got = fetch("70 000 prefixes", command(b"ls-refs", *[b"ref-prefix refs/heads/%d\n" % i for i in range(70000)]), V2)
tap.ok(b"version 2" in got, "70 000 prefixes: by protocol version 2", got[:100])
fetch("20 000 wants of what is not there", b"".join(pkt(b"want %040x\n" % i) for i in range(20000)) + END)
fetch("30 000 haves", WANT + END + b"".join(pkt(b"have %040x\n" % i) + (END if i % 256 == 255 else b"") for i in range(30000)) + pkt(b"done\n"))
fetch("20 000 wants of the same", WANT * 20000 + END + pkt(b"done\n"))
fetch("20 000 shallow lines", WANT + b"".join(pkt(b"shallow %040x\n" % i) for i in range(20000)) + END + pkt(b"done\n"))
for line in b"deepen -1", b"deepen 99999999999999999999", b"deepen 0x10", b"deepen-since x", b"deepen-since 99999999999999999999", b"deepen-not refs/heads/" + b"x" * 60000, \
        b"deepen-not --upload-pack=id", b"filter blob:none", b"filter tree:99999999999999999999", b"filter " + b"combine:" * 8000, b"filter combine:" + b"tree%3A1+" * 7000, \
        b"filter sparse:oid=--help", b"filter sparse:path=/etc/passwd", b"filter object:type=\x1b[2J", b"shallow x", b"want-ref --", b"packfile-uris file", b"sideband-all", b"x" * 65000:
    fetch("v0: %.40r" % line, WANT + pkt(line) + END + pkt(b"done\n"))
    fetch("v2: %.40r" % line, command(b"fetch", b"want %s\n" % OID.encode(), line, b"done\n"), V2)
fetch("a capability of 60 KB", pkt(b"want %s %s\n" % (OID.encode(), b"x" * 60000)) + END + pkt(b"done\n"))
fetch("another hash", pkt(b"want %s object-format=sha256\n" % OID.encode()) + END + pkt(b"done\n"))
fetch("a thousand commands", command(b"ls-refs", b"ref-prefix refs/heads/main\n") * 1000, V2)
fetch("a command that there is not", pkt(b"command=--exec=id\n") + END, V2)
fetch("object-info of 10 000", command(b"object-info", b"size", *[b"oid %040x" % i for i in range(10000)]), V2)

# --- what a step and a scanner print ---------------------------------------------------------------------------------------------------------

floods = path("floods")
os.makedirs(os.path.join(floods, "pre-receive.d"))
step = os.path.join(floods, "pre-receive.d", "flood")
short = Gate({"hook.dir": floods, "deadline.step": "2s", "deadline.commands": "1m"}, base=g.base)
for where, to in (("stdout", ""), ("stderr", " >&2")):
    put_script(step, "exec yes \"$(printf '\\033[2Jflood%%s')\"%s" % to)
    got = push([update(tip, "refs/heads/flood")], good, gate=short)
    tap.ok(b"deadline.step" in got and b"ok refs/heads/flood" not in got, "a step that prints to %s without end is ended" % where, got[-500:])
    tap.ok(len(got) < 1 << 18 and b"\x1b" not in got, "and what the client reads of it is bounded (%d bytes)" % len(got), got[:300])
tap.ok(len(short.text()) < 1 << 18, "so is the log (%d bytes)" % len(short.text()))
os.unlink(step)
put_script(scanner, "yes \"$(printf '\\033[2Jflood')\" | head -c 60000000 >&2; exit 0")
got = push([update(tip, "refs/heads/flood")], good)
tap.ok(b"ok refs/heads/flood" in got and len(got) < 1 << 18 and b"\x1b" not in got, "what a scanner prints is bounded too (%d bytes)" % len(got), got[-500:])
git("update-ref", "-d", "refs/heads/flood", cwd=bombed)

# --- environment and command lines -------------------------------------------------------------------------------------------------------------

put_script(scanner, "exit 0")
dump = path("environments")
marks = ["zzhost", "zzextra", "zzoption", "zzref", "zzheader", "zzagent"]
step = os.path.join(steps, "pre-receive.d", "look")
put_script(step, "{ env -0; echo; cat /proc/$PPID/cmdline /proc/$PPID/environ; } >>%s; exit 0" % dump)
c = Raw(g, repo="bombed.git", extra=b"host=zzhost$(touch %s)\0\0version=1\0GIT_DIR=/zzextra\0LD_PRELOAD=/zzextra\0GIT_SSH_COMMAND=zzextra\n\0" % path("owned").encode())
first = c.read_packet()
c.advertisement()
c.commands(tip, "refs/heads/zzref", "report-status side-band-64k push-options agent=zzagent/$(id)")
c.s.sendall(pkt(b"zzoption=`touch %s`" % path("owned").encode()) + b"0000" + good)
got = c.rest()
tap.ok(b"version 1" in first and b"ok refs/heads/zzref" in got, "a push with all of that is taken", first, got[-300:])
seen = read(dump, "rb")
have = {m: [v.split(b"=")[0].decode() for v in seen.split(b"\0") if m.encode() in v] for m in marks}
tap.ok(b"GIT_PUSH_OPTION_0=zzoption" in seen, "a step has the push options, as documented", have)
tap.eq({m: sorted(set(v)) for m, v in have.items() if v}, {"zzextra": ["GIT_PROTOCOL"], "zzoption": ["GIT_PUSH_OPTION_0"]}, "and nothing else that a client chose is in an environment")
os.unlink(step)
for bad in ("ext::sh -c 'touch %s'" % path("owned"), "--upload-pack=touch %s" % path("owned"), "fd::0"):
    c = Raw(g, "git-upload-pack", bad)
    tap.ok(b"refs/" not in c.rest(), "a repository %.20r is none" % bad)
tap.ok(not os.path.exists(path("owned")), "nothing was run")

# --- afterwards ----------------------------------------------------------------------------------------------------------------------------

bystander.stop(tap, "bombs")
tap.eq(g.reaped(), [], "no session had to be ended by the gate")
cost.check(tap, "afterwards", more_bytes=12 << 20)
tap.ok(len(g.text()) < 1 << 20, "the log is bounded (%d KiB)" % (len(g.text()) >> 10))
tap.eq([f for f in os.listdir(TMP) if f.startswith("git-gate-")], [], "nothing is left in the scratch directory")
tap.eq((fsck(repo), fsck(bombed)), ("", ""), "both repositories are sound")
finish(tap, g, short)
