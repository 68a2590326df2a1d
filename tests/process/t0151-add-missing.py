#!/usr/bin/python3
"""git-gate add --missing makes what the settings know and a gate lacks, and leaves the settings alone: a new gate of several, an empty volume."""
from mirror import *

tap = Tap()

# --- add --missing ----------------------------------------------------------------------------------------------------------------------

up = upstream()
base, config = path("base"), path("config")
os.mkdir(base)
work = path("work")
git("init", "-q", work)
commit(work, "first")
for name in "team/a.git", "b.git":
    git("push", "-q", up.repo(name), "HEAD:main", cwd=work)


def configure(*names):
    with open(config, "w") as f:
        f.write("[gate]\n\tbasePath = %s\n[hook]\n\tscanner = none\n[repo \"own.git\"]\n\tupstream =\n" % base)
        for name in names:
            f.write('[repo "%s"]\n\tupstream = %s\n\tidentityFile = %s\n\tknownHostsFile = %s\n'
                    % (name, up.url(os.path.join(up.base, name)), up.identity, up.known_hosts))


def add(*args):
    return subprocess.run([GATE, "add", *args, "--config", config], env=ENV, capture_output=True, text=True, timeout=PATIENCE * 2)


configure("team/a.git", "b.git", "gone.git")
before = read(config)
r = add("--missing")
tap.ok(r.returncode == 1 and sorted(r.stdout.splitlines()) == sorted("%s/%s is there" % (base, n) for n in ("own.git", "team/a.git", "b.git")),
       "what upstream has is made, and what it has not fails alone", r.stdout, r.stderr)
tap.ok("gone.git" in r.stderr and not os.path.exists(os.path.join(base, "gone.git")), "nothing of that is there", r.stderr)
tap.eq(read(config), before, "the settings are as they were")
tap.eq([n for n in os.listdir(base) if n.startswith(".")], [], "no room is left")
head = git("rev-parse", "HEAD", cwd=work).stdout
for name in "team/a.git", "b.git":
    tap.eq(git("rev-parse", "main", cwd=os.path.join(base, name)).stdout, head, "%s has what upstream has" % name)
configure("team/a.git", "b.git")
r = add("--missing")
tap.eq((r.returncode, r.stdout, r.stderr), (0, "", ""), "again: nothing to do")
for args, say in ((["--missing", "x.git"], "takes no NAME"), (["--missing", "--local"], "takes no NAME"), ([], "NAME is missing")):
    r = add(*args)
    tap.ok(r.returncode == 2 and say in r.stderr, "add %s" % " ".join(args), r.stderr)
g = Gate(base=base, start=False)
g.settings = {k: v for k, v in g.settings.items() if k not in ("gate.basePath", "gate.exportAll")}
g.start("--config", config)
w2 = path("clone")
git("clone", "-q", g.url("team/a.git"), w2)
commit(w2, "second")
r = git("push", "-q", "origin", "HEAD:main", cwd=w2, check=False)
tap.eq((r.returncode, git("rev-parse", "main", cwd=os.path.join(up.base, "team/a.git")).stdout), (0, git("rev-parse", "HEAD", cwd=w2).stdout),
       "a gate serves it, and forwards", r.stderr)
finish(tap, g)
