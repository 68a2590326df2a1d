"""git-gate-torture's clients, played for a test."""
from gate import *


def tortured(url, kinds, repo=None, limit="40s", pause=None):
    """What it saw of a client of each kind: a list, as tests/torture/report.h has it. repo: its directory, to be looked into. pause: ms, of those that pause."""
    args = ["--repo", repo] if repo else []
    args += ["--pause", "%dms" % pause] if pause else []
    r = subprocess.run([TORTURE, "--url", url, *args, "--limit", limit, "--json", *[a for k in kinds for a in ("--kind", k)]],
                       env=ENV, cwd=TMP, capture_output=True, text=True, timeout=300)
    if r.returncode:
        raise RuntimeError(r.stdout[-2000:] + r.stderr[-2000:])
    return json.loads(r.stdout)


def in_time(play, kinds, want, record):
    """
    play(kinds), but a trickle that the machine held up for as long as deadline.idle was silent, and is played again.
    want: reason by kind; record: of a client, the list of its records.
    """
    clients = play(kinds)
    for _ in range(3):
        drops = [c for c in clients if want.get(c["kind"]) == "trickle"]
        late = {c["kind"] for c in drops if wait_for(lambda: record(c), "the record of %s" % c["kind"])[0]["reason"] in ("idle", "not-reading")}
        if not late:
            break
        note("silent for too long, and played again: %s" % ", ".join(late))
        clients = [c for c in clients if c["kind"] not in late] + play(sorted(late))
    return clients
