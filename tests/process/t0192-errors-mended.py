#!/usr/bin/python3
"""Errors of the machine at single system calls that did harm once: each at the call that it was at. A push is taken, or refused with a reason and a record; what could not be read is not taken for
what is not there; a client that loses its answer finds what it wanted. All calls: tests/faults/sweep."""
import re

from faulty import *

tap = Tap()
if no_strace():
    skip_all(no_strace())
bench = Bench()
early = start_with(bench, Fault("git-gate", "start", "epoll_ctl", "ENOMEM", 2))
tap.eq(early, [], "the event loop's own descriptor is not watched at first: the gate starts, serves and stops")
trial = Trial(bench, bench.gate().start())
tap.eq(trial.wrong(), [], "nothing is injected: all is well")
trial.before = trial.g.idle_fds()

# What, then program, action, call, error, which of them (the first or last that is like that; "on": and all after it; "thrice": and two more), what the client reads ("": it is served), and whether the reference is here.
HOOK = r"/pre-receive\""
LIST = r"\([3-9], \"[0-9a-f]{32}\""
ROWS = (
    ("no memory to send a push's reply", "git-gate-http", "push-http", "sendto", "ENOBUFS", r"HTTP/1.1 200", "last", "", True),
    ("the link is cut at a push's reply, and git asks again", "git-gate-http", "push-http", "sendto", "EPIPE", r"HTTP/1.1 200", "last", "reference already exists", True),
    ("the hook that guards pushes cannot be looked at", "git-gate-http", "push-http", "access", "EIO", HOOK, "first",
     "git-gate: pushes are refused: the gate's pre-receive hook cannot be looked at: Input/output error, try again later", False),
    ("nor can it behind the advertisement", "git-gate-http", "push-http", "access", "EIO", HOOK, "last", "HTTP 503", False),
    ("the repository cannot be looked at", "git-gate-http", "push-http", "newfstatat", "ENOMEM", r"/l.git/objects\"", "first",
     "git-gate: the repository cannot be looked at: Cannot allocate memory, try again later", False),
    ("no memory to read a request", "git-gate-session", "push", "recvfrom", "ENOMEM", r"\(0, ", "first", "", None),
    ("the place of a push cannot be looked at", "git-gate-http", "push-http", "faccessat2", "EIO", r"/l.git/objects\"", "first",
     "git-gate: pushes are refused: the repository cannot be looked at: Input/output error, try again later", False),
    ("the gate's word on a request cannot be read", "git-gate-http", "push-http", "read", "EIO", r"\(3, \"-1", "first", "git-gate: the gate cannot be asked: Input/output error, try again later", False),
    ("the gate cannot be told of a request", "git-gate-http", "push-http", "write", "ENOSPC", r"\(3, ", "thrice", "git-gate: the gate has ended, try again later", False),
    ("what git lists of a push cannot be read", "pre-receive", "push-known", "read", "EIO", LIST, "first", "git rev-list: could not be talked to: Input/output error", False),
    ("what git is to list cannot be written", "pre-receive", "push-known", "write", "EIO", LIST, "first", "git rev-list: could not be talked to: Input/output error", False),
    ("it cannot be told whether a repository is a mirror", "pre-receive", "push-known", "access", "EIO", r"git-gate-upstream", "first",
     "it cannot be told whether this is the mirror of an upstream: Input/output error, try again", False),
    ("the lock's file cannot be looked at, ever", "hook-refresh", "fetch", "newfstatat", "EIO", r"git-gate.lock", "on", "the repository cannot be locked: Input/output error", None),
)


traces = {}


def which(program, action, call, pattern, way):
    """The n of a Fault; 0: there is no such call."""
    if (program, action) not in traces:
        trial.count(program, action)
        traces[program, action] = read(bench.trace)
    lines = [line for line in traces[program, action].splitlines() if line.startswith(call + "(")]
    found = [i for i, line in enumerate(lines, 1) if re.search(pattern, line)] or [0]
    n = found[-1] if way == "last" else found[0]
    return {"on": "%d+" % n, "thrice": "%d..%d" % (n, n + 2)}.get(way, n)


def is_here():
    """The last commit is in l.git by the name that it was pushed to."""
    want = git("rev-parse", "HEAD", cwd=bench.seed).stdout
    return git("rev-parse", "refs/heads/n%d" % bench.n, cwd=trial.l, check=False).stdout == want


for what, program, action, call, error, pattern, way, said, here in ROWS:
    fault = Fault(program, action, call, error, which(program, action, call, pattern, way))
    wrong = trial.suffer(fault)
    if error == "EPIPE":
        wrong = []              # it is the client's link, and git's word
    tap.ok(fault.reached and said in (fault.said or "it hangs") and bool(said) == bool(fault.said), "%s: the client reads so" % what, fault, fault.said)
    tap.ok(here is None or is_here() == here, "%s: the reference is %s" % (what, "here" if here else "not"), fault)
    tap.eq(wrong + trial.left(), [], "%s: it is on record, and nothing is left" % what, fault)
tap.eq(trial.wrong(), [], "and all is well")
tap.eq(trial.g.stop(), 0, "it stops with 0")
tap.done()
