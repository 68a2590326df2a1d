#!/bin/bash
# r0001 - git-gate installed as a unit of a real systemd: socket activation, the journal, the sandbox, stop,
# restart and death.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter systemd-nspawn systemd-analyze git gcc make setsid timeout pgrep ip sshd ssh-keygen
make_tmp

build
realm_up

tip() {
	as_git -C "/srv/git/$1" rev-parse --verify -q refs/heads/main
}

commit_and_push() {
	as_client -C /client/work commit -q --allow-empty -m "$1" &&
		as_client -C /client/work push -q "${2:-origin}" HEAD:main
}

status_says() {
	has "$(show StatusText)" "$1"
}

url=git://127.0.0.1:9418

# --- installing -------------------------------------------------------------

check "make install" make_here DESTDIR="$M" install
check "the user is made" in_realm systemd-sysusers
check "/srv/git is made" in_realm systemd-tmpfiles --create git-gate.conf
mkdir -p "$M/etc/git-gate" "$M/client"
cat >"$M/etc/git-gate/config" <<-EOC
	[hook]
		scanner = none
	[deadline]
		commands = 4s
		grace = 500ms
EOC
client_home "$M/client"
as_git init -q --bare -b main /srv/git/demo.git
as_git init -q --bare -b main --shared=group /srv/git/shared.git
touch "$M/srv/git/demo.git/git-daemon-export-ok" "$M/srv/git/shared.git/git-daemon-export-ok"

# --man=no: the manual may not be built yet
check "systemd-analyze verify has nothing to say" same "$(in_realm systemd-analyze verify --man=no \
	"$PREFIX"/lib/systemd/system/git-gate.service "$PREFIX"/lib/systemd/system/git-gate-{git,http}.socket 2>&1)" ""
ctl daemon-reload

# --- serving ----------------------------------------------------------------

check "git's socket is enabled, and HTTP's is not" ctl enable --now git-gate-git.socket
check "the service does not, yet" same "$(show ActiveState)" inactive
check "a clone, which starts the service" as_client clone -q $url/demo.git /client/work
check "it is active" same "$(show ActiveState)" active
check "it runs as user git" same "$(in_realm stat -c %U "/proc/$(show MainPID)")" git
check "a push" commit_and_push first
check "it arrived" same "$(tip demo.git)" "$(as_client -C /client/work rev-parse HEAD)"
check "a push to a repository made with --shared" commit_and_push shared $url/shared.git
check "a clone of what was pushed" as_client clone -q $url/demo.git /client/again
check "systemctl shows the gate's words" has "$(ctl status --no-pager git-gate.service)" 'Status: "serving'
check "which are of now" wait_for 60 status_says "serving.* 0 sessions"
check "git-gate status, as root" has "$(in_realm git-gate status)" 127.0.0.1:9418
health=(git-gate health --control /run/git-gate/control)
check "git-gate health, as user git" in_realm runuser -u git -- "${health[@]}"
check "another user is refused" fails in_realm runuser -u nobody -- "${health[@]}"
check "the sandbox hides nothing that the gate looks at" \
	has "$(in_realm git-gate status --json)" '"reduced_evidence": false'
diag <<<"$(in_realm systemd-analyze security --no-pager git-gate.service | tail -n 1)"

# --- an upstream and a scanner: what the sandbox has to let through ----------

mkdir -p "$M/upstream"
in_realm useradd --system --create-home --home-dir /upstream/home --shell /bin/sh up
in_realm usermod --password '*' up
in_realm install -d -o up /upstream/git
in_realm setpriv --reuid up --regid up --init-groups git init -q --bare -b main /upstream/git/app.git
in_realm ssh-keygen -q -t ed25519 -N '' -f /etc/git-gate/id
in_realm chown git /etc/git-gate/id
in_realm ssh-keygen -q -t ed25519 -N '' -f /upstream/host
printf '[localhost]:2222 %s\n' "$(cut -d ' ' -f 1,2 "$M/upstream/host.pub")" >"$M/etc/git-gate/known_hosts"
install -m 644 "$M/etc/git-gate/id.pub" "$M/upstream/authorized"
printf '%s\n' 'Port 2222' 'ListenAddress 127.0.0.1' 'HostKey /upstream/host' 'UsePAM no' 'StrictModes no' 'KexAlgorithms curve25519-sha256' \
	'AuthorizedKeysFile /upstream/authorized' 'PidFile none' >"$M/upstream/sshd.conf"
in_realm mkdir -p /run/sshd
check "an sshd as upstream" in_realm systemd-run -q --unit=upstream "$(command -v sshd)" -D -f /upstream/sshd.conf
# a scanner that looks for a word, and for the key that doctor plants
cat >"$M/etc/git-gate/scan" <<-'EOC'
	#!/bin/sh
	cd "$1" && LC_ALL=C grep -a -n -r -F -e planted-word -e AKIA . >"$TMPDIR/found" || exit 0
	sed -nE 's/^\.\/([0-9a-f]+):([0-9]+):.*/\1\t\2\tword/p' "$TMPDIR/found"
	exit 1
EOC
chmod 755 "$M/etc/git-gate/scan"

config() {
	in_realm git config -f /etc/git-gate/config "$@"
}

check "git-gate add, by root" wait_for 60 in_realm git-gate add app.git --upstream ssh://up@localhost:2222/upstream/git/app.git \
	--identity /etc/git-gate/id --known-hosts /etc/git-gate/known_hosts
config hook.scannerCommand /etc/git-gate/scan
config hook.scanner command
check "reload" ctl reload git-gate.service
out=$(as_client -C /client/work push $url/app.git HEAD:main 2>&1)
check "a push is scanned, and forwarded over ssh" has "$out" "git-gate: forwarded main"
check "upstream has it" same "$(in_realm git -c safe.directory='*' -C /upstream/git/app.git rev-parse main)" \
	"$(as_client -C /client/work rev-parse HEAD)"
as_client -C /client/work commit -q --allow-empty -m planted-word
out=$(as_client -C /client/work push $url/app.git HEAD:main 2>&1)
check "what the scanner finds is refused" has "$out" "git-gate:   word in the text of commit"
as_client -C /client/work reset -q --hard HEAD~1
check "nothing is left in /dev/shm" same "$(in_realm ls /dev/shm)" ""
check "a fetch that asks upstream" as_client ls-remote -q --exit-code $url/app.git main
check "git-gate doctor, as root" in_realm git-gate doctor app.git
check "git-gate doctor, of the machine" in_realm git-gate doctor
check "which says that the unit has another" has "$(in_realm git-gate doctor)" "^ok *evidence: .*not of the gate's"
config hook.scanner none
check "reload again" ctl reload git-gate.service

# --- a stuck client, and its story in the journal ---------------------------

# KIND: what became of such a client
torture() {
	in_realm git-gate-torture --url $url/demo.git --kind "$1" --limit 30s --json
}

check "a stuck client is ended by the gate" has "$(torture after-advert)" '"ended_by": "server"'

reaped_id() {
	in_realm git-gate reaped --json | sed -n 's/.*"id": "\(.*\)".*/\1/p' | grep .
}

check "git-gate reaped lists it" wait_for 60 reaped_id
id=$(reaped_id)
message_id=$(sed -n 's/^EV(SESSION_REAPED, .*"\([0-9a-f]\{32\}\)".*/\1/p' "$top/base/event.def")

story() {
	in_realm journalctl --no-pager -o json "GIT_GATE_SESSION=$id" "$@"
}

journal_has() {
	has "$(story "${@:2}")" "$1"
}

check "the journal gets its end" wait_for 60 journal_has '"GIT_GATE_EVENT":"session.closed"'
reaped=$(story GIT_GATE_EVENT=session.reaped)
for field in GIT_GATE_REASON=commands GIT_GATE_KEY=deadline.commands GIT_GATE_REPO=demo.git PRIORITY=5 \
	MESSAGE_ID="$message_id" _SYSTEMD_UNIT=git-gate.service; do
	check "session.reaped has $field" has "$reaped" "\"${field%%=*}\":\"${field#*=}\""
done
in_realm journalctl --update-catalog
check "journalctl -x explains it" has "$(in_realm journalctl --no-pager -x "GIT_GATE_SESSION=$id")" \
	"Subject: git-gate: session.reaped"
check "one such entry" same "$(wc -l <<<"$reaped")" 1

# what git complains about on its stderr: no packet is that short
in_realm bash -c 'exec 3<>/dev/tcp/127.0.0.1/9418
	printf "002egit-receive-pack /demo.git\0host=127.0.0.1\0" >&3
	head -c 4 <&3 >/dev/null
	printf 0003 >&3
	cat <&3 >/dev/null'
check "git's own stderr is in the journal, with the session's id" wait_for 60 in_realm bash -c '
	journalctl --no-pager -o json GIT_GATE_EVENT=session.log | grep "bad line length 3" |
		grep GIT_GATE_SESSION'

# --- stopping ---------------------------------------------------------------

# a push that lasts until /client/go is there: its client is in its own pre-push hook
cat >"$M/client/work/.git/hooks/pre-push" <<-'EOC'
	#!/bin/sh
	: >/client/began
	while [ ! -e /client/go ]; do sleep 0.05; done
EOC
chmod +x "$M/client/work/.git/hooks/pre-push"
commit_and_push "while it stops" >"$T/push.log" 2>&1 &
push=$!
check "a push is running" wait_for 60 test -e "$M/client/began"
ctl stop --no-block git-gate-git.socket git-gate.service
check "stop waits for it" wait_for 60 state_is deactivating
touch "$M/client/go"
wait $push
check "it finishes" same $? 0
check "it arrived" same "$(tip demo.git)" "$(as_client -C /client/work rev-parse HEAD)"
check "then the service stops" wait_for 60 state_is inactive
check "as a success" same "$(show Result)" success
rm "$M/client/work/.git/hooks/pre-push"

# --- restarting -------------------------------------------------------------

forget_starts
check "socket and service start again" ctl start git-gate.service
check "the socket with the service" same "$(show ActiveState git-gate-git.socket)" active

# Clients one after another, until told to stop; what they met is in $T/clients.
in_realm bash -c '
	while [ ! -e /client/enough ]; do
		git ls-remote -q git://127.0.0.1:9418/demo.git >/dev/null || echo refused
		echo $((++n)) >/client/served
	done
' >"$T/clients" 2>&1 &
clients=$!

served_more() {
	[ "$(cat "$M/client/served")" -gt "$1" ]
}

check "clients come" wait_for 60 served_more 2
old=$(show MainPID)
for i in 1 2 3; do
	check "restart $i" ctl restart git-gate.service
	check "clients still come" wait_for 60 served_more "$(cat "$M/client/served")"
done
touch "$M/client/enough"
wait $clients
check "another process serves" fails same "$(show MainPID)" "$old"
check "no client met a closed door" same "$(cat "$T/clients")" ""

# --- dying ------------------------------------------------------------------

quarantine() {
	compgen -G "$M/srv/git/demo.git/objects/tmp_objdir-*"
}

restarted() {
	state_is active && [ "$(show MainPID)" != "$1" ]
}

forget_starts
torture mid-pack-large >/dev/null &
stuck=$!
check "a push hangs in the middle of its pack" wait_for 60 quarantine
old=$(show MainPID)
in_realm kill -KILL "$old"
wait $stuck
check "killed, it is started again" wait_for 60 restarted "$old"
check "what the push left is removed" wait_for 60 fails quarantine
check "and serves" as_client ls-remote -q $url/demo.git

forget_starts
echo '[hook] scaner = none' >>"$M/etc/git-gate/config"
ctl restart git-gate.service >/dev/null 2>&1
check "a wrong configuration is not tried again and again" same \
	"$(show ExecMainStatus) $(show NRestarts)" "2 0"
check "its reason is in the journal" has \
	"$(in_realm journalctl --no-pager -o cat -u git-gate.service -n 20)" hook.scaner

finish
