#!/usr/bin/python3
"""Fetches have the same deadlines: silence before the wants, not reading, reading in drops; and healthy ones are left alone."""
import threading

from gate import *

tap = Tap()
g = Gate({"rate.window": "4s"})
repo = g.repo("r.git", "uploadpack.allowFilter=true")
work = g.work("work")
blobs = [os.urandom(1 << 20) for _ in range(24)]
for i, b in enumerate(blobs):
    with open(os.path.join(work, "blob%d" % i), "wb") as f:
        f.write(b)
git("add", ".", cwd=work)
git("commit", "-qm", "blobs", cwd=work)
git("push", "-q", repo, "HEAD:main", cwd=work)
head = git("rev-parse", "HEAD", cwd=work).stdout.strip()


def ends(c, name, reason, phase, deadline, key="deadline.idle", room=0.0):
    """The session of connection c is ended for the reason, in time, once."""
    begun = time.monotonic()
    rec = wait_for(lambda: g.reaped(peer=c.peer), "%s to be ended" % name)
    took = time.monotonic() - begun
    tap.eq([(r["phase"], r["reason"], r["key"]) for r in rec], [(phase, reason, key)], "%s: once, with phase, reason and key" % name, rec)
    tap.ok(rec[0]["quiet_ms"] >= deadline * 1000 or reason == "trickle", "%s: not before its deadline" % name, rec)
    tap.ok(took <= deadline + room + 2 * SAMPLE + GRACE + 1, "%s: soon after it (%.2fs)" % (name, took), rec)
    return rec[0]


def want(c):
    """A v0 fetch of everything, side-band, up to the point where the server sends."""
    c.packet(b"want %s side-band-64k ofs-delta\n" % head.encode())
    c.s.sendall(b"0000")
    c.packet(b"done\n")


def v0_silent():
    c = Raw(g, "git-upload-pack")
    c.advertisement()
    rec = ends(c, "v0, silent after the advertisement", "commands", "commands", COMMANDS, "deadline.commands")
    text = c.rest()
    tap.ok(b"ERR git-gate: " in text and rec["id"].encode() in text, "v0: the client is told", text)


def v2_silent():
    c = Raw(g, "git-upload-pack", extra=b"host=x\0\0version=2\0")
    while c.read_packet():
        pass
    c.packet(b"command=ls-refs\n")
    c.s.sendall(b"00010000")
    while c.read_packet():
        pass
    rec = ends(c, "v2, silent between ls-refs and fetch", "commands", "commands", COMMANDS, "deadline.commands")
    text = c.rest()
    tap.ok(b"ERR git-gate: " in text and rec["id"].encode() in text, "v2: the client is told", text)


def not_reading():
    c = Raw(g, "git-upload-pack")
    c.advertisement()
    want(c)
    ends(c, "a clone that is not read", "not-reading", "sending", IDLE, room=20.0)  # counting comes first


def drops():
    c = Raw(g, "git-upload-pack")
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.advertisement()
    want(c)
    stop = threading.Event()

    def sip():
        while not stop.wait(0.1):
            c.s.recv(30)
    t = threading.Thread(target=sip)
    t.start()
    # the kernel opens the window in larger steps than these drops: it looks like silence, or like a trickle
    rec = wait_for(lambda: g.reaped(peer=c.peer), "a clone read in drops to be ended")[0]
    stop.set()
    t.join()
    tap.ok(rec["reason"] in ("trickle", "not-reading") and rec["phase"] == "sending", "a clone read in drops is ended", rec)


def archive():
    c = Raw(g2, "git-upload-archive")
    rec = wait_for(lambda: g2.reaped(peer=c.peer), "a silent archive to be ended")[0]
    tap.eq((rec["service"], rec["reason"]), ("upload-archive", "commands"), "upload-archive: silent before its arguments", rec)


def paused_clone():
    """A reader that pauses for 0.8 x idle, again and again."""
    c = Raw(g, "git-upload-pack")
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    c.advertisement()
    want(c)
    got = 0
    for _ in range(4):
        got += len(c.exactly(2 << 20))
        time.sleep(0.8 * IDLE)      # what is tested: a pause of this length
    got += len(c.rest())
    tap.ok(got > 24 << 20, "a clone that is paused for 0.8 x idle, four times, completes (%d bytes)" % got, g.reaped(peer=c.peer))


def healthy():
    for n, args in enumerate((["-c", "protocol.version=0"], ["-c", "protocol.version=2"], ["-c", "protocol.version=2"])):
        extra = ["--filter=blob:none", "--no-checkout"] if n == 2 else []
        r = git(*args, "clone", "-q", *extra, g.url("r.git"), path("clone%d" % n), check=False)
        tap.eq(r.returncode, 0, "clone %s" % " ".join(args + extra), r.stderr)
    r = subprocess.run(["git", "archive", "--remote=" + g2.url("r.git"), "main"], env=ENV, cwd=TMP, capture_output=True, timeout=PATIENCE)
    tap.ok(r.returncode == 0 and len(r.stdout) > 24 << 20, "git archive --remote", r.stderr)


g2 = Gate({"gate.uploadArchive": "true"}, base=g.base)
threads = [threading.Thread(target=f) for f in (v0_silent, v2_silent, not_reading, drops, archive, paused_clone, healthy)]
for t in threads:
    t.start()
for t in threads:
    t.join()
tap.eq(len(g.reaped()), 4, "nobody else was ended", g.reaped())
tap.eq(len(g2.reaped()), 1, "nor on the other gate", g2.reaped())

# an advertisement of 120 000 refs that is not read
big = g.repo("big.git")
subprocess.run(["git", "unpack-objects", "-q"], cwd=big, env=ENV, input=pack_of(work)[1], check=True, timeout=PATIENCE)
with open(os.path.join(big, "packed-refs"), "w") as f:
    f.write("# pack-refs with: peeled fully-peeled sorted \n")
    f.writelines("%s refs/heads/%s%06d\n" % (head, "x" * 60, i) for i in range(120000))
c = Raw(g, "git-upload-pack", "big.git", request=False)
c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
c.packet(b"git-upload-pack /big.git\0host=x\0")
ends(c, "an advertisement that is not read", "not-reading", "sending", IDLE, room=5.0)
finish(tap, g, g2)
