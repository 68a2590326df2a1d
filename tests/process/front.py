"""examples/fleet/haproxy.cfg in front of gates of the test's, on loopback: real HAProxy, the file as it is shipped but for addresses,
certificate and what only root may."""
from gate import *

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/sbin:/bin")
EXAMPLE = os.path.join(ROOT, "examples/fleet/haproxy.cfg")


def missing():
    """Why it cannot run here; '' if it can."""
    return "" if HAPROXY else "haproxy is not installed"


def certificate(directory):
    """A new one of its own authority for 127.0.0.1: what HAProxy reads, and what a client trusts."""
    key, cert, both = (os.path.join(directory, name) for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=gate.example", "-addext", "subjectAltName=DNS:gate.example,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True, env=ENV, timeout=PATIENCE)
    with open(both, "w") as f:
        f.write(read(cert) + read(key))
    return both, cert


def admin_port(gate):
    """Where listen.admin of a gate answers: the log has it."""
    return wait_for(lambda: next((int(m[1]) for m in [re.search(r"http://127\.0\.0\.1:(\d+)", gate.text())] if m), None), "listen.admin")


class Front:
    """The gates in the order of the example's gate1, gate2, gate3; each has listen.git, .http and .admin."""

    count = 0

    def __init__(self, gates, edit=lambda text: text):
        Front.count += 1
        self.dir = path("front%d" % Front.count)
        os.makedirs(self.dir)
        self.gates, self.edit = gates, edit
        self.git_port, self.https_port = free_port(), free_port()
        self.pem, self.ca = certificate(self.dir)
        self.socket, self.config, self.log = (os.path.join(self.dir, name) for name in ("admin.sock", "haproxy.cfg", "log"))
        with open(self.config, "w") as f:
            f.write(self.edit(self.adapted(read(EXAMPLE))))
        with open(self.log, "wb") as log:
            self.process = popen([HAPROXY, "-db", "-f", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or accepts(self.socket), "haproxy to start")
        self.wait_up(len(gates))

    def adapted(self, text):
        text = re.sub(r"(?m)^\t(user|group|chroot|maxconn|log|option (tcp|http)log)\b.*\n", "", text)
        for was, now in (("/run/haproxy/admin.sock", self.socket), ("/etc/haproxy/gate.pem", self.pem), ("192.0.2.10:443", "127.0.0.1:%d" % self.https_port),
                         ("192.0.2.10:9418", "127.0.0.1:%d" % self.git_port)):
            assert was in text, was
            text = text.replace(was, now)
        for i, g in enumerate(self.gates):
            for was, now in (("9418", g.port), ("9420", g.http_port)):
                was = "192.0.2.%d:%s id %d" % (11 + i, was, i + 1)
                assert was in text, was
                text = text.replace(was, "127.0.0.1:%d id %d port %d" % (now, i + 1, admin_port(g)))
        return text

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(self.socket)
            s.sendall(command.encode() + b"\n")
            return s.makefile("r").read()

    def states(self):
        """(backend, server) → UP, DOWN, …"""
        lines = [line.split(",") for line in self.ask("show stat").splitlines()]
        column = lines[0].index("status")
        return {(f[0].strip("# "), f[1]): f[column] for f in lines[1:] if len(f) > column and f[1].startswith("gate")}

    def wait_up(self, n):
        """Until so many gates are up, for both transports, and the others are down."""
        wait_for(lambda: self.process.poll() is not None or sum(s.startswith("UP") and "/" not in s for s in self.states().values()) == 2 * n, "%d gates up" % n)
        if self.process.poll() is not None:
            raise RuntimeError("haproxy did not start: " + read(self.log))

    def git(self, repo):
        return "git://127.0.0.1:%d/%s" % (self.git_port, repo)

    def https(self, repo):
        return "https://127.0.0.1:%d/%s" % (self.https_port, repo)

    def client(self, **more):
        """The environment of a client that trusts the certificate."""
        return {"GIT_SSL_CAINFO": self.ca, **more}

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
