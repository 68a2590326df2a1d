"""Allocations that fail in a program of ours, by tests/faults/alloc.c: which one, when, and who had asked.

One file, mapped by the program and by the test, says what fails; the layout is that of struct gg_alloc_faults.
"""
import mmap
import os
import struct
import subprocess
import tempfile

from gate import BUILD, GATE, TMP

LIBRARY = os.path.join(BUILD, "alloc-faults.so")
FRAMES = 32
LAYOUT = struct.Struct("=32s8QqQQ%dQ" % FRAMES)
FIELDS = ["armed", "fail_at", "fail_last", "one_in", "seed", "count", "failed", "ready", "live", "base", "nframes"]
AT = {name: 32 + 8 * i for i, name in enumerate(FIELDS)}
ALL = 2 ** 62


class Faults:
    """For one program; env is what it has to be started with."""

    def __init__(self, program=""):
        fd, self.path = tempfile.mkstemp(prefix="alloc.", dir=TMP)
        os.ftruncate(fd, LAYOUT.size)
        self.map = mmap.mmap(fd, LAYOUT.size)
        os.close(fd)
        self.map[0:len(program)] = program.encode()
        self.env = {"LD_PRELOAD": LIBRARY, "ALLOC_FAULTS": self.path}

    def __getattr__(self, name):
        if name not in AT:
            raise AttributeError(name)
        return struct.unpack_from("=q", self.map, AT[name])[0]

    def put(self, **values):
        for name, value in values.items():
            struct.pack_into("=q", self.map, AT[name], value)

    def arm(self, at=0, n=1, one_in=0, seed=1):
        """From now on: the at-th allocation fails and the n - 1 after it; 0: none, they are only counted."""
        self.put(armed=0)
        self.put(fail_at=at, fail_last=at + n - 1, one_in=one_in, seed=seed, count=0, failed=0, nframes=0)
        self.put(armed=1)

    def disarm(self):
        """How many were asked for, how many failed."""
        self.put(armed=0)
        return self.count, self.failed

    def where(self, program=GATE):
        """Who asked for the last that failed: functions of the program, innermost first."""
        frames = struct.unpack_from("=%dQ" % FRAMES, self.map, AT["nframes"] + 8)[:self.nframes]
        args = ["%x" % (f - self.base - 1) for f in frames if f > self.base]
        r = subprocess.run(["addr2line", "-fse", program] + args, capture_output=True, text=True)
        lines = r.stdout.splitlines()
        return " < ".join("%s %s" % (f, at) for f, at in zip(lines[::2], lines[1::2]) if f != "??") or "(a library)"


def works():
    """False where it cannot be done: a sanitizer has an allocator of its own."""
    f = Faults()
    subprocess.run([GATE, "--version"], env={**os.environ, **f.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f.ready != 0
