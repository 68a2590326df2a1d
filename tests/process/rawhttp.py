"""A client that speaks HTTP/1 byte by byte, for the tests of git-gate-http: it sends what it is told to, and reads replies strictly."""
import socket

from gate import PATIENCE


class Cut(Exception):
    """The connection ended inside a reply; args: the reply so far."""


class Reply:
    def __init__(self, version, status, phrase, headers):
        self.version, self.status, self.phrase, self.headers = version, status, phrase, headers
        self.body, self.framing = b"", "none"

    def __getitem__(self, name):
        """The value of a header that comes once; None when there is none."""
        found = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(found) < 2, (name, found)
        return found[0] if found else None

    def __repr__(self):
        return "%s %d %s %r %r" % (self.version, self.status, self.framing, self.headers, self.body[:300])


def request(method, target, headers=(), body=b"", version="1.1", chunked=False):
    """A whole request; the headers that it needs are added unless they are given."""
    have = {h.split(":")[0].lower() for h in headers}
    lines = ["%s %s HTTP/%s" % (method, target, version)] + list(headers)
    if "host" not in have:
        lines.append("Host: gate.example")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = chunks(body)
    elif (body or method == "POST") and "content-length" not in have:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def chunks(data, size=1000):
    return b"".join(chunk(data[i:i + size]) for i in range(0, len(data), size)) + b"0\r\n\r\n"


def rpc(service, body, headers=(), repo="r.git", **more):
    """A POST to one of git's two services."""
    return request("POST", "/%s/git-%s" % (repo, service), ["Content-Type: application/x-git-%s-request" % service, *headers], body, **more)


class Http:
    def __init__(self, gate, *requests):
        self.s = socket.create_connection(("127.0.0.1", gate.http_port), timeout=PATIENCE)
        self.peer = "%s:%d" % self.s.getsockname()[:2]
        self.data = b""
        for r in requests:
            self.send(r)

    def send(self, data):
        """False: the other side does not take it any more."""
        try:
            self.s.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def end(self):
        """Nothing more will be sent; what comes is still read."""
        self.s.shutdown(socket.SHUT_WR)
        return self

    def more(self):
        try:
            got = self.s.recv(65536)
        except ConnectionResetError:
            got = b""
        self.data += got
        return got

    def line(self):
        while b"\n" not in self.data:
            if not self.more():
                raise Cut(self.data)
        line, self.data = self.data.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1].decode("latin-1")

    def exactly(self, n):
        while len(self.data) < n:
            if not self.more():
                raise Cut(self.data)
        got, self.data = self.data[:n], self.data[n:]
        return got

    def head(self):
        version, status, phrase = self.line().split(" ", 2)
        headers = []
        while True:
            line = self.line()
            if not line:
                return Reply(version, int(status), phrase, headers)
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))

    def read_chunks(self, r):
        while True:
            n = int(self.line(), 16)
            if n == 0:
                assert self.line() == ""
                return
            r.body += self.exactly(n)
            assert self.exactly(2) == b"\r\n"

    def reply(self, method="GET"):
        """The next reply, whole; raises Cut."""
        r = self.head()
        try:
            if method == "HEAD" or r.status in (100, 204, 304):
                pass
            elif r["Transfer-Encoding"]:
                r.framing = "chunked"
                self.read_chunks(r)
            elif r["Content-Length"] is not None:
                r.framing = "length"
                r.body = self.exactly(int(r["Content-Length"]))
            else:
                r.framing = "close"
                while self.more():
                    pass
                r.body, self.data = self.data, b""
        except Cut as e:
            r.body += e.args[0]
            raise Cut(r) from None
        return r

    def ends(self):
        """Wait for the end of the connection: True when nothing came before it."""
        while self.more():
            pass
        return not self.data

    def close(self):
        self.s.close()
