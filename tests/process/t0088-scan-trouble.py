#!/usr/bin/python3
"""The scan when something is wrong: every kind of failing scanner refuses the push with a text of its own; limits; signals; and
what it costs beside 50 000 commits. gitleaks is a stand-in that records how it is called and writes what gitleaks documents.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import time

from gate import BUILD, BUSY, ENV, PATIENCE, TMP, Latch, Tap, alive, git, note, pids, popen, read, wait_for
from scanrepo import INSTANCE, KEY, SESSION, Repo, commit, script, write

tap = Tap()
SECRET = "key = %s\n" % KEY
AT = "1" * 40


def dirty(repo):
    w = repo.work()
    write(w, "a", "x\n" + SECRET)
    commit(w)
    return w


def refused(what, text, command=None, **settings):
    """A push that this scanner cannot clear."""
    repo = Repo(command, **settings)
    r = repo.push(dirty(repo), "main")
    tap.ok(r.returncode != 0 and text in r.stderr, what, r.stderr)
    tap.eq((git("for-each-ref", cwd=repo.git).stdout, repo.left()), ("", []), what + ": nothing moved, nothing is left")
    tap.ok(KEY not in r.stderr, what + ": the secret is not shown")
    return r.stderr


# --- scanners that fail ----------------------------------------------------------------------------------------------------

refused("not set", "no scanner is configured (hook.scanner)", scanner="unset")
refused("missing", "cannot be run: No such file or directory", ["/nonexistent/scanner"])
plain = script("exit 0")
os.chmod(plain, 0o644)
refused("not executable", "cannot be run: Permission denied", [plain])
refused("no interpreter", "cannot be run: No such file or directory", [script("x", shell="/nonexistent/sh")])
refused("exit 2", "failed with exit status 2", [script("exit 2")])
refused("exit 127", "failed with exit status 127", [script("exit 127")])
refused("killed", "was killed by signal 11", [script("kill -SEGV $$")])
refused("text in place of a report", "wrote a report that cannot be read", [script("echo found it; exit 1")])
refused("found, and reports nothing", "says that it found something, and reports nothing", [script("exit 1")])
refused("clean, and reports something", "says that there is nothing, and reports findings",
        [script(r"printf '%s\t1\tx\n' \"$(ls $1 | head -1)\"".replace('\\"', '"'))])
refused("a finding in what was not pushed", "reported something that was not pushed",
        [script(r"printf '%s\t1\tx\n' " + AT + "; exit 1")])
refused("endless report", "wrote no report that could be read", [script("yes '%s\t1\tx' | head -c 70000000; exit 1" % AT)])
refused("leaves its work behind", "ended before what it started", [script("sleep 1000 & exit 0")])
begun = time.monotonic()
refused("too slow", "did not end within 1s (deadline.scan)", [script("trap '' TERM; sleep 1000 & setsid sleep 1000")], scan_ms=1000)
tap.ok(time.monotonic() - begun < 1 + BUSY, "and was ended", time.monotonic() - begun)
tap.eq([p for p in pids() if read("/proc/%d/cmdline" % p).startswith("sleep\x001000") and TMP in os.path.realpath("/proc/%d/cwd" % p)],
       [], "with all that it started")
refused("no scratch directory", "no directory can be made to scan it in: No such file or directory (hook.scratch)", scratch="/nonexistent/x")
only_git = os.path.dirname(script("exit 1"))
os.symlink(shutil.which("git"), os.path.join(only_git, "git"))
refused("gitleaks missing", 'the scanner "gitleaks" is not installed', scanner="gitleaks", env="PATH=%s" % only_git)

# --- what a scanner gets ---------------------------------------------------------------------------------------------------

spy = script(r"""
env | sort >%s/env; pwd >%s/cwd; ls -A >>%s/cwd; ls -A "$HOME" "$TMPDIR" >>%s/cwd; cp "$2" %s/manifest; readlink /proc/self/fd/* >%s/fds
mkdir -m 0 "$HOME/closed"; mkdir -p "$TMPDIR/a/b"; chmod 500 "$TMPDIR/a"; touch x
""".replace("%s", TMP))
repo = Repo([spy], env="SSH_AUTH_SOCK=/x GIT_SSH_COMMAND=x")
w = repo.work()
write(w, "d/\u00fc x", "x\n")
oid = commit(w)
r = repo.push(w, "main", env={"GIT_TRACE2_EVENT": ""})
tap.ok(r.returncode == 0, "a clean scan", r.stderr)
names = [line.split("=")[0] for line in read(TMP + "/env").splitlines()]
tap.eq([n for n in names if n not in ("PWD", "OLDPWD", "SHLVL", "_")], ["GIT_GATE_INSTANCE", "GIT_GATE_SESSION", "HOME", "LC_ALL", "PATH", "TMPDIR"], "its environment")
cwd = read(TMP + "/cwd").splitlines()
tap.ok(re.fullmatch(r"%s/git-gate-%s-%s-\w{6}/cwd" % (repo.scratch, INSTANCE, SESSION), cwd[0]), "its directory's name", cwd)
tap.eq([x for x in cwd[1:] if x and not x.endswith(":")], [], "its directories are empty", cwd)
tap.eq([f for f in read(TMP + "/fds").splitlines() if not f.startswith(("pipe:", "/dev/null", "/proc", TMP))], [], "its descriptors")
tree = git("rev-parse", "HEAD^{tree}", cwd=w).stdout.strip()
blob = git("rev-parse", "HEAD:d/\u00fc x", cwd=w).stdout.strip()
sub = git("rev-parse", "HEAD:d", cwd=w).stdout.strip()
size = git("cat-file", "-s", oid, cwd=w).stdout.strip()
tap.eq(read(TMP + "/manifest").splitlines(),
       ["%s\tcommit\t%s\t\t%s" % (oid, size, oid), "%s\ttree\t28\t\t%s" % (tree, oid), "%s\ttree\t32\td\t%s" % (sub, oid),
        "%s\tblob\t2\t\"d/\\303\\274 x\"\t%s" % (blob, oid),
        "%s\trefs\t16\t\t-" % ("0" * 40)], "the manifest")
tap.eq(repo.left(), [], "what it left is removed")

# --- gitleaks, a stand-in: calls and outputs as documented ------------------------------------------------------------------

leaks = script(r"""
printf '%%s\n' "$@" >%s/args; pwd >%s/cwd
dir=$(eval echo \${$#})
while [ "$1" != --report-path ]; do shift; done
file=$(LC_ALL=C grep -rlaE '%s' "$dir") || { echo '[]' >"$2"; exit 0; }
line=$(LC_ALL=C grep -naE '%s' "$file" | cut -d: -f1)
printf '[\n {\n  "RuleID": "aws-access-token",\n  "Description": "x",\n  "StartLine": %%d,\n  "Match": "REDACTED",\n  "File": "%%s"\n }\n]\n' \
	"$line" "$file" >"$2"
echo 'WRN leaks found: 1' >&2
exit 77
""" % (TMP, TMP, KEY, KEY), "gitleaks")
for name in "gitleaks", "betterleaks":
    if name != "gitleaks":
        shutil.copy(leaks, os.path.join(os.path.dirname(leaks), name))
    repo = Repo(scanner=name, env="PATH=%s:$PATH" % os.path.dirname(leaks), scanner_config="/etc/x.toml")
    w = dirty(repo)
    r = repo.push(w, "main")
    tap.ok('aws-access-token in "a" line 2, commit ' in r.stderr and "%s found 1 secret" % name in r.stderr, name + ": found", r.stderr)
    args = read(TMP + "/args").splitlines()
    scratch = os.path.dirname(read(TMP + "/cwd").strip())
    tap.eq(args, ["directory", "--no-banner", "--no-color", "--redact", "--ignore-gitleaks-allow", "--exit-code", "77", "--report-format",
                  "json", "--report-path", scratch + "/report", "--gitleaks-ignore-path", scratch + "/cwd", "--config", "/etc/x.toml",
                  scratch + "/objects"], name + ": its command line")
    write(w, "a", "clean\n")
    commit(w, "clean", "--amend")
    tap.eq(repo.push(w, "main").returncode, 0, name + ": clean")
for code, text in ((1, "failed with exit status 1"), (126, "failed with exit status 126"), (0, "wrote no report that could be read")):
    refused("gitleaks, exit %d" % code, text, scanner="gitleaks", env="PATH=%s:$PATH" % os.path.dirname(
        script("exit %d" % code, "gitleaks")))

# --- limits ----------------------------------------------------------------------------------------------------------------

repo = Repo(limit_object=1000)
w = repo.work()
write(w, "big", "x" * 1001)
commit(w)
r = repo.push(w, "main")
tap.ok(re.search(r'object (\w{10}) has 1001 bytes, more than 1000 \(limit.object\)(.|\n)*  object \1 is "big"', r.stderr), "limit.object", r.stderr)
repo.set(scanner="none")
tap.ok("(limit.object)" in repo.push(w, "main").stderr, "limit.object without a scanner")
repo.set(limit_object=1001)
tap.eq(repo.push(w, "main").returncode, 0, "an object as large as that")

repo = Repo(limit_scan=40000)
w = repo.work()
write(w, "big", "x" * 40000)
commit(w)
r = repo.push(w, "main")
tap.ok("takes more than 40000 to scan (limit.scan)" in r.stderr, "limit.scan", r.stderr)
repo.set(limit_scan=60000)
r = repo.push(w, "main")
tap.eq(r.returncode, 0, "limit.scan is enough", r.stderr)
write(w, "big", b"\0" + os.urandom(39000).replace(b"\0", b"x"))
commit(w)
r = repo.push(w, "main")
tap.ok("(limit.scan)" in r.stderr, "limit.scan counts the second rendition", r.stderr)
repo.set(limit_scan=8 * 4096)
for i in range(8):
    write(w, "f%d" % i, "%d" % i)
commit(w, "many", "--amend")
r = repo.push(w, "+HEAD:main")
tap.ok("more than 8 objects" in r.stderr and "limit.scan" in r.stderr, "limit.scan bounds the number of objects", r.stderr)

repo = Repo()
w = repo.work()
write(w, "big", os.urandom(300000))
commit(w)
can = subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0
if can:
    r = subprocess.run(["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=200k none "$0" && git push origin main; ls "$0" >&2', repo.scratch],
                       cwd=w, env=ENV, capture_output=True, text=True)
    tap.ok("no space is left to scan it in (hook.scratch)" in r.stderr and INSTANCE not in r.stderr, "hook.scratch is full", r.stderr)
else:
    tap.skip("hook.scratch is full", "no mount namespaces")
repo.set(limit_refs=2)
r = repo.push(w, "HEAD:refs/heads/a", "HEAD:refs/heads/b", "HEAD:refs/heads/c")
tap.ok("3 references in one push, 2 are allowed (limit.refs)" in r.stderr, "limit.refs", r.stderr)

# --- a long scan, and signals -----------------------------------------------------------------------------------------------

latch = Latch()
repo = Repo([script(latch.command)])
w = dirty(repo)
p = popen(["git", "push", "origin", "main"], cwd=w, stderr=subprocess.PIPE, text=True)
latch.reached()
wait_for(repo.left, "the scratch directory")
hook = [q for q in pids() if read("/proc/%d/cmdline" % q).startswith(os.path.join(BUILD, "hook-scan")) and repo.dir in
        read("/proc/%d/cmdline" % q)][0]
os.kill(hook, signal.SIGTERM)
latch.release()
err = p.communicate(timeout=PATIENCE)[1]
tap.ok(p.returncode != 0, "SIGTERM during the scan: refused", err)
wait_for(lambda: not alive(hook), "the hook to be gone")
tap.eq(repo.left(), [], "and its directory is removed")
p = popen(["git", "push", "origin", "main"], cwd=w, stderr=subprocess.PIPE, text=True)
seen = []
while "still scanning" not in "".join(seen):
    seen.append(p.stderr.readline())
tap.ok(re.search(r"still scanning, \d+\.\ds of at most 1m00s", seen[-1]), "a long scan says so", *seen)
latch.release()
p.communicate(timeout=PATIENCE)
tap.eq(p.returncode, 0, "and ends")

# --- forced updates ----------------------------------------------------------------------------------------------------------

repo = Repo(scanner="none")
w = repo.work()
ids = [commit(w, str(i)) for i in range(4)]
git("tag", "-a", "-m", "x", "t", ids[1], cwd=w)
repo.push(w, ids[0] + ":refs/heads/a", ids[1] + ":refs/heads/b", ids[2] + ":refs/heads/c", ids[1] + ":refs/tags/light", "t",
          ids[0] + ":refs/heads/gone")
git("checkout", "-q", "-b", "side", ids[0], cwd=w)
side = commit(w, "side")
git("merge", "-q", "-m", "merge", "main", cwd=w)
repo.hook("exec '%s' '%s/settings' rewinds" % (os.path.join(BUILD, "hook-scan"), repo.dir))
r = repo.push(w, "HEAD:refs/heads/a", "+%s:refs/heads/b" % side, "+%s:refs/heads/c" % ids[1], "+%s:refs/tags/light" % ids[2], "HEAD:refs/heads/new",
              ":refs/heads/gone", "+%s:refs/tags/t" % ids[1])
tap.eq(sorted(re.findall(r"rewinds (\S+)", r.stderr)), ["refs/heads/b", "refs/heads/c", "refs/tags/light", "refs/tags/t"], "what rewinds", r.stderr)
r = repo.push(w, "+%s:refs/heads/a" % ids[3], "+%s:refs/heads/c" % ids[3])
tap.eq(re.findall(r"rewinds (\S+)", r.stderr), ["refs/heads/a"], "forward to what is there, and back", r.stderr)
repo.hook("exec '%s' '%s/settings'" % (os.path.join(BUILD, "hook-scan"), repo.dir))
repo.set(allow_force=False)
r = repo.push(w, "+%s:refs/heads/a" % ids[0])
tap.ok('a forced update of reference "refs/heads/a" is not allowed (hook.allowForce)' in r.stderr, "hook.allowForce", r.stderr)

# --- what it costs -----------------------------------------------------------------------------------------------------------

repo = Repo([script("exit 0")])
stream = ["commit refs/heads/main\ncommitter T <t@example.invalid> %d +0000\ndata 1\nx\nM 100644 inline d%d/f%d\ndata %d\n%d\n\n"
          % (1500000000 + i, i % 50, i % 1000, len(str(i)), i) for i in range(50000)]
git("fast-import", "--quiet", cwd=repo.git, stdin="".join(stream))
w = repo.work()
write(w, "new", "x\n")
commit(w)
times = {}
for name, hook in (("without a hook", None), ("with the scan", True)):
    if not hook:
        repo.hook(None)
    else:
        repo.hook("exec '%s' '%s/settings'" % (os.path.join(BUILD, "hook-scan"), repo.dir))
    commit(w, name)
    begun = time.monotonic()
    r = repo.push(w, "HEAD:refs/heads/" + name.split()[-1])
    times[name] = time.monotonic() - begun
    tap.eq(r.returncode, 0, "50 000 commits: pushed " + name, r.stderr)
tap.ok("scanning 1 commit, 1 object (" in r.stderr, "only what is new is scanned", r.stderr)
tap.ok(times["with the scan"] < times["without a hook"] + BUSY, "in %.2f s, %.2f s without the scan" % (times["with the scan"], times["without a hook"]))
note(json.dumps(times))

w = repo.work()
write(w, "f", "x")
lines = [commit(w, "n")]
repo.set(scanner="none")
git("config", "gc.auto", "0", cwd=repo.git)
stream = ["commit refs/heads/b%d\ncommitter T <t@example.invalid> 1600000000 +0000\ndata 5\nx%04d\nfrom %s\n\n" % (i, i, lines[0]) for i in range(5000)]
git("fast-import", "--quiet", cwd=w, stdin="".join(stream))
repo.push(w, "%s:refs/heads/b" % lines[0])
old = "".join("create refs/heads/b%d %s\n" % (i, lines[0]) for i in range(5000))
git("update-ref", "--stdin", cwd=repo.git, stdin=old)
repo.hook("exec '%s' '%s/settings' rewinds" % (os.path.join(BUILD, "hook-scan"), repo.dir))
begun = time.monotonic()
r = repo.push(w, "refs/heads/b*:refs/heads/b*")
tap.ok(r.returncode == 0 and "rewinds" not in r.stderr, "5000 refs forward, in %.2f s with the push" % (time.monotonic() - begun), r.stderr[-500:])
tap.done()
