#!/usr/bin/python3
"""One error of the machine at a system call of the gate or of another program of ours, a few of all by chance (SEED=): a push goes through, or is refused with a
reason and a record; then the gate serves, and nothing is left. All of them: tests/faults/sweep."""
import random

from faulty import *

tap = Tap()
if no_strace():
    skip_all(no_strace())
seed = int(os.environ.get("SEED") or 3)
note("SEED=%d" % seed)
chance = random.Random(seed)
bench = Bench()
trial = Trial(bench, bench.gate().start())
tap.eq(trial.wrong(), [], "nothing is injected: all is well")
trial.before = trial.g.idle_fds()
ROWS = (("pre-receive", "push", sorted(ERRORS), 5), ("git-gate", "fetch-http", ["epoll_ctl"], 2), ("git-gate-session", "push", ["poll", "access"], 1),
        ("git-gate-http", "push-http", ["eventfd2"], 1), ("post-receive", "push", ["access", "newfstatat", "setsockopt"], 1),
        ("hook-refresh", "fetch", ["read", "getrandom"], 1), ("git-gate-admin", "page", ["sendmsg"], 1),
        ("git-gate-admin", "page-again", ["epoll_create1", "socket", "setsockopt"], 1))
for program, action, calls, many in ROWS:
    counts = trial.count(program, action)
    for call in chance.sample([c for c in calls if c in counts] * many, many):
        fault = Fault(program, action, call, chance.choice(ERRORS[call].split()), chance.choice(counts[call]))
        wrong = trial.suffer(fault) + trial.lasting()
        tap.eq(wrong, [], str(fault), trial.g.text()[-2000:] if wrong else "")
tap.eq(trial.wrong(), [], "and all is well")
tap.eq(trial.g.stop(), 0, "it stops with 0")
tap.done()
