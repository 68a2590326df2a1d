#!/usr/bin/python3
"""What `make coverage` counts and says: a program that ends by _exit(), a child of it, an object that never ran; lines with a reason and lines without."""
from gate import *

COVERAGE = os.path.join(ROOT, "tests", "coverage")
SOURCES = {
    "base/one.c": """#include <sys/wait.h>
#include <unistd.h>
int odd(int n);
int odd(int n)
{
	if (n > 100)
		return -1;
	return n % 2;
}
int main(int argc, char **argv)
{
	(void)argv;
	if (fork() == 0)
		_exit(odd(argc));
	wait(0);
	if (argc > 5)
		return 7;
	_exit(0);
}
""",
    "base/never.c": "int never(int n);\nint never(int n)\n{\n\treturn n + 1;\n}\n",
}
tap = Tap()
os.makedirs(path("build", "base"))
os.mkdir(path("base"))
flags = ["--coverage", "-O0"]


def run(*args):
    return subprocess.run(args, cwd=TMP, env=ENV, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


for name, text in SOURCES.items():
    with open(path(name), "w") as f:
        f.write(text)
    run("gcc", *flags, "-c", "-o", path("build", name[:-1] + "o"), name)
run("gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-c", "-o", path("flush.o"), os.path.join(COVERAGE, "flush.c"))
run("gcc", *flags, "-Wl,--wrap=_exit", "-o", path("one"), path("flush.o"), *(path("build", n[:-1] + "o") for n in SOURCES))
run(path("one"))

sys.path.insert(0, COVERAGE)
import report                                                           # noqa: E402

os.chdir(TMP)
files = report.count(path("build"), ["base"])
tap.eq(sorted(files), ["base/never.c", "base/one.c"], "every source is counted, the one that never ran too")
missed = {n: [SOURCES[n].splitlines()[line - 1].strip() for line in f.missed()] for n, f in files.items()}
tap.eq(missed["base/one.c"], ["return -1;", "return 7;"], "what ends by _exit(), and its child, are counted")
tap.ok("return n + 1;" in missed["base/never.c"], "nothing of the other was reached", missed)
with open(path("reasons.txt"), "w") as f:
    f.write("# a comment\n\nbase/one.c:odd /return -1/ nobody has so many arguments\nbase/*:never never called\nbase/gone.c:* stale\n")
known = report.reasons(path("reasons.txt"))
groups = report.sort_out(files, known)
tap.eq({i: sum(map(len, g.values())) for i, g in groups.items() if i is not None}, {0: 1, 1: len(missed["base/never.c"])}, "lines with a reason, by reason")
tap.eq({k: [t for _, t in v] for k, v in groups[None].items()}, {("base/one.c", "main"): ["return 7;"]}, "and the one without")
r = subprocess.run([sys.executable, os.path.join(COVERAGE, "report.py"), "build", "base"], cwd=TMP, env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 0 and "| base/one.c |" in r.stdout and "neither a test nor a reason" in r.stdout, "the report is made", r.stdout, r.stderr)
with open(path("reasons.txt"), "w") as f:
    f.write("base/one.c:odd\n")
try:
    tap.ok(False, "a pattern without a reason is refused", report.reasons(path("reasons.txt")))
except ValueError as e:
    tap.ok("reasons.txt:1" in str(e), "a pattern without a reason is refused, with its line", e)
tap.eq(bool(report.reasons(os.path.join(COVERAGE, "reasons.txt"))), True, "the reasons that are kept can be read")
r = subprocess.run([sys.executable, os.path.join(COVERAGE, "report.py"), path("none")], cwd=TMP, env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.eq(r.returncode, 1, "where nothing ran, that is said", r.stdout, r.stderr)
tap.done()
