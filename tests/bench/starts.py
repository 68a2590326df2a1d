"""From exec to the first connection that is accepted and answered: git-gate beside the servers that tests/bench/transport measures, in turns."""
from peers import *

ROW = "start to the first answer"


class Starter:
    """How one is started over a directory of repositories; begin() starts it and waits for nothing."""

    def __init__(self, name, scheme):
        self.name, self.scheme, self.took = name, scheme, []

    def ask(self, target):
        """True: it has accepted a connection, and answered a request for a repository."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as s:
                if self.scheme == "http":
                    s.sendall(b"GET /%s/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: localhost\r\n\r\n" % target)
                    return s.recv(4096).startswith(b"HTTP/1.1 200 ")
                line = b"git-upload-pack /%s\0host=localhost\0" % target
                s.sendall(b"%04x%s" % (len(line) + 4, line))
                return len(s.recv(4096)) > 4
        except ConnectionError:
            return False

    def once(self, target):
        begun = time.monotonic()
        self.begin()
        while not self.ask(target):
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError("%s does not answer: %s" % (self.name, self.said()))
            time.sleep(0.0002)          # what is measured is when it answers
        self.took.append((time.monotonic() - begun) * 1000)
        self.end()


class OurStart(Starter):
    def __init__(self, scheme, base):
        super().__init__("git-gate", scheme)
        self.base = base

    def begin(self):
        self.port = free_port()
        off = {"git": "off", "http": "off"}
        listen = {**off, self.scheme: "127.0.0.1:%d" % self.port}
        self.gate = Gate({"gate.logLevel": "info", **{"listen." + k: v for k, v in listen.items()}}, base=self.base, start=False)
        self.gate.launch()

    def said(self):
        return self.gate.text()

    def end(self):
        self.gate.process.terminate()
        self.gate.process.wait(PATIENCE)


class TheirStart(Starter):
    def __init__(self, name, scheme, kind, base):
        super().__init__(name, scheme)
        self.kind, self.base = kind, base

    def begin(self):
        self.server = s = self.kind(self.base)
        self.port = s.port
        if hasattr(s, "start_helper"):
            s.start_helper()
        with open(s.log, "ab") as log:
            s.process = popen(s.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **s.kw)

    def said(self):
        return read(self.server.log)

    def end(self):
        self.server.stop()


def measure_starts(kinds, base, target, rounds):
    """kinds: (scheme, name, class or None for git-gate). Prints a table; returns what went wrong."""
    starters = [TheirStart(name, scheme, kind, base) if kind else OurStart(scheme, base) for scheme, name, kind in kinds]
    failed = []
    for _ in range(rounds):
        for s in starters:
            try:
                s.once(target)
            except TimeoutError as e:
                failed.append(str(e))
                s.end()
    print("\nFrom exec to the first connection that is accepted and answered, ms, median of %d (least-most):\n" % rounds)
    rows = []
    for scheme in dict.fromkeys(s.scheme for s in starters):
        row = {s.name: s.took for s in starters if s.scheme == scheme and s.took}
        shown = ", ".join("%s %.1f (%.1f-%.1f)" % (name, median(t), min(t), max(t)) for name, t in row.items())
        rows.append([scheme + "://", shown, *judged("git-gate", {name: median(t) for name, t in row.items()})])
    table(["", "ms", "best of the others", "git-gate's divided by that", "verdict"], *rows)
    return failed
