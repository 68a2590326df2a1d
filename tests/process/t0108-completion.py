#!/usr/bin/python3
"""Completion in real shells: bash, zsh and fish, from what git-gate completion prints; each command, each option, settings, reasons, live sessions.
"""
from terminal import *

tap = Tap()
g = Gate({"deadline.commands": "10m"})
g.repo()
c = Raw(g)
c.advertisement()
ID = wait_for(g.sessions, "a session")[0]["id"]
os.makedirs(path("bin"))
os.symlink(GATE, path("bin", "git-gate"))
ENV["PATH"] = path("bin") + ":" + ENV["PATH"]
os.makedirs(path("files", "a-directory"))
open(path("files", "a-file"), "w").close()
COMMANDS = re.findall(r"(?m)^  ([a-z-]+) ", subprocess.run([GATE, "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout)
OPTIONS = {}
for command in COMMANDS:
    helped = subprocess.run([GATE, command, "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout
    OPTIONS[command] = {o for o in re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", helped)}
REASONS = "init commands pack-start idle not-reading trickle hook work session peer-gone pressure drain predecessor operator".split()


def script(shell):
    r = subprocess.run([GATE, "completion", shell], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq((r.returncode, r.stderr), (0, ""), "completion for %s is printed" % shell)
    file = path("git-gate." + shell)
    with open(file, "w") as f:
        f.write(r.stdout)
    return file


# What is typed, and what is offered for its last word: all of it, or that and no more than the rest says.
CASES = [
    (["ses"], {"sessions"}, "a command"),
    ([""], set(COMMANDS), "every command"),
    (["reaped", "--reason", ""], set(REASONS), "reasons of reaped"),
    (["reaped", "--reason", "p"], {"pack-start", "peer-gone", "pressure", "predecessor"}, "those that begin so"),
    (["kill", "--control", g.control, ""], {ID}, "a live session"),
    (["show", "--control", g.control, ID[:3]], {ID}, "by its beginning"),
    (["tail", "--control", g.control, ""], {ID}, "to follow"),
    (["run", "-c", "deadline.pack"], {"deadline.packStart="}, "a setting"),
    (["help", "comp"], {"completion"}, "a command to be explained"),
    (["completion", ""], {"bash", "zsh", "fish"}, "a shell"),
    (["explain", "deadline.pack"], {"deadline.packStart"}, "what can be explained: a setting"),
    (["explain", "pack"], {"pack-start"}, "a reason"),
    (["explain", "push.f"], {"push.forwarded", "push.forward-failed"}, "an event"),
    (["run", "--config", "a-"], {"a-directory/", "a-file"}, "files"),
    (["cleanup", "--base", "a-"], {"a-directory/"}, "directories"),
    (["sessions", "--wat"], {"--watch"}, "an option"),
    (["kill", "--reason", ""], set(), "no reason of reaped for kill"),
    (["nonsense", ""], set(), "nothing for what is no command"),
]


def compare(shell, ask, but=()):
    for words, want, what in CASES:
        if what in but:
            continue
        got = ask(words)
        tap.eq({w.rstrip() for w in got}, want, "%s: %s: git-gate %s" % (shell, what, " ".join(w if w != g.control else "PATH" for w in words)))
    wrong = {command: sorted(o.rstrip() for o in ask([command, "--"])) for command in COMMANDS}
    tap.eq({k: v for k, v in wrong.items() if set(v) != OPTIONS[k]}, {}, "%s: every option of every command" % shell)


# --- bash -------------------------------------------------------------------------------------------------------------------

BASH = script("bash")
MADE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
name=$(complete -p git-gate); name=${name#*-F }; ${name%% *} git-gate "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
for w in "${COMPREPLY[@]}"; do [ -d "$w" ] && w=$w/; printf '%s\\n' "$w"; done
"""


def bash(words, first=("git-gate",)):
    r = subprocess.run(["bash", "--norc", "-c", MADE, "bash", BASH, *first, *words], env=ENV, cwd=path("files"), capture_output=True, text=True, timeout=PATIENCE)
    if r.stderr:
        note(r.stderr)
    return r.stdout.splitlines() if not r.stderr else ["stderr"]


compare("bash", bash)
tap.eq(bash(["sess"], ("git", "gate")), ["sessions"], "bash: as git's command too")
tap.eq(bash(["kill", "--control", "=", g.control, ""]), [ID], "bash: --control=PATH, as bash splits it")
tap.eq(bash(["reaped", "--reason", "=", "id"]), ["idle"], "bash: --reason=id")
if shutil.which("shellcheck"):
    r = subprocess.run(["shellcheck", "-s", "bash", BASH], capture_output=True, text=True, timeout=PATIENCE)
    tap.eq((r.returncode, r.stdout), (0, ""), "shellcheck has nothing to say")
t = Terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "ready$ ", "INPUTRC": "/dev/null"}, cwd=path("files"))
t.shows(r"ready\$")
t.type("source %s; clear; echo sour''ced\n" % BASH)
t.shows("sourced\nready")
t.type("git-gate ses\t")
t.shows(r"git-gate sessions")
t.type("--js\t")
t.shows(r"git-gate sessions --json")
t.type("\x15git-gate kill --control %s \t" % g.control)
t.shows(ID)
tap.ok(True, "bash: at its prompt")
t.close()

# --- fish -------------------------------------------------------------------------------------------------------------------

FISH = script("fish")
if shutil.which("fish"):
    def fish(words):
        line = " ".join(["git-gate"] + words)
        r = subprocess.run(["fish", "--no-config", "-c", "source %s; complete -C '%s'" % (FISH, line)], env={**ENV, "XDG_CONFIG_HOME": TMP, "XDG_DATA_HOME": TMP},
                           cwd=path("files"), capture_output=True, text=True, timeout=PATIENCE)
        if r.stderr:
            note(r.stderr)
        return [x.split("\t")[0] for x in r.stdout.splitlines()] if not r.stderr else ["stderr"]
    # it offers files where directories are wanted, too, and "--watch=" where a value may follow
    compare("fish", fish, ("directories",))
else:
    tap.skip("fish", "it is not installed")

# --- zsh --------------------------------------------------------------------------------------------------------------------

ZSH = script("zsh")
if shutil.which("zsh"):
    # what would be inserted is asked of compadd itself, in a completion widget
    with open(path("zsh.test"), "w") as f:
        f.write("""
PS1='ready%% ' ; autoload -U compinit; compinit -u -D
source %s
compadd() {
	local -a made
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
	builtin compadd -O made "$@"
	print -rl -- $made >>%s
	builtin compadd "$@"
}
done-with() { : >%s; zle complete-word; print -r -- end-of-it >>%s; BUFFER=; zle redisplay }
zle -N done-with
zle -C complete-it complete-word _main_complete
bindkey '^X' done-with
unsetopt beep; zstyle ':completion:*' list false
echo sour''ced
""" % (ZSH, path("zsh.out"), path("zsh.out"), path("zsh.out")))
    t = Terminal(["zsh", "-f", "-i"], columns=200, env={"HOME": TMP}, cwd=path("files"))
    t.type(". %s\n" % path("zsh.test"))
    t.shows("sourced")

    def zsh(words):
        if os.path.exists(path("zsh.out")):
            os.unlink(path("zsh.out"))
        t.type("git-gate " + " ".join(words) + "\x18")
        wait_for(lambda: "end-of-it" in read(path("zsh.out")), "zsh to complete: " + " ".join(words))
        got = read(path("zsh.out")).split("end-of-it")[0].splitlines()
        return {w + "/" if os.path.isdir(path("files", w)) and w else w for w in got if w}
    compare("zsh", zsh)
    t.close()
else:
    tap.skip("zsh", "it is not installed")

r = subprocess.run([GATE, "completion", "tcsh"], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and r.stdout == "" and "bash, zsh or fish" in r.stderr, "another shell: usage", r)
c.close()
finish(tap, g)
