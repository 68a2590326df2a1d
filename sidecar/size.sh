#!/bin/bash
# size.sh ROOTFS - the size of a root file system that rootfs.sh made, by what it is for, in KiB.
set -eu
cd "$1"

# The libraries that a program loads, as paths below here.
libs() {
	ldd ".$1" 2>/dev/null | grep -o '/[^ ]*' | sort -u | sed 's|^|.|'
}

# PART FILE...: what has not been counted yet
seen=$(mktemp)
trap 'rm -f "$seen"' EXIT
part() {
	local what=$1 kib

	shift
	kib=$(find "$@" -type f 2>/dev/null | sort -u | grep -vxF -f "$seen" | tee "$seen.new" | tr '\n' '\0' | xargs -0r stat -c %s | awk '{ n += $1 } END { printf "%d", n / 1024 }')
	cat "$seen.new" >>"$seen"
	rm "$seen.new"
	printf '%7s KiB  %s\n' "$kib" "$what"
}

git=/usr/bin/git core=$(find usr/lib -maxdepth 1 -name git-core)
part "git-gate" ./usr/local
part "git" .$git "./$core" ./usr/share/git-core
part "ssh" ./usr/bin/ssh ./usr/bin/ssh-keygen
part "busybox, as sh" ./bin
# shellcheck disable=SC2046 # a list of paths
part "libraries of git" $(libs $git)
# shellcheck disable=SC2046
part "more of ssh" $(libs /usr/bin/ssh)
# shellcheck disable=SC2046
part "more of git-gate" $(libs /usr/local/bin/git-gate) $(libs /usr/local/libexec/git-gate/git-gate-http)
# shellcheck disable=SC2046
part "more of git-gate-admin, for listen.admin" $(libs /usr/local/libexec/git-gate/git-gate-admin)
part "the rest" .
printf '%7s KiB  in all\n' "$(tr '\n' '\0' <"$seen" | xargs -0r stat -c %s | awk '{ n += $1 } END { printf "%d", n / 1024 }')"
