#!/usr/bin/python3
"""Packs that git would not make, each with a secret that must not get through: objects twice, of another kind than their entry says, that
nothing refers to, on bases that are not in the pack; push options and updates as no git client sends them. receive-pack with fsck, as
the gate runs it.
"""
import hashlib
import struct
import subprocess
import zlib

from gate import ENV, PATIENCE, Latch, Tap, end, git, popen
from scanrepo import KEY, Repo, commit, hash_object, script, write

tap = Tap()
SECRET = ("key = %s\n" % KEY).encode()
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4, "ref-delta": 7}
ZERO = "0" * 40
MODES = ("1", "10000")          # receive.unpackLimit: index-pack, unpack-objects


def oid(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def entry(mode, name, what):
    return mode.encode() + b" " + name.encode() + b"\0" + bytes.fromhex(what)


def a_commit(tree, *parents, message=b"x\n"):
    lines = ["tree " + tree] + ["parent " + p for p in parents]
    return "\n".join(lines + ["author A <a@example.invalid> 1600000000 +0000", "committer C <c@example.invalid> 1600000000 +0000"]).encode() + b"\n\n" + message


def a_tag(what, kind):
    return b"object %s\ntype %s\ntag t\ntagger T <t@example.invalid> 1600000000 +0000\n\nx\n" % (what.encode(), kind.encode())


def pack(*objects):
    """Of (kind, data), or ("ref-delta", data, base)."""
    out = b"PACK" + struct.pack(">II", 2, len(objects))
    for kind, data, *base in objects:
        size, first = len(data) >> 4, KINDS[kind] << 4 | (len(data) & 15)
        head = [first | (0x80 if size else 0)]
        while size:
            head.append((size & 0x7f) | (0x80 if size >> 7 else 0))
            size >>= 7
        out += bytes(head) + b"".join(bytes.fromhex(b) for b in base) + zlib.compress(data)
    return out + hashlib.sha1(out).digest()


def packet(data):
    return b"%04x" % (len(data) + 4) + data


def raw_push(repo, updates, data=b"", options=()):
    """receive-pack: its report and what the hook said."""
    caps = b"\0report-status" + (b" push-options" if options else b"")
    lines = [packet(u.encode() + (caps if i == 0 else b"")) for i, u in enumerate(updates)]
    more = [packet(o) for o in options] + [b"0000"] if options else []
    r = subprocess.run(["git", "-c", "receive.fsckObjects=true", "-c", "receive.advertisePushOptions=true", "receive-pack", repo.git], env=ENV,
                       input=b"".join(lines) + b"0000" + b"".join(more) + data, capture_output=True, timeout=PATIENCE)
    return (r.stdout + r.stderr).decode(errors="replace")


def refs(repo):
    return git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repo.git).stdout


def has(repo, what):
    return git("cat-file", "-e", what, cwd=repo.git, check=False).returncode == 0


def fresh(limit="1", **settings):
    """A repository with one commit, its id and that commit's tree."""
    repo = Repo(**settings)
    git("config", "receive.unpackLimit", limit, cwd=repo.git)
    w = repo.work()
    write(w, "README", "clean\n")
    head = commit(w)
    assert repo.push(w, "HEAD:refs/heads/main").returncode == 0
    return repo, head, git("rev-parse", "HEAD^{tree}", cwd=w).stdout.strip()


def refused(what, repo, out, *ids, text="made-up-key"):
    """Neither a reference nor one of these objects is there afterwards."""
    tap.ok(text in out and "ok refs/" not in out, what, out)
    tap.eq((len(refs(repo).splitlines()), [i for i in ids if has(repo, i)], repo.left()), (1, [], []), what + ": nothing is left")


blob = oid("blob", SECRET)
BLOB = ("blob", SECRET)


def tree_with(what, mode="100644"):
    return entry(mode, "x", what)


def kinds(limit):
    """A commit whose tree has an entry of this mode for that object, and what is behind it in the pack."""
    hidden = tree_with(blob)
    secret_commit = a_commit(oid("tree", b""), message=SECRET)
    secret_tag = a_tag(blob, "blob")
    rows = [
        ("twice", "100644", BLOB, [BLOB, BLOB]),
        ("a tree that its entry calls a file", "100644", ("tree", hidden), [BLOB]),
        ("a file that its entry calls a tree", "40000", BLOB, []),
        ("a commit in a submodule's place", "160000", ("commit", secret_commit), [("tree", b"")]),
        ("a file in a submodule's place", "160000", BLOB, []),
        ("a tag that its entry calls a file", "100644", ("tag", secret_tag), [BLOB]),
        ("an odd mode", "100600", BLOB, []),
        ("a link", "120000", BLOB, []),
    ]
    for what, mode, (kind, data), more in rows:
        repo, head, _ = fresh(limit)
        tree = tree_with(oid(kind, data), mode)
        new = a_commit(oid("tree", tree), head)
        out = raw_push(repo, ["%s %s refs/heads/new" % (ZERO, oid("commit", new))],
                       pack(("commit", new), ("tree", tree), (kind, data), *more))
        # git itself refuses what it takes for damage
        refused("%s (%s)" % (what, limit), repo, out, oid("commit", new), oid(kind, data), blob,
                text="made-up-key" if "made-up-key" in out else "ng refs/heads/new unpacker error")


def deltas(limit):
    """A secret that only comes about by a delta on what the repository has: on an object that nothing refers to, too."""
    repo, head, tree = fresh(limit)
    base = SECRET[:12] + b"-" * 40 + SECRET[12:]
    hash_object(repo.git, base)
    delta = bytes([len(base), len(SECRET), 0x90, 12, 0x91, 52, len(SECRET) - 12])
    root = tree_with(blob)
    new = a_commit(oid("tree", root), head)
    out = raw_push(repo, ["%s %s refs/heads/new" % (ZERO, oid("commit", new))],
                   pack(("commit", new), ("tree", root), ("ref-delta", delta, oid("blob", base))))
    refused("a delta on an object that nothing refers to (%s)" % limit, repo, out, blob)


def there_already():
    """What the repository has from elsewhere, and no reference has: an update alone, without a pack, brings it upstream."""
    repo, head, tree = fresh()
    hash_object(repo.git, SECRET)
    root = hash_object(repo.git, tree_with(blob), "tree")
    new = hash_object(repo.git, a_commit(root, head), "commit")
    tag = hash_object(repo.git, a_tag(hash_object(repo.git, a_tag(blob, "blob"), "tag"), "tag"), "tag")
    for what in new, tag, root, blob:
        out = raw_push(repo, ["%s %s refs/tags/new" % (ZERO, what)], pack())
        tap.ok("made-up-key" in out and "ok refs/" not in out and len(refs(repo).splitlines()) == 1, "it is there already: " + what[:7], out)
    out = raw_push(repo, ["%s %s refs/heads/main" % (head, new)], pack())
    tap.ok("made-up-key" in out and "ok refs/" not in out, "a reference is moved to it", out)
    out = raw_push(repo, ["%s %s refs/heads/main" % (head, ZERO), "%s %s refs/heads/new" % (ZERO, new)], pack())
    tap.ok("made-up-key" in out and "ok refs/" not in out, "a deletion beside it", out)


def beside_what_git_refuses():
    """git does not tell the hook of an update that it refuses itself: what came for it is looked at all the same."""
    repo, head, tree = fresh()
    clean = a_commit(tree, head)
    out = raw_push(repo, ["%s %s refs/heads/clean" % (ZERO, oid("commit", clean)), "%s %s refs/heads/..bad" % (ZERO, oid("commit", clean))],
                   pack(("commit", clean), BLOB))
    refused("beside an update that git refuses", repo, out, blob)


def options():
    repo, head, tree = fresh()
    update = "%s %s refs/heads/new" % (ZERO, head)
    for what, values in (("a line end in a push option", [b"x\n" + SECRET]), ("the last of many", [b"clean"] * 3000 + [SECRET]),
                         ("beside UTF-8 that is none", [b"\xff\xfe" + SECRET])):
        out = raw_push(repo, [update], pack(), values)
        tap.ok("made-up-key in a push option" in out and KEY not in out and "ok refs/" not in out, what, out)
        tap.ok("fingerprint" not in out and "push again with another name or option" in out, what + ": it cannot be allowed", out)
    out = raw_push(repo, [update], pack(), [b"x"] * 10001)
    tap.ok("push refused: more than 10000 push options" in out and "ok refs/" not in out, "too many", out)
    out = raw_push(repo, [update], pack(), [b"x" * 60000] * 18)
    tap.ok("push refused: more than 1048576 bytes of push options" in out and "ok refs/" not in out, "too long", out)
    out = raw_push(repo, [update], pack(), [b"x" * 60000] * 60)
    tap.ok("ng refs/heads/new pre-receive hook declined" in out, "more than a process can be given", out)
    out = raw_push(repo, [update], pack(), [b"a=b", b""])
    tap.ok("scanning the names of references, 2 push options (" in out and "ok refs/heads/new" in out, "clean ones", out)


def updates():
    """Names in updates that claim what is not so: git refuses them, and nothing is there."""
    repo, head, tree = fresh()
    for what, update in (("a new name that is said to be an old one", "%s %s refs/heads/%s" % (head, head, KEY)),
                         ("a new name twice", "%s %s refs/heads/x/%s" % (ZERO, head, KEY))):
        out = raw_push(repo, [update, update] if "twice" in what else [update], pack())
        tap.ok("ok refs/" not in out and len(refs(repo).splitlines()) == 1, what, out)


def at_once():
    """While one push is scanned another cannot build on what that brought."""
    latch = Latch()
    repo, head, tree = fresh()
    root = tree_with(blob)
    first = a_commit(oid("tree", root), head)
    second = a_commit(tree, oid("commit", first))
    repo.set(scanner_command=[script(latch.command + "; exit 0")])
    w = repo.work()
    for kind, data in ("tree", root), ("blob", SECRET.decode()), ("commit", first.decode()):
        hash_object(w, data, kind)
    p = popen(["git", "push", "-q", "origin", oid("commit", first) + ":refs/heads/first"], cwd=w, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    latch.reached()
    out = raw_push(repo, ["%s %s refs/heads/second" % (ZERO, oid("commit", second))], pack(("commit", second)))
    tap.ok("missing necessary objects" in out or "unpacker error" in out, "on what another push has not brought in yet", out)
    tap.ok(not has(repo, blob), "which nobody has", refs(repo))
    latch.release()
    end(p)


for unpack in MODES:
    kinds(unpack)
    deltas(unpack)
there_already()
beside_what_git_refuses()
options()
updates()
at_once()
tap.done()
