#!/usr/bin/python3
"""Trouble that others have had with sessions."""
import struct

from gate import *

tap = Tap()
RST = struct.pack("ii", 1, 0)
# --- strangers and health checks ---------------------------------------------------------------------------------------------------
quiet = Gate({"gate.logLevel": "info", "limit.sessions": "64"})
quiet.repo()
stuck = Raw(quiet)
stuck.advertisement()
stuck.rest()
wait_for(lambda: quiet.reaped(), "a stuck client to be ended")
quiet.settle()
before = len(quiet.events())
PROXY2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\x12\x34\x24\xca"
WAYS = (b"", b"PROXY TCP4 127.0.0.1 127.0.0.1 4660 9418\r\n", b"PROXY UNKNOWN\r\n", PROXY2, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"SSH-2.0-x\r\n", b"\0" * 8, b"ffff", b"0000", b"00")
STRANGERS = 10000
begun = time.monotonic()
for n in range(STRANGERS):
    s = socket.create_connection(("127.0.0.1", quiet.port), timeout=PATIENCE)
    s.sendall(WAYS[n % len(WAYS)])
    if n // len(WAYS) % 3 == 1:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    elif n // len(WAYS) % 3 == 2:
        s.shutdown(socket.SHUT_WR)
        try:
            s.recv(1000)
        except ConnectionResetError:
            pass
    s.close()
quiet.settle()
note("%d strangers in %.1f s" % (STRANGERS, time.monotonic() - begun))
wait_for(lambda: len(tree(quiet.pid)) == 1, "no worker to be left")
noise = [e for e in quiet.events()[before:] if e["event"] != "gate.limited"]
tap.ok(not noise, "%d strangers, health checks and PROXY headers: not one line in the log" % STRANGERS, len(noise), *noise[:5])
tap.eq([e["peer"] for e in quiet.reaped()], [stuck.peer], "git-gate reaped still shows the client that was stuck before them")
tap.eq(len(quiet.ask("reaped", "--all")), 1001, "and git-gate reaped --all is bounded")
work = quiet.work("work")
r = git("push", "-q", quiet.url("r.git"), "HEAD:main", cwd=work, check=False)
tap.eq(r.returncode, 0, "a push succeeds after them", r.stderr)
finish(tap, quiet)
