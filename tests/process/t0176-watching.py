#!/usr/bin/python3
"""The short form of tests/bench/watching: idle, busy and mixed sessions, and strangers. Who is well stays, who is stuck is ended, and no figure is missing.
What anything costs is not judged here: CI is no place for that."""
import math
import re

from gate import *

tap = Tap()
REFUSED = "this machine is too small", "could not be started"
r = subprocess.run([os.path.join(ROOT, "tests", "bench", "watching"), "--short"], env={**os.environ, "BUILD": BUILD}, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
note(r.stdout)
if r.returncode and any(w in r.stdout for w in REFUSED):
    skip_all(next(line for line in r.stdout.splitlines() if any(w in line for w in REFUSED)))
tap.eq(r.returncode, 0, "it measures: nobody who was well was ended, all that were stuck were, and all hooks ended in a push")
rows = [[c.strip() for c in line.strip("|").split("|")] for line in r.stdout.splitlines() if re.match(r"\| (idle|busy|mixed), \d", line)]
tap.eq([r[:2] for r in rows], [["%s, 20" % s, x] for s in ("idle", "busy", "mixed") for x in ("0", "200")], "a row for each crowd, alone and beside strangers")
figures = {" ".join(r[:2]): r[2:] if r[1] == "0" else r[2:6] + r[10:] for r in rows}
wrong = {k: v for k, v in figures.items() if len(v) < 7 or not all(re.match(r"-?\d+(\.\d+)?( %)?$", c) and math.isfinite(float(c.split()[0])) for c in v)}
tap.eq(wrong, {}, "with a figure in each cell")
early = {k: v for k, v in figures.items() if len(v) >= 3 and float(v[-3]) < 0}
tap.eq(early, {}, "nobody is ended before the deadline")
verdicts = re.findall(r"(?m)^\* (.*?): \*\*(?:met|not met)\*\*\. \S", r.stdout)
tap.eq([v for v in ("flat in unrelated processes, idle", "flat in unrelated processes, busy", "flat in unrelated processes, mixed") if v not in verdicts],
       [], "and a verdict for each aim that so few can show")
tap.done()
