"""What the tests of metrics and of listen.admin share: metrics as a dictionary, requests, and a gate whose sessions are known."""
import http.client

from gate import *

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;\\\x1b[31m\n\u202e\x7f"        # and a byte that is no UTF-8
HOSTILE_NAME = (HOSTILE + "x.git").encode() + b"\xff.git"


def parse(text):
    """{series: value} of the text format; what is not of that form raises."""
    found, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            types[name] = kind
        elif not line.startswith("# HELP "):
            series, value = re.fullmatch(r'(git_gate_\w+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\})?) ([0-9.]+|\+Inf)', line).groups()
            if series in found:
                raise ValueError("twice: " + series)
            found[series] = float(value)
    return found, types


def metrics_of(g):
    r = g.cli("metrics")
    if r.returncode or r.stderr:
        raise RuntimeError("git-gate metrics: %r" % (r,))
    return parse(r.stdout)[0]


def promtool(tap, text, what):
    if not shutil.which("promtool"):
        return tap.skip(what, "promtool (package prometheus) is not installed")
    r = subprocess.run(["promtool", "check", "metrics"], input=text, env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    return tap.eq((r.returncode, r.stdout + r.stderr), (0, ""), what)


def ask_gate(g, **request):
    """The data of an answer on the control socket."""
    answer = g.request(**request)
    if not answer or not answer["ok"]:
        raise RuntimeError("%r: %r" % (request, answer))
    return answer["data"]


class Admin:
    """The address on which a gate's git-gate-admin serves."""

    def __init__(self, g):
        self.g = g
        self.port = int(wait_for(lambda: re.findall(r"listening on http://127\.0\.0\.1:(\d+)/", g.text()), "git-gate-admin to listen")[-1])

    def get(self, path="/", method="GET", headers=None, timeout=PATIENCE):
        """Status, headers, body."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        c.request(method, path, headers=headers or {})
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, r.headers, body.decode()

    def pid(self):
        return next(s["pid"] for s in self.g.status()["services"] if s["name"] == "git-gate-admin")

    def connect(self, data=b""):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        if data:
            s.sendall(data)
        return s


def gone(g, n=0):
    """Wait until n sessions are left; git-gate-admin stays."""
    wait_for(lambda: len(g.sessions()) == n, "%d sessions" % n)


def hostile_sessions(g, latch, hold=True):
    """
    Sessions with names and log lines that mean to be something else: one refused, one ended in its hook, one that lives.
    The gate's pre-receive runs hostile_hook(latch).
    """
    repo = os.path.join(g.base.encode(), HOSTILE_NAME)
    subprocess.run(["git", "init", "-q", "--bare", repo], env=ENV, check=True, timeout=PATIENCE)
    Raw(g, "git-upload-pack", "no", request=False).packet(b"git-upload-pack /" + HOSTILE_NAME[:-4] + b"none\0host=x\0")
    work = path("hostile-work")
    if not os.path.exists(work):
        git("init", "-q", work)
        commit(work, "first")
    oid, pack = pack_of(work)
    c = Raw(g, request=False)
    c.packet(b"git-receive-pack /" + HOSTILE_NAME + b"\0host=x\0")
    c.advertisement()
    c.commands(oid, "refs/heads/<script>alert(2)</script>", "report-status")
    c.s.sendall(pack)
    latch.reached()
    killed = wait_for(lambda: [s["id"] for s in g.sessions() if s["phase"] == "hook"], "the hook to be seen")[0]
    g.ask("kill", killed, "--reason", HOSTILE)
    wait_for(lambda: [e for e in g.reaped() if e["id"] == killed], "it to be ended")
    live = Raw(g, request=False)
    live.packet(b"git-receive-pack /" + HOSTILE_NAME + b"\0host=x\0")
    live.advertisement()
    return killed, live


def hostile_hook(latch):
    return "cat >/dev/null; printf '%s\\n' >&2; printf 'no UTF-8 \\377\\n' >&2; " % (
        "</pre><script>alert(3)</script> \\033[2J\\a \\342\\200\\256") + latch.command
