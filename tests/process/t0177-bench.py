#!/usr/bin/python3
"""The short forms of the other benches of `make bench`: every client of git-gate's is served, and it has a figure in each row. How fast anything was
is not judged here, nor how the peers did, of which those count that are installed."""
import re

from gate import *

tap = Tap()
PROGRAMS = "run", "transport", "supervisors"


def of_git_gate(text):
    """(row, cell) of all that stands in columns and rows of git-gate's."""
    head = None
    for line in text.splitlines():
        if not line.startswith("| "):
            head = None if not line.startswith("|--") else head
            continue
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if head is None:
            head = cells
        for name, cell in zip(head, cells):
            if cells is not head and "git-gate" in (name, cells[0]) and name != head[0]:
                yield "%s, %s" % (cells[0], name), cell


for name in PROGRAMS:
    r = subprocess.run([os.path.join(ROOT, "tests", "bench", name), "--short"], env={**os.environ, "BUILD": BUILD}, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    note(r.stdout)
    tap.eq(r.returncode, 0, "%s: it measures, and no client of git-gate's failed" % name, *r.stdout.splitlines()[-5:])
    found = list(of_git_gate(r.stdout))
    tap.ok(len(found) >= 6, "%s: there are figures of git-gate's (%d)" % (name, len(found)))
    tap.eq([c for c in found if re.search(r"fail|nan|\*\*|^-?$", c[1], re.I)], [], "%s: and none is missing" % name)
for package in "tini", "dumb-init", "catatonit", "s6", "runit", "supervisor", "lighttpd", "nginx-light", "fcgiwrap", "apache2-bin":
    if not subprocess.run(["dpkg-query", "-W", package], capture_output=True).stdout:
        tap.skip("beside " + package, "it is not installed")
tap.done()
