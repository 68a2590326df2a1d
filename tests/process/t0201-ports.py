#!/usr/bin/python3
"""What tests stand on: a port that free_port() gave stays free until its server listens, and a server that ends instead says why, at once."""
from ports import candidates
from servers import *

tap = Tap()

with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
    low, high = map(int, f.read().split())
inside = [p for p in candidates() if low <= p <= high]
tap.ok(not inside or (low <= 10000 and high == 65535), "no port is one that the kernel gives to clients", inside[:5])

ASK = "import sys; sys.path.insert(0, %r)\nfrom ports import *\nprint(*[free_port() for _ in range(300)], flush=True)\nsys.stdin.read()" % os.path.dirname(__file__)
others = [popen([sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
given = [int(p) for o in others for p in o.stdout.readline().split()]
tap.eq((len(given), len(set(given))), (2400, 2400), "8 processes that ask for 300 each get 2400 different ones, though none listens")
for o in others:
    o.communicate(timeout=PATIENCE)
clients = [socket.create_server(("127.0.0.1", 0)) for _ in range(500)]
both = {c.getsockname()[1] for c in clients} & set(given)
if inside:
    tap.skip("the kernel gives none of them away", "ip_local_port_range has all ports")
else:
    tap.eq(both, set(), "nor does the kernel give one of them away")

server = Daemon(TMP)
taken = socket.socket()
taken.bind(("127.0.0.1", server.port))
begun = time.monotonic()
try:
    server.start()
    said = "it started"
except RuntimeError as e:
    said = str(e)
tap.ok("git-daemon ended with" in said and "Address already in use" in said, "a server whose port was taken after all: its own words are shown", said)
tap.ok(time.monotonic() - begun < PATIENCE / 2, "without waiting for what cannot come any more")
taken.close()
server.start()
tap.ok(listening(server.port), "once nobody has it, it listens")
server.stop()
tap.done()
