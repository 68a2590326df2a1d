#!/usr/bin/python3
"""The manual: docs/man is what the program prints, mandoc finds nothing wrong with it, it names everything there is, and what it
says of settings and options is true of the program; what it says of JSON: t0107."""
import re

from gate import *

tap = Tap()
PAGES = "git-gate.1", "git-gate.8", "git-gate.conf.5", "git-gate-events.7"


def run(*args):
    return subprocess.run([GATE, *args], env=ENV, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE)


def source(*parts):
    return read(os.path.join(ROOT, *parts))


def plain(mdoc):
    """Without what escapes it."""
    return mdoc.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def items(mdoc):
    """What stands as the tag of a list's item."""
    return set(re.findall(r"(?m)^\.It \w\w (\S+)", plain(mdoc)))


# --- the pages themselves -------------------------------------------------------------------------------------------------

pages = {}
for name in PAGES:
    r = run("--dump-man", name)
    tap.eq((r.returncode, r.stderr), (0, ""), "%s is printed" % name)
    pages[name] = r.stdout
    committed = source("docs", "man", name)
    different = [a for a, b in zip(committed.splitlines() + ["(end)"], r.stdout.splitlines() + ["(end)"]) if a != b]
    tap.ok(committed == r.stdout, "docs/man/%s is what is printed; else: make man" % name, *different[:1])
    tap.ok("undocumented" not in r.stdout and "(null)" not in r.stdout, "%s has a text for everything" % name,
           *re.findall(r"(?m)^.*\n.*undocumented.*", r.stdout))
    if not shutil.which("mandoc"):
        tap.skip("mandoc -Tlint %s" % name, "mandoc is not installed")
        continue
    file = path(name)
    with open(file, "w") as f:
        f.write(r.stdout)
    r = subprocess.run(["mandoc", "-Tlint", "-W", "warning", file], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq((r.returncode, r.stdout), (0, ""), "mandoc -Tlint has nothing to say of %s" % name)
    r = subprocess.run(["mandoc", "-Tascii", "-O", "width=200", file], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    shown = re.sub(".\b", "", r.stdout)
    tap.ok(not re.search(r"\\[-e&]|^\.[A-Z][a-z]\b", shown, re.M), "no markup is left in %s as it is shown" % name)
user, operator, settings, events_page = (pages[n] for n in PAGES)
r = run("--dump-man", "git-gate.2")
tap.ok(r.returncode == 2 and r.stdout == "" and "git-gate.conf.5" in r.stderr, "a page that is none", r)
tap.eq(run("--dump-man").returncode, 2, "no page")

# --- everything is in them ------------------------------------------------------------------------------------------------

keys = re.findall(r'(?m)^(?:NUM|FLAG|TEXT|PICK|LIST)\(\w+, "([^"]+)"', source("base", "conf.def"))
for section in "service", "repo":
    keys += ["%s.NAME.%s" % (section, k) for k in re.findall(r'(?m)^(?:NUM|FLAG|TEXT|PICK|LIST)\(\w+, "([^"]+)"', source("base", section + ".def"))]
tap.ok(len(keys) > 20, "settings are found in the table (%d)" % len(keys))
tap.eq(sorted(set(keys) - items(settings)), [], "every setting is in git-gate.conf(5)")
events = re.findall(r'(?m)^EV\(\w+, "([^"]+)"', source("base", "event.def"))
tap.ok(len(events) > 20, "events are found in the table (%d)" % len(events))
tap.eq(sorted(set(events) - items(events_page)), [], "every event is in git-gate-events(7)")
fields = re.findall(r'(?m)^(?:TEXT|NUMBER)\((\w+),', source("base", "eventfield.def"))
tap.ok(len(fields) > 15, "fields are found in the table (%d)" % len(fields))
tap.eq(sorted(set(fields) - items(events_page)), [], "so is every field")
reasons = re.findall(r'(?m)^REASON\(\w+, "([^"]+)"', source("reaper", "reason.def"))
tap.eq((len(reasons) > 10, sorted(set(reasons) - items(events_page))), (True, []), "and every reason")
tap.eq(sorted(set(reasons) - items(operator)), [], "which git-gate(8) has too")
used = set(re.findall(r"\b(?:%s)\.[a-zA-Z-]*[a-zA-Z]\b" % "|".join({k.split(".")[0] for k in keys}), plain(user + operator + events_page)))
known = set(keys) | set(events) | {"git-gate.conf", "gate.conf", "gate.service", "gate.socket", "gate.lock", "gate.fresh", "gate.forward", "tcp.retransmits"}
tap.eq(sorted(used - known), [], "git-gate(1), (8) and git-gate-events(7) name no setting and no event that there is not")

r = run("--help")
commands = re.findall(r"(?m)^  ([a-z-]+) ", r.stdout)
tap.ok(r.returncode == 0 and len(commands) > 9, "--help", r)
tap.eq(re.search(r"Exit status: (.*)\.", r.stdout)[1], "0 done, 1 failed, 2 usage or configuration, 3 no gate is running, 4 gave up", "it tells the exit codes")
# the long form of an option, its letter if it has none
table = set("--" + name for name in re.findall(r'\[GG_OPT_\w+\] = \{ "([a-z-]+)"', source("cli", "options.c"))) | {"-c"}
synopsis = plain(user.split(".Sh DESCRIPTION")[0])
seen = set()
for c in commands:
    r = run(c, "--help")
    tap.eq((r.returncode, r.stderr), (0, ""), "%s --help" % c)
    helped = {long or letter for letter, long in re.findall(r"(?m)^  (-\w)?(?:, |\b)?(--[a-z-]+)?", r.stdout)} - {""}
    seen |= helped
    form = re.search(r"(?m)^\.Nm\n\.Cm %s\n((?:\.(?:Op|Fl|Ar) .*\n?)*)" % c, synopsis)
    if tap.ok(form, "%s is in the synopsis" % c):
        told = {"-" + o for o in re.findall(r"Fl (\S+)", form[1])}
        tap.eq(sorted(told), sorted(helped - {"--help"}), "with the options that %s --help lists" % c)
tap.eq(sorted(seen), sorted(table), "the helps list every option of the table, and no other")
tap.eq(sorted(o for o in table if "Fl " + o[1:] not in plain(user.split(".Sh OPTIONS")[1].split(".Sh")[0])), [], "so does git-gate(1)")

# --- what git-gate.conf(5) says is true ------------------------------------------------------------------------------------

said = dict(re.findall(r"(?m)^\.It Ic (\S+)\n(?:[^.].*\n)+\.Pp\n((?:[^.].*\n)+)", plain(settings)))
said = {key: " ".join(text.split()) for key, text in said.items()}


def effective(*args):
    r = run("check-config", "--config", "/dev/null", "-c", "service.NAME.command=true", "-c", "repo.NAME.onStale=refuse", *args)
    if r.returncode:
        return r.stderr
    return {m[1]: m[2] for m in re.finditer(r"(?m)^(\S+) += (.*?) +# ", r.stdout)}


for profile in "sidecar", "host":
    wrong = []
    for key, value in effective("-c", "gate.profile=" + profile).items():
        m = re.search(r"; default (.*?)(?:, in profile host (.*?))?\.$", said.get(key, ""))
        default = m and (profile == "host" and m[2] or m[1])
        if key not in ("gate.control", "gate.profile", "hook.path", "service.NAME.command") and (default or "") != value:
            wrong.append((key, value, said.get(key)))
    tap.eq(wrong, [], "the defaults in profile %s are those of check-config" % profile)
ranges = {key: m.groups() for key, m in ((key, re.search(r" from (\S+) to (\S+?)(?: or (never|inherit))?;", text)) for key, text in said.items()) if m}
tap.ok(len(ranges) > 10, "ranges are found (%d)" % len(ranges))
for i, what in (0, "smallest"), (1, "largest"):
    got = effective(*(a for key, r in ranges.items() for a in ("-c", "%s=%s" % (key, r[i]))))
    tap.eq(got if isinstance(got, str) else {k: got[k] for k in ranges}, {k: r[i] for k, r in ranges.items()}, "the %s value of each range is taken" % what)
got = {key for key in ranges if "\n" in effective("-c", key + "=never")}
tap.eq(got, {key for key, r in ranges.items() if r[2] != "never"}, "never is refused where it is not offered, and nowhere else")
got = {key for key in ranges if "\n" in effective("-c", key + "=inherit")}
tap.eq(got, {key for key, r in ranges.items() if r[2] != "inherit"}, "so is inherit")
example = re.search(r"(?ms)^\.Bd -literal[^\n]*\n(\[.*?)^\.Ed", settings)[1].replace("\\-", "-")
with open(path("example"), "w") as f:
    f.write(example)
with open(path("local.conf"), "w") as f:
    f.write("[deadline]\nidle = 33s\n")
r = run("check-config", "--config", path("example"))
tap.ok(r.returncode == 0 and re.search(r"deadline.idle += 33s", r.stdout), "the example works, with the file it includes", r)

tap.done()
