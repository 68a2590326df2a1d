#!/usr/bin/python3
"""What `make coverage` counts and says: a program that ends by _exit(), a child of it, one that is killed, that executes another, that has given up
writing files; an object that never ran; lines with a reason and lines without."""
from gate import *

COVERAGE = os.path.join(ROOT, "tests", "coverage")
SOURCES = {
    "base/one.c": """#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int odd(int n);
static void end(int n, char **argv)
{
	if (n == 1)
		_exit(odd(n));
	if (n == 2)
		raise(SIGKILL);
	if (n == 3)
		execv(argv[0], argv);
	chdir("/");
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 });
	if (n == 4)
		raise(SIGTERM);
	exit(0);
}
int odd(int n)
{
	if (n > 100) {
		n = 0;
		return -1;
	}
	return n % 2;
}
int main(int argc, char **argv)
{
	for (int n = 1; n < 6; n++) {
		if (argc == 1 && fork() == 0)
			end(n, (char *[]){ argv[0], "x", NULL });
		wait(0);
	}
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
flags = ["--coverage", "-O0", "-fdata-sections", "-fprofile-update=atomic", "-fno-builtin-fork", "-fno-builtin-execv"]


def run(*args):
    return subprocess.run(args, cwd=TMP, env=ENV, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


for name, text in SOURCES.items():
    with open(path(name), "w") as f:
        f.write(text)
    run("gcc", *flags, "-c", "-o", path("build", name[:-1] + "o"), name)
run("gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIC", '-DGG_COUNTS_DIR="%s"' % path("counts"), "-c", "-o", path("counts.o"),
    os.path.join(COVERAGE, "counts.c"))
os.mkdir(path("counts"))
run("gcc", *flags, "-Wl,-T," + os.path.join(COVERAGE, "counts.ld"), "-Wl,--wrap=__gcov_exit", "-o", path("one"), path("counts.o"), *(path("build", n[:-1] + "o") for n in SOURCES))
for _ in range(3):
    run(path("one"))
tap.eq([f for f in os.listdir(path("build", "base")) if f.endswith(".gcda")], [], "nobody writes gcc's files by the way")
run("env", "GG_COUNTS=write", path("one"))

sys.path.insert(0, COVERAGE)
import report                                                           # noqa: E402

os.chdir(TMP)
files = report.count(path("build"), ["base"])
tap.eq(sorted(files), ["base/never.c", "base/one.c"], "every source is counted, the one that never ran too")
missed = {n: [SOURCES[n].splitlines()[line - 1].strip() for line in f.missed()] for n, f in files.items()}
tap.eq(missed["base/one.c"], ["n = 0;", "return -1;", "return 7;"], "whatever ends a process, what it did is counted")
counts = {SOURCES["base/one.c"].splitlines()[n - 1].strip(): c for n, c in files["base/one.c"].lines.items()}
tap.eq([counts[line] for line in ("_exit(odd(n));", "raise(SIGKILL);", "execv(argv[0], argv);", "raise(SIGTERM);", "exit(0);", "_exit(0);")], [3, 3, 3, 3, 3, 6], "and once", counts)
tap.ok("return n + 1;" in missed["base/never.c"], "nothing of the other was reached", missed)
with open(path("reasons.txt"), "w") as f:
    f.write("# a comment\n\nbase/one.c:odd /return -1/ nobody has so many arguments\nbase/*:never never called\nbase/gone.c:* stale\n")
known = report.reasons(path("reasons.txt"))
groups = report.sort_out(files, known)
tap.eq({i: sum(map(len, g.values())) for i, g in groups.items() if i is not None}, {0: 2, 1: len(missed["base/never.c"])}, "lines with a reason, those of its block too, by reason")
tap.eq({k: [t for _, t in v] for k, v in groups[None].items()}, {("base/one.c", "main"): ["return 7;"]}, "and the one without")
BLOCKS = (              # a run of missed lines, in them WHY for one that has a reason of its own; which have it
    ("one block", "\ta;\n\tWHY;\n\treturn b;", "111"), ("what comes after a way out is another", "\tWHY;\n\treturn b;\n\tc;", "110"),
    ("what is inside of it", "\tif (WHY) {\n\t\tb;\n\t\treturn;\n\tc;", "1111"), ("what it is inside of is not known by it", "\tif (a)\n\t\tWHY;\n\tb;", "010"),
    ("a call of many lines", "\tWHY(a,\n\t\tb,\n\t\tc);\n\treturn;", "1111"), ("nobody", "\ta;\n\treturn;", "00"))
for what, text, want in BLOCKS:
    found = report.reasons_of(text.split("\n"), [("*:*", re.compile("WHY"), "x")], "base/x.c", "f")
    tap.eq("".join("0" if f is None else "1" for f in found), want, "a reason is its block's: " + what)
r = subprocess.run([sys.executable, os.path.join(COVERAGE, "report.py"), "build", "base"], cwd=TMP, env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 0 and "| base/one.c |" in r.stdout and "neither a test nor a reason" in r.stdout, "the report is made", r.stdout, r.stderr)
r = subprocess.run([sys.executable, os.path.join(COVERAGE, "report.py"), "--all", "build", "base"], cwd=TMP, env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 1 and "neither a test nor a reason" in r.stdout, "when all tests have run, what is left over fails", r.stdout, r.stderr)
tap.eq(report.show({}, known), 0, "nothing is left over")
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
