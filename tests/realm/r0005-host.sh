#!/bin/bash
# r0005 - what happens to a gate on a host: several gates, the founding incident, a gate that hangs, is stopped while it starts or
# started while it drains, systemd itself restarted, and a configuration that cannot work while clients come.
# shellcheck disable=SC2317 # functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter systemd-nspawn git gcc make setsid timeout pgrep ip tc python3
make_tmp
build
realm_up

entries() {
	in_realm journalctl --no-pager --quiet "$@"
}

has_entry() {
	entries "$@" | grep .
}

# PATH: a repository that everybody may push to
repository() {
	as_git init -q --bare -b main "$1"
	touch "$M$1/git-daemon-export-ok"
}

served() {
	in_realm git ls-remote -q "$1"
}

not_pid() {
	state_is active && [ "$(show MainPID)" != "$1" ]
}

check "make install" make_here DESTDIR="$M" install
in_realm systemd-sysusers
in_realm systemd-tmpfiles --create git-gate.conf
in_realm journalctl --update-catalog
mkdir -p "$M/etc/git-gate" "$M/client" "$M/etc/systemd/system/git-gate.service.d"
printf '[hook]\n\tscanner = none\n[deadline]\n\tidle = 3s\n\tgrace = 500ms\n' >"$M/etc/git-gate/config"
printf '[Service]\nWatchdogSec=2s\n' >"$M/etc/systemd/system/git-gate.service.d/test.conf"
client_home "$M/client"
in_realm git config --global pack.threads 1
repository /srv/git/demo.git
ctl daemon-reload
git=git://127.0.0.1:9418/demo.git http=http://127.0.0.1:9420/demo.git

# --- one socket, then the other -------------------------------------------------

ctl enable --now git-gate-git.socket
check "git's socket alone serves git" served $git
check "not HTTP, for which nobody asked" fails served $http
check "which the log says" has "$(entries GIT_GATE_EVENT=gate.ready)" \
	"git://127.0.0.1:9418 (inherited); no http: no socket for it is inherited, and listen.http is not set"
ctl enable git-gate-http.socket
check "with HTTP's enabled and a restart" ctl restart git-gate.service
check "both are served" served $http
check "by systemd's socket" same "$(show ActiveState git-gate-http.socket)" active
check "listen.http = off with a socket for it is an error" has "$(in_realm git config -f /etc/git-gate/config listen.http off
	ctl restart git-gate.service 2>&1; entries -u git-gate.service -n 20 -o cat)" \
	"listen.http is off, but a socket for it is inherited"
in_realm git config -f /etc/git-gate/config --unset listen.http
ctl reset-failed git-gate.service git-gate-git.socket git-gate-http.socket 2>/dev/null
check "without, it starts again" ctl restart git-gate.service

# --- several gates ----------------------------------------------------------------

for team in red blue; do
	port=$([ $team = red ] && echo 9500 || echo 9501)
	printf '[hook]\n\tscanner = none\n[gate]\n\texportAll = true\n' >"$M/etc/git-gate/$team.config"
	mkdir -p "$M/etc/systemd/system/git-gate-git@$team.socket.d"
	printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:%s\n' "$port" >"$M/etc/systemd/system/git-gate-git@$team.socket.d/address.conf"
done
ctl daemon-reload
check "two more gates start" ctl enable --now git-gate@red.service git-gate@blue.service || diag <<<"$(entries -u git-gate@red.service)"
for team in red blue; do
	as_git init -q --bare -b main "/var/lib/git-gate/$team/$team.git"
done
check "one serves its repositories" served git://127.0.0.1:9500/red.git
check "the other its own" served git://127.0.0.1:9501/blue.git
check "and not the first's" fails served git://127.0.0.1:9501/red.git
check "git-gate --gate NAME asks the one" has "$(in_realm git-gate status --gate red)" /var/lib/git-gate/red
for gate in "" "--gate red"; do
	# shellcheck disable=SC2086 # no word or two
	check "git-gate $gate: each session has a cgroup of its own" has "$(in_realm git-gate status --json $gate)" '"cgroup": "/sys/fs/cgroup/system.slice/.*git-gate'
done
check "as its user too" in_realm runuser -u git -- git-gate health -g blue
check "one writes nowhere else" fails in_realm nsenter -t "$(show MainPID git-gate@red.service)" -m \
	setpriv --reuid git --regid git --clear-groups touch /var/lib/git-gate/blue/x /srv/git/x
check "reload of one" ctl reload git-gate@red.service
check "HTTP of one is a Unix socket, for a front" has "$(in_realm python3 -c '
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/git-gate-http@red.sock")
s.sendall(b"GET /red.git/HEAD HTTP/1.0\r\n\r\n")
print(s.recv(4096).decode().split("\r\n")[0])')" "200 OK"
check "which its log says" has "$(entries -u git-gate@red.service GIT_GATE_EVENT=gate.ready)" "/run/git-gate-http@red.sock (inherited)"
check "one stops" ctl stop git-gate-git@red.socket git-gate-http@red.socket
check "the other goes on" served git://127.0.0.1:9501/blue.git
check "and the first" served $git
ctl stop git-gate-git@blue.socket git-gate-http@blue.socket

# --- the founding incident ----------------------------------------------------------

# git's pack-objects, stopped in the middle of its pack: what is sent is pushed through a link of 8 Mbit/s
in_realm ip link set lo mtu 1500
check "a slow link" in_realm tc qdisc add dev lo root tbf rate 8mbit burst 16kb latency 400ms
in_realm bash -c 'git init -q /client/big && cd /client/big && head -c 12000000 /dev/urandom >data && git add data && git commit -q -m big'
in_realm bash -c 'cd /client/big && exec git push '"$git"' HEAD:main' >"$T/push" 2>&1 &
push=$!
in_pack() {
	in_realm git-gate sessions --json | grep -q '"phase": "pack"'
}
check "a push is in its pack" wait_for 60 in_pack
stopped=$(in_realm pgrep -f 'pack-objects --all-progress-implied' | head -n 1)
in_realm kill -STOP "$stopped"
check "its client is stopped, and the gate ends it" wait_for 60 has_entry GIT_GATE_EVENT=session.reaped GIT_GATE_REASON=idle
in_realm kill -CONT "$stopped"
in_realm tc qdisc del dev lo root 2>/dev/null
wait $push
check "the client reads why" has "$(cat "$T/push")" "nothing received in the middle of the pack for 3.*(limit 3s, deadline.idle)"
diag <"$T/push"
story=$(entries -x GIT_GATE_EVENT=session.reaped GIT_GATE_REASON=idle)
for text in "Subject: git-gate: session.reaped" "Reason: idle. Limit: deadline.idle, 3s" "What to do: .*deadline.idle" \
	"turn: the client's, in phase pack" "tcp: queued for git 0" "receive-pack: " "process: .* unpacker \[git unpack-objects ...\]: read fd 0 (client)"; do
	check "journalctl -x: $text" has "$story" "$text"
done
id=$(entries -o cat --output-fields=GIT_GATE_SESSION -o json GIT_GATE_EVENT=session.reaped GIT_GATE_REASON=idle |
	sed -n 's/.*"GIT_GATE_SESSION":"\([0-9a-f]*\)".*/\1/p' | head -n 1)
check "its story is whole" same "$(entries -o json "GIT_GATE_SESSION=$id" | sed -n 's/.*"GIT_GATE_EVENT":"\(session[^"]*\)".*/\1/p' |
	grep -v 'session\.log' | tr '\n' ' ')" "session.opened session.ending session.reaped session.closed "
check "git-gate show has it too" has "$(in_realm git-gate show "$id")" "deadline.idle"
check "nothing is left in the repository" same "$(find "$M/srv/git/demo.git/objects" -name 'tmp_*')" ""

# --- systemd itself -------------------------------------------------------------------

old=$(show MainPID)
check "daemon-reexec" ctl daemon-reexec
check "the gate is the same" wait_for 60 same "$(show MainPID)" "$old"
check "and is still fed for" served $git
since=$SECONDS
lasted() {
	[ $((SECONDS - $1)) -ge 3 ]
}
# WatchdogSec= is 2 s: the manager's memory of the last ping has to have come along
wait_for 60 lasted "$since" >/dev/null
check "its watchdog goes on being fed" same "$(show MainPID)" "$old"

# --- a gate that hangs -----------------------------------------------------------------

in_realm bash -c 'exec 3<>/dev/tcp/127.0.0.1/9418; printf "002egit-receive-pack /demo.git\0host=127.0.0.1\0" >&3; cat <&3 >/dev/null' &
hung=$!
has_session() {
	[ "$(in_realm git-gate sessions --json | grep -c '"id"')" -ge 1 ]
}
check "a session runs" wait_for 60 has_session
child=$(in_realm pgrep -u git -f 'git-receive-pack\|git receive-pack' | head -n 1)
in_realm kill -STOP "$old"
check "a gate that hangs is killed by the watchdog, and another one started" wait_for 60 not_pid "$old"
check "for that reason" has "$(entries -o cat -u git-gate.service)" "Watchdog timeout"
check "its session is ended with it" wait_for 60 fails in_realm kill -0 "$child"
wait $hung
check "and the next gate serves" served $git

# --- stop while it starts, start while it drains ------------------------------------------

ctl reset-failed git-gate.service
in_realm git config -f /etc/git-gate/config service.slow.command "/bin/sh -c 'while [ ! -e /srv/git/go ]; do sleep 0.1; done; echo >&3; exec sleep 1000'"
in_realm git config -f /etc/git-gate/config service.slow.ready fd
in_realm git config -f /etc/git-gate/config service.slow.essential true
ctl restart --no-block git-gate.service
check "a gate waits for its service" wait_for 60 state_is activating
check "and is stopped while it starts" within 60 ctl stop git-gate.service git-gate-git.socket git-gate-http.socket
check "cleanly" same "$(show Result) $(in_realm pgrep -u git -c .)" "success 0"
as_git config -f /srv/git/x x.y z && touch "$M/srv/git/go"
check "it starts" ctl start git-gate.service
in_realm git config -f /etc/git-gate/config --remove-section service.slow
check "with its sockets" same "$(show ActiveState git-gate-http.socket)" active
touch "$M/client/go"
in_realm bash -c 'exec 3<>/dev/tcp/127.0.0.1/9418; printf "002egit-receive-pack /demo.git\0host=127.0.0.1\0" >&3; head -c 4 <&3 >/dev/null
	: >/client/held; while [ -e /client/go ]; do sleep 0.05; done; printf 0000 >&3; cat <&3 >/dev/null' &
holder=$!
check "a session runs" wait_for 60 test -e "$M/client/held"
old=$(show MainPID)
ctl restart --no-block git-gate.service
check "a gate drains" wait_for 60 state_is deactivating
check "a second restart joins the first" ctl restart --no-block git-gate.service
check "it still drains" same "$(show MainPID)" "$old"
rm "$M/client/go"
wait $holder
check "and the next comes when it has" wait_for 60 not_pid "$old"
check "which serves" served $http
check "systemctl kill --kill-who=main stops it in order" ctl kill --kill-who=main --signal=TERM git-gate.service
check "it was no failure" wait_for 60 state_is inactive
check "and who comes starts it" served $git

# --- a configuration that cannot work, and clients that come -------------------------------

echo '[hook] scaner = none' >>"$M/etc/git-gate/config"
ctl restart git-gate.service 2>/dev/null
refused() {
	! served "$git" && ! state_is active git-gate-git.socket
}
check "it ends: clients are refused, not left to wait" wait_for 60 refused
sed -i '$d' "$M/etc/git-gate/config"
ctl reset-failed git-gate.service git-gate-git.socket git-gate-http.socket
check "once it is right, one start brings all back" ctl start git-gate.service
check "git" served $git
check "and HTTP, at systemd's sockets" served $http
check "as before" same "$(show ActiveState git-gate-git.socket) $(show ActiveState git-gate-http.socket)" "active active"
finish
