"""Allocations that fail in a program of ours, by tests/faults/alloc.c: which one, when, and who had asked.

One file, mapped by the program and by the test, says what fails; the layout is that of struct gg_alloc_faults.
"""
import atexit
import mmap
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

from gate import BUILD, GATE, ROOT, TMP, note

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
        self.of(program)
        self.env = {"LD_PRELOAD": LIBRARY, "ALLOC_FAULTS": self.path}

    def of(self, program):
        """In this one alone; "": in any."""
        self.map[0:32] = program.encode().ljust(32, b"\0")

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

    def stack(self):
        """Addresses in the program of who asked for the last that failed, innermost first."""
        frames = struct.unpack_from("=%dQ" % FRAMES, self.map, AT["nframes"] + 8)[:self.nframes]
        return tuple(f - self.base - 1 for f in frames if f > self.base)

    def where(self, program=GATE):
        """Who asked for the last that failed: functions of the program, innermost first."""
        r = subprocess.run(["addr2line", "-fse", program] + ["%x" % f for f in self.stack()], capture_output=True, text=True)
        lines = r.stdout.splitlines()
        return " < ".join("%s %s" % (f, at) for f, at in zip(lines[::2], lines[1::2]) if f != "??") or "(a library)"


ALLOCATORS = "base/jsonmem.c", "supervisor/loopmem.c"       # who asks them is not one of theirs


def write_sites(name, stacks):
    """For tests/faults/callers: of each (program, address, ...) the innermost function of ours, and the line, of one that is an allocator of a library's also who asked that."""
    sites = set()
    for program in {s[0] for s in stacks}:
        addresses = sorted({a for s in stacks if s[0] == program for a in s[1:]})
        r = subprocess.run(["addr2line", "-aife", program], input="\n".join("%x" % a for a in addresses), capture_output=True, text=True)
        lines = {}
        for line in r.stdout.splitlines():
            if line.startswith("0x"):
                of = lines.setdefault(int(line, 16), [])
            else:
                of.append(line)
        for s in stacks:
            ours = [(os.path.relpath(at.split(":")[0], ROOT), at.split(":")[1].split()[0], f)
                    for a in s[1:] if s[0] == program for f, at in zip(lines[a][::2], lines[a][1::2]) if at.startswith(ROOT)]
            ours = [o for o in ours if not o[0].startswith("tests")]
            sites |= {"%s:%s:%s" % o for o in ours[:1] + [o for o in ours if o[0] not in ALLOCATORS][:1]}
    os.makedirs(os.path.join(BUILD, "alloc-sites"), exist_ok=True)
    with open(os.path.join(BUILD, "alloc-sites", name.split("-")[0]), "w") as f:
        f.write("".join(line + "\n" for line in sorted(sites)))


class Sweeps:
    """Allocations of many operations, each in turn (ALLOC=all; SWEEP=RE: of those operations alone), or some by chance (SEED= repeats them)."""

    def __init__(self, tap):
        self.tap, self.rows, self.stacks = tap, [], set()
        self.all = os.environ.get("ALLOC") == "all"
        self.seed = int(os.environ.get("SEED") or random.randrange(10 ** 6))
        self.rng = random.Random(self.seed)
        note("SEED=%d" % self.seed)
        if self.all:        # a run that is cut says what it has done, too
            atexit.register(lambda: write_sites(os.path.basename(sys.argv[0]), self.stacks))

    def sweep(self, what, once, total, sample, faults, program=GATE):
        """once(n): what is wrong when the n-th fails, or ''; it arms before and disarms after."""
        if not re.search(os.environ.get("SWEEP", ""), what):
            return
        numbers = range(1, total + 1) if self.all else sorted(self.rng.sample(range(1, total + 1), min(sample, total)))
        wrong = []
        reached = 0
        for n in numbers:
            bad = once(n)
            reached += faults.failed > 0
            self.stacks |= {(program,) + faults.stack()} if faults.failed else set()
            if bad:
                wrong.append("%d of %d: %s; %s" % (n, total, bad, faults.where(program)))
        self.rows.append((what, total, reached, len(wrong)))
        self.tap.eq(wrong[:20], [], "%s: %d of %d allocations fail, one at a time" % (what, len(numbers), total))
        self.tap.ok(reached > 0, "%s: some were reached (%d)" % (what, reached))

    def done(self):
        """The end of the test; of all of them there is a table."""
        if self.all:
            note("| what | allocations | failed in turn | wrong |\n|---|--:|--:|--:|\n"
                 + "\n".join("| %s | %d | %d | %d |" % r for r in self.rows))
        self.tap.done()


def works():
    """False where it cannot be done: a sanitizer has an allocator of its own."""
    f = Faults()
    subprocess.run([GATE, "--version"], env={**os.environ, **f.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f.ready != 0
