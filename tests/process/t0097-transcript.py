#!/usr/bin/python3
"""All that a client reads of a push, from its first line to its last, over git:// and HTTP: accepted, found by the scanner, refused by a rule, by a
step of the operator's, by upstream. gitleaks is a stand-in that writes what gitleaks documents. Nothing is left out but "still forwarding (5.0s)…",
which a slow machine adds, and the spaces with which git clears the rest of a line.
"""
from scanrepo import KEY, script
from sshd import *

tap = Tap()
up = upstream()
leaks = script(r"""
dir=$(eval echo \${$#})
while [ "$1" != --report-path ]; do shift; done
file=$(LC_ALL=C grep -rlaE '%s' "$dir") || { echo '[]' >"$2"; exit 0; }
printf '[{"RuleID": "aws-access-token", "StartLine": %%d, "Match": "REDACTED", "File": "%%s"}]\n' "$(LC_ALL=C grep -naE '%s' "$file" | cut -d: -f1)" "$file" >"$2"
exit 77
""" % (KEY, KEY), "gitleaks")
steps, STEP_SAYS = path("steps"), "no ticket, no push"
os.makedirs(os.path.join(steps, "pre-receive.d"))
with open(os.path.join(steps, "pre-receive.d", "50-ticket"), "w") as f:
    f.write("#!/bin/sh\nif grep -q /ticket; then echo '%s'; exit 1; fi\n" % STEP_SAYS)
os.chmod(f.name, 0o755)
work, base = path("work"), path("gitbase")
git("init", "-q", work)
commit(work, "first", "first\n")
sections = up.mirrored(base, "app.git", seed=work)
there = os.path.join(up.base, "app.git")
with open(os.path.join(there, "hooks", "pre-receive"), "w") as f:
    f.write('#!/bin/sh\nwhile read old new ref; do case $ref in *protected*) echo "GH006: Protected branch update failed for $ref." >&2; exit 1;; esac; done\n')
os.chmod(f.name, 0o755)
g = Gate({"listen.http": "127.0.0.1:0", "hook.scanner": "gitleaks", "hook.dir": steps, "hook.denyRef": "refs/heads/release/**", **PATIENT, **sections},
         base=base, env={"PATH": os.path.dirname(leaks) + ":" + ENV["PATH"]})


def head(rev="HEAD"):
    return git("rev-parse", rev, cwd=work).stdout.strip()


def reads(what, args, lines, code=0, end=()):
    """lines: from the gate, and a step's. end: git's own. "SESSION" stands for the session's id."""
    r = git("push", url, *args, cwd=work, check=False)
    g.settle()
    session = g.events("session.closed")[-1]["session"]
    want = ["remote: " + ("  " if line == STEP_SAYS else "git-gate: ") + line.replace("SESSION", session) for line in lines] + ["To " + url, *end]
    got = [line.rstrip() for line in r.stderr.splitlines() if not re.match("remote: git-gate: still (scann|forward)ing", line)]
    tap.eq((r.returncode, r.stdout, got), (code, "", want), "%s over %s" % (what, url.split(":")[0]), r.stderr)


def refused(what, args, lines, ref):
    before = (git("for-each-ref", cwd=there).stdout, git("for-each-ref", cwd=os.path.join(base, "app.git")).stdout)
    reads(what, args, lines, 1, [" ! [remote rejected] HEAD -> %s (pre-receive hook declined)" % ref, "error: failed to push some refs to '%s'" % url])
    tap.eq((git("for-each-ref", cwd=there).stdout, git("for-each-ref", cwd=os.path.join(base, "app.git")).stdout), before, "%s: nothing has moved" % what)


for url in g.url("app.git"), g.http("app.git"):
    t, old = url.split(":")[0], head()
    for n in "one", "two", "three":
        commit(work, "%s-%s" % (t, n), "%s %s\n" % (t, n))
    new = head()
    reads("three commits", ["HEAD:main"],
          ["scanning 3 commits, 9 objects (gitleaks)…", "forwarding to upstream…", "forwarded main %s..%s" % (old[:7], new[:7])],
          end=["   %s..%s  HEAD -> main" % (old[:7], new[:7])])
    tap.ok(new + " commit\trefs/heads/main" in git("for-each-ref", cwd=there).stdout, "and upstream has them")
    git("tag", "-am", "v", "v-" + t, cwd=work)
    tag = head("v-" + t)
    reads("a tag", ["v-" + t], ["scanning 0 commits, 1 object (gitleaks)…", "forwarding to upstream…", "forwarded tags/v-%s (new) %s" % (t, tag[:7])],
          end=[" * [new tag]         v-%s -> v-%s" % (t, t)])
    reads("forced, and a deletion", ["--force", "%s:refs/heads/main" % old, ":refs/tags/v-" + t],
          ["forwarding to upstream…", "forwarded main %s..%s" % (new[:7], old[:7]), "forwarded tags/v-%s (deleted, was %s)" % (t, tag[:7])],
          end=[" + %s...%s %s -> main (forced update)" % (new[:7], old[:7], old), " - [deleted]         v-" + t])
    reads("what no reference has any more", ["HEAD:main"], ["scanning 3 commits, 9 objects (gitleaks)…", "forwarding to upstream…", "forwarded main %s..%s" % (old[:7], new[:7])],
          end=["   %s..%s  HEAD -> main" % (old[:7], new[:7])])
    commit(work, "deploy-%s.ini" % t, "[aws]\nkey = %s\n" % KEY)
    at, blob = head(), head("HEAD:deploy-%s.ini" % t)
    git("rm", "-q", "deploy-%s.ini" % t, cwd=work)
    git("commit", "-qm", "gone again", cwd=work)
    refused("a secret, added then removed", ["HEAD:refs/heads/deploy"], [
        "scanning 2 commits, 4 objects (gitleaks)…",
        "push refused: gitleaks found 1 secret in what it adds",
        '  aws-access-token in "deploy-%s.ini" line 2, commit %s' % (t, at[:10]),
        "    fingerprint %s:aws-access-token:2" % blob,
        "take what was found out of every commit that has it (git commit --amend, git rebase -i), and push again",
        "if it is no secret, the operator of the gate can add its fingerprint to hook.allowFinding, session SESSION"], "deploy")
    git("reset", "-q", "--hard", new, cwd=work)
    refused("a rule", ["HEAD:refs/heads/release/1.0"],
            ['push refused: reference "refs/heads/release/1.0" is denied by "refs/heads/release/**" (hook.denyRef), session SESSION'], "release/1.0")
    commit(work, "more-" + t, t)
    refused("a step", ["HEAD:refs/heads/ticket"],
            ["scanning 1 commit, 3 objects (gitleaks)…", STEP_SAYS, "push refused: step pre-receive.d/50-ticket: exit status 1"], "ticket")
    refused("upstream", ["HEAD:refs/heads/protected"],
            ["scanning 1 commit, 3 objects (gitleaks)…",
             "forwarding to upstream…",
             "upstream: GH006: Protected branch update failed for refs/heads/protected.",
             "upstream push failed for refs/heads/protected: pre-receive hook declined",
             "upstream is unchanged"], "protected")
    git("reset", "-q", "--hard", new, cwd=work)
tap.eq(g.reaped(), [], "no session was ended")
up.stop()
finish(tap, g)
