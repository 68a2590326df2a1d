#!/usr/bin/python3
"""Requests made to slip past the checks, and a gate that was held up itself."""
import select

from gate import *

tap = Tap()
hooks = Hooks()
g = Gate(hooks=hooks.dir)
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)


def answer(service, repo_path, extra=b"host=x\0"):
    c = Raw(g, service, repo_path, extra=extra)
    c.s.shutdown(socket.SHUT_WR)
    return c.rest()


# git silently skips a hook that is not there: whatever the request looks like, it must not be served then
hooks.set(pre_receive=None)
padded = b"host=x\0\0" + b"".join(b"pad%d=%s\0" % (i, b"x" * 900) for i in range(60))
for name, extra in (("plain", b"host=x\0"), ("5 kB", padded[:5000]), ("54 kB", padded)):
    text = answer("git-receive-pack", "r.git", extra)
    tap.ok(b"ERR git-gate: pushes are refused" in text, "hook missing, %s request: refused" % name, text[:200])
hooks.set(pre_receive="cat >/dev/null")
tap.ok(b"report-status" in answer("git-receive-pack", "r.git", padded), "a long request alone is no reason to refuse")

outside = path("outside.git")
git("init", "-q", "--bare", outside)
os.symlink(outside, os.path.join(g.base, "link.git"))
with open(os.path.join(g.base, "file.git"), "w") as f:
    f.write("gitdir: %s\n" % outside)
os.makedirs(os.path.join(g.base, "worktree"))
with open(os.path.join(g.base, "worktree", ".git"), "w") as f:
    f.write("gitdir: %s\n" % outside)
for service in ("git-receive-pack", "git-upload-pack"):
    for repo_path, why in (("link.git", b"outside the base path"), ("link", b"outside the base path"), ("file.git", b"names another directory"),
                           ("worktree", b"names another directory"), ("../outside.git", b"ERR"), ("r.git/../../outside.git", b"ERR"),
                           ("x" * 5000, b"malformed request")):
        for extra in (b"host=x\0", padded[:5000]):
            text = answer(service, repo_path, extra)
            tap.ok(why in text and b"refs/heads" not in text and b"capabilities" not in text, "%s %.40s: refused" % (service, repo_path), text[:200])

# The gate is stopped for longer than the deadlines while a client goes on. When it continues, it does not take its own absence for the client's.
g2 = Gate({"deadline.idle": "1s"})
repo2 = g2.repo()
oid, pack = pack_of(work)
c = Raw(g2)
c.advertisement()
c.commands(oid, "refs/heads/main")
c.s.sendall(pack[:20])
wait_for(lambda: [s for s in g2.sessions() if s["phase"] == "pack"], "the session to be mid-pack")
os.kill(g2.pid, signal.SIGSTOP)
wait_for(lambda: proc_stat(g2.pid)[0] == "T", "the gate to be stopped")
end = time.monotonic() + 2.5
at = 20
while time.monotonic() < end:           # a healthy client: a byte every 100 ms
    c.s.sendall(pack[at:at + 1])
    at += 1
    select.select([], [], [], 0.1)
os.kill(g2.pid, signal.SIGCONT)
c.s.sendall(pack[at:])
report = c.rest()
tap.ok(b"unpack ok" in report, "a client that went on while the gate was stopped is not ended", report)
tap.eq(g2.reaped(), [], "nobody was")
finish(tap, g, g2)
