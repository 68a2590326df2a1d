"""Clients that speak git:// and smart HTTP by hand, thousands of them in one process and one thread (asyncio).

A client is a coroutine over a Conn. Those that push do so for real: each has a reference, a commit and a pack of its own, made beforehand.
"""
import asyncio
import hashlib
import socket
import time
import zlib

BIND_NO_PORT = 24       # IP_BIND_ADDRESS_NO_PORT: a source port is chosen by connect, so that as many as there are can be in use


def thing(kind, body):
    """Name, and entry in a pack, of an object below 2048 bytes."""
    head = bytes([128 | {b"commit": 1, b"tree": 2, b"blob": 3}[kind] << 4 | len(body) & 15, len(body) >> 4])
    return hashlib.sha1(b"%s %d\0" % (kind, len(body)) + body).digest(), head + zlib.compress(body)


def small_push(text):
    """Id of a commit of one file, and a pack of what it takes."""
    blob, b = thing(b"blob", b"%s\n" % text)
    tree, t = thing(b"tree", b"100644 file\0" + blob)
    who = b"Test <test@example.invalid> 1700000000 +0000"
    commit, c = thing(b"commit", b"tree %s\nauthor %s\ncommitter %s\n\n%s\n" % (tree.hex().encode(), who, who, text))
    body = b"PACK\0\0\0\2\0\0\0\3" + b + t + c
    return commit.hex(), body + hashlib.sha1(body).digest()


def pkt(data):
    return b"%04x%s" % (len(data) + 4, data)


def request(service, repo, more=b""):
    return pkt(b"git-%s /%s\0host=x\0%s" % (service.encode(), repo.encode(), more))


def commands(oid, ref, capabilities="report-status side-band-64k", old="0" * 40):
    """The command list of a push of one ref, with the flush."""
    return pkt(("%s %s %s\0%s" % (old, oid, ref, capabilities)).encode()) + b"0000"


def http_get(repo, service):
    return ("GET /%s/info/refs?service=git-%s HTTP/1.1\r\nHost: x\r\n\r\n" % (repo, service)).encode()


def http_post(repo, service, length=None):
    how = "Transfer-Encoding: chunked" if length is None else "Content-Length: %d" % length
    return ("POST /%s/git-%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-%s-request\r\n%s\r\n\r\n" % (repo, service, service, how)).encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Ended(Exception):
    """The connection ended where more was needed; args: what had come."""


class Conn:
    """A connection from an address of the loopback. Times are of the wall clock, as in the gate's records."""

    def __init__(self, port, host="127.0.0.1", window=0):
        self.port, self.ahead, self.reset, self.peer = port, b"", False, None
        self.s = socket.socket()
        self.s.setblocking(False)
        if window:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.s.setsockopt(socket.IPPROTO_IP, BIND_NO_PORT, 1)
        self.s.bind((host, 0))

    async def open(self):
        await asyncio.get_running_loop().sock_connect(self.s, ("127.0.0.1", self.port))
        self.peer = "%s:%d" % self.s.getsockname()
        return self

    async def send(self, data):
        """The other side may have had enough of it: what it says is still read then."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.s, data)
            return True
        except ConnectionError:
            return False

    async def more(self):
        """False: the end."""
        try:
            got = await asyncio.get_running_loop().sock_recv(self.s, 65536)
        except ConnectionError:
            self.reset, got = True, b""
        self.ahead += got
        return bool(got)

    async def until(self, what):
        while what not in self.ahead:
            if not await self.more():
                raise Ended(self.ahead)
        data, self.ahead = self.ahead.split(what, 1)
        return data

    async def exactly(self, n):
        while len(self.ahead) < n:
            if not await self.more():
                raise Ended(self.ahead)
        data, self.ahead = self.ahead[:n], self.ahead[n:]
        return data

    async def packets(self):
        """Those up to the flush."""
        found = []
        while True:
            n = int(await self.exactly(4), 16)
            if n == 0:
                return found
            found.append(await self.exactly(n - 4))

    async def rest(self):
        while await self.more():
            pass
        data, self.ahead = self.ahead, b""
        return data

    async def reply(self):
        """Status and body of an HTTP reply."""
        head = (await self.until(b"\r\n\r\n")).lower()
        status = int(head.split(None, 2)[1])
        if b"content-length:" in head:
            return status, await self.exactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if b"transfer-encoding:" not in head:
            return status, await self.rest()
        body = []
        while True:
            n = int(await self.until(b"\r\n"), 16)
            body.append(await self.exactly(n))
            await self.exactly(2)
            if not n:
                return status, b"".join(body)

    def close(self):
        self.s.close()


class Push:
    """One push of a branch of its own, and what became of it."""

    def __init__(self, n, host, repo, http):
        self.n, self.host, self.repo, self.http, self.ref = n, host, repo, http, "refs/heads/p%d" % n
        self.oid, self.pack = small_push(b"push %d" % n)
        self.answer, self.reset, self.began, self.took, self.peer = b"", False, None, None, None
        self.hold = None        # an event, before which it sends no pack

    def accepted(self):
        return b"unpack ok" in self.answer and b"ok %s\n" % self.ref.encode() in self.answer

    def said(self):
        return "%s %s%s: %r" % (self.peer, self.ref, " (reset)" if self.reset else "", self.answer[-200:])

    async def talk(self, c):
        body = commands(self.oid, self.ref, "report-status" + " side-band-64k" * (self.n % 2)) + self.pack
        if self.http:
            await c.send(http_get(self.repo, "receive-pack"))
            status, answer = await c.reply()
            return await self.post(c, body) if status == 200 else answer
        await c.send(request("receive-pack", self.repo))
        await c.packets()
        if self.hold:
            await self.hold.wait()
        await c.send(body)
        return await c.rest()

    async def post(self, c, body):
        """A kept connection may be closed between two requests: as git does, another is made then."""
        try:
            await c.send(http_post(self.repo, "receive-pack", len(body)))
            if self.hold:
                await self.hold.wait()
            await c.send(body)
            return (await c.reply())[1]
        except Ended as e:
            if e.args[0] or c.reset:
                raise
        again = await Conn(c.port, self.host).open()
        try:
            await again.send(http_post(self.repo, "receive-pack", len(body)) + body)
            return (await again.reply())[1]
        finally:
            again.close()

    async def run(self, port):
        self.began = time.monotonic()
        c = Conn(port, self.host)
        try:
            await c.open()
            self.peer = c.peer
            self.answer = await self.talk(c)
        except Ended as e:
            self.answer = b"cut: " + e.args[0]
        except OSError as e:
            self.answer = str(e).encode()
        finally:
            self.took, self.reset = time.monotonic() - self.began, c.reset
            c.close()
        return self


class Look(Push):
    """A client that asks what there is, and goes: the least that a session is asked for."""

    def accepted(self):
        return self.answer == b"seen"

    async def talk(self, c):
        if self.http:
            await c.send(http_get(self.repo, "upload-pack"))
            status, answer = await c.reply()
            return b"seen" if status == 200 and b"# service=git-upload-pack" in answer else answer
        await c.send(request("upload-pack", self.repo))
        found = await c.packets()
        await c.send(b"0000")
        left = await c.rest()
        return b"seen" if not left else b"|".join(found) + left
