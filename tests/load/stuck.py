"""Half-open clients of every kind, many at once. A kind goes as far as it goes and returns; what it leaves undone is never done.

What a real `git push` behind a stalled relay does, or one that is stopped, git-gate-torture plays (TORTURED).
"""
import asyncio
import collections
import time

from figures import *
from wire import *

IDLE_S, INIT_S, COMMANDS_S, WINDOW_S = 5.0, 5.0, 6.0, 8.0
# healthy clients beside them are not as slow as this, however busy the machine
LIMITS = {"deadline.init": "5s", "deadline.commands": "6s", "deadline.packStart": "6s", "deadline.idle": "5s", "rate.window": "8s", "deadline.wait": "1h",
          "deadline.hook": "10m"}
TORTURED = ("report-unread", "relay-0", "relay-commands", "relay-pack", "git-stopped", "pack-objects-stopped")


class World:
    """What they push and fetch: small and large packs, a large clone, a large advertisement."""

    def __init__(self, gate, name="stuck"):
        self.small_oid, self.small = small_push(b"half of this comes")
        work = path(name)
        git("init", "-q", work)
        for n in range(150):
            with open(os.path.join(work, "f%d" % n), "wb") as f:
                f.write(os.urandom(200))
        git("add", ".", cwd=work)
        git("commit", "-qm", "many", cwd=work)
        self.large_oid, self.large = pack_of(work)
        commit(work, "big", os.urandom(8 << 20))
        self.stuck, self.many = name + ".git", name + "-many.git"
        git("push", "-q", gate.repo(self.stuck), "HEAD:main", cwd=work)
        self.tip = git("rev-parse", "HEAD", cwd=work).stdout.strip()
        git("init", "-q", path(name + "-tiny"))
        commit(path(name + "-tiny"), "file")
        git("push", "-q", gate.repo(self.many), "HEAD:main", cwd=path(name + "-tiny"))
        pack_refs(os.path.join(gate.base, self.many), git("rev-parse", "HEAD", cwd=path(name + "-tiny")).stdout.strip(), "refs/heads/" + "x" * 60, 60000)


async def silent(c, w):
    pass


async def half_a_request(c, w):
    await c.send((http_get(w.stuck, "receive-pack") if c.http else request("receive-pack", w.stuck))[:20])


async def trickled_request(c, w):
    c.drip(b"GET /" + b"x" * 2000 if c.http else b"0fff" + b"git-receive-pack /" + b"x" * 2000, 0.2)


async def after_the_advertisement(c, w):
    await c.send(request("receive-pack", w.stuck))
    await c.packets()


async def begin_push(c, w, data, length=None):
    """Up to the commands: data is what is sent of them, and after."""
    if c.http:
        await c.send(http_post(w.stuck, "receive-pack", length) + (chunk(data) if data and length is None else data))
    else:
        await after_the_advertisement(c, w)
        await c.send(data)


async def half_a_command(c, w):
    await begin_push(c, w, commands(w.small_oid, c.ref)[:30])


async def no_body(c, w):
    await begin_push(c, w, b"")


async def no_pack(c, w):
    await begin_push(c, w, commands(w.small_oid, c.ref))


async def no_pack_plain(c, w):
    await begin_push(c, w, commands(w.small_oid, c.ref, "report-status"))


async def half_a_small_pack(c, w):
    await begin_push(c, w, commands(w.small_oid, c.ref) + w.small[:30])


async def half_a_large_pack(c, w):
    await begin_push(c, w, commands(w.large_oid, c.ref) + w.large[:len(w.large) // 2])


async def half_a_body_with_length(c, w):
    await begin_push(c, w, commands(w.large_oid, c.ref) + w.large[:len(w.large) // 2], 1 << 30)


async def trickled_pack(c, w):
    await begin_push(c, w, commands(w.large_oid, c.ref) + w.large[:12])
    c.drip(w.large[12:], 0.3)


async def no_wants(c, w):
    await c.send(request("upload-pack", w.stuck))
    await c.packets()


async def no_wants_v2(c, w):
    await c.send(request("upload-pack", w.stuck, b"\0version=2\0"))
    await c.packets()


async def ask_for_all(c, w):
    body = pkt(b"want %s side-band-64k ofs-delta\n" % w.tip.encode()) + b"0000" + pkt(b"done\n")
    if c.http:
        await c.send(http_post(w.stuck, "upload-pack", len(body)) + body)
    else:
        await c.send(request("upload-pack", w.stuck))
        await c.packets()
        await c.send(body)


async def half_of_what_it_wants(c, w):
    await c.send(http_post(w.stuck, "upload-pack") + chunk(pkt(b"want %s side-band-64k\n" % w.tip.encode())[:30]))


async def unread_clone(c, w):
    c.reads = False
    await ask_for_all(c, w)


async def unread_advertisement(c, w):
    c.reads = False
    await c.send(http_get(w.many, "upload-pack") if c.http else request("upload-pack", w.many))


Kind = collections.namedtuple("Kind", "play over reason limit")
GIT, HTTP, BOTH = ("git",), ("http",), ("git", "http")
KINDS = [
    Kind(silent, BOTH, "init", INIT_S), Kind(half_a_request, BOTH, "init", INIT_S), Kind(trickled_request, BOTH, "init", INIT_S),
    Kind(after_the_advertisement, GIT, "commands", COMMANDS_S), Kind(half_a_command, BOTH, "commands", COMMANDS_S),
    Kind(no_body, HTTP, "commands", COMMANDS_S), Kind(no_pack, BOTH, "pack-start", COMMANDS_S), Kind(no_pack_plain, BOTH, "commands", COMMANDS_S),
    Kind(half_a_small_pack, BOTH, "idle", IDLE_S), Kind(half_a_large_pack, BOTH, "idle", IDLE_S), Kind(half_a_body_with_length, HTTP, "idle", IDLE_S),
    Kind(trickled_pack, BOTH, "trickle", WINDOW_S), Kind(no_wants, GIT, "commands", COMMANDS_S), Kind(no_wants_v2, GIT, "commands", COMMANDS_S),
    Kind(half_of_what_it_wants, HTTP, "commands", COMMANDS_S), Kind(unread_clone, BOTH, "not-reading", IDLE_S),
    Kind(unread_advertisement, BOTH, "not-reading", IDLE_S),
]


def kinds(http):
    return [k for k in KINDS if ("http" if http else "git") in k.over]


class Stuck(Conn):
    """One of them. silent: since when it does nothing more; ended: when its connection was, as it sees it. Both None while that is not so, or cannot be seen."""

    def __init__(self, port, host, n, kind, http):
        # the least window for those that do not read: the server's buffers are large enough
        super().__init__(port, host, 4096 if kind.reason == "not-reading" else 0)
        self.kind, self.http, self.ref = kind, http, "refs/heads/stuck%d" % n
        self.reads, self.dripping, self.silent, self.ended, self.said = True, None, None, None, b""

    def drip(self, data, every):
        async def drip():
            for i in range(len(data) - 1):
                if not await self.send((b"1\r\n%c\r\n" if self.http and self.kind.play is trickled_pack else b"%c") % data[i]):
                    return
                await asyncio.sleep(every)

        self.dripping = asyncio.create_task(drip())

    async def run(self, world, over):
        """over: an event, after which those that do not read have been ended."""
        await self.open()
        try:
            await self.kind.play(self, world)
            self.silent = time.time()
            if not self.reads:
                await over.wait()
            self.said = await self.rest()
            if self.reads:
                self.ended = time.time()
        except (Ended, ConnectionError) as e:
            self.said, self.ended = b"cut: %r" % (e.args,), time.time()
        finally:
            if self.dripping:
                self.dripping.cancel()
            self.close()
        return self
