#!/bin/bash
# r0004 - an upgrade of a host loses nothing: 100 pushes over both transports, some of them on to an upstream, across five
# restarts and a change of the programs under the running gate; settings that change live; a drain longer than TimeoutStopSec=.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter systemd-nspawn git gcc make setsid timeout pgrep ip sshd ssh-keygen python3
make_tmp
build
realm_up

entries() {
	in_realm journalctl --no-pager -o cat "$@"
}

count() {
	entries "GIT_GATE_EVENT=$1" | grep -c .
}

check "make install" make_here DESTDIR="$M" install
in_realm systemd-sysusers
in_realm systemd-tmpfiles --create git-gate.conf
mkdir -p "$M/etc/git-gate/hooks/pre-receive.d" "$M/client"
printf '[hook]\n\tscanner = none\n[limit]\n\tsessions = 40\n' >"$M/etc/git-gate/config"
# every push takes a while, so that each restart finds some
printf '#!/bin/sh\ncat >/dev/null\nsleep 0.2\n' >"$M/etc/git-gate/hooks/pre-receive.d/slow"
chmod 755 "$M/etc/git-gate/hooks/pre-receive.d/slow"
client_home "$M/client"
as_git init -q --bare -b main /srv/git/demo.git
touch "$M/srv/git/demo.git/git-daemon-export-ok"

# an upstream: an account of the same machine, over ssh
in_realm useradd --system --create-home --home-dir /upstream --shell /bin/sh up
in_realm usermod --password '*' up
in_realm setpriv --reuid up --regid up --init-groups git init -q --bare -b main /upstream/app.git
in_realm ssh-keygen -q -t ed25519 -N '' -f /etc/git-gate/id
in_realm chown git /etc/git-gate/id
in_realm ssh-keygen -q -t ed25519 -N '' -f /etc/host
printf '[localhost]:2222 %s\n' "$(cut -d ' ' -f 1,2 "$M/etc/host.pub")" >"$M/etc/git-gate/known_hosts"
install -m 644 "$M/etc/git-gate/id.pub" "$M/etc/authorized"
printf '%s\n' 'Port 2222' 'ListenAddress 127.0.0.1' 'HostKey /etc/host' 'UsePAM no' 'StrictModes no' 'KexAlgorithms curve25519-sha256' 'MaxStartups 100' \
	'AuthorizedKeysFile /etc/authorized' 'PidFile none' >"$M/etc/sshd.conf"
in_realm mkdir -p /run/sshd
in_realm systemd-run -q --unit=upstream "$(command -v sshd)" -D -f /etc/sshd.conf
check "git-gate add" wait_for 60 in_realm git-gate add app.git --upstream ssh://up@localhost:2222/upstream/app.git \
	--identity /etc/git-gate/id --known-hosts /etc/git-gate/known_hosts

ctl daemon-reload
check "both sockets are enabled, by the service's Also=" ctl enable --now git-gate.service
for a in git://127.0.0.1:9418 http://127.0.0.1:9420; do
	check "$a is systemd's" has "$(entries GIT_GATE_EVENT=gate.ready)" "$a (inherited)"
done

# --- 100 pushes, five restarts ------------------------------------------------

# NAME URL N: a client who pushes N commits, one after another, to a branch of its own. Over HTTP every second has to
# be sent in pieces. What fails is in $T/failed.
pusher() {
	in_realm bash -c '
		set -e
		git init -q /client/$1
		cd /client/$1
		git config http.postBuffer 65536
		for ((i = 1; i <= $3; i++)); do
			head -c $((i % 2 ? 2000 : 150000)) /dev/urandom >data
			git add data
			git commit -qm $i
			git push -q $2 HEAD:refs/heads/$1 2>/client/$1.err || { echo "$1 $i: $(cat /client/$1.err)"; exit 1; }
			echo >>/client/pushed
		done' - "$@" >>"$T/failed" 2>&1
}

touch "$M/client/pushed"
clients=()
for n in 1 2 3; do
	pusher "git$n" git://127.0.0.1:9418/demo.git 14 &
	clients+=($!)
	pusher "http$n" http://127.0.0.1:9420/demo.git 14 &
	clients+=($!)
done
pusher app1 git://127.0.0.1:9418/app.git 8 &
clients+=($!)
pusher app2 http://127.0.0.1:9420/app.git 8 &
clients+=($!)

pushed_more() {
	[ "$(wc -l <"$M/client/pushed")" -ge "$1" ]
}

# SECONDS of a connection that is kept between two requests, across a restart: the end of it comes as an end, not a reset.
cat >"$M/client/keep.py" <<-'EOC'
	import socket
	s = socket.create_connection(("127.0.0.1", 9420))
	s.sendall(b"GET /demo.git/HEAD HTTP/1.1\r\nHost: x\r\n\r\n")
	print(s.recv(65536).split(b"\r\n")[0].decode().split()[0], flush=True)
	s.settimeout(60)
	while s.recv(65536):
	    pass
	print("closed", flush=True)
EOC
in_realm python3 /client/keep.py >"$T/keep" 2>&1 &
keep=$!
check "a connection is kept" wait_for 60 grep -q HTTP "$T/keep"

# PROGRAM COMMAND...: what the command prints takes its place
replace() {
	"${@:2}" >"$M$PREFIX/$1.new"
	chmod 755 "$M$PREFIX/$1.new"
	mv -f "$M$PREFIX/$1.new" "$M$PREFIX/$1"
}

for i in 1 2 3 4 5; do
	wait_for 60 pushed_more $((i * 15 - 10)) >/dev/null
	if [ $i = 3 ]; then
		# an upgrade while the gate runs: first programs that it could not start, then those of another version (the
		# text is as long)
		for p in session http; do
			replace "libexec/git-gate/git-gate-$p" printf '#!/bin/sh\nexit 2\n'
		done
		done_by_now=$(wc -l <"$M/client/pushed")
		check "the old gate goes on with the programs that it began with" wait_for 60 pushed_more $((done_by_now + 8))
		for p in bin/git-gate libexec/git-gate/git-gate-{session,http,hook,admin}; do
			replace "$p" sed 's/0\.1\.0/0.1.9/g' "$built/${p##*/}"
		done
		done_by_now=$(wc -l <"$M/client/pushed")
		check "and with another hook" wait_for 60 pushed_more $((done_by_now + 8))
		check "it says that it is not what is installed" same "$(count gate.outdated)" 1
		check "and so does git-gate status" has "$(in_realm git-gate status)" "0\.1\.0.*0\.1\.9"
	fi
	forget_starts
	check "restart $i" ctl restart git-gate.service
done
for c in "${clients[@]}"; do
	wait "$c"
done
wait $keep
check "no push failed" same "$(cat "$T/failed")" ""
check "all 100 are through" same "$(wc -l <"$M/client/pushed")" 100
check "five gates were stopped" same "$(count gate.stopped)" 5
check "while sessions ran" test "$(entries GIT_GATE_EVENT=gate.stopping | grep -vc '^0 sessions')" -ge 4
diag <<<"$(entries GIT_GATE_EVENT=gate.stopping)"
check "none was ended early" same "$(count session.reaped) $(count session.refused) $(count push.rejected)" "0 0 0"
check "the kept connection was closed in order" same "$(tail -n 1 "$T/keep")" closed
check "the new version serves" has "$(in_realm git-gate status --json)" '"version": "0.1.9"'

tips() {
	local c

	for c; do
		echo "$(in_realm git -C "/client/$c" rev-parse HEAD) refs/heads/$c"
	done
}

refs() {
	in_realm git -c safe.directory='*' -C "$1" for-each-ref --format='%(objectname) %(refname)'
}

check "every branch is where its client left it" same "$(refs /srv/git/demo.git)" "$(tips git1 git2 git3 http1 http2 http3)"
check "upstream has what was forwarded" same "$(refs /upstream/app.git)" "$(tips app1 app2)"
check "and so has its mirror" same "$(refs /srv/git/app.git)" "$(tips app1 app2)"
for r in /srv/git/demo.git /srv/git/app.git /upstream/app.git; do
	check "$r is whole" in_realm git -c safe.directory='*' -C "$r" fsck --full --strict
	check "and nothing is left in it" same "$(find "$M$r" -name 'tmp_*' -o -name '*.lock' ! -name git-gate.lock)" ""
done

# --- settings that change live, and a drain that takes longer than TimeoutStopSec= --------------

mkdir -p "$M/etc/systemd/system/git-gate.service.d"
printf '[Service]\nTimeoutStopSec=2s\n' >"$M/etc/systemd/system/git-gate.service.d/short.conf"
ctl daemon-reload
in_realm git config -f /etc/git-gate/config limit.sessions 7
in_realm git config -f /etc/git-gate/config deadline.drain 5m
old=$(show MainPID)
check "reload" ctl reload git-gate.service
check "the limit is another, and the gate the same" has "$(in_realm git-gate status --json)" '"limit_sessions": 7'
check "which is" same "$(show MainPID)" "$old"
in_realm git config -f /etc/git-gate/config limit.sessions many
check "a reload with an error fails" fails ctl reload git-gate.service
check "and changes nothing" has "$(in_realm git-gate status --json --control /run/git-gate/control)" '"limit_sessions": 7'
in_realm git config -f /etc/git-gate/config limit.sessions 7

cat >"$M/client/git1/.git/hooks/pre-push" <<-'EOC'
	#!/bin/sh
	: >/client/began
	while [ ! -e /client/go ]; do sleep 0.05; done
EOC
chmod +x "$M/client/git1/.git/hooks/pre-push"
in_realm bash -c 'cd /client/git1 && git commit -q --allow-empty -m late && git push -q git://127.0.0.1:9418/demo.git HEAD:late' >"$T/late" 2>&1 &
push=$!
check "a push is running" wait_for 60 test -e "$M/client/began"
ctl restart --no-block git-gate.service
check "the restart waits for it" wait_for 60 state_is deactivating
in_realm git ls-remote -q git://127.0.0.1:9418/demo.git >"$T/queued" 2>&1 &
queued=$!
# TimeoutStopSec= is 2 s, and 5 s have to pass to see that it does not count
lasted() {
	[ $((SECONDS - $1)) -ge 5 ]
}
check "for longer than TimeoutStopSec=" wait_for 60 lasted $SECONDS
check "still" state_is deactivating
touch "$M/client/go"
wait $push
check "it finishes" same "$? $(cat "$T/late")" "0 "
wait $queued
check "and who came meanwhile was served after" same "$?" 0
check "by the next gate" wait_for 60 state_is active
check "nobody was killed" fails has "$(entries -u git-gate.service)" "SIGKILL\|timed out"
finish
