# shellcheck shell=bash
# lib.sh - for tests that need a machine of their own: TAP, waiting, cleaning up; a booted systemd; OCI
# containers. Root only. What is changed on the machine, at_exit() takes back: mounts, cgroups, network
# namespaces, files in /tmp.
set -u

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
unset GIT_DIR GIT_CONFIG MAKEFLAGS MAKELEVEL

# --- TAP --------------------------------------------------------------------

tests=0 failed=0

diag() {
	sed 's/^/# /'
}

# NAME COMMAND...: a test; what the command says is shown when it fails.
check() {
	local name=$1 out r

	shift
	tests=$((tests + 1))
	out=$("$@" 2>&1)
	r=$?
	if [ $r = 0 ]; then
		echo "ok $tests - $name"
		return 0
	fi
	failed=$((failed + 1))
	echo "not ok $tests - $name"
	printf '%s\nexit status %s: %s\n' "$out" $r "$*" | diag
	return 1
}

same() {
	[ "$1" = "$2" ] || { printf "got '%s', want '%s'\n" "$1" "$2"; return 1; }
}

has() {
	grep -q -e "$2" <<<"$1" || { printf "no '%s' in: %s\n" "$2" "$1"; return 1; }
}

# MOST COMMAND...: it succeeds within so many seconds.
within() {
	local start=$SECONDS most=$1

	shift
	"$@" || return
	[ $((SECONDS - start)) -le "$most" ] || { echo "it took $((SECONDS - start)) s"; return 1; }
}

fails() {
	! "$@"
}

finish() {
	echo "1..$tests"
	[ $failed = 0 ]
	exit
}

skip() {
	echo "1..0 # SKIP $*"
	exit 0
}

bail() {
	echo "Bail out! $*"
	exit 1
}

need() {
	local name

	[ "$(id -u)" = 0 ] || skip "not root"
	for name; do
		command -v "$name" >/dev/null || skip "$name is not installed"
	done
}

# SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1)) out

	shift
	until out=$("$@" 2>&1); do
		[ $SECONDS -lt $end ] || { printf 'waited in vain for: %s\n%s\n' "$*" "$out"; return 1; }
		sleep 0.05
	done
}

# --- cleaning up, last things first -----------------------------------------

undo=()

at_exit() {
	undo+=("$(printf '%q ' "$@")")
}

clean_up() {
	local i

	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
		eval "${undo[i]}" >/dev/null 2>&1
	done
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

gone() {
	! kill -0 "$1"
}

kill_and_wait() {
	kill -KILL "$1"
	wait "$1"
}

make_tmp() {
	T=$(mktemp -d /tmp/git-gate-realm.XXXXXX)
	at_exit rm -rf --one-file-system "$T"
	chmod 755 "$T"
}

# --- the programs -----------------------------------------------------------

# What is installed in a realm: what the other tests run, unless that is a build for something else. (PREFIX=/usr is for the
# package, and r0008 installs that.)
PREFIX=/usr/local
built=$top/build
[ "${BUILD:-$built}" = "$built" ] || built=$top/build/realm

make_here() {
	make -s -C "$top" O="$built" PREFIX="$PREFIX" "$@"
}

build() {
	make_here all >"$T/make.log" 2>&1 || { diag <"$T/make.log"; bail "it does not build"; }
}

# --- clients ----------------------------------------------------------------

# DIR: a home with what git wants to know about its user.
client_home() {
	mkdir -p "$1"
	git config --file "$1/.gitconfig" user.name client
	git config --file "$1/.gitconfig" user.email client@example.invalid
	git config --file "$1/.gitconfig" init.defaultBranch main
}

# --- a booted systemd -------------------------------------------------------
#
# The machine's own root file system under an overlay whose upper layer is a tmpfs, booted by systemd-nspawn.
# So what is installed on the machine is there, and what is written is gone afterwards. $M is its root;
# in_realm runs a command in it.

unified() {
	if [ -d /sys/fs/cgroup/unified ]; then
		echo /sys/fs/cgroup/unified
	else
		echo /sys/fs/cgroup
	fi
}

remove_cgroup() {
	[ -d "$1" ] || return 0
	[ ! -e "$1/cgroup.kill" ] || echo 1 >"$1/cgroup.kill"
	wait_for 60 empty_cgroup "$1"
	find "$1" -depth -type d -exec rmdir {} \;
}

empty_cgroup() {
	[ -z "$(find "$1" -name cgroup.procs -exec cat {} + )" ]
}

in_realm() {
	timeout 60 nsenter -t "$leader" -m -u -i -n -p -C -- env -i HOME=/client GIT_TERMINAL_PROMPT=0 \
		LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

realm_is_up() {
	gone "$top_pid" && return 1
	leader=$(pgrep -P "$top_pid") && in_realm systemctl is-system-running | grep -q -e running -e degraded
}

realm_off() {
	in_realm systemctl poweroff
	wait_for 60 gone "$top_pid" || kill_and_wait "$top_pid"
}

realm_up() {
	local cgroup groups=() dir=$T/realm name=${T##*/} out

	mkdir "$dir"
	mount -t tmpfs -o mode=755 git-gate-realm "$dir" || skip "no mounts here"
	at_exit umount "$dir"
	mkdir "$dir"/{upper,work,root}
	M=$dir/root
	mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" overlay "$M" ||
		skip "no overlay mounts here"
	at_exit umount "$M"

	# an id of its own, or nspawn takes it for the machine itself
	tr -d - </proc/sys/kernel/random/uuid >"$M/etc/machine-id"
	mkdir -p "$M/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' \
		>"$M/etc/systemd/journald.conf.d/realm.conf"

	for cgroup in "$(unified)" /sys/fs/cgroup/systemd; do
		[ -d "$cgroup" ] || continue
		mkdir "$cgroup/$name" || skip "no cgroups of one's own here"
		at_exit remove_cgroup "$cgroup/$name"
		groups+=("$cgroup/$name/cgroup.procs")
	done
	# basic.target: none of the machine's own services
	# shellcheck disable=SC2016 # expanded by the inner shell
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid bash -c '
		for file in "${@:3}"; do
			echo $$ >"$file" || exit
		done
		exec systemd-nspawn --boot --directory="$1" --machine="$2" --register=no --keep-unit \
			--private-network --console=pipe systemd.unit=basic.target systemd.show_status=0
	' - "$M" "$name" "${groups[@]}" </dev/null >"$T/console" 2>&1 &
	top_pid=$!
	at_exit realm_off
	out=$(wait_for 60 realm_is_up) ||
		{ diag <<<"$out"; diag <"$T/console"; bail "systemd does not boot"; }
	leader=$(pgrep -P "$top_pid")
	in_realm ip link set lo up
}

# WORD...: git as user git, on the server's side.
as_git() {
	in_realm setpriv --reuid git --regid git --init-groups env HOME=/srv/git git "$@"
}

as_client() {
	in_realm git "$@"
}

ctl() {
	in_realm systemctl "$@"
}

# PROPERTY [UNIT]
show() {
	ctl show -P "$1" "${2:-git-gate.service}"
}

# STATE [UNIT]
state_is() {
	[ "$(show ActiveState "${2:-git-gate.service}")" = "$1" ]
}

# So many starts in so little time are the test's own; systemd gives up after five in 10 s.
forget_starts() {
	ctl reset-failed 'git-gate*' 2>/dev/null || true
}

# --- OCI containers ---------------------------------------------------------

# RUNTIME WORD...: a runtime's command, where /sys/fs/cgroup is cgroup2 alone: crun refuses the mixture that
# some machines have.
oci() {
	unshare --mount --propagation private sh -c '
		umount -R /sys/fs/cgroup 2>/dev/null
		mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec timeout 120 "$@"
	' - "$1" --root "$T/state" "${@:2}"
}

json_strings() {
	local word sep=

	for word; do
		printf '%s"%s"' "$sep" "$word"
		sep=', '
	done
}

# TYPE WHERE WHAT OPTIONS
json_mount() {
	printf '{ "type": "%s", "destination": "%s", "source": "%s", "options": [ %s ] }' "$@"
}

# NETNS WORD...: config.json for user git, as a careful pod has it: no capability, no way to get one, a root
# file system that cannot be written to, no HOME; the volume is $T/srv. The words are the program's arguments.
oci_config() {
	local safe='"nosuid", "noexec", "nodev"'

	cat <<-EOF
	{
		"ociVersion": "1.0.2",
		"process": {
			"user": { "uid": 9418, "gid": 9418 },
			"args": [ $(json_strings "${@:2}") ],
			"env": [ "PATH=/usr/local/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR=/run" ],
			"cwd": "/",
			"capabilities": {},
			"noNewPrivileges": true
		},
		"root": { "path": "$T/rootfs", "readonly": true },
		"hostname": "sidecar",
		"mounts": [
			$(json_mount proc /proc proc "$safe"),
			$(json_mount tmpfs /dev tmpfs '"mode=755"'),
			$(json_mount sysfs /sys sysfs "$safe, \"ro\""),
			$(json_mount tmpfs /run tmpfs "$safe, \"mode=1777\""),
			$(json_mount bind /srv/git "$T/srv" '"bind", "rw"')
		],
		"linux": {
			"cgroupsPath": "/${T##*/}",
			"namespaces": [
				{ "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
				{ "type": "cgroup" }, { "type": "network", "path": "$1" }
			],
			"maskedPaths": [ "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware" ],
			"readonlyPaths": [
				"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"
			]
		}
	}
	EOF
}

# WORD...: in the pod's network, $netns, as the other container of a pod is
in_pod() {
	# shellcheck disable=SC2154 # set by the tests, as those of inside() are
	timeout 60 nsenter --net="$netns" env HOME="$T/client" GIT_TERMINAL_PROMPT=0 "$@"
}

# WORD...: in the container $id of the runtime $rt, as $user
inside() {
	# shellcheck disable=SC2154
	oci "$rt" exec --user "$user" "$id" "$@"
}

# COMMAND: in the container's shell
shell() {
	inside /bin/sh -c "$1"
}

status_field() {
	shell "sed -n 's/^$1:[[:space:]]*//p' /proc/1/status"
}

zombies() {
	shell 'cat /proc/[0-9]*/status 2>/dev/null | grep -c "^State:.Z"'
}
