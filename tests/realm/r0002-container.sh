#!/bin/bash
# r0002 - git-gate as PID 1 of OCI containers, made by crun and by runc: no privilege, nothing writable but
# /srv/git and /run.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need crun runc git gcc make nsenter unshare ip busybox timeout
make_tmp

make -s -C "$top" all >"$T/make.log" 2>&1 || { diag <"$T/make.log"; bail "it does not build"; }
build=$(cd "$top" && realpath "${O:-build}")
check "rootfs.sh makes a root file system" "$top/sidecar/rootfs.sh" "$T/rootfs"
diag <<<"it has $(du -sm "$T/rootfs" | cut -f 1) MiB"

# The pod's network: the client is in it, as the other container of a pod is.
ip netns add "${T##*/}" || skip "no network namespaces here"
at_exit ip netns del "${T##*/}"
netns=/run/netns/${T##*/} user=9418:9418
nsenter --net="$netns" ip link set lo up

url=git://127.0.0.1:9418/demo.git

# --- the volume: a repository, and a hook that leaves children behind -------

new_volume() {
	rm -rf "$T/srv" "$T/client"
	mkdir "$T/srv" "$T/srv/hooks"
	git init -q --bare -b main "$T/srv/demo.git"
	touch "$T/srv/demo.git/git-daemon-export-ok"
	# one in the session's process group, and one in a session of its own, whose parent ends before it
	cat >"$T/srv/hooks/pre-receive" <<-'EOH'
		#!/bin/sh
		sleep 1 </dev/null >/dev/null 2>&1 &
		setsid sh -c 'sleep 1 & exit' </dev/null >/dev/null 2>&1
		exec /usr/local/libexec/git-gate/hooks/pre-receive
	EOH
	chmod +x "$T/srv/hooks/pre-receive"
	chown -R 9418:9418 "$T/srv"
	client_home "$T/client"
}

commit_and_push() {
	in_pod git -C "$T/client/work" commit -q --allow-empty -m "$1" &&
		in_pod git -C "$T/client/work" push -q origin HEAD:main
}

# KIND: what became of such a client
torture() {
	in_pod "$build/git-gate-torture" --url $url --kind "$1" --limit 30s --json
}

# --- the container ----------------------------------------------------------

# Nothing but the gate, and the shell and the cat that ask.
alone() {
	same "$(shell 'cat /proc/[0-9]*/comm 2>/dev/null' | grep -v -e '^sh$' -e '^cat$')" git-gate
}

connected() {
	inside git-gate sessions --json | grep '"id"'
}

reaped() {
	inside git-gate reaped --json | grep "\"reason\": \"$1\""
}

start() {
	mkdir "$T/$rt"
	oci_config "$netns" git-gate run -c hook.scanner=none -c hook.path=/srv/git/hooks \
		-c deadline.commands=3s -c deadline.drain=2s -c deadline.grace=500ms >"$T/$rt/config.json"
	oci "$rt" run --bundle "$T/$rt" "$id" </dev/null >"$T/$rt.log" 2>&1 &
	container=$!
	at_exit oci "$rt" delete --force "$id"
	out=$(wait_for 60 inside git-gate health) ||
		{ diag <<<"$out"; diag <"$T/$rt.log"; bail "$rt: the gate does not start"; }
}

# TERM to PID 1, and its exit code.
stop() {
	oci "$rt" kill "$id" TERM
	wait "$container"
}

for rt in crun runc; do
	id=${T##*/}-$rt
	new_volume
	start

	check "$rt: it is PID 1" same "$(shell 'cat /proc/1/comm')" git-gate
	check "$rt: not root" same "$(status_field Uid)" "9418	9418	9418	9418"
	check "$rt: without capabilities" same "$(status_field CapEff)" 0000000000000000
	check "$rt: nor any to be had" same "$(status_field CapBnd)" 0000000000000000
	check "$rt: no_new_privs" same "$(status_field NoNewPrivs)" 1
	check "$rt: nothing but /run and /srv/git can be written to" same "$(shell '
		for d in / /etc /tmp /usr /run /srv/git; do ( : >$d/x ) 2>/dev/null && echo $d; done
	' | xargs)" "/run /srv/git"

	check "$rt: a clone" in_pod git clone -q $url "$T/client/work"
	check "$rt: a push" commit_and_push first
	check "$rt: more pushes" commit_and_push second
	check "$rt: they arrived" same "$(inside git -C /srv/git/demo.git rev-parse main)" \
		"$(git -C "$T/client/work" rev-parse HEAD)"
	check "$rt: what the hooks left behind is reaped" wait_for 60 alone
	check "$rt: no zombie" same "$(zombies)" 0

	check "$rt: a stuck client is ended by the gate" has "$(torture after-advert)" '"ended_by": "server"'
	check "$rt: and told of" wait_for 60 reaped commands
	check "$rt: full evidence" has "$(inside git-gate status --json)" '"reduced_evidence": false'
	check "$rt: git-gate status" has "$(inside git-gate status)" 127.0.0.1:9418
	check "$rt: git-gate health" inside git-gate health
	check "$rt: git-gate doctor tries the machine" has "$(inside git-gate doctor)" "^ok *ending: every step"

	# a client that says nothing for as long as it is let
	in_pod bash -c 'exec 3<>/dev/tcp/127.0.0.1/9418; cat <&3' >/dev/null 2>&1 &
	client=$!
	check "$rt: a client is connected" wait_for 60 connected
	before=$SECONDS
	stop
	check "$rt: TERM ends it with 0" same $? 0
	check "$rt: within seconds" [ $((SECONDS - before)) -le 30 ]
	check "$rt: its last words" has "$(cat "$T/$rt.log")" gate.stopped
	wait $client
done

finish
