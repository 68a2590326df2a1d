"""A client that speaks HTTP by hand, for tests of what git's own would not do."""
from gate import *


def pkt(data):
    return b"%04x%s" % (len(data) + 4, data)


def commands(oid, ref, capabilities="report-status side-band-64k", old="0" * 40):
    """The command list of a push of one ref, with the flush."""
    return pkt(("%s %s %s\0%s" % (old, oid, ref, capabilities)).encode()) + b"0000"


class Http:
    """One connection. A request's body is chunked unless it has a length."""

    def __init__(self, gate, repo="r.git", host="127.0.0.1"):
        self.s = socket.create_connection((host, gate.http_port), timeout=PATIENCE)
        self.peer = "%s:%d" % self.s.getsockname()[:2]
        self.gate, self.repo, self.ahead, self.last = gate, repo, b"", False

    def send(self, data):
        self.s.sendall(data)

    def head(self, service="git-receive-pack"):
        return ("GET /%s/info/refs?service=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (self.repo, service)).encode()

    def get(self, service="git-receive-pack"):
        """The status of an advertisement, which is read."""
        self.send(self.head(service))
        return self.reply()[0]

    def post(self, service="git-receive-pack", length=None):
        how = "Transfer-Encoding: chunked" if length is None else "Content-Length: %d" % length
        self.send(("POST /%s/%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-%s-request\r\n%s\r\n\r\n"
                   % (self.repo, service, service, how)).encode())

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def line(self):
        while b"\r\n" not in self.ahead:
            more = self.s.recv(65536)
            if not more:
                return None
            self.ahead += more
        line, self.ahead = self.ahead.split(b"\r\n", 1)
        return line

    def exactly(self, n):
        while len(self.ahead) < n:
            more = self.s.recv(65536)
            if not more:
                raise EOFError("the reply is cut: %r" % self.ahead[-200:])
            self.ahead += more
        data, self.ahead = self.ahead[:n], self.ahead[n:]
        return data

    def reply(self):
        """Status and body; status None: the connection has ended."""
        first = self.line()
        if first is None:
            return None, b""
        status, headers = int(first.split()[1]), {}
        while True:
            line = self.line()
            if not line:
                break
            name, value = line.split(b":", 1)
            headers[name.lower()] = value.strip()
        self.last = headers.get(b"connection") == b"close"      # the server will end the connection
        if b"content-length" in headers:
            return status, self.exactly(int(headers[b"content-length"]))
        body = b""
        while True:
            n = int(self.line(), 16)
            body += self.exactly(n)
            self.exactly(2)
            if not n:
                return status, body

    def session(self):
        found = [s for s in self.gate.sessions() if s["peer"] == self.peer]
        return found[0] if found else {}

    def in_phase(self, phase):
        wait_for(lambda: self.session().get("phase") == phase, "%s to be in phase %s" % (self.peer, phase))
        return self.session()

    def ended(self):
        """True at the end of the connection, now."""
        self.s.setblocking(False)
        try:
            return self.s.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.s.settimeout(PATIENCE)

    def close(self):
        self.s.close()
