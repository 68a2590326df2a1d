#!/bin/bash
# r0003 - the events in a real journal: fields, the catalog's explanations, a session's story; and what becomes of them when
# journald is stopped, stuck or restarted while sessions are ended.
# shellcheck disable=SC2317 # functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter systemd-nspawn git gcc make setsid timeout pgrep ip python3
make_tmp

build
realm_up

journal() {
	in_realm journalctl --no-pager "$@"
}

check "make install" make_here DESTDIR="$M" install
in_realm systemd-sysusers
in_realm systemd-tmpfiles --create git-gate.conf
mkdir -p "$M/etc/git-gate" "$M/client"
printf '[hook]\n\tscanner = none\n[deadline]\n\tcommands = 1s\n\tinit = 20s\n\tidle = 1s\n\tgrace = 500ms\n[limit]\n\tsessionsPerPeer = 0\n' \
	>"$M/etc/git-gate/config"
client_home "$M/client"
in_realm setpriv --reuid git --regid git --init-groups env HOME=/srv/git git init -q --bare -b main /srv/git/demo.git
touch "$M/srv/git/demo.git/git-daemon-export-ok"
check "journalctl takes the catalog" journal --update-catalog
ctl daemon-reload
check "the socket starts" ctl start git-gate-git.socket

# So many clients that connect, ask to push, and say nothing more; until the gate has ended each.
stuck() {
	in_realm python3 -c '
import socket, sys
request = b"002egit-receive-pack /demo.git\0host=127.0.0.1\0"
clients = [socket.create_connection(("127.0.0.1", 9418)) for _ in range(int(sys.argv[1]))]
for c in clients:
    c.sendall(request)
for c in clients:
    c.settimeout(50)
    while c.recv(65536):
        pass
' "$1"
}

status() {
	in_realm git-gate status --json | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" | head -n 1
}

# --- one verdict --------------------------------------------------------------

check "a stuck client is ended" stuck 1

entries() {
	journal -o json "$@" | grep .
}

check "the journal has its end" wait_for 60 entries GIT_GATE_EVENT=session.closed
reaped=$(entries GIT_GATE_EVENT=session.reaped)
id=$(sed -n 's/.*"GIT_GATE_SESSION":"\([0-9a-f]*\)".*/\1/p' <<<"$reaped")
for field in GIT_GATE_REASON=commands GIT_GATE_KEY=deadline.commands GIT_GATE_LIMIT_USEC=1000000 GIT_GATE_REPO=demo.git PRIORITY=5 \
	GIT_GATE_SERVICE=receive-pack GIT_GATE_PHASE=commands SYSLOG_IDENTIFIER=git-gate MESSAGE_ID=7d6d3520902c47daaa778ee335aa3d6f; do
	check "session.reaped has $field" has "$reaped" "\"${field%%=*}\":\"${field#*=}\""
done
check "and evidence of several lines" has "$reaped" \
	"\"GIT_GATE_EVIDENCE\":\"turn: the client's, in phase commands; .*\\\\ntcp: .*\\\\nprocess: [0-9]* S git-daemon: "
check "with the system call that git is in" has "$reaped" 'receive-pack: read fd 0 (client) in [a-z_]'

story() {
	entries "GIT_GATE_SESSION=$1" | sed -n 's/.*"GIT_GATE_EVENT":"\([^"]*\)".*/\1/p' | tr '\n' ' '
}

check "its story" same "$(story "$id")" "session.opened session.ending session.reaped session.closed "
check "every event of the journal has an id, and its own" same "$(entries SYSLOG_IDENTIFIER=git-gate GIT_GATE_INSTANCE="$(sed -n 's/.*"GIT_GATE_INSTANCE":"\([0-9a-f]*\)".*/\1/p' <<<"$reaped")" |
	sed -n 's/.*"GIT_GATE_EVENT":"\([^"]*\)".*/\1/p' | sort -u | wc -l)" "$(entries SYSLOG_IDENTIFIER=git-gate | grep GIT_GATE_EVENT |
	sed -n 's/.*"MESSAGE_ID":"\([^"]*\)".*/\1/p' | sort -u | wc -l)"
explained=$(journal -x -o cat MESSAGE_ID=7d6d3520902c47daaa778ee335aa3d6f; journal -x MESSAGE_ID=7d6d3520902c47daaa778ee335aa3d6f)
for text in "Subject: git-gate: session.reaped" "Session $id of 127.0.0.1" "Reason: commands. Limit: deadline.commands, 1s" \
	"The client has the list of references and said nothing more" "What to do: .*raise deadline.commands" "turn: the client's" \
	"tcp: queued for git 0" "process:  [0-9]* S receive-pack: read fd 0 (client) in" "man:git-gate-events(7)"; do
	check "journalctl -x: $text" has "$explained" "$text"
done
check "no name of a field is left in it" fails has "$(sed '1,/^-- Subject/d' <<<"$explained")" "GIT_GATE_[A-Z]*[^=A-Z ]*[.@]\|@"
diag <<<"$(journal -x MESSAGE_ID=7d6d3520902c47daaa778ee335aa3d6f)"
printf '[deadline]\n\tcommands = 2s\n' >>"$M/etc/git-gate/config"
check "reload" ctl reload git-gate.service
check "a second one" stuck 1
check "is found by its limit" wait_for 60 entries GIT_GATE_EVENT=session.reaped GIT_GATE_LIMIT_USEC=2000000
check "and not by another reason" fails entries GIT_GATE_REASON=idle

# --- journald in trouble --------------------------------------------------------

journald_pid() {
	ctl show -P MainPID systemd-journald.service
}

# Verdicts that the journal has, as records or as text that it took from the standard error.
recorded() {
	journal -o cat _SYSTEMD_UNIT=git-gate.service | grep -c -e ' in phase [a-z-]*: quiet for '
}

lost() {
	entries GIT_GATE_EVENT=log.dropped | sed -n 's/.*"MESSAGE":"\([0-9]*\) events were lost".*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

all_told() {
	[ "$(lost)" = "$(status dropped_events)" ]
}

# Each verdict is in the journal, or among what is counted as lost.
accounted() {
	local ended

	ended=$(status reaped)
	[ $(($(recorded) + $(lost))) -ge "$ended" ] || { echo "$ended ended, $(recorded) in the journal, $(lost) lost"; return 1; }
}

# NAME N: so many were ended since the start.
account() {
	check "$1: they were all ended" wait_for 60 eval "[ \$(status reaped) = $2 ]"
	check "$1: what was lost is told" wait_for 60 all_told
	check "$1: each verdict is there, or counted" wait_for 60 accounted
	diag <<<"$1: $(status reaped) ended, $(recorded) in the journal, $(lost) events lost"
}

check "restarted under load: 60 stuck clients" eval 'stuck 60 & for i in 1 2 3; do ctl restart systemd-journald.service; ctl reset-failed systemd-journald.service; done; wait $!'
account "restarted" 62

pid=$(journald_pid)
[ "${pid:-0}" -gt 1 ] || bail "journald does not run"
in_realm kill -STOP "$pid"
check "stuck: 150 stuck clients are ended within their limit and a little" within 60 stuck 150
in_realm kill -CONT "$pid"
account "stuck" 212

units="systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald.service"
# shellcheck disable=SC2086 # a list of units
ctl stop $units >/dev/null 2>&1
check "stopped: it is" fails test "$(ctl show -P ActiveState systemd-journald.service)" = active
check "stopped: 60 stuck clients are ended" within 60 stuck 60
# shellcheck disable=SC2086
ctl start $units >/dev/null 2>&1
check "started again: one more" stuck 1
account "stopped" 273
check "and the gate serves" in_realm git ls-remote -q git://127.0.0.1:9418/demo.git
finish
