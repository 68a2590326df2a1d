#!/usr/bin/python3
"""A gate on a busy machine is late itself, and nobody has to pay for that: to start many processes keeps it from nothing else, and who has done his part
in time is served, however late that is seen."""
import contextlib
import shutil

from gate import *

tap = Tap()
CLIENTS = 40
strace = ["strace", "-o", path("trace"), "-e", "trace=clone,clone3,vfork", "-e", "inject=clone,clone3,vfork:delay_exit=50000"]


def sockets(g):
    """How many it has: other descriptors come and go, while it looks at the repositories that it finds."""
    fds, found = "/proc/%d/fd" % g.pid, 0
    for fd in os.listdir(fds):
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(os.path.join(fds, fd)).startswith("socket:")
    return found


# --- who asked over the control socket, and a proxy's client ----------------------------------------------------------------
g = Gate({"access.proxyFrom": "127.0.0.0/8", "deadline.init": "1s"})
g.repo()
before = sockets(g)
asking = socket.socket(socket.AF_UNIX)
asking.settimeout(PATIENCE)
asking.connect(g.control)
client = Raw(g, request=False)
wait_for(lambda: sockets(g) == before + 2, "the gate to have taken both")
os.kill(g.pid, signal.SIGSTOP)
asking.sendall(b'{"cmd": "status"}\n')
client.s.sendall(b"PROXY TCP4 192.0.2.7 127.0.0.1 1000 9418\r\n")
client.packet(b"git-receive-pack /r.git\0host=x\0")
time.sleep(6)           # longer than either limit: what is looked at is what comes of that
os.kill(g.pid, signal.SIGCONT)
try:
    answer = json.loads(asking.makefile("rb").readline() or "{}")
except ConnectionResetError as e:
    answer = {"ok": str(e)}
tap.eq(answer.get("ok"), True, "a question that came in time is answered by a gate that stood still")
tap.eq(client.advertisement(), {"capabilities^{}": "0" * 40}, "a client whose PROXY header came in time is served by it")
client.close()
g.settle()
tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])


# --- a stuck client ---------------------------------------------------------------------------------------------------------------
# held up again before the moment is over that a client has after the gate was (a quarter of the shortest deadline), again and again
g = Gate({k: "4s" for k in SCALED if "grace" not in k})
g.repo()
client = Raw(g)
client.advertisement()
for turn in range(12):
    os.kill(g.pid, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(g.pid, signal.SIGCONT)
    time.sleep(0.8)
    if g.events("session.reaped"):
        break
tap.eq([e["reason"] for e in g.events("session.reaped")], ["commands"], "a stuck client is ended by a gate that is held up again and again (turn %d)" % turn)
client.close()
g.settle()
tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])


# --- sessions that begin and end all the time -------------------------------------------------------------------------------------
# never is there a moment when nothing happens; what has ended must not pile up, and who is stuck is ended all the same
g = Gate({"listen.http": "127.0.0.1:0", "limit.sessions": "64", **{k: "3s" for k in SCALED if "grace" not in k}})
g.repo()
client = Raw(g)
client.advertisement()
flood = popen([os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "load", "flooder"), "127.0.0.66", str(g.http_port), "http", "junk", "500"],
              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
closing, seen = [], len(g.events("session.accepted"))


def is_over():
    closing.append(sum(s["phase"] == "closing" for s in g.sessions()))
    return g.events("session.reaped", peer=client.peer) and len(g.events("session.accepted")) > seen + 1000


wait_for(is_over, "a stuck client to be ended in a flood of sessions that end at once")
made = int(flood.communicate("", PATIENCE)[0].split()[0])
tap.eq([e["reason"] for e in g.events("session.reaped")], ["commands"], "a stuck client is ended in a flood of %d sessions that end at once" % made)
tap.ok(max(closing) < 300, "which do not pile up (%d at most)" % max(closing), closing)
client.close()
g.settle()
tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])


# --- many processes to start ----------------------------------------------------------------------------------------------------
def crowd(g):
    """Clients arrive while the gate stands still; they, and how many sessions had been begun at each answer until all were."""
    os.kill(g.pid, signal.SIGSTOP)
    clients = [Raw(g) for _ in range(CLIENTS)]
    os.kill(g.pid, signal.SIGCONT)
    begun = [0]
    wait_for(lambda: begun.append(g.request(cmd="status")["data"]["sessions"]) or begun[-1] == CLIENTS, "all sessions to have begun")
    return begun, clients


works = shutil.which("strace") and subprocess.run([*strace, "true"], env=ENV, capture_output=True).returncode == 0
if not works:
    tap.skip("sessions that take long to start", "strace cannot be used")
for waiting in ("4096", "0") if works else ():
    g = Gate({"limit.sessions": "64", "limit.waiting": waiting, **{k: "10m" for k in SCALED if "grace" not in k}}, prefix=strace)
    g.repo()
    begun, clients = crowd(g)
    most = max(b - a for a, b in zip(begun, begun[1:]))
    tap.ok(most < CLIENTS / 2, "limit.waiting=%s: no more than %d of %d sessions are begun between two answers" % (waiting, most, CLIENTS), begun)
    told = [c.advertisement() for c in clients]
    tap.eq(told.count({"capabilities^{}": "0" * 40}), CLIENTS, "limit.waiting=%s: every client is served" % waiting, told)
    tap.eq(g.status()["refused"], 0, "limit.waiting=%s: none is refused" % waiting)
    for c in clients:
        c.close()
    g.settle()
    tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])
tap.done()
