#!/usr/bin/python3
"""Trouble that others have had with sessions: clients that are interrupted, killed or stopped in each phase, parts of a session that are
killed, strangers that fill the log, one repository by many names, and a fetch that is kept open."""
import struct

from gate import *

tap = Tap()
RST = struct.pack("ii", 1, 0)
latch = {n: Latch() for n in ("pre-receive", "post-receive")}
HOOK = "cat >/dev/null; [ ! -e hold-%s ] || { %s; }"
hooks = Hooks(**{n.replace("-", "_"): HOOK % (n, latch[n].command) for n in latch})
g = Gate({"deadline.hook": "10m"}, hooks=hooks.dir)
repo, work = g.repo(), g.work("work")
oid, pack = pack_of(work)
# stored without compression and packed with, so that pack-objects sends for a while
git("init", "-q", path("large"))
git("config", "core.looseCompression", "0", cwd=path("large"))
for n in range(24):
    with open(path("large", "%d" % n), "w") as f:
        f.write(os.urandom(1 << 20).hex())
git("add", ".", cwd=path("large"))
git("commit", "-qm", "large", cwd=path("large"))


def reaped(name):
    return [e["reason"] for e in g.reaped(repo=name)]


def session(name):
    return next((s for s in g.sessions() if s["repo"] == name), {"phase": None, "quiet_ms": 0, "bytes_in": 0})


def tidy(what, name="r.git"):
    d = os.path.join(g.base, name)
    wait_for(lambda: not session(name)["phase"], "%s: the session to be gone" % what)
    g.settle()
    wait_for(lambda: not leftovers(d), "%s: leftovers to be removed" % what)
    tap.eq(fsck(d), "", "%s: no process is left, no lock, no quarantine; fsck is clean" % what)


# --- git push is interrupted, killed, or stopped in each phase ---------------------------------------------------------------
pre_push = Latch()
with open(os.path.join(work, ".git/hooks/pre-push"), "w") as f:
    f.write("#!/bin/sh\n%s\n" % pre_push.command)
os.chmod(f.name, 0o755)


class Push:
    """A git push that is in the phase when this returns."""

    def __init__(self, phase, name):
        self.phase, self.name, self.d = phase, name, g.repo(name, "receive.unpackLimit=1")
        w = path("large") if phase == "pack" else work
        for n in latch:
            if phase == n:
                open(os.path.join(self.d, "hold-" + n), "w").close()
        more = ["-c", "pack.compression=9", "-c", "pack.window=0", "-c", "pack.threads=1"] if phase == "pack" else []
        no_hook = [] if phase == "advertisement" else ["--no-verify"]
        self.p = popen(["git", *more, "push", *no_hook, g.url(name), "HEAD:topic"], cwd=w, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace", start_new_session=True)
        self.tip = git("rev-parse", "HEAD", cwd=w).stdout.strip()
        if phase == "advertisement":
            pre_push.reached()
            wait_for(lambda: any(cmdline(q).startswith("head") for q in tree(self.p.pid)), "all of the hook")
        elif phase == "pack":
            wait_for(lambda: session(name)["bytes_in"] > 3e6, "half of the pack")
        else:
            latch[phase].reached()
        self.procs = tree(self.p.pid)

    def send(self, sig):
        """To the whole group, as a terminal does it: who was started since the look at the tree gets it, too."""
        os.killpg(self.p.pid, sig)

    def release(self):
        if self.phase == "advertisement":
            pre_push.release()
        elif self.phase != "pack":
            os.unlink(os.path.join(self.d, "hold-" + self.phase))
            latch[self.phase].release()

    def updated(self):
        return git("rev-parse", "-q", "--verify", "topic", cwd=self.d, check=False).stdout.strip() == self.tip

    def stopped(self):
        self.send(signal.SIGSTOP)
        wait_for(lambda: all((proc_stat(q) or "T")[0] in "TZ" for q in self.procs), "git push to be stopped")


def gone(phase, sig):
    name = "%s-%s.git" % (phase, sig.name)
    p = Push(phase, name)
    what = "%s, %s" % (phase, sig.name)
    if phase == "pack":
        p.stopped()
    p.send(sig)
    p.send(signal.SIGCONT)
    code, out = end(p.p)
    tap.ok(code < 0 or code == 1, "%s: git push ends" % what, code, out)
    if phase in latch:
        # the server's turn: nobody ends it, the hook decides
        wait_for(lambda: session(name)["phase"] == "hook", "the session")
        tap.ok(not p.updated() or phase == "post-receive", "%s: nothing is decided before the hook is" % what)
        p.release()
    tidy(what, name)
    tap.ok(p.updated() == (phase == "post-receive") or phase == "pre-receive", "%s: the branch is there, or it is not, as the phase says" % what)
    tap.eq(reaped(name), [], "%s: the gate had to end nothing" % what)
    r = git("push", "-q", "--force", "--no-verify", g.url(name), "HEAD:topic", cwd=work, check=False)
    tap.eq(r.returncode, 0, "%s: the next push to the branch succeeds" % what, r.stderr)


def stopped_in_time(phase):
    what = "%s, SIGSTOP and SIGCONT" % phase
    for attempt in range(5):
        name = "%s-stop%d.git" % (phase, attempt)
        p = Push(phase, name)
        begun = time.monotonic()
        p.stopped()
        wait_for(lambda: not session(name)["phase"] or session(name)["quiet_ms"] > 300 * IDLE, "some silence")
        p.send(signal.SIGCONT)
        p.release()
        took = time.monotonic() - begun
        if took < 0.8 * IDLE or phase in latch:
            break
        note("%s: stopped for %.2fs of %gs; once more" % (what, took, IDLE))
        end(p.p)
    code, out = end(p.p)
    tap.ok(code == 0 and p.updated(), "%s in time: the push succeeds" % what, out, *g.reaped(repo=name))
    tidy(what, name)
    tap.eq(reaped(name), [], "%s in time: nobody is ended" % what)


def stopped_too_long(phase, reason):
    name, what = "%s-long.git" % phase, "%s, SIGSTOP and SIGCONT" % phase
    p = Push(phase, name)
    p.stopped()
    if reason:
        wait_for(lambda: reaped(name), "the session to be ended")
    else:
        p.release()
        wait_for(lambda: not session(name)["phase"], "the session to end by itself")
    tidy(what, name)
    p.send(signal.SIGCONT)
    if reason:
        p.release()
    code, out = end(p.p)
    tap.eq(reaped(name), [reason] if reason else [], "%s too late: who is ended, and for what" % what)
    if reason:
        tap.ok(code in (1, 128) and not p.updated(), "%s too late: git push exits by itself" % what, code, out)
        tap.ok("git-gate: " in out or phase == "pack", "%s too late: and has read why" % what, out)
    else:
        tap.ok(code == 0 and p.updated(), "%s: the report is there when it goes on: the push has succeeded" % what, code, out)


for phase, reason in ("advertisement", "commands"), ("pack", "idle"), ("pre-receive", None), ("post-receive", None):
    gone(phase, signal.SIGINT)
    gone(phase, signal.SIGKILL)
    stopped_in_time(phase)
    stopped_too_long(phase, reason)

os.unlink(os.path.join(work, ".git/hooks/pre-push"))

# --- a process of the session is killed -----------------------------------------------------------------------------------------

def of_session(name, *words):
    """A process of the session, by words of its command line."""
    def find():
        pid = session(name).get("pid", 0)
        return [q for q in (tree(pid) if pid else []) if all(w in cmdline(q) for w in words)]
    return wait_for(find, "%s of %s" % (words, name))[-1]


for n, (phase, victim) in enumerate((("commands", "--inetd"), ("commands", "receive-pack"), ("pack", "--inetd"), ("pack", "git receive-pack"),
                                    ("pack", "index-pack"), ("hook", "--inetd"), ("hook", "git receive-pack"), ("hook", "pre-receive"))):
    name, what = "killed%d.git" % n, "%s, SIGKILL of %s" % (phase, victim)
    d = g.repo(name, "receive.unpackLimit=1")
    if phase == "hook":
        open(os.path.join(d, "hold-pre-receive"), "w").close()
    c = Raw(g, repo=name)
    c.advertisement()
    if phase != "commands":
        c.commands(oid, "refs/heads/topic")
        c.s.sendall(pack[:30] if phase == "pack" else pack)
    if phase == "hook":
        latch["pre-receive"].reached()
    wait_for(lambda: session(name)["phase"] == phase, "phase " + phase)
    pid = session(name)["pid"]
    procs = tree(pid)
    os.kill(of_session(name, victim), signal.SIGKILL)
    if phase == "hook":
        # what the victim had started goes on: it has the hook's deadline, which is long here
        os.unlink(os.path.join(d, "hold-pre-receive"))
        latch["pre-receive"].release()
    begun = time.monotonic()
    c.rest()
    took = time.monotonic() - begun
    tap.ok(took < COMMANDS + GRACE + BUSY, "%s: the client sees the end (%.2fs)" % (what, took))
    tidy(what, name)
    tap.eq([cmdline(q) for q in procs if alive(q)], [], "%s: the whole tree is gone" % what)
    r = git("push", "-q", g.url(name), "HEAD:next", cwd=work, check=False)
    tap.eq(r.returncode, 0, "%s: the next push succeeds" % what, r.stderr)

# --- a program with a name made to confuse who reads /proc/PID/stat ----------------------------------------------------------------
evil = path("x) S 1 1 (y")
shutil.copy("/usr/bin/sleep", evil)
odd = Gate({"deadline.hook": "2s"}, hooks=Hooks(pre_receive="cat >/dev/null; '%s' 7766 & exec '%s' 7766" % (evil, evil)).dir)
odd.repo()
p = odd.push(work)
rec = wait_for(lambda: odd.reaped(), "the hook to be ended")[0]
code, out = end(p)
tap.ok(code == 1 and "pre-receive hook declined" in out, "a hook with parentheses in its name is ended, and git reports", out)
tap.eq((rec["reason"], rec["phase"], rec["steps"]), ("hook", "hook", ["kill-hook"]), "for the hook's deadline", rec)
odd.settle()
tap.eq([q for q in pids() if cmdline(q).endswith("7766")], [], "with what it had started")

# --- one repository, whatever it is called -------------------------------------------------------------------------------------------
one = Gate({"limit.sessionsPerRepo": "1", "deadline.commands": "10m"}, base=g.base)
os.symlink("r.git", os.path.join(g.base, "link"))
os.makedirs(os.path.join(g.base, "dir"))
os.symlink("../r.git", os.path.join(g.base, "dir", "up.git"))
for name in "r", "r.git", "r.git/", "link", "link/", "dir/up", "dir/up.git":
    c = Raw(one, repo=name)
    c.advertisement()
    shown = [s["repo"] for s in one.sessions()]
    other = Raw(one, "git-upload-pack", "r.git")
    wait_for(lambda: one.status()["waiting"] == 1, "another client of the repository to be held")
    tap.eq((shown, one.events("session.opened")[0]["repo"]), (["r.git"], "r.git"), "'/%s' is r.git, in the table, the log, and for limits" % name)
    c.close()
    other.advertisement()
    other.close()
    one.settle()
for name in "/r.git", "/link", "r.git//", "dir//up.git", "./r.git", "dir/../r.git":
    c = Raw(one, repo=name)
    text = c.rest()
    opened = one.events("session.opened", peer=c.peer)
    tap.ok(b"ERR no such repository" in text and [e["repo"] for e in opened] == ["r.git"], "'/%s' is refused by git, and the log says what was meant" % name,
           text, *opened)

# --- a peer is its address, IPv6 too ---------------------------------------------------------------------------------------------------


class Six(Raw):
    def __init__(self, gate):
        self.s = socket.create_connection(("::1", gate.port), timeout=PATIENCE)
        self.peer = "[::1]:%d" % self.s.getsockname()[1]
        self.packet(b"git-receive-pack /r.git\0host=x\0")


six = Gate({"listen.git": "[::1]:0", "limit.sessionsPerPeer": "1", "deadline.commands": "10m"}, base=g.base)
a = Six(six)
a.advertisement()
b = Six(six)
wait_for(lambda: six.status()["waiting"] == 1, "the second client to wait")
tap.eq([s["peer"] for s in six.sessions()], [a.peer], "two clients of [::1] are one peer")
a.close()
b.advertisement()
wait_for(lambda: [s["peer"] for s in six.sessions()] == [b.peer], "the first to be gone")
tap.ok(True, "and take turns")
b.close()

# --- a v2 client that keeps its connection while it resolves deltas -------------------------------------------------------------------
git("-c", "pack.window=0", "-c", "pack.compression=0", "push", "-q", g.url("r.git"), "HEAD:main", cwd=path("large"))
tip = git("rev-parse", "HEAD", cwd=path("large")).stdout.strip().encode()
c = Raw(g, "git-upload-pack", extra=b"host=x\0\0version=2\0")
while c.read_packet():
    pass
c.packet(b"command=fetch")
c.s.sendall(b"0001")
c.packet(b"want %s\n" % tip)
c.packet(b"done\n")
c.s.sendall(b"0000")
size = 0
while (p := c.read_packet()) != b"":
    size += len(p)
begun = last_heard(c.s)
rest = c.rest()
took = time.monotonic() - begun
tap.ok(size > 20 << 20 and COMMANDS <= took < COMMANDS + 2 * SAMPLE + GRACE + BUSY, "v2, the pack was sent, nothing more is asked for: closed after "
       "deadline.commands (%.2fs)" % took, size)
g.settle()
tap.eq((rest, g.reaped(peer=c.peer)), (b"", []), "without a word, and without a record: it has what it wanted")
e = g.events("session.closed", peer=c.peer)
tap.eq([x["service"] for x in e], ["upload-pack"], "it is a fetch in the log", e)

# --- strangers and health checks ---------------------------------------------------------------------------------------------------
quiet = Gate({"gate.logLevel": "info", "limit.sessions": "64", "listen.http": "127.0.0.1:0"})
quiet.repo()
stuck = Raw(quiet)
stuck.advertisement()
stuck.rest()
wait_for(lambda: quiet.reaped(), "a stuck client to be ended")
quiet.settle()
before = len(quiet.events())
PROXY2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\x12\x34\x24\xca"
WAYS = (b"", b"PROXY TCP4 127.0.0.1 127.0.0.1 4660 9418\r\n", b"PROXY UNKNOWN\r\n", PROXY2, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n", b"\0" * 8, b"ffff", b"0000", b"00")
PORTS = ((quiet.port, "git", WAYS + (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",), 7000),
         (quiet.http_port, "http", WAYS + (b"GET /", b"\r\n"), 3000))
for port, transport, ways, strangers in PORTS:
    begun = time.monotonic()
    for n in range(strangers):
        s = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        s.sendall(ways[n % len(ways)])
        if n // len(ways) % 3 == 1:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        elif n // len(ways) % 3 == 2:
            s.shutdown(socket.SHUT_WR)
            try:
                s.recv(1000)
            except ConnectionResetError:
                pass
        s.close()
    quiet.settle()
    note("%d strangers over %s:// in %.1f s" % (strangers, transport, time.monotonic() - begun))
    wait_for(lambda: len(tree(quiet.pid)) == 1, "no worker to be left")
    noise = [e for e in quiet.events()[before:] if e["event"] != "gate.limited"]
    tap.ok(not noise, "%d strangers, health checks and PROXY headers over %s://: not one line in the log" % (strangers, transport), len(noise), *noise[:5])
tap.eq([e["peer"] for e in quiet.reaped()], [stuck.peer], "git-gate reaped still shows the client that was stuck before them")
tap.eq(len(quiet.ask("reaped", "--all")), 1001, "and git-gate reaped --all is bounded")
for url in quiet.url("r.git"), quiet.http("r.git"):
    r = git("push", "-q", url, "HEAD:main", cwd=work, check=False)
    tap.eq(r.returncode, 0, "a push succeeds after them", url, r.stderr)
finish(tap, g, odd, one, six, quiet)
