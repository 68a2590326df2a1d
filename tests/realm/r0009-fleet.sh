#!/bin/bash
# r0009 - three gates behind HAProxy, each in a network namespace of its own as a small machine with its journald, one upstream over ssh:
# examples/fleet/ as it is shipped. A repository stays at its gate, a dead one fails over, a draining one takes nobody new, the journals meet.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter unshare setpriv git ip python3 openssl haproxy sshd ssh-keygen journalctl
journal_remote=/lib/systemd/systemd-journal-remote journal_upload=/lib/systemd/systemd-journal-upload
[ -x $journal_remote ] || skip "systemd-journal-remote is not installed"
make_tmp
build=${BUILD:-$top/build}
repos=$(for i in 1 2 3 4; do echo "team/r$i.git"; done)
gates="gate1 gate2 gate3"
mkdir "$T/m" "$T/bin"
mount -t tmpfs -o mode=755 git-gate-fleet "$T/m" || skip "no mounts here"
at_exit umount "$T/m"
cp -a "$build"/git-gate "$build"/git-gate-session "$build"/git-gate-http "$build"/git-gate-hook "$build"/git-gate-admin "$build"/hooks "$top/examples/scanners" "$T/bin/"

# NAME COMMAND...: a test that the rest stands on.
must() {
	check "$@" || { tail -n 20 "$T"/*.log | diag; bail "$1"; }
}

# --- machines -------------------------------------------------------------------

declare -A pid_of

# NAME COMMAND...
on() {
	timeout 60 nsenter -t "${pid_of[$1]}" -m -n -u -- env -i HOME="$T/client" GIT_TERMINAL_PROMPT=0 GIT_SSL_CAINFO="$T/cert.pem" \
		XDG_RUNTIME_DIR=/run LC_ALL=C.UTF-8 PATH="$T/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "${@:2}"
}

# NAME COMMAND...: in the background, its pid in $!, so it is called by itself, not by check; what it writes is in $T/NAME.log.
start_on() {
	nsenter -t "${pid_of[$1]}" -m -n -u -- env -i HOME=/srv/git XDG_RUNTIME_DIR=/run LC_ALL=C.UTF-8 \
		PATH="$T/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "${@:2}" </dev/null >>"$T/$1.log" 2>&1 &
	at_exit kill_and_wait $!
}

# NAME ADDRESS...: a network namespace on the common bridge, with /run, /srv and /etc of its own.
machine() {
	local name=$1 dir=$T/m/$1 netns=${T##*/}-$1 address

	mkdir -p "$dir"/{srv,etc,work}
	ip netns add "$netns"
	at_exit ip netns del "$netns"
	ip -n "$netns" link add eth0 type veth peer name "$name" netns "${T##*/}-switch"
	ip -n "${T##*/}-switch" link set "$name" master bridge up
	for address in "${@:2}"; do
		ip -n "$netns" address add "$address/24" dev eth0
	done
	ip -n "$netns" link set eth0 up
	ip -n "$netns" link set lo up
	nsenter --net="/run/netns/$netns" unshare --mount --uts --propagation private sh -c '
		mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" overlay /etc &&
		mount --bind "$1/srv" /srv && mount -t tmpfs -o mode=755 tmpfs /run &&
		mkdir -p /run/sshd /run/haproxy /run/systemd/journal /etc/systemd/journald.conf.d && hostname "$2" &&
		tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id &&
		printf "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n" >/etc/systemd/journald.conf.d/fleet.conf &&
		{ grep -q ^git: /etc/passwd || echo "git:x:9418:9418::/srv/git:/bin/sh" >>/etc/passwd; } &&
		{ grep -q ^git: /etc/group || echo "git:x:9418:" >>/etc/group; } &&
		sed -i "/^git:/d" /etc/shadow && echo "git:*:19000:0:99999:7:::" >>/etc/shadow &&
		install -d -o git -g git /srv/git /run/git-gate && touch /run/up && exec sleep infinity
	' - "$dir" "$name" >"$T/$name.log" 2>&1 &
	pid_of[$name]=$!
	at_exit kill_and_wait $!
	wait_for 60 test -e "/proc/${pid_of[$name]}/root/run/up" || { diag <"$T/$name.log"; skip "no small machines here"; }
}

ip netns add "${T##*/}-switch" || skip "no network namespaces here"
at_exit ip netns del "${T##*/}-switch"
ip -n "${T##*/}-switch" link add bridge type bridge || skip "no bridges here"
ip -n "${T##*/}-switch" link set bridge up
machine front 192.0.2.10
machine gate1 192.0.2.11
machine gate2 192.0.2.12
machine gate3 192.0.2.13
machine client 192.0.2.20
machine other 192.0.2.21
machine upstream 192.0.2.30
machine journals 192.0.2.40

# --- upstream ---------------------------------------------------------------------

ssh-keygen -q -t ed25519 -N '' -f "$T/id"
ssh-keygen -q -t ed25519 -N '' -f "$T/host"
echo "192.0.2.30 $(cut -d' ' -f1,2 "$T/host.pub")" >"$T/known_hosts"
on upstream sh -c '
	mkdir -p /srv/upstream/team /srv/git/.ssh
	printf "restrict %s\n" "$(cat "$1/id.pub")" >/srv/git/.ssh/authorized_keys
	printf "HostKey %s/host\nUsePAM no\nStrictModes no\nKexAlgorithms curve25519-sha256\nPidFile none\nMaxStartups 500\nAcceptEnv GIT_PROTOCOL\n" "$1" >/etc/ssh/sshd_fleet
' - "$T"
as_client() {
	env HOME="$T/client" GIT_CONFIG_NOSYSTEM=1 "$@"
}

client_home "$T/client"
git init -q -b main "$T/seed"
as_client git -C "$T/seed" commit -q --allow-empty -m first
for repo in $repos; do
	git clone -q --bare "$T/seed" "$T/m/upstream/srv/upstream/$repo"
done
on upstream chown -R git:git /srv/upstream
start_on upstream "$(command -v sshd)" -D -e -f /etc/ssh/sshd_fleet

# --- gates --------------------------------------------------------------------------

git_user() {
	echo setpriv --reuid 9418 --regid 9418 --clear-groups
}

start_gate() {
	# shellcheck disable=SC2046 # words
	start_on "$1" $(git_user) git-gate run -c gate.log=journal -c hook.scanner=none -c hook.path="$T/bin/hooks"
	gate_pid[${1#gate}]=$!
	must "$1: it is ready" wait_for 60 on "$1" git-gate health --ready
}

# GATE KEY VALUE: live
set_on() {
	on "$1" git config --file /etc/git-gate/config "$2" "$3"
	check "$1: $2 = $3" has "$(on "$1" git-gate reload 2>&1)" "$2 changed"
}

gate_pid=() adding=()
for gate in $gates; do
	mkdir -p "$T/m/$gate/etc/git-gate/hooks/pre-receive.d"
	{
		sed '/^\[repo/,$d' "$top/examples/fleet/config"
		for repo in $repos; do
			sed -n "/^\[repo/,\$p" "$top/examples/fleet/config" | sed "s|team/app.git|$repo|"
		done
	} | sed "s|/usr/local/share/git-gate/scanners|$T/bin/scanners|" >"$T/m/$gate/etc/git-gate/config"
	install -m 600 -o 9418 "$T/id" "$T/m/$gate/etc/git-gate/id_ed25519"
	cp "$T/known_hosts" "$T/m/$gate/etc/git-gate/"
	# a push waits in its hook for as long as /srv/hold is there
	printf '#!/bin/sh\ncat >/dev/null\n: >/srv/git/held\nwhile [ -e /srv/hold ]; do sleep 0.1; done\n' >"$T/m/$gate/etc/git-gate/hooks/pre-receive.d/10-hold"
	chmod 755 "$T/m/$gate/etc/git-gate/hooks/pre-receive.d/10-hold"
	on "$gate" sh -c 'mkdir -p "/run/log/journal/$(cat /etc/machine-id)"'
	start_on "$gate" setpriv --bounding-set=-audit_control,-audit_read,-syslog /lib/systemd/systemd-journald
	wait_for 60 on "$gate" test -S /run/systemd/journal/socket
	# shellcheck disable=SC2046 # words
	on "$gate" $(git_user) git-gate add --missing >"$T/$gate.log" 2>&1 &
	adding+=($!)
done
for gate in $gates; do
	wait "${adding[${gate#gate} - 1]}"
	must "$gate: its mirrors are made from the common configuration" same $? 0
	start_gate "$gate"
done

# --- the front ----------------------------------------------------------------------

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gate.example \
	-addext subjectAltName=IP:192.0.2.10 -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
mkdir -p "$T/m/front/etc/haproxy"
on front mkdir -p /etc/haproxy
on front sh -c 'cat "$1/cert.pem" "$1/key.pem" >/etc/haproxy/gate.pem; cp "$2" /etc/haproxy/haproxy.cfg' - "$T" "$top/examples/fleet/haproxy.cfg"
start_on front haproxy -db -f /etc/haproxy/haproxy.cfg

# COMMAND: HAProxy's word
front() {
	on front python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/haproxy/admin.sock")
s.sendall(sys.argv[1].encode() + b"\n")
sys.stdout.write(s.makefile().read())' "$1"
}

# GATE STATE: both of its servers are UP, DOWN
is() {
	[ "$(front "show stat" | awk -F, -v g="$1" -v s="$2" '$2 == g && $18 == s' | wc -l)" = 2 ]
}

for gate in $gates; do
	must "$gate is up for the front" wait_for 60 is "$gate" UP
done

# GATE FIELD=VALUE...: events of its journal, as JSON
events() {
	on "$1" journalctl -D /run/log/journal --no-pager -o json "${@:2}"
}

# The gates that had sessions of a repository, since the mark if there is one.
gates_of() {
	local gate

	for gate in $gates; do
		events "$gate" ${mark:+--since=@$mark} GIT_GATE_EVENT=session.opened "GIT_GATE_REPO=$1" | grep -q . && echo "$gate"
	done
}

# --- a repository stays at its gate ---------------------------------------------------

url() {
	echo "https://192.0.2.10/$1"
}

# REPO DIR: upstream's main is what HEAD is there
upstream_has() {
	same "$(git -c safe.directory=* -C "$T/m/upstream/srv/upstream/$1" rev-parse main)" "$(git -C "$2" rev-parse HEAD || echo none)"
}

touch "$T/home.map"
for repo in $repos; do
	work=$T/client/${repo##*/}
	must "$repo: cloned over git://" on client git clone -q "git://192.0.2.10/$repo" "$work"
	as_client git -C "$work" commit -q --allow-empty -m second
	check "$repo: pushed over https://" on client git -C "$work" push -q "$(url "${repo%.git}")" HEAD:main
	check "$repo: upstream has it" upstream_has "$repo" "$work"
	home=$(gates_of "$repo")
	check "$repo: one gate had both" same "$(wc -w <<<"$home")" 1
	echo "$repo $home" >>"$T/home.map"
done
diag <"$T/home.map"
check "the repositories are spread over the three" same "$(cut -d' ' -f2 "$T/home.map" | sort -u | wc -l)" 3
for gate in $gates; do
	check "$gate: git:// and http:// were used, and every client is the real one" same "$(events "$gate" GIT_GATE_EVENT=session.opened |
		sed -n 's/.*"GIT_GATE_PEER":"\([0-9.]*\):[0-9]*".*/\1/p' | sort -u)" 192.0.2.20
	check "$gate: both transports" same "$(events "$gate" GIT_GATE_EVENT=session.opened | sed -n 's/.*"GIT_GATE_TRANSPORT":"\([a-z]*\)".*/\1/p' | sort -u | tr '\n' ' ')" "git http "
done

read -r repo home <"$T/home.map"
work=$T/client/${repo##*/}
set_on "$home" limit.sessionsPerPeer 1
# a client that holds its place, until descriptor 9 is closed
mkfifo "$T/leave"
on client python3 -c '
import socket, sys
s = socket.create_connection(("192.0.2.10", 9418))
r = b"git-upload-pack /" + sys.argv[1].encode() + b"\0host=x\0"
s.sendall(b"%04x" % (len(r) + 4) + r)
s.recv(1)
open(sys.argv[2], "w").close()
sys.stdin.read()' "$repo" "$T/holds" <"$T/leave" &
exec 9>"$T/leave"
wait_for 60 test -e "$T/holds"
on client timeout 50 git ls-remote -q "git://192.0.2.10/$repo" >/dev/null 2>&1 9>&- &
waits=$!
check "limits see the real client: its second session waits" wait_for 60 on "$home" sh -c 'git-gate status --json | grep -q "\"waiting\": 1"'
check "and another client is served" on other git ls-remote -q "git://192.0.2.10/$repo"
check "while that one still waits" on "$home" sh -c 'git-gate status --json | grep -q "\"waiting\": 1"'
exec 9>&-
wait $waits
check "once the first has left it is served" same $? 0
set_on "$home" limit.sessionsPerPeer 0

# --- a gate dies ------------------------------------------------------------------------

# who is no client of the gates pushes to upstream
elsewhere() {
	on upstream setpriv --reuid 9418 --regid 9418 --clear-groups env HOME=/srv/git git -C "/srv/upstream/$1" \
		-c user.name=x -c user.email=x@example.invalid commit-tree -p main -m "$2" "main^{tree}" >"$T/elsewhere"
	on upstream setpriv --reuid 9418 --regid 9418 --clear-groups env HOME=/srv/git git -C "/srv/upstream/$1" update-ref refs/heads/main "$(cat "$T/elsewhere")"
}

# What is there until now does not count: journalctl's --since knows seconds.
mark_now() {
	mark=$(($(date +%s) + 1))
	wait_for 60 eval '[ $(date +%s) -ge $mark ]'
}

mark_now
{ kill_and_wait "${gate_pid[${home#gate}]}"; } 2>/dev/null
elsewhere "$repo" "while it was dead"
check "killed: a fetch is served, from another gate" on client git -C "$work" fetch -q "git://192.0.2.10/$repo" main
check "killed: with what upstream has since" same "$(git -C "$work" rev-parse FETCH_HEAD)" "$(cat "$T/elsewhere")"
git -C "$work" reset -q --hard FETCH_HEAD
as_client git -C "$work" commit -q --allow-empty -m "by the other gate"
check "killed: a push is taken" on client git -C "$work" push -q "$(url "$repo")" HEAD:main
check "killed: upstream has it" upstream_has "$repo" "$work"
# until the front has noticed it may be another one than from then on
check "killed: others have served" eval 'gates_of "$repo" | grep .'
check "killed: that one has not" fails eval 'gates_of "$repo" | grep "$home"'
diag <<<"instead of $home: $(gates_of "$repo" | tr '\n' ' ')"
start_gate "$home"
check "and up for the front" wait_for 60 is "$home" UP
check "back: a clone is served" on client git clone -q "$(url "$repo")" "$T/client/back"
check "back: with what the other gate forwarded" same "$(git -C "$T/client/back" rev-parse HEAD)" "$(git -C "$work" rev-parse HEAD)"
check "back: by its own gate" eval 'gates_of "$repo" | grep -q "$home"'

# --- a gate drains ------------------------------------------------------------------------

# NAME COMMAND...: the gate is told to go while a push of the repository is in flight.
goes() {
	local name=$1 push

	touch "$T/m/$home/srv/hold"
	rm -f "$T/m/$home/srv/git/held"
	as_client git -C "$work" commit -q --allow-empty -m "$name"
	on client git -C "$work" push -q "git://192.0.2.10/$repo" HEAD:main >"$T/push" 2>&1 &
	push=$!
	check "$name: a push is in its hook" wait_for 60 test -e "$T/m/$home/srv/git/held"
	"${@:2}" >/dev/null
	: >"$T/refused"
	until is "$home" DOWN; do
		on client git ls-remote -q "git://192.0.2.10/$repo" >/dev/null 2>>"$T/refused"
	done
	check "$name: nobody was refused before the front had noticed" same "$(cat "$T/refused")" ""
	mark_now
	check "$name: a fetch is served" on client git ls-remote -q "git://192.0.2.10/$repo"
	check "$name: and over https://" on client git ls-remote -q "$(url "$repo")"
	check "$name: by another gate, the draining one takes nobody new" fails eval 'gates_of "$repo" | grep "$home"'
	rm "$T/m/$home/srv/hold"
	wait $push
	check "$name: the push in flight completes" same $? 0
	diag <"$T/push"
	check "$name: upstream has it" upstream_has "$repo" "$work"
}

goes drain on "$home" git-gate drain
check "drain: resume" on "$home" git-gate resume
check "drain: it is up again" wait_for 60 is "$home" UP
goes TERM kill -TERM "${gate_pid[${home#gate}]}"
wait "${gate_pid[${home#gate}]}"
check "TERM: the gate ends by itself" same $? 0
start_gate "$home"
check "TERM: and up" wait_for 60 is "$home" UP

# --- a gate's machine is cut off ---------------------------------------------------------------

ip -n "${T##*/}-switch" link set "$home" down
check "cut off: a client is served, from another gate" on client git ls-remote -q "git://192.0.2.10/$repo"
check "cut off: and over https://" on client git ls-remote -q "$(url "$repo")"
check "cut off: the front knows" wait_for 60 is "$home" DOWN
ip -n "${T##*/}-switch" link set "$home" up
check "cut off: it is up again" wait_for 60 is "$home" UP

# --- the journals ---------------------------------------------------------------------------

mkdir "$T/gathered"
start_on journals $journal_remote --listen-http=192.0.2.40:19532 --split-mode=host -o "$T/gathered"
# who uploads tries once
check "journals: the gatherer listens" wait_for 60 on journals python3 -c 'import socket; socket.create_connection(("192.0.2.40", 19532))'
for gate in $gates; do
	start_on "$gate" $journal_upload --url=http://192.0.2.40:19532 --directory=/run/log/journal --follow=yes --save-state="$T/$gate.cursor"
	set_on "$gate" deadline.commands 500ms
	mine=$(grep "$gate\$" "$T/home.map" | head -n 1 | cut -d' ' -f1)
	check "$gate: a stuck client reads through the front why it is ended" has "$(on client python3 -c '
import socket, sys
s = socket.create_connection(("192.0.2.10", 9418))
r = b"git-receive-pack /" + sys.argv[1].encode() + b"\0host=x\0"
s.sendall(b"%04x" % (len(r) + 4) + r)
print(s.makefile("rb").read().decode(errors="replace"))' "$mine" | tr -d '\0')" "git-gate: no command for .*deadline.commands" ||
		events "$gate" GIT_GATE_EVENT=session.reaped | diag
done

gathered() {
	journalctl -D "$T/gathered" --no-pager -o json GIT_GATE_EVENT=session.reaped | sed -n 's/.*"_HOSTNAME":"\([a-z0-9]*\)".*/\1/p' | sort -u | tr '\n' ' '
}

all_gathered() {
	same "$(gathered)" "gate1 gate2 gate3 "
}

check "one journal has what the three gates ended" wait_for 60 all_gathered
id=$(journalctl -D "$T/gathered" --no-pager -o json GIT_GATE_EVENT=session.reaped _HOSTNAME=gate2 | sed -n 's/.*"GIT_GATE_SESSION":"\([0-9a-f]*\)".*/\1/p' | head -n 1)
check "and a session's whole story" has "$(journalctl -D "$T/gathered" --no-pager -o json "GIT_GATE_SESSION=$id" | sed -n 's/.*"GIT_GATE_EVENT":"\([^"]*\)".*/\1/p' | tr '\n' ' ')" \
	"session.opened .*session.reaped session.closed"
for gate in $gates; do
	check "$gate met no error" fails eval 'events "$gate" GIT_GATE_EVENT=gate.error | grep .'
done
finish
