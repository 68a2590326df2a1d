#!/usr/bin/python3
"""What watching costs: an idle gate sleeps, 300 quiet sessions cost the same however many strangers run on the machine, and ending
them all at once neither comes late nor harms the pushes beside them."""
import re
import resource
import selectors

from gate import *

tap = Tap()
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
CLIENTS, STRANGERS, PUSHES, WINDOW = 300, 3000, 20, 8
TICK = os.sysconf("SC_CLK_TCK")


def ticks(g):
    f = read("/proc/%d/stat" % g.pid).rsplit(")", 1)[1].split()
    return int(f[11]) + int(f[12])


def window(g, seconds):
    """Per second, from now: reads of /proc, wake-ups, share of a core. What asking costs itself is taken off."""
    a, b = g.status(), g.status()
    asking = b["wakeups"] - a["wakeups"]
    since, cpu = time.monotonic(), ticks(g)
    wait_for(lambda: time.monotonic() - since >= seconds, "the window to be over")
    took, cpu = time.monotonic() - since, ticks(g) - cpu
    c = g.status()
    return (c["proc_reads"] - b["proc_reads"]) / took, (c["wakeups"] - b["wakeups"] - asking) / took, cpu / TICK / took


def reads_of_one_look(g):
    """How often /proc is read for a list of the sessions, which looks at all of them."""
    before = g.status()["proc_reads"]
    g.sessions()
    return g.status()["proc_reads"] - before


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))]


# --- nothing to do ------------------------------------------------------------------------------------------------------

g = Gate()
g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
g.settle()
windows = []


def idle_wakeups():
    windows.append(window(g, 5))
    return windows[-1][1]


wakeups = least(idle_wakeups, 1.01)     # a question is counted as one, and takes two now and then
tap.ok(wakeups < 1.01, "an idle gate wakes up at most once a second (%.2f)" % wakeups, windows)
tap.eq([reads for reads, _, _ in windows if reads], [], "and reads nothing below /proc")
note("idle: %.2f %% of a core" % (100 * windows[-1][2]))


def blocked_in(pid):
    """The system call that it is blocked in: number and arguments; [] while it runs."""
    f = read("/proc/%d/syscall" % pid).split()
    return [int(a, 0) for a in f] if len(f) > 2 else []


timeout = wait_for(lambda: blocked_in(g.pid), "the gate to sleep")[4]    # epoll_wait's, or epoll_pwait's
tap.ok(timeout > 3600000, "it has no reason to wake up within the next hour (%d ms)" % timeout)
g.stop()
with open(path("config"), "w") as f:
    f.write("[gate]\n\texportAll = true\n")
g.start("--config", path("config"))
heap = [int(re.search(r"Rss:\s+(\d+)", part)[1]) for part in read("/proc/%d/smaps" % g.pid).split("[heap]")[1:]]
tap.ok(sum(heap) < 100, "what reading the configuration took is given back (%d KiB of heap)" % sum(heap))
g.stop()

# --- 300 quiet sessions -------------------------------------------------------------------------------------------------


class Quiet(Raw):
    """A client that asks to push, reads the advertisement, and says nothing."""

    def __init__(self, gate):
        super().__init__(gate)
        self.sent = time.monotonic()
        self.data, self.last, self.ended = b"", None, None

    def take(self):
        """Bytes have come, or the end."""
        try:
            data = self.s.recv(65536)
        except ConnectionResetError:
            data = b""
        now = time.monotonic()
        if not data:
            self.ended = now
        elif not self.data.endswith(b"0000"):
            self.last = now         # of the advertisement
        self.data += data
        return data


def connect(gate, n, selector):
    for _ in range(n):
        c = Quiet(gate)
        c.s.setblocking(False)
        selector.register(c.s, selectors.EVENT_READ, c)
        serve(selector, 0)
        yield c


def serve(selector, timeout):
    for key, _ in selector.select(timeout):
        if not key.data.take():
            selector.unregister(key.fileobj)
            key.fileobj.close()


FORK = """
import ctypes, os, signal, sys
prctl = ctypes.CDLL(None).prctl
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        prctl(1, signal.SIGKILL)        # PR_SET_PDEATHSIG
        while True:
            signal.pause()
print("ready", flush=True)
signal.pause()
"""

LONG = {**PATIENT, "limit.sessions": "400"}
slow = Gate(LONG)
slow.repo()
selector = selectors.DefaultSelector()
clients = list(connect(slow, CLIENTS, selector))
while not all(c.data.endswith(b"0000") for c in clients):
    serve(selector, PATIENCE)
tap.eq(slow.status()["sessions"], CLIENTS, "%d clients are connected and quiet" % CLIENTS)
wait_for(lambda: time.monotonic() - clients[-1].last > 12, "the looks that every new session gets to be over")
alone, one_alone = window(slow, WINDOW), reads_of_one_look(slow)
helper = popen(["/usr/bin/python3", "-c", FORK, str(STRANGERS)], stdout=subprocess.PIPE, text=True)
if helper.stdout.readline() != "ready\n":
    tap.skip("with %d unrelated processes" % STRANGERS, "they could not be started")
    crowd, one_crowd = alone, one_alone
else:
    crowd, one_crowd = window(slow, WINDOW), reads_of_one_look(slow)
helper.kill()
helper.wait()
for what, (reads, wakeups, share) in ("none", alone), (STRANGERS, crowd):
    note("%d quiet sessions, %s unrelated processes: %.1f reads of /proc and %.1f wake-ups a second, %.2f %% of a core"
         % (CLIENTS, what, reads, wakeups, 100 * share))
    tap.ok(share < 0.2, "%s unrelated processes: less than 20 %% of a core" % what)
tap.ok(abs(crowd[0] - alone[0]) <= 1, "reads of /proc do not depend on unrelated processes (%.2f and %.2f a second)" % (alone[0], crowd[0]))
tap.eq(one_crowd, one_alone, "nor do those of one look at all sessions")
tap.eq(slow.events("session.reaped"), [], "nobody was ended")
for c in clients:
    c.s.close()
selector.close()
slow.settle()

# --- all of them stuck at once ------------------------------------------------------------------------------------------

fast = Gate({"limit.sessions": "400"})
fast_repo = fast.repo()
fast_work = fast.work("fast")
commit(fast_work, "big", os.urandom(200000))
git("push", "-q", "origin", "HEAD:main", cwd=fast_work)
commit(fast_work, "more", os.urandom(200000))
selector = selectors.DefaultSelector()
begin, cpu = time.monotonic(), ticks(fast)
clients, pushes = [], []
for c in connect(fast, CLIENTS, selector):
    clients.append(c)
    if len(clients) * PUSHES // CLIENTS > len(pushes):
        pushes.append(fast.push(fast_work, "healthy%d" % len(pushes)))
note("%d clients and %d pushes were started within %.1fs" % (CLIENTS, PUSHES, time.monotonic() - begin))
while selector.get_map() and time.monotonic() - begin < PATIENCE:
    serve(selector, 1)
share = (ticks(fast) - cpu) / TICK / (time.monotonic() - begin)
tap.eq([c.peer for c in clients if not c.ended], [], "all are ended")
tap.eq([out for code, out in map(end, pushes) if code], [], "the %d pushes beside them succeed" % PUSHES)
unserved = [c for c in clients if not c.last]
tap.eq([c.peer for c in unserved], [], "all got the advertisement", *[e for c in unserved[:3] for e in fast.events(peer=c.peer)])
late = [c.ended - c.last - COMMANDS for c in clients if c.ended and c.last]
note("lateness seen by the clients: p50 %.3fs, p99 %.3fs, most %.3fs" % (percentile(late, 50), percentile(late, 99), max(late)))
# this program may read long after its kernel has acknowledged: only the time since the request is sure to be in it
first = min(c.ended - c.sent for c in clients if c.ended) - COMMANDS
tap.ok(first > -0.06, "none before its deadline (%.3fs)" % first)
tap.ok(max(late) < 2 * SAMPLE + GRACE + BUSY, "all of them soon after it")
fast.settle()
records = fast.reaped(reason="commands")
quiet = [(e["quiet_ms"] - e["limit_ms"]) / 1000 for e in records]
tap.eq(len(records), CLIENTS, "each is recorded once, and nobody else", fast.status()["by_reason"])
note("lateness seen by the gate: p50 %.3fs, p99 %.3fs, most %.3fs; %.1f %% of a core" % (
    percentile(quiet, 50), percentile(quiet, 99), max(quiet), 100 * share))
tap.ok(min(quiet) >= 0, "by the gate's clock none before its deadline (%.3fs)" % min(quiet))
tap.eq({s for e in records for s in e["steps"]} - {"told", "hangup"}, set(), "the first step was enough for all")
tap.eq([c.peer for c in clients if b"git-gate: " not in c.data], [], "all were told")
tap.eq((fsck(fast_repo), leftovers(fast_repo)), ("", []), "the repository is clean")
finish(tap, slow, fast)
