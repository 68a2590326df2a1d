#!/usr/bin/python3
"""1000 clients of listen.admin that are silent, slow, send garbage or never read: the gate's deadlines hold, pushes go on, and a scrape
comes through; the service's connections and memory are bounded, and all of it is over when they are gone."""
import resource

from adminweb import *

tap = Tap()
CROWD = 1000
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < CROWD + 200:
    skip_all("%d descriptors are too few" % hard)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 200), hard))
g = Gate({"listen.admin": "127.0.0.1:0"}, hooks=Hooks().dir)
g.repo()
work = g.work("work")
admin = Admin(g)
pid = admin.pid()


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", read("/proc/%d/status" % pid))[1])


def descriptors():
    return len(os.listdir("/proc/%d/fd" % pid)) if os.geteuid() == 0 else -1


def join(data):
    """One more of the crowd. It does not wait for its place in the queue."""
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        s.connect(("127.0.0.1", admin.port))
    except BlockingIOError:
        pass
    return [s, data]


def feed(crowd):
    """What each still has to send, a little at a time."""
    for c in crowd:
        try:
            if c[1] and c[0].send(c[1][:c[2]]):
                c[1] = c[1][c[2]:]
        except OSError:
            c[1] = b""


admin.get("/")
calm, calm_fds = resident(), descriptors()

# each may be silent for 5 s, and 32 are served at once: whoever comes behind 500 of them would wait for longer than this test does
crowd = [join(b"") for _ in range(500)]
begin = time.monotonic()
tap.eq(admin.get("/readyz")[0], 200, "behind 500 that are silent one is answered (%.1f s)" % (time.monotonic() - begin))
for c in crowd:
    c[0].close()

kinds = (("silent", b"", 1), ("slow", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 5000, 1), ("garbage", os.urandom(4000) + b"\r\n\r\n", 4096),
         ("no end of a head", b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 20000, 65536), ("never read", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20, 4096),
         ("a body without end", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n" + b"y" * 100000, 65536))
crowd = [join(kinds[i % len(kinds)][1]) + [kinds[i % len(kinds)][2]] for i in range(CROWD)]
over = threading.Event()


def keep_on():
    while not over.wait(0.05):
        feed(crowd)


feeder = threading.Thread(target=keep_on)
feeder.start()

stuck = Raw(g)
stuck.advertisement()
begin = time.monotonic()
tap.eq(end(g.push(work, "during"))[0], 0, "a push goes on")
tap.eq(g.cli("health", "--ready").stdout, "ready\n", "the control socket answers")
stuck.rest()
wait_for(lambda: g.reaped(reason="commands"), "the stuck one to be recorded")
reaped = g.reaped(reason="commands")[0]
tap.ok(reaped["age_ms"] < (COMMANDS + BUSY) * 1000, "a stuck session is ended in time (%d ms)" % reaped["age_ms"])
for i in range(3):
    begin = time.monotonic()
    status, _, body = admin.get("/metrics")
    tap.ok(status == 200 and "git_gate_sessions_ended_total" in body, "a scrape comes through (%.1f s)" % (time.monotonic() - begin))
fds, used = descriptors(), resident()
tap.ok(fds <= calm_fds + 40, "its connections are bounded (%d descriptors, %d before)" % (fds, calm_fds))
tap.ok(used - calm < 4096 + FREED, "so is its memory (%d KiB more)" % (used - calm))
tap.eq(pid, admin.pid(), "it is the same process")
over.set()
feeder.join()
for c in crowd:
    c[0].close()
wait_for(lambda: descriptors() <= calm_fds, "the last of them to be dropped")
begin = time.monotonic()
tap.eq(admin.get("/readyz")[::2], (200, "ready\n"), "when they are gone it answers")
tap.ok(time.monotonic() - begin < BUSY, "at once (%.2f s)" % (time.monotonic() - begin))

# --- those who stay -------------------------------------------------------------------------------------------------------

s = admin.connect(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
begin = time.monotonic()
s.settimeout(0.2)
said = None
while said is None and time.monotonic() - begin < PATIENCE:
    try:
        said = s.recv(100)
    except socket.timeout:
        try:
            s.send(b"x")
        except OSError:
            said = b""
    except ConnectionResetError:
        said = b""
tap.ok(said == b"" and 9 < time.monotonic() - begin < 10 + BUSY, "one that sends a byte now and then is ended after 10 s (%.1f s)" % (time.monotonic() - begin), said)
finish(tap, g)
