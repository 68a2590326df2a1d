#!/usr/bin/python3
"""Secrets planted wherever a push can carry one: none gets through, by any of three scanners, and clean pushes do.

The scan runs as the pre-receive of a plain repository (scanrepo.py). git-secrets and secretlint are those of examples/scanners.
"""
import os
import shutil
import subprocess

from gate import BUILD, ENV, PATIENCE, Tap, git
from scanrepo import EXAMPLES, KEY, Repo, commit, hash_object, write

tap = Tap()
SECRET = "key = %s\n" % KEY


# --- where a secret can be: each makes something in a work tree and returns the refspecs to push ---------------------------

def new_branch(w, repo):
    write(w, "a", SECRET)
    commit(w)
    return ["HEAD:refs/heads/new"]


def merge_only(w, repo):
    base = commit(w)
    commit(w)
    git("checkout", "-q", "-b", "side", base, cwd=w)
    commit(w, "side")
    git("merge", "-q", "--no-commit", "main", cwd=w)
    write(w, "only-in-merge", SECRET)
    git("commit", "-q", "-m", "merge", cwd=w)
    return ["HEAD:refs/heads/new"]


def added_then_removed(w, repo):
    write(w, "a", SECRET)
    commit(w)
    write(w, "a", "clean\n")
    commit(w)
    return ["HEAD:refs/heads/new"]


def tag_message(w, repo):
    git("tag", "-a", "-m", "x\n\n" + SECRET, "t", cwd=w)
    return ["refs/tags/t"]


def tag_of_a_tag(w, repo):
    git("tag", "-a", "-m", SECRET, "inner", cwd=w)
    git("tag", "-a", "-m", "outer", "outer", "inner", cwd=w)
    return ["refs/tags/outer"]


def commit_message(w, repo):
    commit(w, "change\n\n" + SECRET)
    return ["HEAD:refs/heads/new"]


def bare_blob(w, repo):
    return [hash_object(w, SECRET) + ":refs/tags/blob"]


def tagged_blob(w, repo):
    git("tag", "-a", "-m", "x", "t", hash_object(w, SECRET), cwd=w)
    return ["refs/tags/t"]


def bare_tree(w, repo):
    write(w, "d/a", SECRET)
    return [git("write-tree", cwd=w).stdout.strip() + ":refs/tags/tree"]


def binary(w, repo):
    write(w, "a.bin", b"\x7fELF\0\0\1\0" + os.urandom(3000).replace(b"\n", b"x") + b"\0" + SECRET.encode() + b"\0" * 9)
    commit(w)
    return ["HEAD:refs/heads/new"]


def behind_an_archives_head(w, repo):
    write(w, "a.tar", "x" * 257 + "ustar" + "\n" + SECRET)
    write(w, "b.zip", b"PK\3\4" + SECRET.encode())
    commit(w)
    return ["HEAD:refs/heads/new"]


def control_bytes_at_last(w, repo):
    write(w, "a", SECRET.encode() + b"\1\2\xff\xfe")
    commit(w)
    return ["HEAD:refs/heads/new"]


def utf16(w, repo):
    write(w, "a.txt", SECRET.encode("utf-16"))
    commit(w)
    return ["HEAD:refs/heads/new"]


def utf16be(w, repo):
    write(w, "a.txt", ("\u00fc\n" * 40000 + SECRET).encode("utf-16-be"))
    commit(w)
    return ["HEAD:refs/heads/new"]


def file_name(w, repo):
    write(w, "d/" + KEY + " x", "empty\n")
    commit(w)
    return ["HEAD:refs/heads/new"]


def second_ref(w, repo):
    commit(w, "clean")
    git("branch", "clean", cwd=w)
    write(w, "a", SECRET)
    commit(w)
    return ["clean:refs/heads/clean", "HEAD:refs/heads/second"]


def behind_a_replace_ref(w, repo):
    """An earlier push made git show something else in place of what comes now."""
    secret, clean = hash_object(w, SECRET), hash_object(w, "clean\n")
    repo.set(allow_ref=["refs/**", "refs/replace/*"])
    repo.unscanned(w, clean + ":refs/replace/" + secret)
    write(w, "a", SECRET)
    commit(w)
    return ["HEAD:refs/heads/new"]


def undiffable(w, repo):
    write(w, ".gitattributes", "* -diff -text binary export-ignore filter=x\n")
    write(w, "a", SECRET)
    commit(w)
    return ["HEAD:refs/heads/new"]


def beside_allow_comments(w, repo):
    write(w, "a", "/* secretlint-disable */ key = %s // gitleaks:allow betterleaks:allow secretlint-disable-line %s\n" % (
        KEY, "AKIA" + "IOSFODNN7EXAMPLE"))
    commit(w)
    return ["HEAD:refs/heads/new"]


def with_configuration(w, repo):
    write(w, ".gitleaks.toml", "[allowlist]\npaths = ['.*']\n")
    write(w, ".gitleaksignore", "*\n")
    write(w, ".gitallowed", ".*\n")
    write(w, ".secretlintrc.json", '{"rules": []}')
    write(w, ".secretlintignore", "**\n")
    write(w, "objects/.gitallowed", ".*\n")
    write(w, "a", SECRET)
    commit(w)
    return ["HEAD:refs/heads/new"]


def hostile_names(w, repo):
    write(w, b"../ .-rf\n\x1b[2J\t\"\\\xff".replace(b"../", b"up"), SECRET)
    write(w, "--config=x", SECRET)
    commit(w)
    return ["HEAD:refs/heads/new"]


def one_long_line(w, repo):
    write(w, "a.min.js", "x = 1;" * 50000 + SECRET.strip() + ";" + "y = 2;" * 50000)
    commit(w)
    return ["HEAD:refs/heads/new"]


def deleted_branch_again(w, repo):
    """Objects that the repository still has, and no ref: when they came unscanned, they are scanned now."""
    write(w, "a", SECRET)
    commit(w)
    repo.unscanned(w, "HEAD:refs/heads/gone")
    repo.unscanned(w, ":refs/heads/gone")
    return ["HEAD:refs/heads/new"]


def not_mirrored(w, repo):
    """A reference that upstream need not have any more: it is kept here whatever becomes of upstream's."""
    repo.set(upstream="ssh://upstream.invalid/r.git")
    write(w, "a", SECRET)
    commit(w)
    repo.unscanned(w, "HEAD:refs/pull/1/head")
    return ["HEAD:refs/heads/new"]


def ref_name(w, repo):
    """Nothing but a name: the commit is there."""
    return ["HEAD:refs/heads/x/%s" % KEY]


def name_of_nothing(w, repo):
    """The deletion of a reference that is not there goes upstream as well."""
    return [":refs/heads/" + KEY]


def push_option(w, repo):
    commit(w)
    return ["HEAD:refs/heads/new", "-o", "clean", "-o", "reviewer=" + KEY]


def push_option_beside_a_deletion(w, repo):
    """No pack, no quarantine, no new name: nothing but the option."""
    repo.unscanned(w, "HEAD:refs/heads/gone")
    return [":refs/heads/gone", "-o", "x " + KEY]


def raw_commit(w, *headers, message="x", author="A <a@example.invalid>", committer="C <c@example.invalid>"):
    """A commit as git commit would not make it."""
    text = "tree %s\nparent %s\nauthor %s 1600000000 +0000\ncommitter %s 1600000000 +0000\n%s\n%s\n" % (
        git("rev-parse", "HEAD^{tree}", cwd=w).stdout.strip(), git("rev-parse", "HEAD", cwd=w).stdout.strip(), author, committer,
        "".join(h + "\n" for h in headers), message)
    return [hash_object(w, text, "commit") + ":refs/heads/new"]


def author(w, repo):
    return raw_commit(w, author=KEY + " <a@example.invalid>")


def committers_address(w, repo):
    return raw_commit(w, committer="C <%s@example.invalid>" % KEY)


def encoding(w, repo):
    return raw_commit(w, "encoding " + KEY)


def extra_header(w, repo):
    return raw_commit(w, "x-note " + KEY)


def signature(w, repo):
    return raw_commit(w, "gpgsig -----BEGIN PGP SIGNATURE-----\n Comment: %s\n -----END PGP SIGNATURE-----" % KEY)


def merged_tag(w, repo):
    return raw_commit(w, "mergetag object %s\n type commit\n tag %s\n tagger T <t@example.invalid> 1600000000 +0000\n \n x" % ("1" * 40, KEY))


def behind_a_nul_in_a_message(w, repo):
    return raw_commit(w, message="x\0\n" + SECRET)


def raw_tag(w, name, *headers):
    head = git("rev-parse", "HEAD", cwd=w).stdout.strip()
    return [hash_object(w, "object %s\ntype commit\ntag %s\n%s\nx\n" % (head, name, "".join(h + "\n" for h in headers)), "tag") + ":refs/tags/t"]


def name_inside_a_tag(w, repo):
    return raw_tag(w, KEY, "tagger T <t@example.invalid> 1600000000 +0000")


def tagger(w, repo):
    return raw_tag(w, "t", "tagger %s <t@example.invalid> 1600000000 +0000" % KEY)


def links_target(w, repo):
    os.symlink(KEY, os.path.join(w, "link"))
    git("add", "-A", cwd=w)
    commit(w)
    return ["HEAD:refs/heads/new"]


def submodule(w, repo, mode=b"160000"):
    """The id of a submodule is any 20 bytes."""
    readme = bytes.fromhex(git("rev-parse", "HEAD:README", cwd=w).stdout.strip())
    tree = hash_object(w, b"100644 README\0" + readme + mode + b" sub\0" + KEY.encode() + b"100644 x\0" + readme, "tree")
    return [git("commit-tree", "-m", "x", "-p", "HEAD", tree, cwd=w).stdout.strip() + ":refs/heads/new"]


def entry_of_an_odd_mode(w, repo):
    return submodule(w, repo, b"60000")


def inside_a_submodules_name(w, repo):
    git("update-index", "--add", "--cacheinfo", "160000,%s,%s" % ("1" * 40, KEY), cwd=w)
    commit(w)
    return ["HEAD:refs/heads/new"]


def directory_name(w, repo):
    """The paths of other findings below it would show it."""
    write(w, "d/" + KEY + "/e/f", SECRET)
    write(w, "d/x", SECRET + "x")
    commit(w)
    return ["HEAD:refs/heads/new"]


CASES = [new_branch, merge_only, added_then_removed, tag_message, tag_of_a_tag, commit_message, bare_blob, tagged_blob, bare_tree,
         binary, behind_an_archives_head, control_bytes_at_last, utf16, utf16be, file_name, second_ref, behind_a_replace_ref,
         undiffable, beside_allow_comments, with_configuration, hostile_names, one_long_line, deleted_branch_again, not_mirrored, ref_name, name_of_nothing,
         push_option,
         push_option_beside_a_deletion, author, committers_address, encoding, extra_header, signature, merged_tag,
         behind_a_nul_in_a_message, name_inside_a_tag, tagger, links_target, submodule, entry_of_an_odd_mode,
         inside_a_submodules_name, directory_name]


def refs(repo):
    return git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repo.git).stdout


def planted(name, command):
    for case in CASES:
        what = "%s: %s" % (name, case.__name__.replace("_", " "))
        repo = Repo(command)
        git("config", "receive.advertisePushOptions", "true", cwd=repo.git)
        w = repo.work()
        write(w, "README", "clean\n")
        commit(w, "first")
        first = repo.push(w, "HEAD:refs/heads/main")
        tap.ok(first.returncode == 0 and "scanning 1 commit, 3 objects" in first.stderr, what + ": clean at first", first.stderr)
        refspecs = case(w, repo)
        before = refs(repo)
        r = repo.push(w, *refspecs)
        tap.ok(r.returncode != 0 and "push refused" in r.stderr and " secret" in r.stderr and "push again" in r.stderr,
               what + ": is found", r.stderr)
        # git itself shows the refs, never the hook
        tap.ok(KEY not in "".join(line for line in r.stderr.splitlines() if line.startswith("remote:")), what + ": is not shown", r.stderr)
        tap.eq((refs(repo), repo.left()), (before, []), what + ": nothing moved, nothing is left")
        shutil.rmtree(repo.dir)


def raw_push(repo, lines, pack):
    """receive-pack with a pack of our making."""
    def packet(data):
        return b"%04x" % (len(data) + 4) + data
    data = b"".join(packet(line.encode() + (b"\0report-status" if i == 0 else b"") + b"\n") for i, line in enumerate(lines))
    r = subprocess.run(["git", "receive-pack", repo.git], env=ENV, input=data + b"0000" + pack, capture_output=True, timeout=PATIENCE)
    return r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")


def unreachable():
    """A blob in the pack that nothing refers to: it stays in the repository once the push is taken."""
    for limit in ("1", "10000"):            # index-pack, unpack-objects
        repo = Repo()
        git("config", "receive.unpackLimit", limit, cwd=repo.git)
        w = repo.work()
        write(w, "README", "clean\n")
        oid = commit(w)
        ids = git("rev-list", "--objects", "HEAD", cwd=w).stdout.split("\n")
        loose = hash_object(w, "nobody refers to " + SECRET)
        pack = subprocess.run(["git", "pack-objects", "-q", "--stdout"], cwd=w, env=ENV, capture_output=True, check=True,
                              input="".join(i.split(" ")[0] + "\n" for i in ids if i).encode() + loose.encode() + b"\n").stdout
        out, err = raw_push(repo, ["%s %s refs/heads/main" % ("0" * 40, oid)], pack)
        tap.ok("ng refs/heads/main pre-receive hook declined" in out and loose in err, "a blob that nothing refers to (%s)" % limit,
               out, err)
        tap.eq(refs(repo), "", "and nothing moved")


def grep():
    planted("grep", None)
    unreachable()


def by_secretlint():
    prefix = os.path.join(BUILD, "secretlint")
    if not os.path.isdir(os.path.join(prefix, "node_modules")):
        tap.skip("secretlint", "not installed in %s" % prefix)
        return
    planted("secretlint", [os.path.join(EXAMPLES, "secretlint"), prefix])


def by_git_secrets():
    if not shutil.which("git-secrets"):
        tap.skip("git-secrets", "not installed")
        return
    planted("git-secrets", [os.path.join(EXAMPLES, "git-secrets")])


# --- clean pushes ----------------------------------------------------------------------------------------------------------

def clean():
    repo = Repo()
    w = repo.work()
    write(w, "src/a b.c", "int main;\n")
    write(w, b"\xc3\xbc\xff", "x\n")
    commit(w)
    git("tag", "-a", "-m", "one", "v1", cwd=w)
    r = repo.push(w, "main", "v1")
    tap.ok(r.returncode == 0 and "scanning 1 commit, 6 objects (scanner)" in r.stderr, "commit and tag", r.stderr)
    r = repo.push(w, "HEAD:refs/heads/same", "HEAD:refs/tags/light")
    tap.ok(r.returncode == 0 and "scanning the names of references" in r.stderr, "nothing new but names", r.stderr)
    r = repo.push(w, "HEAD~0:refs/heads/same")
    tap.ok(r.returncode == 0 and "scanning" not in r.stderr, "nothing new: nothing is said", r.stderr)
    r = repo.push(w, ":refs/heads/same", ":refs/tags/light")
    tap.ok(r.returncode == 0 and "scanning" not in r.stderr, "deletions alone: there is no quarantine", r.stderr)
    write(w, "more", "x")
    commit(w)
    git("branch", "other", cwd=w)
    r = repo.push(w, "main", "other", ":refs/tags/v1")
    tap.ok(r.returncode == 0 and "scanning 1 commit, 3 objects" in r.stderr, "a deletion beside two branches with one commit", r.stderr)
    r = repo.push(w, "+HEAD~1:refs/heads/main")
    tap.ok(r.returncode == 0 and "scanning" not in r.stderr, "rewound", r.stderr)
    tap.eq(repo.left(), [], "nothing is left")


def thin_pack():
    """What the repository has already is no reason to refuse: git completes a thin pack with it."""
    repo = Repo()
    git("config", "receive.unpackLimit", "1", cwd=repo.git)
    w = repo.work()
    big = "".join("line %d\n" % i for i in range(20000))
    write(w, "big", SECRET + big)
    commit(w)
    repo.unscanned(w, "main")
    write(w, "big", big + "one more\n")
    commit(w)
    r = repo.push(w, "main")
    packs = os.listdir(os.path.join(repo.git, "objects", "pack"))
    tap.ok(r.returncode == 0 and "scanning 1 commit, 3 objects" in r.stderr, "a delta on an old object that has a secret", r.stderr, packs)
    old = git("rev-parse", "main~1:big", cwd=repo.git).stdout.strip()
    last = max((f for f in packs if f.endswith(".idx")), key=lambda f: os.stat(os.path.join(repo.git, "objects", "pack", f)).st_mtime_ns)
    tap.ok(old in git("verify-pack", "-v", os.path.join("objects", "pack", last), cwd=repo.git).stdout, "and the pack was thin")


def sha256():
    repo = Repo(fmt="sha256")
    w = repo.work("sha256")
    write(w, "a", "clean\n")
    commit(w)
    r = repo.push(w, "main")
    tap.ok(r.returncode == 0 and "scanning 1 commit, 3 objects" in r.stderr, "sha256: clean", r.stderr)
    write(w, "b", "\n" + SECRET)
    oid = commit(w)
    blob = git("rev-parse", "HEAD:b", cwd=w).stdout.strip()
    r = repo.push(w, "main")
    tap.ok('made-up-key in "b" line 2, commit ' + oid[:10] in r.stderr and "fingerprint %s:made-up-key:2" % blob in r.stderr,
           "sha256: found, with path, line and commit", r.stderr)
    repo.set(allow_finding=["%s:made-up-key:2" % blob])
    r = repo.push(w, "main")
    tap.ok(r.returncode == 0 and "refused" not in r.stderr, "hook.allowFinding lets that one through", r.stderr)
    write(w, "c", "\n" + SECRET + "x")
    commit(w)
    tap.ok("push refused" in repo.push(w, "main").stderr, "and no other")
    git("config", "receive.advertisePushOptions", "true", cwd=repo.git)
    r = repo.push(w, "-o", KEY, "HEAD~1:refs/heads/option")
    tap.ok("made-up-key in a push option" in r.stderr and "remote: git-gate: push refused" in r.stderr, "sha256: a push option", r.stderr)
    r = repo.push(w, "HEAD~1:refs/heads/" + KEY)
    tap.ok("made-up-key in the name of a ref" in r.stderr, "sha256: the name of a reference", r.stderr)


grep()
clean()
thin_pack()
sha256()
by_git_secrets()
by_secretlint()
tap.done()
