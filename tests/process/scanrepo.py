"""A plain bare repository whose pre-receive is hook-scan (tests/scan): git's own quarantine around the scan, without a gate."""
import json
import os
import tempfile

import gate
from gate import BUILD, ROOT, TMP, git, path

# Made-up secrets, put together here so that no scanner finds them in this file.
KEY = "AKIA" + "QYLPMN5HHHFPZAM2"
TOKEN = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"
INSTANCE, SESSION = "0123456789abcdef0123456789abcdef", "ab12cd34"
EXAMPLES = os.path.join(ROOT, "examples", "scanners")

# What hook.scannerCommand is asked to be, as short as can be: the key wherever it stands.
GREP = r"""
cd "$1" || exit 2
LC_ALL=C grep -rnaE '%s|%s' . >"$TMPDIR/out" || { [ $? = 1 ] && exit 0; exit 2; }
LC_ALL=C sed -nE 's|^\./([0-9a-f]+):([0-9]+):.*|\1\t\2\tmade-up-key|p' "$TMPDIR/out"
exit 1
""" % (KEY, TOKEN)


def script(text, name=None, shell="/bin/sh"):
    """An executable; returns its path."""
    d = tempfile.mkdtemp(prefix="bin.", dir=TMP)
    file = os.path.join(d, name or "scanner")
    with open(file, "w") as f:
        f.write("#!%s\n%s\n" % (shell, text))
    os.chmod(file, 0o755)
    return file


class Repo:
    """Settings are attributes of the JSON that hook-scan reads at each push; see hooks/pushconf.h."""

    count = 0

    def __init__(self, command=None, env="", fmt=None, **settings):
        Repo.count += 1
        self.dir = path("scan%d" % Repo.count)
        os.makedirs(os.path.join(self.dir, "scratch"))
        self.git = os.path.join(self.dir, "r.git")
        self.scratch = os.path.join(self.dir, "scratch")
        git("init", "-q", "--bare", *(["--object-format=" + fmt] if fmt else []), self.git)
        self.settings = {
            "repo": self.git, "peer": "", "transport": "git", "scanner": "command", "scanner_command": command or [script(GREP)],
            "scanner_config": "", "scratch": self.scratch, "dir": "", "allow_finding": [], "allow_ref": [], "deny_ref": [],
            "allow_delete": True, "allow_force": True, "limit_refs": 0, "limit_object": 0, "limit_scan": 256 << 20, "own": [],
            "hook_ms": 600000, "scan_ms": 60000, "step_ms": 60000, "forward_ms": 60000, "connect_ms": 10000, "refresh_ms": 10000,
            "upstream": "", "identity_file": "", "known_hosts_file": "", "fresh_ms": 2000, "on_stale": "refuse", **settings,
        }
        self.works = 0
        self.hook("exec '%s' '%s/settings'" % (os.path.join(BUILD, "hook-scan"), self.dir), env)

    def hook(self, text, env=""):
        """The repository's pre-receive; None: none."""
        file = os.path.join(self.git, "hooks", "pre-receive")
        if text is None:
            os.unlink(file)
            return
        with open(file, "w") as f:
            f.write("#!/bin/sh\nexport GIT_GATE_SESSION=%s GIT_GATE_INSTANCE=%s GIT_GATE_CONTROL=/nonexistent %s\n%s\n"
                    % (SESSION, INSTANCE, env, text))
        os.chmod(file, 0o755)
        self.set()

    def set(self, **settings):
        self.settings.update(settings)
        with open(os.path.join(self.dir, "settings"), "w") as f:
            json.dump(self.settings, f)

    def work(self, fmt=None):
        """A work tree that has what the repository has."""
        self.works += 1
        w = os.path.join(self.dir, "w%d" % self.works)
        git("init", "-q", *(["--object-format=" + fmt] if fmt else []), w)
        git("remote", "add", "origin", "file://" + self.git, cwd=w)
        if git("for-each-ref", cwd=self.git).stdout:
            git("fetch", "-q", "origin", cwd=w)
            git("checkout", "-q", "-B", "main", "origin/main", cwd=w)
        return w

    def push(self, work, *refspecs, env=None):
        """returncode, and stderr with what the hook said."""
        return git("push", "origin", *refspecs, cwd=work, check=False, env=env)

    def unscanned(self, work, *refspecs):
        self.set(scanner="none")
        r = self.push(work, *refspecs)
        self.set(scanner="command")
        assert r.returncode == 0, r.stderr

    def left(self):
        return os.listdir(self.scratch)


def write(work, name, content):
    file = os.path.join(work.encode(), name) if isinstance(name, bytes) else os.path.join(work, name)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    git("add", "-A", cwd=work)


def commit(work, message="change", *args):
    git("commit", "-q", "--allow-empty", "-m", message, *args, cwd=work)
    return git("rev-parse", "HEAD", cwd=work).stdout.strip()


def hash_object(work, content, kind="blob"):
    """Write an object as it is and return its id."""
    import subprocess
    r = subprocess.run(["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"], cwd=work, env=gate.ENV,
                       input=content if isinstance(content, bytes) else content.encode(), capture_output=True, check=True)
    return r.stdout.decode().strip()


__all__ = ["EXAMPLES", "GREP", "INSTANCE", "KEY", "Repo", "SESSION", "TOKEN", "commit", "hash_object", "script", "write"]
