#!/bin/bash
# r0006 - a cgroup for each session in the unit as it is shipped: what leaves its session in every way is ended with it.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter systemd-nspawn git setsid timeout pgrep ip
built=${BUILD:-$top/build}
[ -x "$built/git-gate" ] || skip "nothing is built in $built"
make_tmp
realm_up

# --- the programs as they are, the units as they are shipped ------------------

mkdir -p "$M/opt/git-gate" "$M/etc/git-gate/hooks/post-receive.d" "$M/client"
cp -a "$built"/git-gate "$built"/git-gate-{session,http,hook,admin} "$built/hooks" "$M/opt/git-gate/"
for unit in git-gate.service git-gate-git.socket git-gate-http.socket git-gate@.service git-gate-git@.socket git-gate-http@.socket; do
	sh "$top/systemd/unit" $unit /opt/git-gate >"$M/etc/systemd/system/$unit"
done
in_realm systemd-sysusers - <"$top/systemd/git-gate.sysusers"
in_realm systemd-tmpfiles --create - <"$top/systemd/git-gate.tmpfiles"
cat >"$M/etc/git-gate/config" <<-EOC
	[hook]
		scanner = none
		path = /opt/git-gate/hooks
	[deadline]
		hook = 2s
		grace = 500ms
EOC
# twice forked, a session of its own, no environment, no pipe, another directory
cat >"$M/etc/git-gate/hooks/post-receive.d/escape" <<-'EOC'
	#!/bin/sh
	m=/srv/git/escaped
	rm -f $m
	(cd /; setsid env -i sh -c "sh -c 'echo \$\$ >$m.new; mv $m.new $m; exec sleep 1000' </dev/null >/dev/null 2>&1 &" </dev/null >/dev/null 2>&1)
	until [ -e $m ]; do sleep 0.01; done
EOC
chmod 755 "$M/etc/git-gate/hooks/post-receive.d/escape"
client_home "$M/client"
as_git init -q --bare -b main /srv/git/demo.git
touch "$M/srv/git/demo.git/git-daemon-export-ok"
ctl daemon-reload
ctl start git-gate-git.socket

url=git://127.0.0.1:9418/demo.git
gate=/opt/git-gate/git-gate
C=/sys/fs/cgroup/system.slice/git-gate.service

below() {
	in_realm find "$C" -mindepth 1 -type d -printf '%P\n'
}

status() {
	in_realm "$gate" status --json | sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p"
}

only_the_gate() {
	same "$(below | sort)" "git-gate-$(status instance)
git-gate-$(status instance)/gate"
}

escaped_is_gone() {
	! in_realm test -e "/proc/$1"
}

push() {
	in_realm git -C /client/work commit -q --allow-empty -m "$1" && in_realm git -C /client/work push -q origin HEAD:main
}

check "a clone, which starts the service" in_realm git clone -q $url /client/work
check "sessions have cgroups, though all others are read-only" same "$(status cgroup)" "$C/git-gate-$(status instance)"
check "the gate is in a leaf" has "$(in_realm cat "/proc/$(ctl show -P MainPID git-gate.service)/cgroup")" "0::.*/gate$"
check "a push whose step lets a process get away" push first
pid=$(in_realm cat /srv/git/escaped)
check "it is ended with its session" wait_for 60 escaped_is_gone "$pid"
check "which the journal has" has "$(in_realm journalctl --no-pager -o json GIT_GATE_EVENT=session.stray)" "\"GIT_GATE_PIDS\":\"$pid\""
check "no cgroup is left" wait_for 60 only_the_gate

# --- many -----------------------------------------------------------------------

check "200 sessions" in_realm sh -c 'for i in 1 2 3 4; do
	(for j in $(seq 50); do git ls-remote -q "$1" >/dev/null || exit 1; done) & p="$p $!"
done; for i in $p; do wait $i || exit 1; done' - $url
check "no cgroup is left of them" wait_for 60 only_the_gate
check "none was ended" same "$(status reaped)" 0

# --- death ------------------------------------------------------------------------

check "another push with such a step" push second
pid=$(in_realm cat /srv/git/escaped)
before=$(status instance)
ctl kill -s KILL --kill-who=main git-gate.service
again() {
	[ "$(status instance)" ] && [ "$(status instance)" != "$before" ]
}
check "a gate that is killed is started again" wait_for 60 again
check "nothing of it is left" wait_for 60 only_the_gate
check "nor what got away" escaped_is_gone "$pid"
check "it serves" push third
check "and stops" ctl stop git-gate-git.socket git-gate.service
check "without a cgroup" in_realm sh -c "! test -e $C"

# --- a template's, and what there is without ---------------------------------------

two_has() {
	has "$(in_realm "$gate" status --gate two --json)" "$1"
}

cat "$M/etc/git-gate/config" - >"$M/etc/git-gate/two.config" <<<$'[gate]\n\tpublic = true'
ctl start git-gate-git@two.socket git-gate@two.service
check "one of many gates has them too" wait_for 60 two_has \
	'"cgroup": "/sys/fs/cgroup/system.slice/git-gate@two.service/git-gate-'
ctl stop git-gate-git@two.socket git-gate@two.service
mkdir -p "$M/etc/systemd/system/git-gate.service.d"
printf '[Service]\nDelegate=no\n' >"$M/etc/systemd/system/git-gate.service.d/no.conf"
ctl daemon-reload
ctl start git-gate-git.socket
check "without Delegate it serves" push fourth
check "and says why not" has "$(in_realm "$gate" status --json)" '"cgroup_unused": ".*not delegated'
finish
