#!/usr/bin/python3
"""An upstream that is malicious, not in trouble: what it sends as references, as text, as a pack and on ssh's stderr, through the whole gate. Clients are
refused or served in time, read no control character, another repository is served meanwhile, and nothing but objects and references of the mirror changes.
"""
from sshd import *

tap = Tap()
if missing():
    skip_all(missing())
evil = path("evil")
put_script(evil, "exec git-shell -c \"$SSH_ORIGINAL_COMMAND\"")
up = Sshd(evil)
try:
    up.start()
except PermissionError as e:
    skip_all(str(e).replace("\n", " "))
REFRESH = 4
root, base = path("up"), path("gitbase")
os.mkdir(root)
os.mkdir(base)
git("init", "-q", path("work"))
commit(path("work"), "first", "first\n")
tip = git("rev-parse", "HEAD", cwd=path("work")).stdout.strip()
sections = {}


def mirror_of(name):
    """A mirror and its upstream, with a commit."""
    r = os.path.join(root, name)
    git("init", "-q", "--bare", r)
    git("push", "-q", r, "HEAD:main", cwd=path("work"))
    git("clone", "-q", "--bare", r, os.path.join(base, name))
    git("remote", "remove", "origin", cwd=os.path.join(base, name))
    for key, value in ("upstream", up.url(r)), ("identityFile", up.identity), ("knownHostsFile", up.known_hosts), ("fresh", "0s"):
        sections["repo.%s.%s" % (name, key)] = value


def own_files(name):
    return {f: read(os.path.join(base, name, f), "rb") for f in ("config", "HEAD", "description", "info/exclude")}


def pkt(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"%04x" % (len(data) + 4) + data


caps = b"multi_ack side-band-64k ofs-delta agent=git/2.39 symref=HEAD:refs/heads/main"


def advert(*refs, more=caps):
    lines = [pkt(b"%s %s%s\n" % (oid.encode(), ref, b"\0" + more if i == 0 else b"")) for i, (oid, ref) in enumerate(refs)]
    return b"".join(lines) + b"0000"


ESC = b"\x1b]0;owned\x07\x1b[2J"
NEW = "1" * 40
ROWS = (  # what, what it sends, then
    ("bytes without an end", b"\0" * 65536, "cat /dev/zero"),
    ("one line without an end", b"", "tr '\\0' x </dev/zero"),
    ("packets without an end", pkt(b"%s refs/heads/x\n" % tip.encode()), "while cat %s; do :; done" % path("packet")),
    ("a reference that leaves its directory", advert((tip, b"refs/heads/main"), (NEW, b"refs/heads/../../config")), "cat >/dev/null"),
    ("a reference in the place of a file", advert((tip, b"refs/heads/main"), (NEW, b"refs/../hooks/pre-receive")), "cat >/dev/null"),
    ("a reference with a newline", advert((NEW, b"refs/heads/a\nb")), "cat >/dev/null"),
    ("HEAD that points out of the references", advert((tip, b"HEAD"), (tip, b"refs/heads/main"), more=b"symref=HEAD:../../config"), "cat >/dev/null"),
    ("an error with control characters", pkt(b"ERR " + ESC + b"owned"), "exit 1"),
    ("words of ssh with control characters", b"", "cat %s >&2; exit 1" % path("escapes")),
    ("a flood on ssh's stderr", b"", "head -c 20000000 /dev/zero | tr '\\0' y >&2; exit 1"),
    ("a pack that is none", advert((NEW, b"refs/heads/main")) + pkt(b"NAK\n") + pkt(b"\1PACK\0\0\0\2" + b"\xff" * 900) + b"0000", "cat >/dev/null"),
    ("progress without an end", advert((NEW, b"refs/heads/main")) + pkt(b"NAK\n"), "while cat %s; do :; done" % path("progress")),
)
with open(path("packet"), "wb") as f:
    f.write(pkt(b"%s refs/heads/x\n" % tip.encode()) * 1000)
with open(path("escapes"), "wb") as f:
    f.write(ESC + b"owned\n")
with open(path("progress"), "wb") as f:
    f.write(pkt(b"\2" + ESC + b"still at it\r") * 500)
cases = []
for i, (what, data, then) in enumerate(ROWS):
    mirror_of("c%d.git" % i)
    with open(path("bad%d" % i), "wb") as f:
        f.write(data)
    cases.append("*/c%d.git*) cat %s; %s; exit;;\n" % (i, path("bad%d" % i), then))
ANSWERS = (
    ("ok for what was not asked", pkt(b"unpack ok\n") + pkt(b"ok refs/heads/other\n") + b"0000"),
    ("a refusal with control characters", pkt(b"unpack ok\n") + pkt(b"ng refs/heads/main " + ESC + b"no\n") + b"0000"),
    ("garbage", b"zzzz"),
)
with open(path("push.bytes"), "wb") as f:
    f.write(advert((tip, b"refs/heads/main"), more=b"report-status side-band-64k atomic ofs-delta"))
for i, (what, report) in enumerate(ANSWERS):
    mirror_of("p%d.git" % i)
    with open(path("report%d" % i), "wb") as f:
        f.write(pkt(b"\2" + ESC + b"hello\n") * 300 + (pkt(b"\1" + report) + b"0000" if report != b"zzzz" else report))
    cases.append("*receive-pack*/p%d.git*) cat %s; head -c 300 >/dev/null; cat %s; exit;;\n" % (i, path("push.bytes"), path("report%d" % i)))
g = Gate({**sections, "deadline.refresh": "%ds" % REFRESH, "deadline.forward": "%ds" % REFRESH, "deadline.connect": "3s", "deadline.hook": "60s"}, base=base)
g.repo("other.git")
git("push", "-q", g.url("other.git"), "HEAD:main", cwd=path("work"))
tap.ok(tip in git("ls-remote", g.url("c0.git")).stdout, "an honest upstream")
put_script(evil, "case $SSH_ORIGINAL_COMMAND in\n%sesac\nexec git-shell -c \"$SSH_ORIGINAL_COMMAND\"" % "".join(cases))
before = own_files("p0.git")
begun = time.monotonic()
fetches = [popen(["git", "ls-remote", g.url("c%d.git" % i)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for i in range(len(ROWS))]
other = git("ls-remote", g.url("other.git"), check=False)
tap.ok(other.returncode == 0 and tip in other.stdout, "another repository is served meanwhile", other.stderr)
for i, (what, data, then) in enumerate(ROWS):
    said, _ = fetches[i].communicate(timeout=PATIENCE)
    took, served = time.monotonic() - begun, fetches[i].returncode == 0
    tap.ok(took < PATIENCE - 5 and (served or b"git-gate: " in said), "%s: the client is %s in time" % (what, "served" if served else "refused"), took, said[:500])
    if what.endswith("with control characters"):
        for _ in range(4):              # a machine that stands still for the whole of deadline.refresh has no words of it
            if b"owned" in said:
                break
            said = git("ls-remote", g.url("c%d.git" % i), check=False).stderr.encode()
        tap.ok(b"owned" in said, "%s: its words come" % what, said)
    tap.ok(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", said) and len(said) < 4000, "%s: it reads no control character, and no flood" % what, len(said), said[:300])
g.settle()
tap.eq([i for i in range(len(ROWS)) if own_files("c%d.git" % i) != before], [], "no file of a mirror but objects and references has changed")
names = [line.split("\t")[1] for i in range(len(ROWS)) for line in git("for-each-ref", cwd=os.path.join(base, "c%d.git" % i)).stdout.splitlines()]
tap.eq([n for n in names if git("check-ref-format", n, check=False).returncode], [], "no reference of an impossible name is there", names)
tap.eq(len([e for e in g.events("refresh.failed") if len(e["message"]) > 2000]), 0, "what is recorded of it is short")
tap.ok(os.path.getsize(g.log) < 3 << 20, "and the log is no larger for a flood (%d bytes)" % os.path.getsize(g.log))

# --- a push ----------------------------------------------------------------------------------------------------------------------------------

commit(path("work"), "second", "second\n")
procs = []
for i, (what, report) in enumerate(ANSWERS):
    p = popen(["git", "push", g.url("p%d.git" % i), "HEAD:main"], cwd=path("work"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    procs.append((what, p, os.path.join(base, "p%d.git" % i)))
begun = time.monotonic()
for i, (what, p, mirror) in enumerate(procs):
    said, _ = p.communicate(timeout=PATIENCE)
    took = time.monotonic() - begun
    tap.ok(p.returncode != 0 and took < PATIENCE - 5, "%s: a push is refused in time" % what, took, said[-1500:])
    tap.ok(b"upstream: \\x1b]0;owned\\x07" in said, "%s: its words come, with what was a control character made visible" % what, said[:600])
    plain = said.replace(b"\x1b[K", b"")        # git's own, behind each line of a remote
    tap.ok(not re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]", plain) and len(plain) < 30000, "%s: no control character comes through, and no flood" % what, len(plain), plain[:600])
    tap.eq(git("rev-parse", "main", cwd=mirror).stdout.strip(), tip, "%s: the reference has not moved" % what)
g.settle()
tap.eq([own_files("p%d.git" % i) for i in range(len(ANSWERS))], [before] * len(ANSWERS), "nor has anything of a mirror's own")
finish(tap, g)
