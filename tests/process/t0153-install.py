#!/usr/bin/python3
"""make install and make uninstall: what the one puts there the other takes away, and nothing else; one version everywhere.
"""
from gate import *

tap = Tap()
dest, build = path("dest"), path("build")
# the programs as they are: what is tested must build nothing, and change nothing in the build that other tests use
PROGRAMS = ["git-gate"] + ["git-gate-" + p for p in ("session", "http", "hook", "admin", "torture")]
os.makedirs(build)
for p in PROGRAMS:
    os.symlink(os.path.join(BUILD, p), os.path.join(build, p))
BASE = ["make", "-s", "-C", ROOT, "O=" + build] + [a for p in PROGRAMS for a in ("-o", os.path.join(build, p))]
ENV = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}


def make(target, prefix, *args):
    # 077: what is installed is for everybody, whoever installs it
    return subprocess.run(["sh", "-c", 'umask 077; exec "$@"', "-"] + BASE + ["DESTDIR=" + dest, "PREFIX=" + prefix, *args, target],
                          env=ENV, capture_output=True, text=True, timeout=PATIENCE)


def tree():
    """Every file and link with its mode, and every directory, by its path below DESTDIR."""
    found = {}
    for folder, folders, files in os.walk(dest):
        for name in folders + files:
            full = os.path.join(folder, name)
            found[full[len(dest):]] = os.lstat(full).st_mode & 0o7777 if not os.path.islink(full) else os.readlink(full)
    return found


def is_dir(p):
    return os.path.isdir(dest + p) and not os.path.islink(dest + p)


for prefix, units, zsh, args in (("/usr/local", "/usr/local/lib/systemd/system", "/usr/local/share/zsh/site-functions", ()),
                                 ("/usr", "/lib/systemd/system", "/usr/share/zsh/vendor-completions", ("UNITDIR=/lib/systemd/system",))):
    shutil.rmtree(dest, ignore_errors=True)
    # somebody else's: beside ours, and in a directory of ours
    for other in prefix + "/bin/other", units + "/other.service", prefix + "/share/git-gate/scanners/other", "/etc/git-gate/config", "/srv/git/a.git/HEAD":
        os.makedirs(os.path.dirname(dest + other), exist_ok=True)
        open(dest + other, "w").close()
    before = tree()
    r = make("install", prefix, *args)
    tap.eq((r.returncode, r.stderr), (0, ""), "%s: make install" % prefix)
    now = tree()
    new = sorted(set(now) - set(before))
    tap.eq({p: now[p] for p in before}, before, "what was there is as it was")
    for p in (prefix + "/bin/git-gate", prefix + "/libexec/git-gate/git-gate-session", prefix + "/libexec/git-gate/hooks/pre-receive", units + "/git-gate.service",
              units + "/git-gate-git.socket", prefix + "/lib/sysusers.d/git-gate.conf", prefix + "/lib/systemd/catalog/git-gate.catalog",
              zsh + "/_git-gate", prefix + "/share/man/man8/git-gate.8", prefix + "/share/git-gate/scanners/git-secrets"):
        tap.ok(p in now and p not in before, p)
    program = re.compile(r"/bin/|/libexec/git-gate/git-gate-|/scanners/")
    wrong = {p: oct(now[p]) for p in new if isinstance(now[p], int) and now[p] != (0o755 if is_dir(p) or program.search(p) else 0o644)}
    tap.eq(wrong, {}, "everybody can read it, and run what is to be run")
    tap.ok(not [p for p in new if p.startswith(("/etc", "/srv", "/var", "/run"))], "no settings, no repositories", *new)
    tap.eq({now[prefix + "/libexec/git-gate/hooks/" + h] for h in ("pre-receive", "post-receive")}, {"../git-gate-hook"}, "the hooks are the hook")
    started = [m for p in new if p.startswith(units) and not is_dir(p) for m in re.findall(r"(?m)^Exec\w+=(\S+)", read(dest + p))]
    tap.eq(set(started), {prefix + "/bin/git-gate"}, "units start the installed program")
    tap.eq([p for p in new if p.startswith(units) and not is_dir(p) and re.search("@[A-Z]+@", read(dest + p))], [], "and have no blank left")

    r = make("uninstall", prefix, *args)
    tap.eq((r.returncode, r.stderr), (0, ""), "%s: make uninstall" % prefix)
    left = tree()
    tap.eq({p: left.get(p) for p in before}, before, "what was there is as it was")
    tap.eq([p for p in left if p not in before and not is_dir(p)], [], "no file of ours is left")
    tap.eq([p for p in left if p not in before and "git-gate" in p], [], "nor a directory of ours")
    r = make("uninstall", prefix, *args)
    tap.eq((r.returncode, r.stderr, tree()), (0, "", left), "once more does nothing")

r = make("install", "/usr", "TOOLS=")
tap.eq((r.returncode, os.path.exists(dest + "/usr/bin/git-gate-torture"), os.path.exists(dest + "/usr/bin/git-gate")), (0, False, True),
       "TOOLS= leaves the tester out", r.stderr)

# --- what is said of it ---------------------------------------------------------------------------------------------------

config = os.path.join(ROOT, "examples", "host", "config")
r = subprocess.run([GATE, "check-config", "--config", config], capture_output=True, text=True, timeout=PATIENCE)
found = dict(re.findall(r"(?m)^(\S+) += (.*?) +# (?!default)", r.stdout))
tap.eq((r.returncode, found.get("gate.profile"), found.get("reaper.mode"), found.get("hook.scanner")), (0, "host", "observe", None),
       "a host's configuration observes, and has no scanner", r.stdout, r.stderr)
said = {p: read(os.path.join(ROOT, *p)) for p in (("docs", "install.md"), ("debian", "README.Debian"), ("examples", "host", "config"), ("debian", "git-gate.postinst"))}
words = {c for text in said.values() for c in re.findall(r"\bgit-gate ([a-z][a-z-]+)(?= [a-z]+\.git|`|\n| {2,})", text)}
unknown = [c for c in sorted(words) if subprocess.run([GATE, c, "--help"], capture_output=True, timeout=PATIENCE).returncode]
tap.ok(len(words) > 4 and not unknown, "the commands that the pages name are there", words, unknown)
keys = {k for text in said.values() for k in re.findall(r"(?<![-\w])((?:gate|hook|reaper|deadline)\.(?!md)[a-z][A-Za-z]+)\b", text)}
unknown = [k for k in sorted(keys) if subprocess.run([GATE, "explain", k], capture_output=True, timeout=PATIENCE).returncode]
tap.ok(len(keys) > 4 and not unknown, "so are the settings", keys, unknown)
for file in re.findall(r"\]\(([^)#]+)\)", said["docs", "install.md"]):
    tap.ok(os.path.exists(os.path.join(ROOT, "docs", file)), "the link to %s leads somewhere" % file)
tap.ok("(docs/install.md)" in read(os.path.join(ROOT, "README.md")), "README leads to docs/install.md")

# --- one version ----------------------------------------------------------------------------------------------------------

version = re.search(r"(?m)^VERSION := (\S+)", read(os.path.join(ROOT, "Makefile")))[1]
said = subprocess.run([GATE, "version"], capture_output=True, text=True, timeout=PATIENCE).stdout
tap.ok(version in said.split(), "git-gate version says the Makefile's (%s)" % version, said)
packaged = re.match(r"git-gate \(([^)]+)\)", read(os.path.join(ROOT, "debian", "changelog")))
tap.eq(packaged and packaged[1], version, "debian/changelog begins with it")

tap.done()
