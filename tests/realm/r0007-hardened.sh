#!/bin/bash
# r0007 - git-gate as PID 1 where everything is taken away at once, under crun and runc: see hardened.py, and little memory. As user git and
# as a uid that the platform chose and that is no user; with an upstream over ssh; with standard streams and without; killed and
# started again. What a stuck client leaves in the container's log. Size and memory are told.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need crun runc git gcc make nsenter unshare ip busybox timeout sshd ssh-keygen python3 strip
[ -e /usr/lib/libnss_extrausers.so.2 ] || skip "libnss-extrausers is not installed"
make_tmp

make -s -C "$top" all >"$T/make.log" 2>&1 || { diag <"$T/make.log"; bail "it does not build"; }
build=$(cd "$top" && realpath "${O:-build}")
check "rootfs.sh makes a root file system" "$top/sidecar/rootfs.sh" "$T/rootfs"
diag <<<"$("$top/sidecar/size.sh" "$T/rootfs")"

# --- the pod's network, and another in which upstream is ---------------------

realm=${T##*/}
for ns in pod up; do
	ip netns add "$realm-$ns" || skip "no network namespaces here"
	at_exit ip netns del "$realm-$ns"
	nsenter --net="/run/netns/$realm-$ns" ip link set lo up
done
netns=/run/netns/$realm-pod
nsenter --net="$netns" ip link add pod type veth peer name gateway netns "/run/netns/$realm-up"
nsenter --net="$netns" ip addr add 192.0.2.1/24 dev pod
nsenter --net="$netns" ip link set pod up
nsenter --net="/run/netns/$realm-up" sh -c 'ip addr add 192.0.2.2/24 dev gateway; ip link set gateway up'

mkdir -p /run/sshd "$T/up" "$T/etc"
git init -q --bare -b main "$T/up/app.git"
client_home "$T/client"
in_pod git init -q "$T/first"
in_pod git -C "$T/first" commit -q --allow-empty -m first
in_pod git -C "$T/first" push -q "$T/up/app.git" HEAD:main
for key in id host; do
	ssh-keygen -q -t ed25519 -N '' -f "$T/etc/$key"
done
mv "$T/etc/host" "$T/up/"
printf '192.0.2.2 %s\n' "$(cut -d ' ' -f 1,2 "$T/etc/host.pub")" >"$T/etc/known_hosts"
printf 'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" %s\n' "$(cat "$T/etc/id.pub")" >"$T/up/authorized"
printf '%s\n' 'ListenAddress 192.0.2.2' "HostKey $T/up/host" 'UsePAM no' 'StrictModes no' 'KexAlgorithms curve25519-sha256' 'PermitRootLogin yes' \
	"AuthorizedKeysFile $T/up/authorized" 'PidFile none' >"$T/up/sshd.conf"
nsenter --net="/run/netns/$realm-up" "$(command -v sshd)" -D -e -f "$T/up/sshd.conf" >"$T/sshd.log" 2>&1 &
at_exit kill_and_wait $!
listens() {
	in_pod bash -c 'exec 3<>/dev/tcp/192.0.2.2/22'
}
wait_for 60 listens >/dev/null || { diag <"$T/sshd.log"; bail "sshd does not start"; }

# a scanner that looks for a word, and takes its time when it is told to
cat >"$T/etc/scan" <<-'EOC'
	#!/bin/sh
	[ ! -e /srv/git/slow ] || sleep 2
	cd "$1" && grep -n -r -F -e planted-word . >"$TMPDIR/found" || exit 0
	sed -nE 's/^\.\/([0-9a-f]+):([0-9]+):.*/\1\t\2\tword/p' "$TMPDIR/found"
	exit 1
EOC
chmod 755 "$T/etc/scan"
printf '[hook]\n\tscanner = command\n\tscannerCommand = /etc/git-gate/scan\n' >"$T/etc/config"

settings=(GIT_GATE_REPO__1__NAME=app.git GIT_GATE_REPO__1__UPSTREAM="ssh://root@192.0.2.2$T/up/app.git"
	GIT_GATE_REPO__1__IDENTITYFILE=/etc/git-gate/id GIT_GATE_REPO__1__KNOWNHOSTSFILE=/etc/git-gate/known_hosts
	GIT_GATE_REPO__1__FRESH=0s GIT_GATE_GATE__LOG=json GIT_GATE_GATE__EXPORTALL=true
	GIT_GATE_DEADLINE__COMMANDS=3s GIT_GATE_DEADLINE__IDLE=2s GIT_GATE_DEADLINE__DRAIN=15s GIT_GATE_DEADLINE__GRACE=500ms)
url=git://127.0.0.1:9418/app.git

# --- containers -------------------------------------------------------------

memory=/sys/fs/cgroup/memory
[ -e "$memory/memory.limit_in_bytes" ] || memory=
if [ "$memory" ]; then
	mkdir "$memory/$realm" && echo $((64 << 20)) >"$memory/$realm/memory.limit_in_bytes"
	at_exit rmdir "$memory/$realm"
else
	diag <<<"no limit of memory: this machine's controllers are elsewhere"
fi

# ID WORD...: a container runs to its end.
contain() {
	local id=$1

	shift
	mkdir -p "$T/$id"
	"$top/tests/realm/hardened.py" "$T/rootfs" "$netns" "/$id" "$user" "$T/srv:/srv/git:rw" "$T/etc:/etc/git-gate:ro" \
		-- "${settings[@]}" "$@" >"$T/$id/config.json" || return
	(
		[ ! "$memory" ] || echo $BASHPID >"$memory/$realm/cgroup.procs"
		oci "$rt" run --bundle "$T/$id" "$id" </dev/null
	)
}

# WORD...: the gate as these words start it
start() {
	contain "$id" "$@" >"$T/$id.out" 2>"$T/$id.err" &
	container=$!
	at_exit oci "$rt" delete --force "$id"
	out=$(wait_for 60 inside git-gate health) ||
		{ diag <<<"$out"; diag <"$T/$id.err"; bail "$rt: the gate does not start"; }
}

stop() {
	oci "$rt" kill "$id" TERM
	wait "$container"
}

kill_it() {
	oci "$rt" kill "$id" KILL
	wait "$container"
	oci "$rt" delete --force "$id"
	return 0
}

new_volume() {
	rm -rf "$T/srv" "$T/work"
	mkdir "$T/srv"
	if [ "$rt" = crun ]; then
		chmod 2777 "$T/srv" # root's, as Kubernetes makes a volume
	else
		chown "$user" "$T/srv"
	fi
	# as a secret is mounted: somebody else's, to be read by a group
	chown "0:${user#*:}" "$T/etc/id"
	chmod 440 "$T/etc/id"
}

commit_and_push() {
	in_pod git -C "$T/work" commit -q --allow-empty -m "$1" && in_pod git -C "$T/work" push origin HEAD:main
}

tip() {
	git -c safe.directory='*' -C "$1" rev-parse main
}

stuck() {
	in_pod "$build/git-gate-torture" --url $url --kind "$1" --limit 30s --json
}

# KIND: such a client gets stuck in the middle of its push, and the gate is killed
killed_with() {
	stuck "$1" >/dev/null 2>&1 &
	local client=$!

	wait_for 60 quarantine && kill_it
	kill "$client"
	wait "$client"
	quarantine
}

quarantine() {
	[ -n "$(find "$T/srv" -name 'tmp_objdir-incoming-*')" ]
}

# The last session.reaped in what the container wrote: reason, setting, repository
logged() {
	python3 - "$T/$id.err" <<-'EOC'
		import json, sys
		lines = [json.loads(line) for line in open(sys.argv[1])]    # each line is JSON, or this fails
		e = [e for e in lines if e["event"] == "session.reaped"][-1]
		print(e.get("reason"), e.get("key"), e.get("repo"))
	EOC
}

writable() {
	shell 'for d in / /etc /tmp /usr /sys/fs/cgroup /etc/git-gate /dev/shm /run /srv/git; do ( : >$d/x ) 2>/dev/null && echo $d; done' | xargs
}

serves() {
	check "$1: git-gate add makes the repository, over ssh" contain "$id-add" git-gate add --missing
	check "$1: again, at a second start" contain "$id-again" git-gate add --missing
	oci "$rt" delete --force "$id-add" 2>/dev/null
	oci "$rt" delete --force "$id-again" 2>/dev/null
	start git-gate run
	check "$1: PID 1 is the gate" same "$(shell 'cat /proc/1/comm')" git-gate
	check "$1: its uid" same "$(status_field Uid | cut -f 1)" "${user%:*}"
	check "$1: no capabilities" same "$(status_field CapEff) $(status_field CapBnd)" "0000000000000000 0000000000000000"
	check "$1: no_new_privs, seccomp" same "$(status_field NoNewPrivs) $(status_field Seccomp)" "1 2"
	check "$1: nothing else can be written to" same "$(writable)" "/dev/shm /run /srv/git"
	check "$1: health, ready" inside git-gate health --ready
	check "$1: full evidence" has "$(inside git-gate status --json)" '"reduced_evidence": false'
	check "$1: a clone, fresh from upstream" in_pod git clone -q $url "$T/work"
	out=$(commit_and_push "$1" 2>&1)
	check "$1: a push is scanned, and forwarded over ssh" has "$out" "git-gate: forwarded main"
	check "$1: upstream has it" same "$(tip "$T/up/app.git")" "$(tip "$T/work")"
	out=$(commit_and_push planted-word 2>&1)
	check "$1: a finding is refused" has "$out" "git-gate:   word in the text of commit"
	in_pod git -C "$T/work" reset -q --hard HEAD~1
}

# the founding incident: all of the client stands still in the middle of its pack
reaps() {
	check "$1: a stopped client is ended" has "$(stuck git-stopped)" '"ended_by": "server"'
	check "$1: its end is in the container's log" wait_for 60 logged
	check "$1: with reason, setting and repository" same "$(logged)" "idle deadline.idle app.git"
	check "$1: all of it on the standard error" same "$(cat "$T/$id.out")" ""
	check "$1: no zombie" same "$(zombies)" 0
	diag <<<"$1: at rest, KiB: $(shell 'sed -nE "s/^(Rss|Pss|Private_Dirty): *([0-9]+) kB/\1 \2/p" /proc/1/smaps_rollup' | xargs)"
}

# killed in the middle of a push, and started again on what that left
comes_back() {
	check "$1: killed with a push half done" killed_with mid-pack-large
	start git-gate run
	check "$1: the next one removes what is left" wait_for 60 fails quarantine
	out=$(commit_and_push again 2>&1)
	check "$1: and serves" has "$out" "git-gate: forwarded main"
}

ended_well() {
	[ "$1" = 0 ] || { cat "$T/slow.log"; tail -n 12 "$T/$id.err"; return 1; }
}

stops() {
	touch "$T/srv/slow"
	in_pod git -C "$T/work" commit -q --allow-empty -m slow
	in_pod git -C "$T/work" push origin HEAD:main >"$T/slow.log" 2>&1 &
	local client=$! before=$SECONDS

	check "$1: a push is being scanned" wait_for 60 eval 'inside git-gate sessions --json | grep -q "\"phase\": \"hook\""'
	stop
	check "$1: TERM ends it with 0" same $? 0
	check "$1: well within its time" [ $((SECONDS - before)) -le 40 ]
	wait "$client" # here: in a shell below this one it is nobody's child
	check "$1: the push was let finish" ended_well $?
	check "$1: its last words" has "$(tail -n 1 "$T/$id.err")" '"event":"gate.stopped"'
	oci "$rt" delete --force "$id" 2>/dev/null
	rm "$T/srv/slow"
}

# without standard input, output and error, as some starters leave it
mute() {
	start /bin/sh -c 'exec git-gate run 0<&- 1>&- 2>&-'
	check "$1, no standard streams: they are nothing" same "$(shell 'for i in 0 1 2; do readlink /proc/1/fd/$i; done' | sort -u)" /dev/null
	out=$(commit_and_push mute 2>&1)
	check "$1, no standard streams: a push" has "$out" "git-gate: forwarded main"
	stop
	check "$1, no standard streams: TERM ends it with 0" same $? 0
	oci "$rt" delete --force "$id" 2>/dev/null
}

rt=crun
user=1000680000:0
new_volume
out=$(contain "$realm-ssh" ssh -F none -o BatchMode=yes 192.0.2.2 2>&1)
check "ssh by itself does not work for a uid that is no user" has "$out" "No user exists for uid 1000680000"
oci "$rt" delete --force "$realm-ssh" 2>/dev/null

for try in crun/1000680000:0 runc/9418:9418; do
	rt=${try%/*} user=${try#*/}
	id=$realm-$rt
	new_volume
	serves "$try"
	reaps "$try"
	comes_back "$try"
	stops "$try"
	mute "$try"
done

finish
