#!/usr/bin/python3
"""A journal socket, a notify socket and a stderr that are bound but never read, while 500 sessions are ended: every deadline is
kept, nothing waits for them, and what was lost is told once they are read again."""
import selectors

from gate import *

CLIENTS, WAVE = 500, 125
LATE = BUSY               # seconds beyond the limit: a gate that waits for a reader is late for ever
tap = Tap()


def bound(name):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(name)
    s.setblocking(False)
    return s


def available(read_some):
    found = []
    try:
        while data := read_some():
            found.append(data)
    except BlockingIOError:
        pass
    return found


def full(s):
    """Nobody can send to it now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        try:
            probe.sendto(b"X=1\n", s.getsockname())
        except BlockingIOError:
            return True
    return False


def wave(g, n):
    """So many clients that ask to push and say nothing more; the seconds until the last of them was ended."""
    begun = time.monotonic()
    sel = selectors.DefaultSelector()
    for _ in range(n):
        sel.register(Raw(g).s, selectors.EVENT_READ)
    while sel.get_map():
        ready = sel.select(PATIENCE)
        if not ready:
            return None
        for key, _ in ready:
            try:
                data = key.fileobj.recv(4096)
            except ConnectionResetError:
                data = b""
            if not data:
                sel.unregister(key.fileobj)
                key.fileobj.close()
    return time.monotonic() - begun


def fields(datagram):
    """Of journald's native protocol: lines NAME=value, or a name, eight bytes of length, and the value."""
    found = {}
    while datagram:
        head, _, rest = datagram.partition(b"\n")
        if b"=" in head:
            name, _, value = head.partition(b"=")
        else:
            name, n = head, int.from_bytes(rest[:8], "little")
            value, rest = rest[8:8 + n], rest[9 + n:]
        found[name.decode()] = value.decode()
        datagram = rest
    return found


os.mkdir(path("journal"))
journal, notify = bound(path("journal", "socket")), bound(path("notify"))
r, w = os.pipe()
os.set_blocking(r, False)
prefix = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind "$1" /run/systemd/journal && '
          'shift && exec "$@"', "sh", path("journal"))
if os.geteuid() or subprocess.run([*prefix, "true"], env=ENV, capture_output=True, timeout=PATIENCE).returncode:
    skip_all("a journal socket of one's own needs root and mounts")

g = Gate({"gate.log": "journal", "gate.logLevel": "info", "limit.sessions": "400", "limit.sessionsPerPeer": "0", "deadline.init": "60s"},
         prefix=prefix, env={"NOTIFY_SOCKET": path("notify"), "WATCHDOG_USEC": "300000"}, start=False)
g.process = popen(g.args(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=w, env={**ENV, **g.env})
os.close(w)
g.ready(lambda _: g.cli("status").returncode == 0)
repo = g.repo()
wave(g, 1)
wait_for(lambda: g.status()["reaped"] == 1, "the first to be recorded")
records = [fields(d) for d in available(lambda: journal.recv(65536))]       # from now on nobody reads
took = [wave(g, WAVE) for _ in range(CLIENTS // WAVE)]
tap.ok(all(t is not None and t < COMMANDS + LATE for t in took), "all of 500 stuck clients are ended in time (%s)" % took)
wait_for(lambda: g.status()["ended"] == 1 + CLIENTS, "all of them to be recorded")
tap.eq(g.status()["reaped"], 1 + CLIENTS, "each as ended by the gate", *[e for e in g.ask("reaped", "--all") if not e["reason"]][:3])
late = [e for e in g.ask("reaped") if e["quiet_ms"] > (COMMANDS + LATE) * 1000]
tap.eq(late[:3], [], "none was silent for much longer than its limit")
tap.ok(full(journal), "the journal's socket is full")
tap.ok(full(notify), "so is systemd's")
tap.eq((g.cli("health").returncode, g.status()["sessions"]), (0, 0), "the gate answers")
work = g.work("work")
tap.eq(end(g.push(work))[0], 0, "a push goes through")
g.settle()
dropped = g.status()["dropped_events"]
tap.ok(dropped > 0, "what was lost is counted (%d)" % dropped)

# somebody reads again
records += [fields(d) for d in available(lambda: journal.recv(65536))]
text = b"".join(available(lambda: os.read(r, 65536))).decode()
available(lambda: notify.recv(65536))
lost = lambda: [int(n) for n in re.findall(r"(?m)^(?:MESSAGE=|.* log.dropped: )?(\d+) events were lost", text + "".join(e["MESSAGE"] + "\n" for e in records))]


def told():
    global text
    records.extend(fields(d) for d in available(lambda: journal.recv(65536)))
    text += b"".join(available(lambda: os.read(r, 65536))).decode()
    return sum(lost()) == g.status()["dropped_events"]


wait_for(told, "what was lost to be told without any other event")
tap.eq(sum(lost()), dropped, "log.dropped tells the number")
tap.ok([e for e in records if e.get("GIT_GATE_EVENT") == "log.dropped"], "in the journal")
reaped = [e for e in records if e["GIT_GATE_EVENT"] == "session.reaped"]
in_text = len(re.findall(r"(?m)^\S+ session.reaped: ", text))
tap.ok(reaped and re.search(r"(?m)^\S+ session\.\w+: ", text), "what the journal did not take is on stderr (verdicts: %d there, %d here)" % (len(reaped), in_text))
tap.ok(len(reaped) + in_text + dropped >= 1 + CLIENTS, "each verdict is somewhere, or counted")
e = reaped[0]
tap.eq((e["GIT_GATE_REASON"], e["GIT_GATE_KEY"], e["GIT_GATE_LIMIT_USEC"], e["MESSAGE_ID"]),
       ("commands", "deadline.commands", "%d" % (COMMANDS * 1000000), "7d6d3520902c47daaa778ee335aa3d6f"), "a record that arrived is whole")
tap.ok(e["GIT_GATE_EVIDENCE"].startswith("turn: the client's, in phase commands") and "\nprocess: " in e["GIT_GATE_EVIDENCE"], "with its evidence", e)
wait_for(lambda: any(b"WATCHDOG=1" in d for d in available(lambda: notify.recv(65536))), "the watchdog to be fed again")
tap.eq(g.stop(), 0, "it stops cleanly")
wait_for(lambda: any(b"STOPPING=1" in d for d in available(lambda: notify.recv(65536))), "systemd to be told")
records = [fields(d) for d in available(lambda: journal.recv(65536))]
tap.ok([e for e in records if e["GIT_GATE_EVENT"] == "gate.stopped"], "its last event is in the journal")

# READY=1 comes as soon as somebody reads, however late
late = Gate(start=False, env={"NOTIFY_SOCKET": path("notify")})
while not full(notify):
    pass
late.launch().ready()
available(lambda: notify.recv(65536))
wait_for(lambda: any(b"READY=1" in d for d in available(lambda: notify.recv(65536))), "READY=1")
tap.eq(late.stop(), 0, "and that one stops, too")
tap.done()
