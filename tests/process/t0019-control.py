#!/usr/bin/python3
"""The control socket: who may ask, clients that misbehave, and what git-gate's commands answer and exit with."""
import shutil
import stat

from gate import *

tap = Tap()
latch = Latch()
g = Gate({"deadline.commands": "10m"}, hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
repo, work = g.repo(), g.work("work")


def connect(send=b"", read_answer=False):
    """A client of the control socket that stays."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(g.control)    # with a timeout it would not wait for a place in the queue
    s.settimeout(PATIENCE)
    try:
        s.sendall(send)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return s


def dropped(s):
    """Wait until the gate has closed; what it said before."""
    data = b""
    try:
        while more := s.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    s.close()
    return data


def push_well(what, ref):
    """A push that is not held by the latch."""
    begin = time.monotonic()
    p = g.push(work, ref)
    latch.reached()
    latch.release()
    code, out = end(p)
    tap.ok(code == 0, "%s: a push succeeds" % what, out)
    tap.ok(time.monotonic() - begin < BUSY, "%s: at once (%.2fs)" % (what, time.monotonic() - begin))


# --- who misbehaves -----------------------------------------------------------------------------------------------------

for i in range(1200):           # a long answer to come: more than a socket holds
    Raw(g, "git-upload-pack", "no-such-repository-%d-%s" % (i, "x" * 200)).rest()
answer = len(json.dumps(g.ask("reaped", "--all")))
tap.ok(answer > 500000, "the answer of reaped --all is long (%d bytes)" % answer)
ALL = b'{"cmd":"reaped","all":true}\n'
late = connect(ALL)
for _ in range(2):              # by then it has been sent as much as the socket holds
    g.cli("health")
tap.eq(len(json.loads(dropped(late))["data"]), len(g.ask("reaped", "--all")), "who reads late gets all of a long answer")
calm = g.idle_fds()
for what, data, n in (("300 that send nothing", b"", 300), ("150 that send half a line", b'{"cmd":"sta', 150), ("40 that never read a large answer", ALL, 40)):
    def room():
        clients = [connect(data) for _ in range(n)]
        push_well(what, "b%d" % tap.n)
        begin = time.monotonic()
        codes = []
        while not codes or codes[-1] != 0 and time.monotonic() - begin < PATIENCE:
            codes.append(g.cli("health").returncode)
        took = time.monotonic() - begin
        tap.ok(codes[-1] == 0 and set(codes) <= {0, 1}, "%s: health answers once a place is free (%.1fs)" % (what, took), codes)
        wait_for(lambda: fd_count(g.pid) <= calm, "the last of them to be dropped")
        answers = [dropped(s) for s in clients]
        tap.eq([a for a in answers if a.endswith(b"\n")], [], "%s: none got a whole answer" % what)
        return took

    seconds = least(room, 4)
    tap.ok(seconds < 4, "%s: they make room (%.1fs)" % (what, seconds))
for what, data, said in (
        ("1 MB without a newline", b"x" * 1000000, b""), ("an empty line", b"\n", b"not a JSON object"), ("no JSON", b"status\n", b"not a JSON object"),
        ("an array", b"[]\n", b"not a JSON object"), ("a number as command", b'{"cmd":1}\n', b"not a JSON object"),
        ("an unknown command", b'{"cmd":"x"}\n', b"unknown command"), ("a key twice", b'{"cmd":"health","cmd":"kill"}\n', b"not a JSON object"),
        ("deep nesting", b"[" * 4000 + b"\n", b"not a JSON object"), ("no UTF-8", b'{"cmd":"\xff"}\n', b"not a JSON object"),
        ("an id that is a number", b'{"cmd":"show","id":7}\n', b"needs an id"), ("no id", b'{"cmd":"kill"}\n', b"needs an id"),
        ("two lines", b'{"cmd":"health"}\n{"cmd":"health"}\n', b'"ok":true'), ("a NUL", b'{"cmd":"health\0"}\n', b"not a JSON object")):
    got = dropped(connect(data))
    tap.ok(said in got and got.count(b"\n") == bool(said), "%s: answered and closed" % what, got)
tap.eq(g.cli("health").returncode, 0, "health answers after all of them")

# --- who may ask --------------------------------------------------------------------------------------------------------

mode = os.stat(g.control)
tap.ok(stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o660, "the socket's mode is 0660", oct(mode.st_mode))
GROUP = 64322
if os.geteuid() or not shutil.which("setpriv"):
    tap.skip("other users", "only root can become one")
else:
    os.chmod(TMP, 0o755)

    def ask_as(uid, *groups):
        who = ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--groups=" + ",".join(map(str, groups)) if groups else "--clear-groups", "--"]
        return subprocess.run(who + [GATE, "health", "--control", g.control], env=ENV, cwd="/", capture_output=True, text=True, timeout=PATIENCE)

    r = ask_as(65534)
    tap.ok(r.returncode == 1 and "member of the socket's group" in r.stderr and r.stderr.count("\n") == 1, "another user is kept out", r)
    r = ask_as(65534, GROUP)
    tap.eq(r.returncode, 1, "so is a member of some group", r)
    os.chown(g.control, -1, GROUP)
    r = ask_as(65534, GROUP)
    tap.eq((r.returncode, r.stdout), (0, "healthy\n"), "a member of the socket's group may ask", r)
    r = ask_as(GROUP)
    tap.eq((r.returncode, r.stdout), (0, "healthy\n"), "so may one whose first group it is", r)
    os.chmod(g.control, 0o666)
    for _ in range(3):
        r = ask_as(65534)
        tap.ok(r.returncode == 1 and "the socket's group may ask" in r.stderr, "the mode alone does not let anybody in", r)
    tap.ok("65534" in g.events("control.denied")[0]["message"] and len(g.events("control.denied")) == 1, "control.denied is said once",
           g.events("control.denied"))

# --- kill and show ------------------------------------------------------------------------------------------------------

stuck = Raw(g)
stuck.advertisement()
p = g.push(work, "killed")
latch.reached()
sessions = {s["peer"] == stuck.peer: s["id"] for s in wait_for(lambda: len(g.sessions()) == 2 and g.sessions(), "two sessions")}
for is_stuck, what in (True, "a stuck session"), (False, "a healthy session"):
    id = sessions[is_stuck]
    shown = g.ask("show", id)
    tap.ok(shown["id"] == id and any("receive-pack" in q["argv"] for q in shown["processes"]), "show %s" % what, shown)
    text = g.cli("show", id)
    tap.ok(text.returncode == 0 and "receive-pack" in text.stdout and id in text.stdout, "show %s, for people" % what, text)
    r = g.cli("kill", id, "--reason", "it was\nin the way")
    tap.ok(r.returncode == 0 and id in r.stdout, "kill %s" % what, r)
said = stuck.rest()
tap.ok(b"git-gate: " in said and sessions[True].encode() in said, "its client is told", said)
code, out = end(p)
tap.ok(code != 0, "the push that was killed fails", out)
tap.eq(git("rev-parse", "-q", "--verify", "killed", cwd=repo, check=False).stdout, "", "and is not accepted")
wait_for(lambda: not g.sessions(), "both to be gone")
tap.eq({e["id"]: (e["reason"], e["key"]) for e in g.reaped(reason="operator")}, dict.fromkeys(sessions.values(), ("operator", None)),
       "both are recorded, with reason operator")
killed = g.events("session.killed")
tap.eq([e["message"] for e in killed], 2 * ["it was\nin the way"], "session.killed says why", *killed)
for id in sessions.values():
    tap.eq(g.ask("show", id)["reason"], "operator", "show one that has ended")
    tap.eq(g.cli("kill", id).returncode, 1, "kill one that has ended: exit code")
for command in "show", "kill":
    for id in "00000000", "", "x" * 300, "a\nb", "--":
        r = subprocess.run([GATE, command, "--control", g.control, "--", id], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
        tap.ok(r.returncode == 1 and r.stderr.count("\n") == 1 and "known" in r.stderr, "%s of an unknown id: %.10r" % (command, id), r)
    tap.eq(g.cli(command).returncode, 2, "%s without an id: exit code" % command)
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(fsck(repo), "", "fsck is clean")
latch.seen = len(read(latch.path + ".at"))
push_well("after kill", "after")

# --- a gate that hangs, and none ----------------------------------------------------------------------------------------

g.process.send_signal(signal.SIGSTOP)
for command in "status", "sessions", "health":
    begin = time.monotonic()
    r = g.cli(command)
    seconds = time.monotonic() - begin
    tap.ok(r.returncode == 1 and "no answer" in r.stderr, "%s of a gate that hangs: an error" % command, r)
    tap.ok(4.5 < seconds < 5 + BUSY, "%s of a gate that hangs: after about 5 s (%.1fs)" % (command, seconds))
g.process.send_signal(signal.SIGCONT)
tap.eq(g.cli("health").returncode, 0, "it answers when it goes on")
asks = connect(b'{"cmd":')
g.cli("health")                 # and who came before is known by then
g.stop()
tap.eq(dropped(asks), b"", "who has not asked to the end when it stops gets no answer")
for args in ("status",), ("health",), ("sessions",), ("reaped",), ("show", "x"), ("kill", "x"):
    r = g.cli(*args)
    tap.ok(r.returncode == 3 and "no gate is running" in r.stderr and g.control in r.stderr, "%s without a gate: exit code 3" % args[0], r)
open(g.control, "w").close()
tap.ok(g.cli("health").returncode == 3, "a plain file in the socket's place: exit code 3")
finish(tap, g)
