"""A file system that need not answer, without a library: through /dev/fuse, in a mount namespace of the test's own.

Its one file is served by a process apart. `pin` is a command line of a process that waits in the kernel, in state D, whatever signal comes, for
the file system to answer: it holds its own address space locked meanwhile, so who reads its command line or environment waits with it.
"""
import atexit
import ctypes
import os
import struct
import subprocess
import sys

if __name__ != "__main__":      # the server is ended by SIGKILL: a directory of its own would stay
    from gate import path, popen, read, wait_for, PATIENCE

LOOKUP, FORGET, GETATTR, OPEN, WRITE, RELEASE, FLUSH, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 16, 18, 25, 26, 36, 42
DIRECT_IO, KEEP_CACHE, WRITEBACK_CACHE = 1, 2, 1 << 16
FILE, ENOSYS, ENOENT = 2, 38, 2

# dirty through the first descriptor, mapped through the second, for which the file system wants no cache: mmap(2) has the page written first,
# with the address space locked, and nobody says that it is
PIN = """
import mmap, os, signal, sys
a = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(a, b"x" * 4096, 0)
b = os.open(sys.argv[1], os.O_RDWR)
open(sys.argv[2], "w").write(str(os.getpid()))
mmap.mmap(b, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
"""


def attributes(node):
    mode = 0o40777 if node == 1 else 0o100666
    return struct.pack("<QQQQQQIIIIIIIIII", node, 0 if node == 1 else 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


class Served:
    """Answers everything but a WRITE."""

    def __init__(self, dev):
        self.dev, self.opened = dev, 0

    def answer(self, op, node):
        if op == INIT:
            return struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, WRITEBACK_CACHE, 0, 0, 65536, 1, 16, 0, 0, *[0] * 7)
        if op == LOOKUP:
            return struct.pack("<QQQQII", FILE, 0, 3600, 3600, 0, 0) + attributes(FILE)
        if op == GETATTR:
            return struct.pack("<QII", 3600, 0, 0) + attributes(node)
        if op == OPEN:
            self.opened += 1
            return struct.pack("<QII", self.opened, KEEP_CACHE | (0 if self.opened % 2 else DIRECT_IO), 0)
        return b"" if op in (FLUSH, RELEASE) else None

    def run(self):
        while True:
            try:
                request = os.read(self.dev, 1 << 20)
            except OSError:
                return
            _, op, unique, node = struct.unpack_from("<IIQQ", request)
            if op in (WRITE, FORGET, BATCH_FORGET, INTERRUPT):
                continue
            data = self.answer(op, node)
            os.write(self.dev, struct.pack("<IiQ", 16 + len(data or b""), 0 if data is not None else -ENOSYS, unique) + (data or b""))


def mount(where):
    """/dev/fuse, mounted there; OSError with the reason."""
    libc = ctypes.CDLL(None, use_errno=True)
    dev = os.open("/dev/fuse", os.O_RDWR)
    options = "fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other" % (dev, os.getuid(), os.getgid())
    if libc.mount(b"test", where.encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount: " + os.strerror(ctypes.get_errno()))
    return dev


class Unanswering:
    """Mounted until end(), whereupon all that wait for it go on."""

    count = 0

    def __init__(self):
        Unanswering.count += 1
        self.dir = path("fuse%d" % Unanswering.count)
        os.mkdir(self.dir)
        dev = mount(self.dir)
        self.server = popen([sys.executable, os.path.abspath(__file__), str(dev)], pass_fds=[dev])
        os.close(dev)
        atexit.register(self.end)
        self.file, self.script = os.path.join(self.dir, "file"), path("pin.py")
        with open(self.script, "w") as f:
            f.write(PIN)

    def pin(self, mark):
        """The words of a command that writes its pid to the file mark, and waits from then on."""
        return [sys.executable, self.script, self.file, mark]

    def pinned(self, mark):
        """Its pid, once it waits."""
        pid = int(wait_for(lambda: read(mark), "a process on its way to the file system"))
        wait_for(lambda: read("/proc/%d/stat" % pid).rpartition(")")[2].split()[:1] == ["D"], "it to wait in the kernel")
        return pid

    def end(self):
        if self.server.poll() is None:
            self.server.kill()
            self.server.wait(PATIENCE)
            subprocess.run(["umount", "-l", self.dir], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    Served(int(sys.argv[1])).run()
