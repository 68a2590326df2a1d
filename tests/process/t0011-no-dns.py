#!/usr/bin/python3
"""A session asks no name server, whatever host the client names; shown by its system calls, and by a control that does ask."""
import re

from gate import *

if not shutil.which("strace"):
    skip_all("strace is not installed")
probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
if probe.returncode:
    skip_all("strace cannot trace here: " + probe.stderr.decode().strip())

tap = Tap()
trace = path("trace")
g = Gate(prefix=["strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto,sendmsg,sendmmsg,open,openat"],
         hooks=Hooks().dir)
repo = g.repo()
ASKS = re.compile(r"resolv\.conf|nsswitch|/etc/hosts|htons\(53\)|/nscd/")


def asks():
    return [line for line in read(trace).splitlines() if ASKS.search(line)]


for extra in (b"host=evil.example.invalid\0", b"host=evil.example.invalid:99\0\0version=2\0"):
    for service in ("git-upload-pack", "git-receive-pack", "git-upload-archive"):
        c = Raw(g, service, extra=extra)
        c.s.sendall(b"0000")
        c.s.shutdown(socket.SHUT_WR)
        c.rest()
work = g.work("work")
tap.eq(git("push", "-q", "origin", "HEAD:main", cwd=work, check=False).returncode, 0, "a push works under the trace")
wait_for(lambda: not g.sessions(), "sessions to end")
tap.ok("git-daemon" in read(trace) or "receive-pack" in read(trace) or "config" in read(trace), "the trace saw the session's files")
tap.eq(asks(), [], "no session looked up a name")

# the control: git-daemon with --interpolated-path does look the client's host up, and the trace shows it
os.truncate(trace, 0)
exec_path = git("--exec-path").stdout.strip()
request = b"git-upload-pack /r.git\0host=evil.example.invalid\0"
subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto,open,openat", exec_path + "/git-daemon", "--inetd", "--export-all",
                "--base-path=" + g.base, "--interpolated-path=" + g.base + "%D/%IP"], env=ENV, capture_output=True, timeout=PATIENCE,
               input=b"%04x" % (len(request) + 4) + request)
tap.ok(asks(), "the control does look it up, and this test would see it")
finish(tap, g)
