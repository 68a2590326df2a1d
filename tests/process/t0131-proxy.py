#!/usr/bin/python3
"""access.proxyFrom: whom a connection counts for behind a PROXY header, and every way not to have one. 127.0.0.2 is the proxy."""
import struct

from gate import *
from relay import Relay

tap = Tap()
config = path("config")
REAL, OTHER = "10.9.8.7", "10.9.8.6"


def configure(proxies, allow):
    with open(config, "w") as f:
        f.write("[access]\n" + "".join("\tproxyFrom = %s\n" % n for n in proxies) + "".join("\tallow = %s\n" % n for n in allow))


configure(["127.0.0.2"], ["10.9.0.0/16", "127.0.0.1"])
put_script(path("pre-receive"), 'env >"%s"; cat >/dev/null' % path("seen"))
os.makedirs(path("hooks"))
os.rename(path("pre-receive"), path("hooks", "pre-receive"))
g = Gate({"listen.http": "127.0.0.1:0", "limit.sessionsPerPeer": "2"}, hooks=path("hooks"), start=False).start("--config", config)
g.repo("r.git", "http.receivepack=true")
work = g.work("work")
git("push", g.url("r.git"), "HEAD:main", cwd=work)
g.settle()


def v1(host=REAL, port=1234):
    return b"PROXY TCP4 %s 127.0.0.1 %d 9418\r\n" % (host.encode(), port)


def v2(host=REAL, port=1234, command=0x21, family=0x11, more=b""):
    body = b"" if command == 0x20 else socket.inet_aton(host) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", port, 9418) + more
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", command, 0 if command == 0x20 else family, len(body)) + body


LINE = "git-upload-pack /r.git\0host=x\0"
REQUEST = ("%04x%s" % (len(LINE) + 4, LINE)).encode()
HTTP = b"GET /r.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def connect(port, source="127.0.0.2"):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))


def talk(port, *parts, source="127.0.0.2"):
    """What comes back, up to the end or the advertisement's."""
    with connect(port, source) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            s.sendall(part)
        data = b""
        while not data.endswith(b"0000") and (more := s.recv(65536)):
            data += more
        return data.decode(errors="replace")


def proxy(port, header):
    """A real client's way: connections go on behind a header."""
    def far():
        s = connect(port)
        s.sendall(header)
        return s
    return Relay(far)


# --- whom it counts for -----------------------------------------------------------------------------------------------------

for what, port, header, scheme in (("git, v1", g.port, v1(), "git"), ("git, v2", g.port, v2(more=b"\4\0\1x"), "git"), ("http, v2", g.http_port, v2(), "http")):
    commit(work, what, what)
    r = git("push", proxy(port, header).url(scheme, "r.git"), "HEAD:main", cwd=work, check=False)
    tap.eq(r.returncode, 0, "%s: a push through a proxy" % what, r.stderr)
    env = dict(x.split("=", 1) for x in read(path("seen")).splitlines() if "=" in x)
    tap.eq((env.get("REMOTE_ADDR"), env.get("REMOTE_PORT")), (REAL, "1234"), "its hook is told the client's address")
    e = g.events("session.opened", service="receive-pack")[-1]
    tap.eq((e["peer"], e["transport"]), (REAL + ":1234", scheme), "so is the log")
    os.unlink(path("seen"))
g.settle()
tap.eq(g.ask("reaped", "--all")[0]["peer"], REAL + ":1234", "and who asks for its record")
tap.ok("r.git" not in talk(g.port, *(bytes([b]) for b in v2("10.9.8.5") + REQUEST)) and g.events("session.opened", peer="10.9.8.5:1234"),
       "a header that comes byte by byte")
held = [connect(g.port) for _ in range(4)]
for i, s in enumerate(held):
    s.sendall(v1(REAL if i < 3 else OTHER, 2000 + i))
# which two of the three is theirs to race for
wait_for(lambda: sorted(s["peer"].split(":")[0] for s in g.sessions()) == sorted([REAL, REAL, OTHER]), "limit.sessionsPerPeer to count clients")
tap.eq(g.status()["waiting"], 1, "the third of one client waits")
for s in held:
    s.close()
g.settle()

# --- who may connect --------------------------------------------------------------------------------------------------------

answer = talk(g.port, v1("10.8.0.1") + REQUEST)
tap.ok("ERR git-gate: 10.8.0.1 may not connect here (access.allow)" in answer, "access.allow is asked about the client", answer)
answer = talk(g.http_port, v2("10.8.0.1") + HTTP)
tap.ok(answer.startswith("HTTP/1.1 403 ") and "10.8.0.1" in answer, "over HTTP too", answer)

# --- no header, and a header from elsewhere ------------------------------------------------------------------------------------

answer = talk(g.port, REQUEST)
tap.ok("ERR git-gate: a connection from 127.0.0.2 does not begin with a PROXY protocol header (access.proxyFrom)" in answer, "without a header: told", answer)
answer = talk(g.http_port, HTTP)
tap.ok(answer.startswith("HTTP/1.1 400 ") and "PROXY protocol header" in answer, "over HTTP", answer)
for bad in (b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", b"PROXY TCP4 ::1 ::1 1 2\r\n", v2(family=0x12), v2(command=0x31), b"PROXY " + b"x" * 200):
    answer = talk(g.port, bad + REQUEST)
    tap.ok("ERR git-gate: a connection from 127.0.0.2 has a PROXY" in answer, "one that is none: %r" % bad[:30], answer)
refused = g.events("session.refused")
tap.ok(refused and all(e["reason"] == "access" for e in refused), "session.refused, reason access", refused)
claimed = "10.9.9.9"
answer = talk(g.port, v1(claimed) + REQUEST, source="127.0.0.1")
answer2 = talk(g.http_port, v1(claimed) + HTTP, source="127.0.0.1")
tap.ok("HEAD" not in answer and answer2.startswith("HTTP/1.1 400 "), "a header from elsewhere is no request", answer, answer2)
g.settle()
tap.eq([e for e in g.events() if e.get("peer", "").startswith(claimed)], [], "and nothing in it is believed")

# --- health checks ----------------------------------------------------------------------------------------------------------

quiet = len([e for e in g.events() if e["priority"] != "debug"])
for port in g.port, g.http_port:
    connect(port).close()
    for part in (v2(command=0x20), v2()[:14], b"PROXY"):
        with connect(port) as s:
            s.sendall(part)
wait_for(lambda: len(g.events("session.stranger")) >= 8, "all of them to be noticed")
tap.eq([e for e in g.events() if e["priority"] != "debug"][quiet:], [], "health checks say nothing above debug")
answer = talk(g.port, v2(command=0x20) + REQUEST)
tap.ok("127.0.0.2 may not connect" in answer, "a request behind LOCAL is the proxy's own", answer)

# --- those that say nothing -------------------------------------------------------------------------------------------------

local = connect(g.port)
local.sendall(v2(command=0x20))
silent = [connect(g.port) for _ in range(800)]
answer = talk(g.port, v1(OTHER) + REQUEST)
tap.ok("refs/heads/main" in answer, "800 silent ones keep nobody out", answer)
fds = fd_count(g.pid)
tap.ok(fds < 2 * 256 + 60, "nor do they hold more than 256 descriptors, and as many that are told why: %d" % fds)
data = silent[0].recv(4096).decode()
tap.ok("too many wait for theirs" in data, "the oldest makes room", data)
tap.eq(local.recv(4096), b"", "one that has said that it is the proxy's own, too, and is told nothing")
local.close()
for s in silent:
    s.settimeout(PATIENCE)
    while s.recv(4096):
        pass
    s.close()
tap.ok(True, "deadline.init ends all of them")

# --- reload -----------------------------------------------------------------------------------------------------------------

configure([], ["127.0.0.2"])
tap.eq(g.ask("reload")["changed"], ["access.allow", "access.proxyFrom"], "a reload")
tap.ok("refs/heads/main" in talk(g.port, REQUEST), "no header is asked for any more")
g.settle()

# --- the stop ---------------------------------------------------------------------------------------------------------------

configure(["127.0.0.2"], ["127.0.0.1"])
g.ask("reload")
half = connect(g.port)
half.sendall(v1()[:9])
for _ in range(2):      # the gate has taken it by then
    g.ask("status")
os.kill(g.pid, signal.SIGTERM)
data = half.recv(4096).decode()
tap.ok("ERR git-gate: " in data and "stopping" in data, "whose header has not come whole is told that the gate stops", data)
half.close()
finish(tap, g)
