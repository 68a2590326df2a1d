#!/usr/bin/python3
"""report.py [--all] BUILD [DIRECTORY...] - what tests reached, from the counts that a build with --coverage left in BUILD: lines and branches by directory and
file as Markdown, then the lines that nothing reached, by function: those of which reasons.txt says why, and at last those with neither test nor reason.

DIRECTORY: of the sources, default all that is shipped. --all: all tests have run, so what is left over fails. Exit 1: it does, or there is nothing to count.
"""
import collections
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = ["base", "daemon-wrap", "supervisor", "reaper", "hooks", "cli", "admin"]


class File:
    """What was counted of one source: lines by number, function by line, branches."""

    def __init__(self):
        self.lines, self.function, self.branches = {}, {}, {}

    def add(self, line):
        n = line["line_number"]
        self.lines[n] = self.lines.get(n, 0) + line["count"]
        self.function[n] = line.get("function_name", "")
        taken = [b["count"] for b in line["branches"]]
        before = self.branches.get(n, [0] * len(taken))
        # a line of a header has other branches in another object: those that are there in all
        self.branches[n] = [a + b for a, b in zip(before, taken)]

    def reached(self):
        return sum(count > 0 for count in self.lines.values()), len(self.lines)

    def taken(self):
        all_of_them = [count for counts in self.branches.values() for count in counts]
        return sum(count > 0 for count in all_of_them), len(all_of_them)

    def missed(self):
        return sorted(n for n, count in self.lines.items() if not count)


def gcov(notes):
    """One object's report for each file of notes; an object that never ran has only those."""
    with tempfile.TemporaryDirectory() as empty:
        out = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *notes], cwd=empty, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def count(build, directories):
    notes = [os.path.abspath(os.path.join(top, f)) for d in directories for top, _, names in os.walk(os.path.join(build, d)) for f in names if f.endswith(".gcno")]
    files = collections.defaultdict(File)
    for report in gcov(sorted(notes)) if notes else []:
        for f in report["files"]:
            name = os.path.normpath(f["file"])
            if name.split("/")[0] in directories:
                for line in f["lines"]:
                    files[name].add(line)
    return dict(files)


def percent(part, whole):
    return "%.1f %%" % (100 * part / whole) if whole else "-"


def total(pairs):
    pairs = list(pairs)
    return sum(p[0] for p in pairs), sum(p[1] for p in pairs)


def row(name, files):
    lines, branches = total(f.reached() for f in files), total(f.taken() for f in files)
    print("| %s | %d | %s | %d | %s |" % (name, lines[1], percent(*lines), branches[1], percent(*branches)))


def table(files, directories):
    print("| file | lines | reached | branches | taken |\n|---|--:|--:|--:|--:|")
    row("**all**", files.values())
    for d in directories:
        below = {name: f for name, f in files.items() if name.startswith(d + "/")}
        row("**%s/**" % d, below.values())
        for name in sorted(below):
            row(name, [below[name]])


# --- reasons -----------------------------------------------------------------------------------------------------------

def reasons(path):
    """(pattern of file:function, expression or None, reason) for each line "PATTERN [/EXPRESSION/] REASON"."""
    found = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            m = re.fullmatch(r"(\S+:\S+)\s+(?:/((?:[^/\\]|\\.)*)/\s+)?(\S.*)\n", line)
            if not m:
                raise ValueError("%s:%d: neither a comment nor PATTERN [/EXPRESSION/] REASON" % (path, number))
            found.append((m[1], re.compile(m[2]) if m[2] else None, m[3]))
    return found


def why(all_of_them, name, function, text):
    for i, (pattern, expression, _) in enumerate(all_of_them):
        if fnmatch.fnmatchcase("%s:%s" % (name, function), pattern) and (not expression or expression.search(text)):
            return i
    return None


def runs(file):
    """Missed lines with nothing between them that was reached, of one function each."""
    run, before = [], None
    for n in sorted(file.lines):
        if run and (file.lines[n] or file.function[n] != before):
            yield run
            run = []
        if not file.lines[n]:
            run.append(n)
            before = file.function[n]
    if run:
        yield run


LEAVES = re.compile(r"(return|goto|break|continue)\b")


def same_block(texts, i):
    """From the i-th of a run's texts: those that are executed if, and only if, it is, and what is inside them."""
    def depth(text):
        return len(text) - len(text.lstrip("\t"))

    first = last = i
    while last + 1 < len(texts) and depth(texts[last + 1]) >= depth(texts[i]) and not (depth(texts[last]) == depth(texts[i]) and LEAVES.match(texts[last].strip())):
        last += 1
    while first and depth(texts[first - 1]) == depth(texts[i]) and not LEAVES.match(texts[first - 1].strip()):
        first -= 1
    return range(first, last + 1)


def reasons_of(texts, all_of_them, name, function):
    """For each text of a run: its own reason's index, or that of another of its block, or None."""
    own = [why(all_of_them, name, function, text.strip()) for text in texts]
    found = list(own)
    for i, reason in enumerate(own):
        for k in same_block(texts, i) if reason is not None else ():
            found[k] = reason if found[k] is None else found[k]
    return found


def sort_out(files, all_of_them):
    """Missed lines by reason's index, None for those without: {index: {(file, function): [(number, text)]}}."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for name in sorted(files):
        with open(name, errors="replace") as f:
            source = f.read().splitlines()
        for run in runs(files[name]):
            texts = [source[n - 1] if n <= len(source) else "" for n in run]
            function = files[name].function[run[0]]
            for n, text, reason in zip(run, texts, reasons_of(texts, all_of_them, name, function)):
                groups[reason][name, function].append((n, text.strip()))
    return groups


def show(groups, all_of_them):
    """Returns how many lines are left over."""
    print("\n## Lines that no test reaches, with the reason\n")
    for i, (_, _, reason) in enumerate(all_of_them):
        if i in groups:
            print("* %s (%d lines): %s" % (reason, sum(map(len, groups[i].values())), ", ".join(
                "%s:%s %s" % (name, function, " ".join(str(n) for n, _ in lines)) for (name, function), lines in groups[i].items())))
    stale = [pattern + (" /%s/" % e.pattern if e else "") for i, (pattern, e, _) in enumerate(all_of_them) if i not in groups]
    if stale:
        print("\nReasons that are no longer needed: " + ", ".join(stale))
    left = groups.get(None, {})
    n = sum(map(len, left.values()))
    print("\n## Lines with neither a test nor a reason: %d\n" % n)
    for (name, function), lines in left.items():
        print("%s:%s" % (name, function))
        for number, text in lines:
            print("    %d: %s" % (number, text))
    return n


def main(build, directories, whole):
    files = count(build, directories)
    if not any(f.reached()[0] for f in files.values()):
        print("report.py: nothing below %s has run with counters" % build, file=sys.stderr)
        return 1
    table(files, directories)
    all_of_them = reasons(os.path.join(HERE, "reasons.txt"))
    left = show(sort_out(files, all_of_them), all_of_them)
    return 1 if whole and left else 0


if __name__ == "__main__":
    args = [a for a in sys.argv[1:] if a != "--all"]
    sys.exit(main(args[0] if args else "build/coverage", args[1:] or SHIPPED, "--all" in sys.argv[1:]))
