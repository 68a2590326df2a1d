#!/usr/bin/python3
"""What is set on sockets and limits: keep-alive as configured, a long backlog, descriptors for limit.sessions, IPv4 and IPv6."""
import ctypes
import re

from gate import *

if not shutil.which("ss"):
    skip_all("ss (iproute2) is not installed")
tap = Tap()
g = Gate({"tcp.keepIdle": "77s", "tcp.keepInterval": "5s", "tcp.keepCount": "3", "limit.sessions": "2000", **{k: "10m" for k in SCALED if "grace" not in k}})
g.repo()


def ss(*args):
    return subprocess.run(["ss", "-H", "-n", *args], capture_output=True, text=True, env=ENV, timeout=PATIENCE).stdout


c = Raw(g)
c.advertisement()
timer = re.search(r"timer:\(keepalive,(\d+)(min|sec)(?:\d+)?", ss("-t", "-o", "state", "established", "sport = :%d" % g.port))
tap.ok(timer, "an accepted socket has a keep-alive timer", ss("-t", "-o", "sport = :%d" % g.port))
seconds = int(timer[1]) * (60 if timer[2] == "min" else 1) if timer else 0
tap.ok(60 <= seconds <= 77, "of tcp.keepIdle, not of the kernel's two hours (%d s)" % seconds)
backlog = int(ss("-t", "-l", "sport = :%d" % g.port).split()[2])
most = int(read("/proc/sys/net/core/somaxconn"))
tap.eq(backlog, min(4096, most), "the backlog is long")
limits = dict(re.findall(r"(?m)^(Max open files)\s+(\d+)", read("/proc/%d/limits" % g.pid)))
hard = int(re.search(r"(?m)^Max open files\s+\d+\s+(\d+)", read("/proc/self/limits"))[1])
tap.ok(int(limits["Max open files"]) >= min(hard, 2000 * 5), "the gate may open enough descriptors (%s)" % limits["Max open files"])
soft = re.search(r"(?m)^Max open files\s+(\d+)", read("/proc/self/limits"))[1]
child = wait_for(lambda: [p for p in g.processes() if "git receive-pack" in cmdline(p)], "receive-pack")[0]
tap.eq(re.search(r"(?m)^Max open files\s+(\d+)", read("/proc/%d/limits" % child))[1], soft, "git gets the limit that the gate was started with")
st = proc_stat(child)
tap.ok(st[2] != proc_stat(g.pid)[2], "a session is its own session (setsid)")
fds = sorted(os.listdir("/proc/%d/fd" % child))
tap.eq(fds, ["0", "1", "2"], "receive-pack has fds 0 to 2 and no other")


TCP_DELACK_MAX_US = 46


def options(pid):
    """(TCP_NODELAY, longest delay of an acknowledgement in µs) of the process's fd 0; None where the kernel does not tell."""
    fd = ctypes.CDLL(None, use_errno=True).syscall(438, os.pidfd_open(pid), 0, 0)       # pidfd_getfd
    if fd < 0:
        return None, None
    with socket.socket(fileno=fd) as s:
        try:
            delay = s.getsockopt(socket.IPPROTO_TCP, TCP_DELACK_MAX_US)
        except OSError:
            delay = None
        return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0, delay




def upload_packs():
    return [p for p in g.processes() if "git upload-pack" in cmdline(p)]


f = Raw(g, service="git-upload-pack")
f.advertisement()
fetching = wait_for(upload_packs, "upload-pack")[0]
for name, pid, nodelay in ("receive-pack", child, False), ("upload-pack", fetching, True):
    no, delay = options(pid)
    if no is None:
        tap.skip(name + ": TCP_NODELAY", "pidfd_getfd is not allowed")
    else:
        tap.eq(no, nodelay, "%s: small writes are sent at once: %s" % (name, nodelay))
    if delay is None:
        tap.skip(name + ": delayed acknowledgements", "the kernel has no TCP_DELACK_MAX_US")
    else:
        tap.ok(delay < 40000, "%s: what the client sends is acknowledged soon (%d us)" % (name, delay))
f.close()
wait_for(lambda: not upload_packs(), "it to end")
work = path("work")
git("init", "-q", work)
commit(work, "much", os.urandom(8 << 20))
git("push", "-q", os.path.join(g.base, "r.git"), "HEAD:main", cwd=work)
f = Raw(g, service="git-upload-pack")
f.packet(b"want %s side-band-64k ofs-delta no-progress\n" % f.advertisement()["refs/heads/main"].encode())
f.s.sendall(b"00000009done\n")
f.exactly(1 << 20)
fetching = wait_for(upload_packs, "upload-pack")[0]
if options(fetching)[0] is None:
    tap.skip("a pack's writes are put together", "pidfd_getfd is not allowed")
else:
    tap.ok(wait_for(lambda: options(fetching)[0] is False, "TCP_NODELAY to go"), "once it streams, a pack's writes are put together")
f.close()
# SIGKILL of the client's host would leave no FIN; a reset, though, is seen at once
c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
c.close()
wait_for(lambda: not g.sessions(), "the session to end with its client")
tap.eq(g.reaped(), [], "by itself")
finish(tap, g)
