#!/usr/bin/python3
"""docs/security.md: every test that a claim names is there, and has the row whose words it quotes; every claim of a table names one."""
from gate import *

tap = Tap()
DOC = os.path.join(ROOT, "docs", "security.md")
NAME = r"(?:[tr]\d{4}|unit/\w+\.c|fuzz-\w+\.c)"


def files(name):
    """The files that a name in the text stands for: t0084 is two."""
    folder = {"t": "process", "r": "realm"}.get(name[0] if re.fullmatch(r"[tr]\d{4}", name) else "", None)
    if folder:
        d = os.path.join(ROOT, "tests", folder)
        return [os.path.join(d, f) for f in os.listdir(d) if f.startswith(name + "-")]
    file = os.path.join(ROOT, "tests", name if name.startswith("unit/") else "fuzz/" + name)
    return [file] if os.path.exists(file) else []


def missing(text):
    """(name, words) of what is named and not there; words is None when there is no such test."""
    found = []
    text = " ".join(text.split())
    for m in re.finditer(r"\b(%s)((?:,? \"[^\"]+\")*)" % NAME, text):
        have = [read(f) for f in files(m[1])]
        if not have:
            found.append((m[1], None))
        found += [(m[1], words) for words in re.findall(r'"([^"]+)"', m[2]) if have and not any(words in h for h in have)]
    return found


def claims(text):
    """Rows of the tables that end in a test: claim, proof."""
    rows, at = [], None
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")] if line.startswith("|") else None
        if not cells:
            at = None
        elif cells == ["claim", "test"]:
            at = rows
        elif at is not None and not set(line) <= set("|-"):
            at.append((cells[0], " | ".join(cells[1:])))
    return rows


doc = read(DOC)
rows = claims(doc)
tap.ok(len(rows) >= 50, "claims are found (%d)" % len(rows))
for claim, proof in rows:
    tap.ok(re.search(NAME, proof) and not missing(proof), claim[:110], proof, missing(proof))
tap.eq(missing(doc), [], "nothing else that is named is missing")
proved = set(re.findall(r"\bt\d{4}\b", doc))
tap.ok(len(proved) >= 20, "by %d tests" % len(proved))
# the check can fail
tap.eq(missing('t0002 "no such row at all"'), [("t0002", "no such row at all")], "words that are in no test are found")
tap.eq(missing('t0002 "x", "no such row, either"; t99' + '99 "y"; unit/nothing.c "z"')[-3:], [("t0002", "no such row, either"), ("t9999", None), ("unit/nothing.c", None)],
       "so are tests that are not there")
tap.eq([c for c, p in claims("| claim | test |\n|---|---|\n| it is safe | trust me |\n") if not re.search(NAME, p)], ["it is safe"], "and a claim without a test")
tap.done()
